"""Rest of a cluster: what counts as a change, and that without one the plan is the same."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.core.certificates.state import Certificate, Credential, Trusted
from etcd_operator.core.model.issuer_stage import IssuerPhase
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberStatus
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.plan.unchanged import UNCHANGED_FOR, is_at_rest, is_unchanged
from etcd_operator.core.status.report import report
from tests.builders.issuer import COMPANY, OWN, changing, shown_by
from tests.builders.snapshots import (
    DB_SIZE,
    NOW,
    change_pod,
    formed,
    led_by,
    silent,
    unheard,
    with_cluster,
    with_learner,
    with_spec,
)

PROGRESS = {"revision", "raft_index", "raft_applied_index"}
# Where a change of the size counts from a step on.
SIZES = {"db_size", "db_size_in_use"}
# What the planner finds anew from the rest.
DERIVED = {"effective"}


def at_rest(members: int = 3) -> Snapshot:
    """A snapshot as a plan with nothing to do was made for."""
    shown = with_cluster(
        formed(members), status=report(formed(members), plan(formed(members)).decision)
    )
    planned = plan(shown)
    assert is_at_rest(planned)
    return planned.snapshot


def again(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """The same as the next pass gathers it."""
    return replace(snapshot, effective=None, **changes)


def answering(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """One member's status is another."""
    status = snapshot.probes[ordinal].status
    assert status is not None
    probes = {**snapshot.probes, ordinal: Probe(replace(status, **changes))}
    return again(snapshot, probes=probes)


def another(value: Any) -> Any:
    """A value that is not this one."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}1"
        case tuple():
            return (*value, "another")
        case datetime():
            return value + UNCHANGED_FOR
        case _:
            return object()


def test_nothing_is_no_change() -> None:
    assert is_unchanged(at_rest(), again(at_rest()))


@pytest.mark.parametrize(
    "name", [f.name for f in fields(Snapshot) if f.name not in {"probes", *DERIVED}]
)
def test_a_change_of_any_part_of_a_snapshot_counts(name: str) -> None:
    """Also of what a later version will add: only what is named as progress may differ."""
    rested = at_rest()
    value = getattr(rested, name)
    changed = {**value, "another": object()} if isinstance(value, dict) else another(value)
    assert not is_unchanged(rested, again(rested, **{name: changed}))


@pytest.mark.parametrize("name", [f.name for f in fields(MemberStatus) if f.init])
def test_what_of_an_answer_counts(name: str) -> None:
    rested = at_rest()
    status = rested.probes[1].status
    assert status is not None
    changed = another(getattr(status, name))
    assert is_unchanged(rested, answering(rested, 1, **{name: changed})) is (
        name in PROGRESS | SIZES
    )


def rest(snapshot: Snapshot) -> Snapshot:
    """The snapshot with which a plan rests."""
    status = report(snapshot, plan(snapshot).decision)
    return plan(with_cluster(snapshot, status=status)).snapshot


def find_time_that_counts(rested: Snapshot) -> int:
    """After how many seconds a plan is made though nothing else has changed."""
    return next(
        seconds
        for seconds in range(1000)
        if not is_unchanged(rested, again(rested, now=rested.now + timedelta(seconds=seconds)))
    )


@pytest.mark.parametrize(("duration", "seconds"), [("24h", 180), ("1h", 60), ("4m", 4)])
def test_no_window_for_defragmentations_passes_unseen(duration: str, seconds: int) -> None:
    window = {"start": "02:00", "duration": duration}
    rested = rest(with_spec(formed(3), maintenance={"defragmentation": {"window": window}}))
    assert find_time_that_counts(rested) == seconds


@pytest.mark.parametrize(("life", "seconds"), [(timedelta(days=90), 180), (timedelta(hours=1), 60)])
@pytest.mark.parametrize("of_authority", [False, True])
def test_no_certificate_ends_unseen(life: timedelta, seconds: int, *, of_authority: bool) -> None:
    rested = at_rest()
    begin = rested.now - life / 4
    certificate = Certificate("a", "b", begin, begin + life)
    authority = Trusted("b", "", begin + life, begin)
    shown = Credential("db-server-tls", "u", "", "1")
    shown = (
        replace(shown, trusted=(authority,))
        if of_authority
        else replace(shown, certificate=certificate)
    )
    assert find_time_that_counts(replace(rested, credentials={shown.name: shown})) == seconds


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_size_counts_from_a_step_of_the_status_on(name: str) -> None:
    rested = at_rest()
    assert is_unchanged(rested, answering(rested, 0, **{name: DB_SIZE + DB_SIZE // 11}))
    assert not is_unchanged(rested, answering(rested, 0, **{name: DB_SIZE + DB_SIZE // 9}))


@pytest.mark.parametrize(
    "changed",
    [led_by(at_rest(), 1), silent(at_rest(), 2), unheard(at_rest(), 0)],
    ids=["another leads", "one is silent", "nobody lets us in"],
)
def test_what_no_watch_tells_counts(changed: Snapshot) -> None:
    assert not is_unchanged(at_rest(), again(changed))


def test_the_same_silence_is_no_change_of_answers() -> None:
    rested = replace(at_rest(), probes={**at_rest().probes, 2: Probe(None, "no route")})
    assert is_unchanged(rested, again(rested))
    told = {**rested.probes, 2: Probe(None, "refused")}
    assert not is_unchanged(rested, again(rested, probes=told))


@pytest.mark.parametrize(
    ("seconds", "unchanged"), [(0, True), (179, True), (180, False), (3600, False), (-1, False)]
)
def test_time_alone_counts_after_a_while(seconds: int, unchanged: bool) -> None:
    """Certificates fall due; and a clock that was set back proves nothing."""
    later = again(at_rest(), now=NOW + timedelta(seconds=seconds))
    assert is_unchanged(at_rest(), later) is unchanged


@pytest.mark.parametrize(
    "snapshot",
    [
        with_spec(formed(3), size=5),
        with_spec(formed(3), paused=True),
        silent(formed(3), 2),
        change_pod(formed(3), 1, deleting=True),
        change_pod(formed(3), 1, role=""),
        with_learner(formed(3), 3),
        replace(formed(3), upgrade_waits="two others are rolled"),
    ],
    ids=["grows", "paused", "silent", "Pod ends", "label", "learner", "upgrade waits"],
)
def test_no_rest_while_anything_is_due(snapshot: Snapshot) -> None:
    assert not is_at_rest(plan(snapshot))


def test_no_rest_while_the_kubelet_may_hand_members_another_certificate() -> None:
    scene = shown_by(changing(IssuerPhase.SERVER, wanted=True), COMPANY, OWN, COMPANY)
    assert plan(scene).decision.settled
    assert not is_at_rest(plan(scene))


@given(
    members=st.sampled_from([1, 3, 5]),
    seconds=st.floats(0, 59.9),
    progress=st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
    growth=st.floats(0.91, 1.09),
)
def test_without_a_change_plan_and_status_are_the_same(
    members: int, seconds: float, progress: list[int], growth: float
) -> None:
    rested = at_rest(members)
    now = rested.now + timedelta(seconds=seconds)
    later = again(rested, now=now)
    for ordinal in range(members):
        size = int(DB_SIZE * growth)
        later = answering(
            later,
            ordinal,
            revision=100 + progress[ordinal],
            raft_index=200 + progress[ordinal],
            raft_applied_index=200 + progress[ordinal] // 2,
            db_size=size,
            db_size_in_use=size,
        )
    assert is_unchanged(rested, later)
    before, planned = plan(rested), plan(later)
    assert (planned.actions, planned.decision) == (before.actions, before.decision)
    assert report(planned.snapshot, planned.decision) is later.cluster.status
