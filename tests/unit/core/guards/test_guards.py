"""The second opinion on members and Pods: every refusal, and that it lets the harmless pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    DeleteObject,
    EvictPod,
    LabelPod,
    MoveLeader,
    PromoteMember,
    RemoveMember,
    SetFinalizer,
)
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    NOW,
    answer,
    begun,
    change_member,
    change_pod,
    deleted,
    formed,
    growing,
    led_by,
    left,
    member_id,
    silent,
    with_learner,
    with_spec,
    without_status,
)

NO_QUORUM = "no quorum has confirmed the member list"
OTHER = "the members answer with another cluster ID than the one of the plan"


def add(ordinal: int, cluster_id: int = CLUSTER_ID) -> AddLearner:
    return AddLearner(ordinal, NAMING.peer_url(ordinal), cluster_id)


def promote(ordinal: int) -> PromoteMember:
    return PromoteMember(ordinal, member_id(ordinal), CLUSTER_ID)


def remove(ordinal: int) -> RemoveMember:
    return RemoveMember(ordinal, member_id(ordinal), CLUSTER_ID)


def lead(source: int, target: int) -> MoveLeader:
    return MoveLeader(source, member_id(source), target, member_id(target), CLUSTER_ID)


def stop(ordinal: int) -> EvictPod:
    return EvictPod(NAMING.member(ordinal), f"pod-{ordinal}", "test")


def delete(ordinal: int, version: str = "1") -> DeleteObject:
    return DeleteObject("Pod", NAMING.member(ordinal), f"pod-{ordinal}", "test", version)


def down(snapshot: Snapshot, *ordinals: int, **changes: Any) -> Snapshot:
    """Nobody answers, and these are as the changes say: crashed if they say nothing."""
    snapshot = silent(snapshot, 0, 1, 2)
    for ordinal in range(len(snapshot.pods)):
        snapshot = change_pod(snapshot, ordinal, unready_since=LONG_AGO)
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, **(changes or {"running": False, "restarts": 2}))
    return snapshot


def other_id(snapshot: Snapshot) -> Snapshot:
    assert snapshot.membership is not None
    return replace(snapshot, membership=replace(snapshot.membership, cluster_id=0xBAD))


LONG_AGO = NOW - timedelta(minutes=1)
LEARNER = with_learner(with_spec(formed(3), size=5), 3, serves=True)
ONE_OF_TWO = "only 1 of 2 voters would be left answering"

REFUSED: list[tuple[str, Action, Snapshot, str]] = [
    ("add without a quorum", add(3), silent(growing(3, 5), 1, 2), NO_QUORUM),
    ("add when nobody answers", add(3), silent(growing(3, 5), 0, 1, 2), NO_QUORUM),
    ("add to another cluster", add(3, 0xBAD), formed(3), OTHER),
    ("add when others answer", add(3, 0xBAD), other_id(formed(3)), OTHER),
    ("add twice", add(2), formed(3), "a member with this peer URL exists"),
    ("promote a voter", promote(1), formed(3), "the member is not a learner"),
    ("promote nobody", promote(7), formed(3), "the member is not a learner"),
    (
        "promote one that nobody saw, beside too few",
        promote(1),
        with_learner(formed(1), 1),
        "only 1 of 2 voters would be answering",
    ),
    ("lead by a learner", lead(0, 3), LEARNER, "the transferee is not a voter"),
    ("lead by nobody", lead(0, 7), formed(3), "the transferee is not a voter"),
    ("lead from a follower", lead(1, 2), formed(3), "another member leads meanwhile"),
    ("remove nobody", remove(7), formed(3), "etcd's member list does not have this member ID"),
    ("remove the only voter", remove(0), formed(1), "only 0 of 0 voters would be left answering"),
    ("remove one that is needed", remove(0), silent(formed(3), 1), ONE_OF_TWO),
    (
        "remove one of four with one away",
        remove(3),
        silent(formed(5), 0, 1),
        "only 2 of 4 voters would be left answering",
    ),
    (
        "remove one beside one that sees no leader",
        remove(0),
        replace(formed(3), probes={**formed(3).probes, 1: answer(1, leader=-0xA0)}),
        ONE_OF_TWO,
    ),
    ("stop a Pod that is gone", stop(7), formed(3), "the Pod does not exist any more"),
    (
        "delete a voter that is Ready",
        delete(2),
        formed(3),
        "the Pod is Ready: it can only be evicted",
    ),
    (
        "delete a voter, whatever it is by now",
        delete(2, ""),
        change_pod(silent(formed(3), 2), 2, ready=False),
        "the Pod may be Ready by now: its resourceVersion is no precondition",
    ),
    (
        "delete a voter that is needed and not Ready",
        delete(2),
        change_pod(silent(formed(3), 0), 2, ready=False),
        "only 1 of 3 voters would be left answering",
    ),
    ("stop without a quorum", stop(2), silent(formed(3), 0, 1), NO_QUORUM),
    ("stop what crashes, whatever became of it", stop(2), down(formed(3), 2), NO_QUORUM),
    ("stop what crashed and has changed since", delete(2, "0"), down(formed(3), 2), NO_QUORUM),
    (
        "stop what is said to be down but answers",
        delete(2),
        change_pod(silent(formed(3), 0, 1), 2, running=False),
        "the member answers",
    ),
    (
        "stop what runs beside one that is Ready",
        delete(2),
        down(formed(3), 0, ready=True),
        "a member is Ready, so there may be a majority",
    ),
    (
        "stop what runs beside one that follows a leader",
        delete(2),
        replace(down(formed(3)), probes={1: answer(1)}),
        "a member has a leader, so there may be a majority",
    ),
    (
        "stop what has just started",
        delete(2),
        down(formed(3), 2, unready_since=NOW),
        "the Pod was running too recently: its member may be about to serve",
    ),
    (
        "stop one that is needed",
        stop(0),
        silent(formed(3), 1),
        "only 1 of 3 voters would be left answering",
    ),
    (
        "stop a voter that has not published yet",
        stop(2),
        change_member(silent(formed(3), 0), 2, client_urls=()),
        "only 1 of 3 voters would be left answering",
    ),
]

ALLOWED: list[tuple[str, Action, Snapshot]] = [
    ("add", add(3), growing(3, 5)),
    ("add with one away", add(3), silent(growing(3, 5), 1)),
    (
        "add before the ID is recorded",
        add(3),
        without_status(replace(with_spec(formed(3), size=5), children={})),
    ),
    ("promote", promote(3), LEARNER),
    ("promote one that nobody saw, beside enough", promote(3), with_learner(formed(3), 3)),
    ("lead", lead(0, 1), formed(3)),
    ("lead when the leader is not known", lead(1, 2), led_by(formed(3), -0xA0)),
    ("remove", remove(2), formed(3)),
    ("remove the one that is away", remove(2), silent(formed(3), 2)),
    ("remove a learner", remove(3), silent(LEARNER, 3)),
    ("stop one of three", stop(2), formed(3)),
    ("stop the one that is away", stop(2), silent(formed(3), 2)),
    (
        "stop one that did not answer, beside others that did not",
        stop(2),
        replace(formed(3), probes={0: answer(0)}),
    ),
    ("delete the one that is away", delete(2), change_pod(silent(formed(3), 2), 2, ready=False)),
    (
        "delete a Pod that is to end",
        delete(2, ""),
        change_pod(silent(formed(3), 2), 2, deleting=True),
    ),
    ("delete a learner", delete(3), LEARNER),
    ("delete a Pod that never ran", delete(2, ""), change_pod(formed(3), 2, ever_ran=False)),
    ("stop a single member", stop(0), formed(1)),
    ("stop one that left", stop(2), left(formed(3), 2)),
    ("stop a learner", stop(3), silent(LEARNER, 1)),
    (
        "stop one that never ran",
        stop(2),
        change_pod(silent(formed(3), 0, 1), 2, ever_ran=False),
    ),
    (
        "stop one that never joined",
        stop(2),
        change_member(silent(formed(3), 2), 2, client_urls=()),
    ),
    ("stop what crashes without a majority", delete(2), down(formed(3), 0, 2)),
    ("stop what crashes before there is a cluster", delete(0), down(begun(3), 0, 1, 2)),
    ("stop what runs where nobody serves", delete(2), down(formed(3))),
    ("stop when all must go", stop(0), deleted(silent(formed(3), 1, 2))),
    ("a label", LabelPod("db-0", "pod-0", "voter"), silent(formed(3), 0, 1, 2)),
    ("a finalizer", SetFinalizer(True, "u", "1"), silent(formed(3), 0, 1, 2)),
]


@pytest.mark.parametrize(
    ("action", "scene", "why"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_refuses(action: Action, scene: Snapshot, why: str) -> None:
    assert refuse(action, scene) == why


@pytest.mark.parametrize(
    ("action", "scene"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED]
)
def test_lets_pass(action: Action, scene: Snapshot) -> None:
    assert refuse(action, scene) is None


def test_an_answer_of_another_cluster_is_no_vote() -> None:
    """A member that was formed anew under an old name does not count as alive."""
    snapshot = formed(3)
    probe = snapshot.probes[1]
    assert probe.status is not None
    stranger = replace(probe, status=replace(probe.status, cluster_id=0xBAD))
    assert refuse(remove(0), replace(snapshot, probes={**snapshot.probes, 1: stranger}))


@given(
    size=st.sampled_from([1, 3, 5, 7]),
    away=st.sets(st.integers(0, 6)),
    target=st.integers(0, 6),
)
def test_no_removal_or_stop_costs_the_majority(size: int, away: set[int], target: int) -> None:
    """For any members away: whatever passes leaves a majority that answers."""
    away = {o for o in away if o < size}
    if target >= size:
        return
    snapshot = silent(formed(size), *away)
    alive = set(range(size)) - away - {target}
    if refuse(remove(target), snapshot) is None:
        assert len(alive) > (size - 1) / 2
    if refuse(stop(target), snapshot) is None and size > 1 and target not in away:
        assert len(alive) > size / 2
