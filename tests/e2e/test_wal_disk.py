"""Members with a second disk for the write-ahead log: neither is any use without the other."""

from __future__ import annotations

import pytest

from deploy.target import TargetError
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import (
    as_created,
    as_foreseen,
    as_previewed,
    delete_as_previewed,
    loses_disk,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

STORAGE = {"size": "2Gi", "wal": {"size": "1Gi"}}


def disks(*ordinals: int) -> set[str]:
    """The claims of these members."""
    return {f"{kind}-c-{ordinal}" for ordinal in ordinals for kind in ("data", "wal")}


def lose(cluster: Cluster, claim: str) -> None:
    """Delete one claim of a member, and its Pod; another member takes its place on two new ones."""
    kind, _, name = claim.partition("-")
    member, before = cluster.member(name)["id"], cluster.uids("pvc")
    with as_foreseen(cluster, loses_disk(name, kind), rejoining=(name,)):
        cluster.kubectl("delete", "pvc", claim, "--wait=false")
        cluster.kubectl("delete", "pod", name)
        wait_until("it is another member", lambda: cluster.member(name)["id"] != member, 90)
        cluster.wait_running(3, seconds=120)
    after = cluster.uids("pvc")
    assert {disk for disk in after if after[disk] != before[disk]} == {
        f"data-{name}",
        f"wal-{name}",
    }


def scale(cluster: Cluster, size: int) -> None:
    """Scale a cluster, which goes as previewed."""
    with as_previewed(cluster, f"size={size}"):
        cluster.scale(size)
        cluster.wait_running(size)


@pytest.mark.situation(
    "data",
    "one of the two disks of a member is lost, with the data or with the write-ahead log",
    "its member is replaced by one with two new disks",
)
def test_two_disks_live_and_go_with_their_member(cluster: Cluster) -> None:
    with as_created(cluster, size=3, version="v3.7.3", storage=STORAGE):
        cluster.wait_running(3)
    cluster.put("key", "value")
    cluster.assert_agreement(3)
    with pytest.raises(TargetError, match="wal cannot be added or removed"):
        cluster.patch(storage={"wal": None})
    leader = next(m["name"] for m in cluster.status()["members"] if m["role"] == "leader")
    lose(cluster, f"wal-{leader}")
    other = "c-1" if leader != "c-1" else "c-2"
    lose(cluster, f"data-{other}")
    assert cluster.read_key("key") == "value"

    scale(cluster, 1)
    wait_until("their disks are gone", lambda: set(cluster.uids("pvc")) == disks(0), 30)
    scale(cluster, 3)
    cluster.assert_agreement(3)
    kept = cluster.uids("pvc")
    with as_previewed(cluster, "size=0"):
        cluster.scale(0)
        cluster.wait_phase("Stopped")
    assert cluster.uids("pvc") == kept
    scale(cluster, 3)
    assert cluster.read_key("key") == "value"
    delete_as_previewed(cluster)
    assert cluster.uids("pvc") == {}
    assert cluster.objects("pods") == []
