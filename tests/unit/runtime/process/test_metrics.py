"""A cluster's series appear with its status and go with it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from docs.metrics import SERIES_OF_THREE
from etcd_operator.api.cluster import Phase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.status.report import report
from etcd_operator.runtime.process.cluster_series import (
    CERTIFICATE_EXPIRY,
    CLUSTER,
    FAMILIES,
    SIZE,
    ClusterSeries,
    measure,
)
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.series import Sample
from tests.builders.exhaustive import exhaustive
from tests.builders.snapshots import NOW, change_pod, formed, outdated, silent, with_learner

KEY = ("team", "db")


def show(metrics: Metrics, snapshot: Snapshot, name: str = "db") -> None:
    """Show what a pass over this snapshot reports."""
    status = report(snapshot, plan(snapshot).decision)
    metrics.clusters.show(("team", name), measure(snapshot, status))


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a family, by the values of the labels that are its own."""
    return {
        tuple(v for k, v in sample.labels.items() if k not in CLUSTER): sample.value
        for family in text_string_to_metric_families(metrics.expose().decode())
        for sample in family.samples
        if sample.name == f"etcd_operator_cluster_{name}" and sample.labels["cluster"] == "db"
    }


def value(metrics: Metrics, name: str, *labels: str) -> float:
    """One sample of the cluster."""
    return samples(metrics, name)[labels]


def test_a_cluster_is_shown() -> None:
    metrics = Metrics()
    show(metrics, silent(formed(5), 4))
    assert value(metrics, "members") == 5
    assert value(metrics, "ready_members") == 4
    assert value(metrics, "size") == 5
    assert value(metrics, "has_quorum") == 1
    assert (value(metrics, "voters"), value(metrics, "serving_voters")) == (5, 4)
    assert value(metrics, "condition", "QuorumHealthy", "True", "MajorityAnswers") == 1
    assert [value(metrics, "member_ready", f"db-{o}") for o in range(5)] == [1, 1, 1, 1, 0]
    assert samples(metrics, "phase") == {
        (phase.value,): float(phase is Phase.RUNNING) for phase in Phase
    }


def test_the_loss_of_the_quorum_is_shown() -> None:
    metrics = Metrics()
    show(metrics, silent(formed(3), 1, 2))
    assert value(metrics, "has_quorum") == 0
    assert value(metrics, "condition", "QuorumHealthy", "False", "MajorityLost") == 1
    assert value(metrics, "phase", "Running") == 1


def test_a_condition_has_one_reason_at_a_time() -> None:
    metrics = Metrics()
    for snapshot in (formed(3), silent(formed(3), 1, 2), formed(3)):
        show(metrics, snapshot)
    told = [labels for labels in samples(metrics, "condition") if labels[0] == "QuorumHealthy"]
    assert told == [("QuorumHealthy", "True", "MajorityAnswers")]


def test_databases_are_measured_against_the_quota_that_applies() -> None:
    metrics = Metrics()
    show(metrics, formed(3))
    sizes = samples(metrics, "member_db_size_bytes")
    assert sorted(sizes) == [("db-0",), ("db-1",), ("db-2",)]
    assert value(metrics, "member_db_quota_bytes", "db-0") == 2 * 2**30
    show(metrics, silent(formed(3), 2))
    assert ("db-2",) not in samples(metrics, "member_db_size_bytes")


def backup(age: timedelta, *, verified: bool) -> BackupState:
    """A backup of the cluster that ended so long ago."""
    ended = NOW - age
    return BackupState(f"after-{age}", ended, None, last_verified=ended if verified else None)


def test_a_backup_without_a_trial_is_no_proven_one() -> None:
    metrics, hour = Metrics(), timedelta(hours=1)
    show(metrics, formed(3))
    assert not samples(metrics, "last_backup_timestamp_seconds")
    backups = (backup(hour, verified=False), backup(3 * hour, verified=True))
    show(metrics, replace(formed(3), backups=backups))
    assert value(metrics, "last_backup_timestamp_seconds") == (NOW - hour).timestamp()
    proven = value(metrics, "last_verified_backup_timestamp_seconds")
    assert proven == (NOW - 3 * hour).timestamp()
    show(metrics, replace(formed(3), backups=backups[:1]))
    assert value(metrics, "last_verified_backup_timestamp_seconds") == 0


def test_a_deleted_cluster_is_forgotten_and_no_other() -> None:
    metrics = Metrics()
    for name in ("db", "db2"):
        show(metrics, formed(3), name)
        metrics.clusters.note_pass(("team", name), 1.0)
    metrics.clusters.forget(KEY)
    text = metrics.expose().decode()
    assert 'cluster="db2"' in text
    assert 'cluster="db"' not in text


def test_a_pass_that_ends_after_its_cluster_shows_nothing() -> None:
    series = ClusterSeries()
    series.note_pass(KEY, 1.0)
    assert 'cluster="db"' not in series.expose()


def test_forgetting_twice_or_never_shown_is_harmless() -> None:
    metrics = Metrics()
    metrics.clusters.forget(KEY)
    metrics.clusters.forget(KEY)


def test_values_of_labels_are_escaped() -> None:
    metrics = Metrics()
    odd = 'a"b\\c\nd'
    metrics.clusters.show(KEY, (Sample(CERTIFICATE_EXPIRY, 1.5, (odd,)),))
    assert value(metrics, "certificate_expiry_timestamp_seconds", odd) == 1.5


def test_the_number_of_series_of_a_cluster_is_as_documented() -> None:
    metrics = Metrics()
    show(metrics, replace(formed(3), backups=(backup(timedelta(0), verified=True),)))
    metrics.clusters.note_pass(KEY, 1.0)
    count = metrics.expose().decode().count('cluster="db"')
    assert SERIES_OF_THREE - 10 < count <= SERIES_OF_THREE


def test_each_family_is_of_its_own_name() -> None:
    assert len({family.metric for family in FAMILIES}) == len(FAMILIES)


def test_a_roll_is_counted_by_the_pods_that_it_has_yet_to_replace() -> None:
    metrics = Metrics()
    show(metrics, outdated(formed(3), 0, 2))
    assert value(metrics, "outdated_pods") == 2
    show(metrics, formed(3))
    assert value(metrics, "outdated_pods") == 0


def test_members_that_are_replaced_are_stuck_then_joining() -> None:
    metrics, asked = Metrics(), change_pod(formed(3), 1, replace_asked=True)
    show(metrics, asked)
    assert (value(metrics, "stuck_members"), value(metrics, "joining_members")) == (1, 0)
    show(metrics, with_learner(formed(3), 3))
    assert (value(metrics, "stuck_members"), value(metrics, "joining_members")) == (0, 1)


@pytest.mark.parametrize("times", [2_000, *exhaustive(20_000)])
def test_a_scrape_while_clusters_come_and_go_is_whole(times: int) -> None:
    """The HTTP server has a thread of its own."""
    series, ended = ClusterSeries(), threading.Event()

    def churn() -> None:
        for number in range(times):
            series.show(("team", f"db-{number % 50}"), (Sample(SIZE, number),))
            series.forget(("team", f"db-{(number + 7) % 50}"))
        ended.set()

    thread = threading.Thread(target=churn)
    thread.start()
    scrapes = 0
    while not ended.is_set():
        assert series.expose().endswith("gauge\n")
        scrapes += 1
    thread.join()
    assert scrapes


def test_requests_are_counted_by_verb_kind_and_code() -> None:
    metrics = Metrics()
    metrics.count_request("apply", "pods", 409)
    metrics.count_request("apply", "pods", 409)
    sample = metrics.registry.get_sample_value(
        "etcd_operator_kubernetes_requests_total",
        {"verb": "apply", "resource": "pods", "code": "409"},
    )
    assert sample == 2


@pytest.mark.parametrize("name", ["process_resident_memory_bytes", "etcd_operator_build_info"])
def test_the_process_is_measured(name: str) -> None:
    assert name in Metrics().expose().decode()
