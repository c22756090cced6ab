"""The floor differs from our Pod only in what the operator is about."""

from __future__ import annotations

from etcd_operator.core.objects.resources import DEFAULT_RESOURCES, render_resources
from etcd_operator.core.objects.security_context import NON_ROOT
from tests.perf.manifests import build_floor, build_floor_service, build_ours


def test_the_floor_may_do_and_use_what_our_pod_may() -> None:
    floor = build_floor("perf", "floor-1", "v3.6.16", 3)
    pod = floor["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == NON_ROOT
    (container,) = pod["containers"]
    assert container["resources"] == render_resources(DEFAULT_RESOURCES)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["readinessProbe"]["periodSeconds"] == 1
    assert floor["spec"]["podManagementPolicy"] == "Parallel"


def test_the_floor_lists_all_its_members_by_the_names_of_its_service() -> None:
    floor = build_floor("perf", "floor-1", "v3.6.16", 3)
    arguments = floor["spec"]["template"]["spec"]["containers"][0]["args"]
    (listed,) = [a for a in arguments if a.startswith("--initial-cluster=")]
    assert listed.count(".floor-1.perf.svc.cluster.local:2380") == 3
    assert (
        floor["spec"]["serviceName"] == build_floor_service("perf", "floor-1")["metadata"]["name"]
    )


DISK_OF_BOTH = {"size": "1Gi", "storageClassName": "immediate"}


def test_ours_leaves_all_but_the_disk_at_its_default() -> None:
    spec = build_ours("perf", "ours-1", "v3.6.16", 5)["spec"]
    assert spec == {"size": 5, "version": "v3.6.16", "storage": DISK_OF_BOTH}
