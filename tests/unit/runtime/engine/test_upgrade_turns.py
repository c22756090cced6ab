"""A few clusters at a time roll for a new version of the operator."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.core.model.naming import ANNOTATION_CHANGED_BY, ANNOTATION_TEMPLATE
from etcd_operator.errors import Forbidden
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.upgrade_turns import LONGEST_TURN, RESERVED_FOR, Turns
from tests.builders.operator_upgrades import older, other_probe
from tests.builders.refusals import refuse
from tests.builders.snapshots import formed, raw_cluster
from tests.fakes.kubernetes import InMemoryApi
from tests.harnesses.reconciler import ReconcilerHarness, StoppedClock


class Fleet:
    """StatefulSets that roll, or have rolled."""

    def __init__(self, limit: int = 2) -> None:
        self.clock = StoppedClock()
        self.caches = Caches(InMemoryApi())
        self.turns = Turns(self.caches, self.clock, limit)
        self.version = 0

    def show(
        self, name: str, *, updated: int, by: str = "operator", owner: str = "", **spec: Any
    ) -> None:
        """The watch tells of an EtcdCluster, and of its StatefulSet of three Pods."""
        self.version += 1
        version = str(self.version)
        cluster = raw_cluster(
            {"size": 3, **spec}, name=name, namespace="team", uid=name, resourceVersion=version
        )
        self.caches.clusters.observe(cluster)
        metadata = {
            "ownerReferences": [{"uid": owner or name, "controller": True}],
            "name": name,
            "namespace": "team",
            "uid": name,
            "resourceVersion": str(self.version),
            "generation": 2,
            "annotations": {ANNOTATION_CHANGED_BY: by},
        }
        status = {"observedGeneration": 2, "updatedReplicas": updated, "readyReplicas": 3}
        body = {"metadata": metadata, "spec": {"replicas": 3}, "status": status}
        self.caches.children["StatefulSet"].observe(body)

    def take(self, name: str) -> bool:
        """Whether a cluster may roll now."""
        return not self.turns.take("team", name)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.seconds += seconds


@pytest.mark.situation(
    "coexist",
    "a new version of the operator has another Pod template",
    "a few clusters roll at a time",
)
def test_so_many_at_a_time_and_the_next_when_one_is_done() -> None:
    fleet = Fleet()
    assert [fleet.take(name) for name in "abcd"] == [True, True, False, False]
    assert "2 clusters at a time" in fleet.turns.take("team", "c")
    fleet.show("a", updated=1)
    fleet.show("b", updated=2)
    fleet.wait(RESERVED_FOR)
    assert [fleet.take(name) for name in "abcd"] == [True, True, False, False]
    fleet.wait(RESERVED_FOR)
    fleet.show("a", updated=3)
    fleet.wait(2)
    assert [fleet.take(name) for name in "cd"] == [True, False]


def test_another_process_sees_who_rolls() -> None:
    fleet = Fleet(limit=1)
    fleet.show("a", updated=1)
    assert not fleet.take("b")


def test_who_rolls_for_the_spec_takes_nobodys_turn() -> None:
    fleet = Fleet(limit=1)
    fleet.show("a", updated=1, by="spec")
    assert fleet.take("b")


def test_who_cannot_finish_keeps_nobody_for_ever() -> None:
    """Of many tenants one or two are always down."""
    fleet = Fleet(limit=1)
    fleet.show("a", updated=1)
    assert not fleet.take("b")
    fleet.wait(LONGEST_TURN)
    assert fleet.take("b")
    fleet.show("a", updated=3)
    fleet.wait(RESERVED_FOR)
    assert fleet.take("b")
    fleet.wait(RESERVED_FOR)
    fleet.show("a", updated=1)
    assert fleet.take("b"), "who falls ill after its turn has no second one"


@pytest.mark.parametrize("looks", [{"owner": "somebody"}, {"paused": True}])
def test_only_clusters_that_are_served_take_a_turn(looks: dict[str, Any]) -> None:
    """Whoever may make StatefulSets may give them our labels."""
    fleet = Fleet(limit=1)
    fleet.show("a", updated=1, **looks)
    assert fleet.take("b")


async def test_a_turn_that_cannot_be_used_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy against a few StatefulSets must not keep all other clusters from their turn."""
    harness = ReconcilerHarness(older(formed(3), other_probe))
    refuse(harness, monkeypatch, "StatefulSet", Forbidden("not this image", 403))
    for _ in range(3):
        await harness.make_pass()
        harness.clock.seconds += 10
    assert harness.tried
    turns = harness.reconciler._turns
    assert [turns.take("team", name) for name in "ab"] == ["", ""]


async def test_a_cluster_that_waits_is_well_and_says_so() -> None:
    harness = ReconcilerHarness(older(formed(3), other_probe))
    for name in ("a", "b"):
        assert not harness.reconciler._turns.take("team", name)
    await harness.make_pass()
    assert harness.performed == []
    assert harness.shown()["Ready"] == "Healthy"
    assert harness.shown()["UpgradeWaiting"] == "WaitingForTurn"
    harness.clock.seconds += RESERVED_FOR
    await harness.make_pass()
    (action,) = harness.performed
    manifest = getattr(action, "manifest", {})
    assert manifest["metadata"]["annotations"][ANNOTATION_TEMPLATE] != "old"
