"""A database that uses up its quota is emptied of what nobody needs, and takes writes again."""

from __future__ import annotations

import time

import pytest

from deploy.target import TargetError
from etcd_operator.core.model.snapshot import Snapshot
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_foreseen, as_patched, wait_for_pass

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

QUOTA = 8 * 2**20
VALUE = "x" * 900_000


def write(cluster: Cluster, key: str, value: str) -> None:
    words = ("exec", "--stdin", "c-0", "--container=etcd", "--", "etcdctl", "put", key)
    cluster.kubectl(*words, stdin=value)


def fill(cluster: Cluster, name: str = "", size: int = len(VALUE)) -> str:
    """Write one key, or one after the other, until etcd refuses; return what it said."""
    for number in range(40):
        try:
            write(cluster, f"{name}-{number}" if name else "big", VALUE[:size])
        except TargetError as error:
            return str(error)
    raise AssertionError("etcd took more than its quota")


def is_stuck(cluster: Cluster) -> bool:
    return bool(cluster.condition("Ready")["reason"] == "QuotaExceeded")


def writes(cluster: Cluster) -> bool:
    write(cluster, "key", "value")
    return True


def have_free_pages(seen: Snapshot) -> bool:
    statuses = [probe.status for probe in seen.probes.values()]
    return all(s is not None and s.db_size_in_use < s.db_size / 2 for s in statuses)


@pytest.mark.parametrize("version", ["3.5.35", "3.6.16"])
def test_history_that_fills_the_quota_is_removed(cluster: Cluster, version: str) -> None:
    cluster.create(size=3, version=version, etcdConfig={"quotaBackendBytes": QUOTA})
    cluster.wait_running(3)
    with as_foreseen(cluster, lambda seen: bool(seen.alarms)):
        assert "database space exceeded" in fill(cluster)
        wait_until("writes work again", lambda: writes(cluster), 60)
        cluster.wait_running(3)
    for reason in ("Compacted", "Defragmented", "AlarmDisarmed"):
        assert cluster.events(reason), reason
    assert cluster.etcdctl("alarm", "list").strip() == ""
    assert cluster.condition("Available")["status"] == "True"
    cluster.assert_agreement(3)


def test_live_data_that_fills_the_quota_is_named(cluster: Cluster) -> None:
    cluster.create(size=1, etcdConfig={"quotaBackendBytes": QUOTA})
    cluster.wait_running(1)
    # What is unused is freed first; then less and less is.
    for turn, size in enumerate((900_000, 300_000, 100_000, 100_000)):
        assert "database space exceeded" in fill(cluster, f"turn-{turn}", size)
        wait_until("it was dealt with", lambda: is_stuck(cluster) or writes(cluster), 60)
        if is_stuck(cluster):
            break
    said = cluster.wait_reason("Ready", "QuotaExceeded", 30)
    assert "spec.etcdConfig.quotaBackendBytes" in said
    assert cluster.condition("Available")["reason"] == "NoSpace"
    with as_patched(cluster, etcdConfig={"quotaBackendBytes": 4 * QUOTA}):
        wait_until("writes work again", lambda: writes(cluster), 90)
        cluster.wait_running(1, seconds=90)
    assert cluster.read_key("turn-0-0") == VALUE


def test_routine_defragmentation(cluster: Cluster) -> None:
    routine = {"minimumSize": "1Mi", "unusedPercent": 30}
    cluster.create(size=3)
    cluster.wait_running(3)
    for _ in range(6):
        write(cluster, "big", VALUE)
    revision = str(cluster.etcdctl("get", "big", "--keys-only", "--write-out=fields"))
    newest = next(w.split(" : ")[1] for w in revision.splitlines() if "Revision" in w)
    cluster.etcdctl("compact", newest, "--physical")
    for _ in range(3):  # pages are free, and counted, with the transactions after the compaction
        cluster.put("key", "value")
        time.sleep(0.3)
    # Each member compacts in its own time.
    wait_for_pass(cluster, "all members have free pages", have_free_pages)
    names = {"c-0", "c-1", "c-2"}
    with as_patched(cluster, maintenance={"defragmentation": routine}):
        wait_until(
            "every member was defragmented",
            lambda: all(
                any(name in event["message"] for event in cluster.events("Defragmented"))
                for name in names
            ),
            60,
        )
        cluster.wait_running(3)
    cluster.assert_agreement(3)
