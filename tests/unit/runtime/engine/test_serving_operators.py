"""Two operators and one cluster: one serves, the other says so and takes over when it has gone."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from etcd_operator.core.lifecycle.serving_operator import (
    ANNOTATION_OPERATOR,
    ANNOTATION_OPERATOR_ASKED,
    ANSWER_WITHIN,
    ASK_AGAIN_AFTER,
    Serving,
    judge_serving,
)
from etcd_operator.errors import Forbidden
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.kubernetes.api import CLUSTERS
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from tests.builders.snapshots import NAMING, NOW, formed, raw_cluster, with_cluster
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi
from tests.harnesses.reconciler import StoppedClock

STAMP = "2026-03-04T05:06:07Z"  # NOW


def judge(asked_before: bool = False, seconds: float = 0, **annotations: str) -> Serving:
    """What the operator in namespace `own` decides so long after NOW."""
    known = {f"etcd.etcd.io/{k.replace('_', '-')}": v for k, v in annotations.items()}
    cluster = with_cluster(formed(1), annotations=known).cluster
    now = NOW + timedelta(seconds=seconds)
    return judge_serving(cluster, "own", now, NOW if asked_before else None)


PATIENCE = ANSWER_WITHIN.total_seconds()
JUDGED: dict[str, tuple[Serving, bool, dict[str, str | None]]] = {
    "nobody's": (judge(), True, {ANNOTATION_OPERATOR: "own"}),
    "ours": (judge(operator="own"), True, {}),
    "ours, and another asks": (
        judge(operator="own", operator_asked=f"b {STAMP}"),
        True,
        {ANNOTATION_OPERATOR_ASKED: None},
    ),
    "another's": (judge(operator="b"), False, {ANNOTATION_OPERATOR_ASKED: f"own {STAMP}"}),
    "another's, just asked": (judge(operator="b", operator_asked=f"own {STAMP}"), False, {}),
    "another's that does not answer": (
        judge(seconds=PATIENCE, operator="b", operator_asked=f"own {STAMP}"),
        True,
        {ANNOTATION_OPERATOR: "own", ANNOTATION_OPERATOR_ASKED: None},
    ),
    "another's that has answered": (judge(True, 60, operator="b"), False, {}),
    "another's that answered long ago": (
        judge(True, ASK_AGAIN_AFTER.total_seconds(), operator="b"),
        False,
        {ANNOTATION_OPERATOR_ASKED: "own 2026-03-04T05:16:07Z"},
    ),
    "a third one asks": (judge(operator="b", operator_asked=f"c {STAMP}"), False, {}),
    "a third one asked and went": (
        judge(seconds=2 * PATIENCE, operator="b", operator_asked=f"c {STAMP}"),
        False,
        {ANNOTATION_OPERATOR_ASKED: "own 2026-03-04T05:10:07Z"},
    ),
    "a question that nobody can read": (
        judge(operator="b", operator_asked="own yesterday"),
        False,
        {ANNOTATION_OPERATOR_ASKED: f"own {STAMP}"},
    ),
    "a question from the future": (
        judge(operator="b", operator_asked="own 2027-01-01T00:00:00Z"),
        False,
        {ANNOTATION_OPERATOR_ASKED: f"own {STAMP}"},
    ),
}


@pytest.mark.parametrize("name", JUDGED)
def test_one_serves(name: str) -> None:
    serving, serves, written = JUDGED[name]
    assert serving.serves is serves
    assert serving.annotations == written


class Shared:
    """One EtcdCluster for several operators, each with caches of its own."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.told: list[tuple[str, str]] = []
        self.clock = StoppedClock()
        self.strip()

    def operator(self, own: str) -> Operator:
        """An operator that is installed in this namespace."""
        return Operator(self, own)

    def strip(self) -> None:
        """Somebody replaces it by one without annotations."""
        raw = raw_cluster({"size": 1}, annotations={})
        self.server.put(CLUSTERS, NAMING.name, raw, NAMING.namespace)

    def show_to(self, caches: Caches) -> None:
        """The watch of an operator tells of it."""
        (live,) = self.server.find(CLUSTERS.name)
        caches.observe(CLUSTERS.name, live)

    def refuse_writes(self) -> None:
        """A policy is against annotations."""
        error = Forbidden("annotations are not allowed", 403)
        self.server.change(ApiFaults(error=lambda: error))

    def record(self, about: Regarding, kind: str, reason: str, message: str) -> None:
        """As the EventRecorder."""
        assert (about.name, kind) == (NAMING.name, "Warning")
        self.told.append((reason, message))

    async def live_on(self, seconds: int, *operators: Operator) -> list[str]:
        """Let them look every ten seconds; returns who serves at the end."""
        serving: list[str] = []
        for _ in range(seconds // 10):
            serving = [each.own for each in operators if await each.look()]
            assert len(serving) <= 1
            self.clock.seconds += 10
        return serving


class Operator:
    """One operator; `look` is the beginning of a pass."""

    def __init__(self, shared: Shared, own: str) -> None:
        self.own = own
        self.shared = shared
        api, recorder = InMemoryApi(shared.server), cast(EventRecorder, shared)
        self.caches = Caches(api)
        self.operators = ServingOperators(api, self.caches, recorder, shared.clock, own)

    async def look(self, *, late: bool = False) -> bool:
        """Whether it serves; `late` with what its caches had."""
        if not late:
            self.shared.show_to(self.caches)
        known = self.caches.clusters.get(NAMING.namespace, NAMING.name)
        assert known is not None
        return await self.operators.settle(known) is not None


async def test_of_two_operators_one_serves_and_the_other_says_so_once() -> None:
    shared = Shared()
    one, other = shared.operator("one"), shared.operator("other")
    assert await shared.live_on(3600, one, other) == ["one"]
    assert [reason for reason, _ in shared.told] == ["ServedByAnother"]
    assert "The operator in namespace one serves EtcdCluster db" in shared.told[0][1]
    assert len(shared.server.effects) <= 1 + 2 * 7, "a question and an answer every ten minutes"


async def test_an_operator_that_is_gone_holds_nothing_for_long() -> None:
    shared = Shared()
    one, other = shared.operator("one"), shared.operator("other")
    await shared.live_on(1000, one, other)
    assert await shared.live_on(800, other) == ["other"]
    assert await shared.live_on(3600, one, other) == ["other"], "it comes back, and stays aside"


async def test_a_new_version_of_the_same_operator_goes_on_at_once() -> None:
    shared = Shared()
    assert await shared.live_on(10, shared.operator("one")) == ["one"]
    assert await shared.live_on(10, shared.operator("one")) == ["one"]
    assert len(shared.server.effects) == 1


async def test_who_writes_from_an_old_view_comes_too_late() -> None:
    shared = Shared()
    one, other = shared.operator("one"), shared.operator("other")
    shared.show_to(other.caches)
    assert await one.look()
    assert not await other.look(late=True)


async def test_a_policy_against_annotations_leaves_the_cluster_served() -> None:
    shared = Shared()
    shared.refuse_writes()
    assert await shared.operator("one").look()


async def test_a_write_that_is_refused_is_not_tried_in_every_pass() -> None:
    shared = Shared()
    shared.refuse_writes()
    assert await shared.live_on(600, shared.operator("one")) == ["one"]
    assert len(shared.server.requests) <= 2


async def test_who_takes_the_claim_away_hands_the_cluster_to_nobody_else() -> None:
    """What a repository has replaces the whole EtcdCluster each minute."""
    shared = Shared()
    one, other = shared.operator("one"), shared.operator("other")
    await shared.live_on(60, one, other)
    for _ in range(10):
        shared.strip()
        assert not await other.look(), "it comes first, and leaves it to who has served it"
        assert await shared.live_on(60, other, one) in ([], ["one"])
    shared.strip()
    assert await shared.live_on(300, other) == ["other"], "unless that one is gone"


@pytest.mark.parametrize("holder", ["No Namespace", "x" * 64, "-", "a/b"])
def test_what_no_namespace_is_called_holds_nothing(holder: str) -> None:
    assert judge(operator=holder) == Serving(True, {ANNOTATION_OPERATOR: "own"}, "own")
