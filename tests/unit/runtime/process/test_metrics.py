"""A cluster's series appear with its status and go with it."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from etcd_operator.runtime.process.metrics import Metrics
from tests.builders.snapshots import formed, silent

LABELS = {"namespace": "team", "name": "db"}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample of the cluster."""
    return metrics.registry.get_sample_value(f"etcd_operator_{name}", {**LABELS, **labels})


def test_a_cluster_is_shown() -> None:
    metrics, snapshot = Metrics(), silent(formed(5), 4)
    metrics.show_cluster("team", "db", 5, report(snapshot, plan(snapshot).decision))
    assert value(metrics, "cluster_members") == 5
    assert value(metrics, "cluster_ready_members") == 4
    assert value(metrics, "cluster_size") == 5
    assert value(metrics, "cluster_has_quorum") == 1
    shown = {phase: value(metrics, "cluster_phase", phase=phase) for phase in Phase}
    assert shown == {phase: float(phase is Phase.RUNNING) for phase in Phase}


def test_the_loss_of_the_quorum_is_shown() -> None:
    metrics, snapshot = Metrics(), silent(formed(3), 1, 2)
    metrics.show_cluster("team", "db", 3, report(snapshot, plan(snapshot).decision))
    assert value(metrics, "cluster_has_quorum") == 0
    assert value(metrics, "cluster_phase", phase="Running") == 1


def test_a_deleted_cluster_is_forgotten_and_no_other() -> None:
    metrics, snapshot = Metrics(), formed(3)
    status = report(snapshot, plan(snapshot).decision)
    for name in ("db", "db2"):
        metrics.show_cluster("team", name, 3, status)
    metrics.forget_cluster("team", "db")
    text = metrics.expose().decode()
    assert 'name="db2"' in text
    assert 'name="db"' not in text


def test_forgetting_twice_or_never_shown_is_harmless() -> None:
    metrics = Metrics()
    metrics.forget_cluster("team", "db")
    metrics.forget_cluster("team", "db")


def test_requests_are_counted_by_verb_kind_and_code() -> None:
    metrics = Metrics()
    metrics.count_request("apply", "pods", 409)
    metrics.count_request("apply", "pods", 409)
    sample = metrics.registry.get_sample_value(
        "etcd_operator_kubernetes_requests_total",
        {"verb": "apply", "resource": "pods", "code": "409"},
    )
    assert sample == 2


def test_the_process_is_measured() -> None:
    text = Metrics().expose().decode()
    assert "process_resident_memory_bytes" in text
