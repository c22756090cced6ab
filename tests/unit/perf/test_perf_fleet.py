"""What the benchmark of many clusters reads off, and what its section in the docs says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from docs import fleet_results
from etcd_operator.core.sharding.shards import find_shard, name_lease
from etcd_operator.json_types import Json
from local.certificates import Identity, issue, make_authority
from tests.perf.fleet.__main__ import keep
from tests.perf.fleet.clusters import is_settled
from tests.perf.fleet.control_plane import REPLICAS
from tests.perf.fleet.figures import (
    Reading,
    Write,
    compare,
    quantiles,
    read_memory,
    read_processor_seconds,
    read_samples,
    read_writes,
)
from tests.perf.fleet.plot import draw
from tests.perf.fleet.sharing import (
    CREDENTIAL,
    SHARDS,
    Authorship,
    find_clusters,
    find_strangers,
    fingerprint,
    read_authors,
)

METRICS = """\
# TYPE etcd_operator_pass_seconds histogram
etcd_operator_pass_seconds_bucket{{le="+Inf"}} {passes}
etcd_operator_pass_seconds_count {passes}
etcd_operator_pass_seconds_sum 1
# TYPE etcd_operator_kubernetes_requests counter
etcd_operator_kubernetes_requests_total{{verb="patch",resource="leases",code="200"}} {leases}
etcd_operator_kubernetes_requests_total{{verb="patch",resource="etcdclusters",code="200"}} {writes}
etcd_operator_kubernetes_requests_total{{verb="get",resource="pods",code="200"}} 7
"""


def reading(at: float, cpu: float, **counts: int) -> Reading:
    """The operator's counters, and the world's, at a moment."""
    metrics = read_samples(METRICS.format(**{"passes": 0, "leases": 0, "writes": 0, **counts}))
    world = {"calls": {"Status": counts.get("calls", 0)}, "opened": 9, "open": 9}
    return Reading(at, {"operator": cpu}, metrics, world)


def test_the_quantiles_of_nothing_are_no_numbers() -> None:
    assert quantiles([]) == {"n": 0}
    assert quantiles(range(1, 201)) == {"p50": 101, "p99": 199, "max": 200, "n": 200}


def test_what_happened_between_two_readings() -> None:
    found = compare(
        reading(100.0, 5.0), reading(160.0, 8.0, passes=2000, leases=20, writes=3, calls=6000)
    )
    assert found["processor_percent"] == {"operator": 5.0}
    assert (found["passes_per_second"], found["processor_ms_per_pass"]) == (33.33, 1.5)
    assert found["api_requests"] == {"patch leases": 20, "patch etcdclusters": 3}
    assert found["api_writes"] == 3, "renewals of the Lease are not counted"
    assert (found["etcd_calls_per_second"], found["etcd_connections_opened"]) == (100, 0)


def test_without_a_pass_there_is_no_time_of_one() -> None:
    assert compare(reading(0, 1), reading(10, 1))["processor_ms_per_pass"] is None


def test_this_process_has_memory_and_has_used_time() -> None:
    pid = os.getpid()
    memory = read_memory(pid)
    assert 10 < memory["rss"] <= memory["peak"]
    assert read_processor_seconds(pid) > 0


def test_writes_behind_a_place_in_the_audit_log(tmp_path: Path) -> None:
    def line(verb: str, resource: str, name: str) -> str:
        about = {"resource": resource, "namespace": "team", "name": name}
        moment = "1970-01-01T00:00:10.500000Z"
        return json.dumps({"verb": verb, "objectRef": about, "requestReceivedTimestamp": moment})

    log = tmp_path / "audit.log"
    log.write_text(line("patch", "statefulsets", "old") + "\n")
    offset = log.stat().st_size
    lines = [
        line("get", "pods", "db-0"),
        line("create", "events", "db.1"),
        line("patch", "leases", "etcd-operator"),
        line("patch", "statefulsets", "db"),
        '{"verb": "pat',
    ]
    with log.open("a") as more:
        more.write("\n".join(lines))
    assert read_writes(log, offset) == [Write(10.5, "team", "db")]


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        ({}, True),
        ({"phase": "Scaling"}, False),
        ({"observedGeneration": 1}, False),
        ({"members": [{}]}, False),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, False),
    ],
    ids=["as wanted", "phase", "older spec", "fewer members", "not Ready"],
)
def test_when_a_cluster_is_settled(status: Json, settled: bool) -> None:
    usual = {
        "phase": "Running",
        "observedGeneration": 2,
        "members": [{}, {}, {}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    cluster: Json = {"metadata": {"generation": 2}, "spec": {"size": 3}}
    assert is_settled({**cluster, "status": {**usual, **status}}) is settled
    assert not is_settled(cluster)


def results(**rest: Any) -> Json:
    """Results with one run of which only the rest was measured."""
    began, passes = "2026-03-04T05:06:07+00:00", {"passes_per_second": 45.4}
    run = {"clusters": 50, "began": began, "load_average": 1.3, "rest": {**passes, **rest}}
    return {"machine": {"cores": 2}, "runs": [run]}


def test_the_section_has_what_was_measured_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fleet.json"
    monkeypatch.setattr(fleet_results, "RESULTS", path)
    assert fleet_results.write_fleet() == []
    path.write_text(json.dumps(results(memory_mb={"rss": 101.5})))
    text = "\n".join(fleet_results.write_fleet())
    assert "| Clusters | 50 |" in text
    assert "| passes per second | 45.4 |" in text
    assert "| resident memory | 101.5 MB |" in text
    assert "| load average when it began | 1.3 |" in text
    assert "| create: all Running | - |" in text


def test_the_cost_of_passes_is_told_without_times_of_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_results, "RESULTS", tmp_path / "fleet.json")
    monkeypatch.setattr(fleet_results, "PASSES", tmp_path / "passes.json")
    (tmp_path / "fleet.json").write_text(json.dumps(results()))
    cost = {"calls": 1456, "processor_ms": 0.79, "ratio_to_floor": 4.7}
    passes = {"began": "2026-11-29T11:00:00+00:00", "passes": {"nothing has changed": cost}}
    (tmp_path / "passes.json").write_text(json.dumps(passes))
    text = "\n".join(fleet_results.write_fleet())
    assert "| nothing has changed | 1456 | 4.7 |" in text


def test_replicas_that_share_have_a_table_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fleet.json"
    monkeypatch.setattr(fleet_results, "RESULTS", path)
    monkeypatch.setattr(fleet_results, "SHARED", tmp_path / "shared.json")
    found = results(processor_ms_per_pass=2.0, memory_mb={"rss": 100.0})
    more = {**found["runs"][0], "clusters": 250}
    more["rest"] = {"processor_ms_per_pass": 2.0, "memory_mb": {"rss": 150.0}}
    shared = {
        "clusters": 100,
        "share": {
            "clusters_each": {"operator-a": 40, "operator-b": 60},
            "killed": {"all_looked_at_seconds": 17.5},
            "writes_without_the_lease": 0,
        },
    }
    path.write_text(json.dumps({**found, "runs": [*found["runs"], more]}))
    machine = {"cores": 2, "processor": "Fast"}
    (tmp_path / "shared.json").write_text(json.dumps({"machine": machine, "runs": [shared]}))
    text = "\n".join(fleet_results.write_fleet())
    assert "| Clusters | 50 | 250 |" in text
    assert "| Clusters | 100 |" in text
    assert "| clusters of each replica | 40 / 60 |" in text
    assert "| one killed: all clusters looked at again after | 17.5 s |" in text
    assert "| writes without the Lease of the shard | 0 |" in text
    assert "for 27 % of a core" in text
    assert "Memory grows by 0.25 MB with each cluster" in text
    assert "less than 2.5 GB" in text


@pytest.mark.exhaustive
def test_the_picture_is_the_same_for_the_same_numbers(tmp_path: Path) -> None:
    runs = results(
        processor_percent={"operator": 9.0}, memory_mb={"rss": 99}, processor_ms_per_pass=1.4
    )["runs"]
    pictures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for picture in pictures:
        draw(runs, picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_a_run_stands_beside_those_of_other_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A thousand take their time: each number may have its own run, and the last one counts."""
    monkeypatch.setattr("tests.perf.fleet.__main__.draw", lambda _, picture: picture.touch())
    for count, passes in ((200, 1.0), (50, 2.0), (200, 3.0)):
        run = {"clusters": count, "rest": {"passes_per_second": passes}}
        numbers, picture = keep(run, tmp_path)
    runs = json.loads(numbers.read_text())["runs"]
    assert [(run["clusters"], run["rest"]["passes_per_second"]) for run in runs] == [
        (50, 2.0),
        (200, 3.0),
    ]
    assert picture.exists()


def test_who_writes_about_a_cluster_has_the_lease_of_its_shard(tmp_path: Path) -> None:
    make_authority(tmp_path)
    for replica in REPLICAS:
        issue(tmp_path, Identity(replica, "/CN=operator"), "https://127.0.0.1:1")

    def line(second: int, replica: str, resource: str, name: str, code: int = 200) -> str:
        namespace = "system" if resource == "leases" else "team"
        return json.dumps(
            {
                "verb": "get" if code == 0 else "patch",
                "objectRef": {"resource": resource, "namespace": namespace, "name": name},
                "requestReceivedTimestamp": f"1970-01-01T00:00:{second:02}.500000Z",
                "responseStatus": {"code": code},
                "user": {"extra": {CREDENTIAL: [fingerprint(tmp_path / f"{replica}.crt")]}},
            }
        )

    first, second, _ = REPLICAS
    lease = name_lease(find_shard("team", "c1", SHARDS))
    lines = [
        line(1, first, "leases", lease),
        line(2, first, "etcdclusters", "c1"),
        line(3, first, "pods", "c1-0"),
        line(4, second, "leases", lease, code=409),
        line(5, first, "configmaps", "c1-config"),
        line(6, second, "leases", lease),
        line(7, second, "etcdclusters", "c1"),
        line(8, second, "pods", "other-0"),
        line(9, first, "configmaps", "c1-config", code=0),
        line(10, first, "events", "c1"),
        line(11, first, "configmaps", "c1-config"),
        '{"verb": "pat',
    ]
    log = tmp_path / "audit.log"
    log.write_text("before\n" + "\n".join(lines))
    writes = read_authors(log, len("before\n"), tmp_path)
    about = find_clusters(writes, ("team/c1", "team/c2"))
    assert [write.time for write in about] == [2.5, 3.5, 5.5, 7.5, 11.5]
    assert find_strangers(about, writes) == [Authorship(11.5, "team/c1", first)]
