"""The operator's own Deployment."""

from __future__ import annotations

from deploy.manifests import build_installation


def test_liveness_is_not_judged_while_a_starved_node_starts_the_operator() -> None:
    (deployment,) = [m for m in build_installation("image") if m["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    startup, liveness = container["startupProbe"], container["livenessProbe"]
    assert startup["httpGet"] == liveness["httpGet"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300
    # Nothing else is probed before it holds, so it must not delay readiness.
    assert startup["periodSeconds"] <= container["readinessProbe"]["periodSeconds"]
