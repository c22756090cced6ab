"""A node is drained: one voter at a time, and none while another is down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.target import Target, TargetError
from tests.e2e.harness import Cluster, no_room, wait_until
from tests.e2e.previews import as_foreseen

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(240)]


@pytest.fixture
def formed(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster of three with a key in it."""
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    yield cluster
    cluster.wait_running(3)
    assert cluster.read_key("key") == "while one is away"
    cluster.assert_agreement(3)


def drain(target: Target, cluster: Cluster, seconds: int) -> str:
    """Drain every node of this cluster's members, as an administrator does; returns the refusal."""
    nodes = [node["metadata"]["name"] for node in target.read("get", "nodes")["items"]]
    with pytest.raises(TargetError) as refusal:
        target.run(
            "drain",
            *nodes,
            f"--pod-selector=etcd.etcd.io/cluster-uid={cluster.get()['metadata']['uid']}",
            "--delete-emptydir-data",
            f"--timeout={seconds}s",
        )
    return str(refusal.value)


def kept(cluster: Cluster, before: dict[str, str]) -> set[str]:
    """The Pods of before that are still there and not told to go."""
    pods = [p for p in cluster.objects("pods") if "deletionTimestamp" not in p["metadata"]]
    return {p["metadata"]["uid"] for p in pods} & set(before.values())


def put_meanwhile(cluster: Cluster, before: dict[str, str]) -> None:
    """Write through the client Service, from a member that is still there."""
    there = kept(cluster, before)
    ordinal = next(int(name[-1]) for name, uid in before.items() if uid in there)
    words = ("put", "key", "while one is away")
    assert cluster.etcdctl(*words, pod=ordinal, endpoint=cluster.service).strip() == "OK"


@pytest.mark.situation(
    "coexist",
    "a node is drained",
    "one voter at a time is evicted; the next one when it is back",
)
def test_a_drain_takes_one_voter_and_waits_for_its_return(target: Target, formed: Cluster) -> None:
    before = formed.uids("pods")
    with as_foreseen(formed):
        with no_room(target):
            assert "disruption budget" in drain(target, formed, 12)
            assert len(kept(formed, before)) == 2, "two voters are the majority"
            put_meanwhile(formed, before)
        formed.wait_running(3)


def test_a_drain_takes_no_voter_while_one_is_down(target: Target, formed: Cluster) -> None:
    before = formed.uids("pods")
    with no_room(target):
        formed.kubectl("delete", "pod", "c-2", "--wait=false")
        wait_until("one is away", lambda: len(kept(formed, before)) == 2)
        assert "disruption budget" in drain(target, formed, 8)
        assert len(kept(formed, before)) == 2
        put_meanwhile(formed, before)
