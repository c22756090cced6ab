"""Members that do not have the same data: who is replaced, and when a person has to decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import RemoveMember
from etcd_operator.core.consistency.divergence import find_divergence, is_comparable, suspect_ids
from etcd_operator.core.membership.replace_lost import replace_lost_members
from etcd_operator.core.membership.replace_stuck import replace_stuck_members, wait_to_replace
from etcd_operator.core.membership.resize_waits import wait_to_shrink
from etcd_operator.core.membership.scale import grow, shrink
from etcd_operator.core.model.live_objects import NodeState
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan, predict
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.storage.maintenance import report_divergence
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.diverging import (
    REMEDY,
    asked,
    compared,
    differing,
    replacement_on_record,
)
from tests.builders.lost_members import homeless
from tests.builders.snapshots import (
    CLUSTER_ID,
    change_pod,
    formed,
    led_by,
    member_id,
    settled,
    silent,
    with_cluster,
    with_learner,
    with_spec,
    without_claims,
    without_member,
    without_pods,
)
from tests.builders.space import alarmed, sized


def replacement(ordinal: int, *before: str) -> tuple[str, ...]:
    """What replacing a member for its data takes: that it is on record comes first."""
    return (
        "apply ConfigMap db-config",
        *before,
        f"remove {ordinal}",
        f"delete PersistentVolumeClaim data-db-{ordinal}",
        f"add {ordinal}",
        f"delete Pod db-{ordinal}",
    )


WIPED = {
    "ready": False,
    "running": False,
    "restarts": 3,
    "termination_message": "cannot fetch cluster info from peer urls",
}

FIRES = (
    Fires(
        "one of three differs from the majority",
        replace_stuck_members,
        differing("aba"),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 has other data than the majority at revision 110: replacing it.",
        Phase.SCALING,
        replacement(1),
    ),
    Fires(
        "the leader is no exception, and hands over to a member that is right",
        replace_stuck_members,
        differing("bbaaa"),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        replacement(0, "lead 0>2"),
    ),
    Fires(
        "of two the leader first: a member that joins learns from it",
        replace_stuck_members,
        led_by(differing("bacaa"), 2),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        replacement(2, "lead 2>1"),
    ),
    Fires(
        "without a majority that agrees a person has to decide",
        report_divergence,
        differing("abc"),
        attention.DATA_DIFFERS,
        "Members do not have the same data at revision 110, and no majority agrees: db-0 / db-1 / "
        "db-2." + REMEDY,
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "the larger half of five is no majority",
        report_divergence,
        differing("bbaac"),
        attention.DATA_DIFFERS,
        "Members do not have the same data at revision 110, and no majority agrees: db-0, db-1 / "
        "db-2, db-3 / db-4." + REMEDY,
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "of two that differ none may go, whatever the size says",
        report_divergence,
        with_spec(differing("ab"), size=1),
        attention.DATA_DIFFERS,
        "Members do not have the same data at revision 110, and no majority agrees: db-0 / db-1."
        + REMEDY,
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "a person has decided",
        replace_stuck_members,
        asked(differing("abc"), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 is to be replaced, as its Pod's annotation says: replacing it.",
        Phase.SCALING,
        replacement_on_record(1),
    ),
    Fires(
        "a person has decided about the leader: the heir is the one that is to stay",
        replace_stuck_members,
        asked(asked(differing("abc"), 0), 1),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        ("lead 0>2", *replacement_on_record(0)),
    ),
    Fires(
        "the one that would be left alone is replaced before the others leave",
        replace_stuck_members,
        with_spec(differing("baa"), size=1),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        replacement(0, "lead 0>1"),
    ),
    Fires(
        "before the cluster grows: who joins might learn from it",
        replace_stuck_members,
        settled(with_spec(differing("aba"), size=5)),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        replacement_on_record(1),
    ),
    Fires(
        "who fills a gap does not learn from the wrong one",
        grow,
        without_pods(without_claims(without_member(differing("baaaa"), 2), 2), 2),
        routine.SCALING_OUT,
        "Scaling out from 4 to 5 members.",
        Phase.SCALING,
        ("apply ConfigMap db-config", "lead 0>1", "add 2"),
    ),
    Fires(
        "of those that are to leave the wrong one goes first",
        shrink,
        with_spec(differing("aba"), size=1),
        routine.SCALING_IN,
        "Scaling in from 3 to 1 member.",
        Phase.SCALING,
        ("apply ConfigMap db-config", "remove 1", "remove 2"),
    ),
    Fires(
        "nobody leaves the one that is wrong alone with the rest",
        wait_to_shrink,
        with_spec(silent(differing("baa"), 1), size=1),
        attention.QUORUM_AT_RISK,
        "Scale-in is waiting: removing db-1, db-2 would lose quorum while db-0, db-1 are "
        "unhealthy.",
        Phase.SCALING,
        ("apply ConfigMap db-config",),
    ),
    Fires(
        "the wrong one is needed while another is away",
        wait_to_replace,
        silent(differing("aba"), 2),
        attention.CANNOT_REPLACE_MEMBER,
        "Member db-1 has other data than the majority at revision 110, but the others have no "
        "majority without it.",
        Phase.RUNNING,
        ("apply ConfigMap db-config",),
        flags=flags("blocked"),
    ),
    Fires(
        "one comparison is enough not to give up a member that may be right",
        wait_to_replace,
        homeless(compared(formed(3), "aba"), 2, host=NodeState.GONE),
        attention.CANNOT_REPLACE_MEMBER,
        "Member db-2 has its disk on a node that is gone, but those that are known to have the "
        "right data have no majority without it.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "an alarm about nobody may be about the one that would be left",
        wait_to_shrink,
        with_spec(alarmed(formed(3), "alarm:CORRUPT "), size=1),
        attention.QUORUM_AT_RISK,
        "Scale-in is waiting: removing db-1, db-2 would lose quorum while db-0, db-1, db-2 are "
        "unhealthy.",
        Phase.SCALING,
    ),
)

PASSES = (
    Passes("nobody has compared yet", report_divergence, formed(3)),
    Passes("all agree", report_divergence, differing("aaa")),
    Passes("not confirmed yet", report_divergence, compared(formed(3), "abc")),
    Passes("confirmed otherwise", report_divergence, compared(formed(3), "abc", "aaa")),
    Passes("a majority agrees", report_divergence, differing("aab")),
    Passes("a person has decided", report_divergence, asked(differing("abc"), 2)),
    Passes("all agree", replace_stuck_members, differing("aaa")),
    Passes("not confirmed yet", replace_stuck_members, compared(formed(3), "aba")),
    Passes("it was gone again", replace_stuck_members, compared(formed(3), "aba", "aaa")),
    Passes("another each time", replace_stuck_members, compared(formed(3), "aba", "aab")),
    Passes("no majority agrees", replace_stuck_members, differing("abc")),
    Passes(
        "a gap is filled before another one goes",
        replace_stuck_members,
        without_member(differing("aaaab"), 1),
    ),
    Passes(
        "who can be lost is not known for certain, but may be needed",
        replace_lost_members,
        change_pod(silent(compared(formed(3), "aba"), 2), 2, **WIPED),
    ),
    Passes(
        "who joined since may have learnt from the wrong one",
        replace_lost_members,
        change_pod(silent(compared(formed(5), "aaab"), 2), 2, **WIPED),
    ),
    Passes(
        "another one is still on its way in",
        replace_stuck_members,
        with_learner(without_member(differing("abcaa"), 2), 2),
    ),
    Passes(
        "a lost member is needed to outvote the wrong one",
        replace_lost_members,
        change_pod(silent(differing("aba"), 2), 2, **WIPED),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_the_guard_agrees_with_every_step(row: Fires) -> None:
    current = row.scene
    for action in plan(row.scene).actions:
        assert guards.refuse(action, current) is None
        current = predict(current, (action,))


@pytest.mark.parametrize(
    ("hashes", "leaves", "why"),
    [
        ("aab", 0, "only 1 of 2 voters would be left with the same data"),
        ("aabbb", 2, "only 2 of 4 voters would be left with the same data"),
        ("ab", 0, "only 1 of 2 voters has the same data"),
        ("abc", 1, "only 1 of 2 voters would be left with the same data"),
        ("aabb", 3, "only 2 of 4 voters have the same data"),
        ("aabb", 0, "only 2 of 4 voters have the same data"),
        ("aab", 2, None),
        ("aaab", 3, None),
        ("aaa", 2, None),
        ("aabba", 2, None),
    ],
)
def test_the_guard_keeps_those_that_agree_the_majority(
    hashes: str, leaves: int, why: str | None
) -> None:
    """Confirmed or not: to wait costs seconds."""
    action = RemoveMember(leaves, member_id(leaves), CLUSTER_ID)
    scene = compared(formed(len(hashes)), hashes)
    assert guards.refuse(action, scene) == why
    assert guards.refuse(action, asked(scene, leaves)) is None


def test_the_member_that_came_in_its_place_is_no_part_of_what_was_found() -> None:
    replaced = with_learner(without_member(differing("aba"), 1), 1, serves=True)
    others = tuple(replace(m, id=0xF00) if m.id == member_id(1) else m for m in replaced.members)
    assert replaced.membership is not None
    replaced = replace(replaced, membership=replace(replaced.membership, members=others))
    assert find_divergence(replaced) is None
    still = replace(replaced, compared=differing("abc").compared)
    found = find_divergence(still)
    assert found is not None
    assert found.wrong == frozenset(), "two of three are no majority that agrees"
    assert suspect_ids(still) == {member_id(0), member_id(2)}


def test_what_was_found_is_a_condition() -> None:
    """While the member is being replaced as well."""
    scene = differing("aabab")
    verdicts = {v.type: v for v in judge(scene, plan(scene).decision)}
    assert (verdicts["Degraded"].status, verdicts["Degraded"].reason) == (
        "True",
        attention.DATA_DIFFERS,
    )
    assert verdicts["Degraded"].message == (
        "db-2, db-4 have other data than db-0, db-1, db-3, which agree, at revision 110."
    )
    assert verdicts["Available"].status == "True"


def test_nothing_at_all_is_done_while_nobody_knows_who_is_right() -> None:
    for size in (1, 3, 5):
        assert briefs(settled(with_spec(differing("abc"), size=size))) == ()


@pytest.mark.parametrize(
    ("title", "scene", "can"),
    [
        ("all is well", formed(3), True),
        ("alone", formed(1), False),
        ("a voter is silent", silent(formed(3), 1), False),
        ("a learner joins", with_learner(formed(3), 3, serves=True), False),
        ("a Pod is not ready", change_pod(formed(3), 1, ready=False), False),
        ("a Pod ends", change_pod(formed(3), 1, deleting=True), False),
        ("it is being deleted", with_cluster(formed(3), deleting=True), False),
        ("etcd knows of it", alarmed(formed(3), "alarm:CORRUPT "), False),
        ("the quota is used up", alarmed(formed(3), "alarm:NOSPACE "), True),
        ("two versions", sized(formed(3), 1, version="3.5.22"), False),
        ("hashes that say nothing", formed(3, version="3.5.15"), False),
        ("the first ones that do", formed(3, version="3.5.16"), True),
        ("later ones", formed(3, version="3.6.0"), True),
        ("no version that we know", sized(formed(3), 0, 1, 2, version="3.7"), False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_when_a_comparison_says_something(title: str, scene: Snapshot, can: bool) -> None:
    assert is_comparable(scene) is can
