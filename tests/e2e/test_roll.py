"""A changed spec reaches every member, one at a time, the leader last, and writes go on."""

from __future__ import annotations

import json

import pytest

from deploy.target import TargetError
from etcd_operator.core.model.snapshot import Snapshot
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import (
    as_foreseen,
    as_patched,
    as_previewed,
    is_of_template,
    loses_disk,
    previewed,
    wait_for_pass,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def versions(cluster: Cluster) -> set[str]:
    return {m["version"] for m in cluster.status()["members"]}


def times(cluster: Cluster, reason: str) -> int:
    """How often an Event was recorded."""
    return sum(event.get("count") or 1 for event in cluster.events(reason))


def assert_rolled(cluster: Cluster, before: dict[str, str]) -> None:
    after = cluster.uids("pods")
    assert not set(before.values()) & set(after.values()), "every Pod is another"
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(len(after))


@pytest.mark.parametrize(
    "steps",
    [("3.5.21", "3.5.35", "3.6.16"), ("3.6.16", "3.7.3", "3.6.16")],
    ids="-".join,
)
def test_each_version_follows(cluster: Cluster, steps: tuple[str, ...]) -> None:
    cluster.create(size=3, version=f"v{steps[0]}")
    cluster.wait_running(3)
    cluster.put("key", "value")
    cluster_id = cluster.status()["clusterID"]
    for version in steps[1:]:
        before = cluster.uids("pods")
        with previewed(cluster, f"version=v{version}") as told:
            cluster.patch(version=f"v{version}")
            wait_until(f"all run {version}", lambda v=version: versions(cluster) == {v}, 120)  # type: ignore[misc]  # bound now
            cluster.wait_running(3)
        assert told.differences() == [], told.done
        assert_rolled(cluster, before)
    assert cluster.status()["clusterID"] == cluster_id


def is_downgraded(seen: Snapshot) -> bool:
    return all(status.downgrade_target for status in seen.member_statuses)


def test_downgrade_from_3_6_to_3_5(cluster: Cluster) -> None:
    """etcd prepares every disk first; a change of mind ends that; then one member at a time.

    The first that runs the earlier version loses its disk: nobody joins during a downgrade.
    """
    cluster.create(size=3, version="v3.6.16")
    cluster.wait_running(3)
    cluster.put("key", "value")
    before, cluster_id = cluster.uids("pods"), cluster.status()["clusterID"]
    cluster.patch(version="v3.5.35")
    wait_until("etcd was told", lambda: bool(cluster.events("DowngradeEnabled")), 30)
    wait_for_pass(cluster, "each member goes back", is_downgraded)
    with as_patched(cluster, version="v3.6.16"):
        wait_until("etcd was told again", lambda: bool(cluster.events("DowngradeCanceled")), 30)
        cluster.wait_running(3)
    assert cluster.uids("pods") == before, "nobody was replaced"
    cluster.patch(version="v3.5.35")
    wait_until("one runs 3.5.35", lambda: "3.5.35" in versions(cluster), 60)
    lost = next(m for m in cluster.status()["members"] if m["version"] == "3.5.35")
    canceled = times(cluster, "DowngradeCanceled")
    with as_foreseen(cluster, loses_disk(lost["name"]), rejoining=(lost["name"],)) as told:
        cluster.kubectl("delete", "pvc", f"data-{lost['name']}", "--wait=false")
        cluster.kubectl("delete", "pod", lost["name"])
        told.follow("all run 3.5.35", lambda: versions(cluster) == {"3.5.35"}, 120)
        cluster.wait_running(3)
    assert cluster.member(lost["name"])["id"] != lost["id"]
    assert times(cluster, "DowngradeCanceled") > canceled, "or it could not have joined"
    assert_rolled(cluster, before)
    assert cluster.status()["clusterID"] == cluster_id
    with pytest.raises(TargetError, match="more than one minor version above"):
        cluster.patch(version="v3.9.0")


def test_from_3_5_21_to_3_7_by_one_request(cluster: Cluster) -> None:
    """3.5.35 and 3.6.16 come between.

    etcd 3.7 cannot read what 3.5 has logged, so snapshots are written before it.
    """
    cluster.create(size=1, version="v3.5.21")
    cluster.wait_running(1)
    cluster.put("key", "value")
    before = cluster.uids("pods")
    with previewed(cluster, "version=v3.7.3") as told:
        cluster.patch(version="v3.7.3")
        wait_until("it runs 3.7.3", lambda: versions(cluster) == {"3.7.3"}, 120)
        cluster.wait_running(1)
    assert told.differences() == [], told.done
    assert_rolled(cluster, before)
    steps = [event["message"] for event in cluster.events("EvictedPod")]
    for between in ("v3.5.35", "v3.6.16"):
        assert any(f"({between} on the way to v3.7.3)" in step for step in steps), steps
    assert cluster.events("DowngradeEnabled"), "that is what forces a snapshot"


def test_resources_and_settings_reach_every_member(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    changes = (
        {"resources": {"requests": {"cpu": "11m"}}},
        {"etcdConfig": {"quotaBackendBytes": 1 << 30}},
    )
    for change in changes:
        before = cluster.uids("pods")
        with as_patched(cluster, **change):
            wait_until("every Pod is another", lambda b=before: not _kept(cluster, b), 120)  # type: ignore[misc]  # bound now
            cluster.wait_running(3)
        assert_rolled(cluster, before)
    quota = cluster.kubectl("get", "--raw", _metrics_path(cluster, "c-0"))
    assert "etcd_server_quota_backend_bytes 1.073741824e+09" in quota


def _kept(cluster: Cluster, before: dict[str, str]) -> set[str]:
    return set(before.values()) & set(cluster.uids("pods").values())


def _metrics_path(cluster: Cluster, pod: str) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}:2381/proxy/metrics"


def test_what_does_not_matter_to_members_rolls_nothing(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    before = cluster.uids("pods")
    cluster.kubectl("annotate", "etcd/c", "note=changed")
    cluster.kubectl("label", "etcd/c", "team=changed")
    for size in (1, 3):
        with as_previewed(cluster, f"size={size}"):
            cluster.scale(size)
            cluster.wait_running(size)
    assert cluster.uids("pods")["c-0"] == before["c-0"]


def test_a_bad_version_stops_at_the_first_member_and_is_taken_back(cluster: Cluster) -> None:
    cluster.create(size=3, version="v3.5.35")
    cluster.wait_running(3)
    cluster.put("key", "value")
    before = cluster.uids("pods")
    cluster.patch(version="v3.5.99")
    said = cluster.wait_degraded_with("v3.5.99", 60)
    assert "c-" in said
    assert cluster.condition("Available")["status"] == "True"
    cluster.put("key", "value")
    assert len(_kept(cluster, before)) == 2
    with as_foreseen(cluster, is_of_template("c-0")):
        cluster.patch(version="v3.5.35")
        cluster.wait_running(3)
    assert len(_kept(cluster, before)) == 2, "the others were never touched"
    cluster.assert_agreement(3)


def test_a_pause_changes_nothing_until_it_ends(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    cluster.patch(paused=True, size=3)
    cluster.wait_reason("Paused", "PausedByUser")
    cluster.kubectl("delete", "configmap", "c-config")
    wait_until("the pause is seen", lambda: cluster.condition("Ready")["reason"] == "Paused")
    assert "c-config" not in cluster.uids("configmap")
    assert len(json.loads(cluster.etcdctl("member", "list", "--write-out=json"))["members"]) == 1
    with as_patched(cluster, paused=False):
        cluster.wait_running(3)
