"""Whose a member is: a client of etcd may add any, with any URL, and it is not the operator's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.core.actions import Action, ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.naming import ANNOTATION_MEMBERS, MOST_MEMBERS
from etcd_operator.core.model.ownership import NAMED
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import choose_layout, plan, predict
from etcd_operator.core.reasons import attention
from etcd_operator.core.status.report import report
from tests.builders.actions import brief, briefs
from tests.builders.quorum_loss import with_note
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    answer,
    change_claim,
    formed,
    growing,
    member,
    member_id,
    settled,
    silent,
    with_learner,
    with_members,
    with_spec,
    without_child,
    without_claims,
    without_member,
)

HOST = "db-peer.team.svc.cluster.local:2380"
# What a client of etcd can write into the member list of a cluster of three.
URLS = (
    "http://db-3.db-peer.team.svc.cluster.local:2380",
    "http://db-60.db-peer.team.svc.cluster.local:2380",
    "http://db-4000000000.db-peer.team.svc.cluster.local:2380",
    "http://db-0.db-peer:2380",
    "https://db-0.db-peer.team.svc.cluster.local:2380",
    "http://DB-0.db-peer.team.svc.cluster.local:2380",
    "http://db-0.db-peer.team.svc.other.domain:2380",
    "http://db-1.db-peer.team.svc.cluster.local:2381",
    "http://db-00.db-peer.team.svc.cluster.local:2380",
    "http://db-\N{ARABIC-INDIC DIGIT THREE}.db-peer.team.svc.cluster.local:2380",
    f"http://db-{'9' * 5000}.db-peer:2380",
    f"http://{'x' * 253}:2380",
    "http://[::1:2380",
    "",
)


def by_hand(
    snapshot: Snapshot,
    *urls: str,
    started: bool = False,
    learner: bool = True,
    name: str = "",
) -> Snapshot:
    """A client of etcd adds a member with these peer URLs."""
    clients = ("http://10.1.1.1:2379",) if started else ()
    line = Member(0xF0 + len(snapshot.members), name, urls, clients, is_learner=learner)
    return with_members(snapshot, *snapshot.members, line)


@pytest.mark.parametrize("learner", [True, False])
@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("url", URLS)
@pytest.mark.situation(
    "data",
    "a client of etcd adds a member, with any URL",
    "it is reported, and gets no Pod, disk or gate",
)
def test_a_member_added_by_hand_changes_nothing_and_is_named(
    url: str, *, started: bool, learner: bool
) -> None:
    before = formed(3)
    scene = by_hand(before, url, started=started, learner=learner)
    assert [m.id for m in scene.ownership.foreign] == [scene.members[-1].id]
    assert scene.ownership.own == {o: member(o) for o in range(3)}
    layout, usual = choose_layout(scene), choose_layout(before)
    assert (layout.replicas, layout.gates, layout.listed) == (3, usual.gates, usual.listed)
    made = plan(scene)
    assert made.decision.reason == attention.FOREIGN_MEMBER
    assert [brief(action) for action in made.actions] == []
    status = report(scene, made.decision)
    assert [m.name for m in status.members[:3]] == ["db-0", "db-1", "db-2"]
    assert all(m.ready for m in status.members[:3])
    assert (status.members[3].id, status.replicas) == (f"{scene.members[-1].id:x}", 3)
    assert status.members[3].client_url == ""
    degraded = next(c for c in status.conditions if c.type == "Degraded")
    assert (degraded.status, degraded.reason) == ("True", "ForeignMember")
    assert status.members[3].id in degraded.message


def test_one_with_a_second_url_is_foreign() -> None:
    scene = by_hand(growing(3, 5), NAMING.peer_url(3), "http://stranger:2380")
    assert scene.ownership.foreign == scene.members[3:]


def test_two_of_the_same_spelling_are_both_foreign() -> None:
    """No etcd has such a list; whoever says so cannot be told from the real one."""
    scene = by_hand(formed(3), NAMING.peer_url(0))
    assert set(scene.ownership.own) == {1, 2}
    assert len(scene.ownership.foreign) == 2


def test_members_of_before_another_cluster_domain_stay_the_operators() -> None:
    old = tuple(
        replace(line, peer_urls=(f"http://db-{o}.db-peer.team.svc.old:2380",))
        for o, line in enumerate(formed(3).members)
    )
    scene = with_members(formed(3), *old)
    assert scene.ownership.own == dict(enumerate(old))
    assert by_hand(scene, "http://db-0.db-peer:2380").ownership.own == dict(enumerate(old))


def test_the_learner_that_was_on_record_before_it_was_announced_is_the_operators() -> None:
    """The operator may end between telling etcd and writing it down, and the size may change."""
    announced = by_hand(growing(3, 5), NAMING.peer_url(3))
    assert set(announced.ownership.own) == {0, 1, 2, 3}
    assert "remove 3" in briefs(with_spec(announced, size=3))


def test_who_was_never_announced_is_foreign_though_the_url_is_right() -> None:
    scene = by_hand(formed(3), NAMING.peer_url(3))
    assert scene.ownership.foreign == scene.members[3:]


def put_back(snapshot: Snapshot, members: str) -> Snapshot:
    """The gate says what it said once: somebody edited it, or put it back from a backup."""
    return settled(with_note(snapshot, ANNOTATION_MEMBERS, members))


def stale(snapshot: Snapshot, members: str) -> Snapshot:
    """The same, seen before anything was corrected."""
    return with_note(snapshot, ANNOTATION_MEMBERS, members)


@pytest.mark.parametrize("members", ["0", "0,1"])
@pytest.mark.situation(
    "data",
    "the operator's ConfigMap is put back from a backup of before the cluster grew",
    "members that answer from their own Pods are not foreign, and the record is corrected",
)
def test_who_answers_from_its_own_pod_is_the_operators_whatever_the_record_says(
    members: str,
) -> None:
    scene = stale(formed(3), members)
    assert scene.ownership.foreign == ()
    assert briefs(scene) == ("apply ConfigMap db-config",)
    assert choose_layout(scene).listed == (0, 1, 2)
    assert plan(put_back(formed(3), members)).rule == "report_settled"


def test_an_answer_counts_for_the_member_that_gives_it_alone() -> None:
    """While a cluster shrinks, Pods of members that have left go on for a while."""
    left = stale(with_members(formed(3), member(0), member(1)), "0,1")
    scene = by_hand(left, NAMING.peer_url(2), started=True)
    assert scene.ownership.foreign == scene.members[2:]
    elsewhere = replace(formed(3), membership=None)
    other = {**elsewhere.probes, 2: answer(2, cluster_id=CLUSTER_ID + 1)}
    scene = replace(stale(formed(3), "0,1"), probes=other)
    assert scene.ownership.foreign == (member(2),)


def test_nobody_is_told_to_remove_a_voter_whose_pod_is_away() -> None:
    scene = stale(silent(formed(3), 2), "0,1")
    assert briefs(scene) == ()
    made = plan(scene)
    assert (made.rule, made.decision.reason) == ("refuse_foreign_members", attention.FOREIGN_MEMBER)
    assert made.decision.message == (
        f"etcd has a member that is not on record: {member(2).id:x} at {NAMING.peer_url(2)}. "
        "PersistentVolumeClaim data-db-2 says that it may be this cluster's, and the annotation "
        "etcd.etcd.io/members of ConfigMap db-config edited: then bring its Pod back, or put the "
        "annotation back. Remove it with `etcdctl member remove` only if a client of etcd has "
        "added it. Nothing is changed until then."
    )


def moved(snapshot: Snapshot, ordinal: int, *urls: str, **changes: Any) -> Snapshot:
    """A client of etcd gives one of the cluster's members another peer URL."""
    lines = {m.id: m for m in snapshot.members}
    line = replace(lines[member_id(ordinal)], peer_urls=urls, **changes)
    return with_members(snapshot, *{**lines, line.id: line}.values())


@pytest.mark.parametrize(
    "urls",
    [("http://evil:2380",), ("http://evil:2380", "http://db-7:2380"), (f"http://db-7.{HOST}",)],
)
@pytest.mark.parametrize("away", [(), (1,)], ids=["it answers", "its Pod is away"])
@pytest.mark.situation(
    "data",
    "a client of etcd changes the peer URL of a member",
    "the message has the command that restores it, and does not advise to remove the member",
)
def test_a_voter_with_another_peer_url_is_to_get_its_own_again(
    urls: tuple[str, ...], away: tuple[int, ...]
) -> None:
    scene = moved(silent(formed(3), *away), 1, *urls)
    made = plan(scene)
    assert (made.rule, made.actions) == ("refuse_foreign_members", ())
    assert made.decision.message == (
        f"Member {member_id(1):x} is db-1 of this cluster, but a client of etcd has changed its "
        f"peer URL to {' '.join(urls)}. Put it back with `etcdctl member update "
        f"{member_id(1):x} --peer-urls={NAMING.peer_url(1)}`, and do not remove the member. "
        "Nothing is changed until then."
    )
    assert "peer URL" in report(scene, made.decision).members[-1].message


@pytest.mark.parametrize(
    "scene",
    [
        moved(silent(formed(3), 1), 1, "http://evil:2380", name="other"),
        moved(silent(formed(3), 1), 1, "http://evil:2380", client_urls=()),
        without_claims(moved(silent(formed(3), 1), 1, "http://evil:2380"), 1),
        change_claim(moved(silent(formed(3), 1), 1, "http://evil:2380"), 1, owner_uid="another"),
        by_hand(formed(3), "http://evil:2380", started=True, name="db-1"),
    ],
    ids=["another name", "it has not served", "no disk", "another's disk", "db-1 is there"],
)
def test_a_name_alone_makes_nobody_a_member(scene: Snapshot) -> None:
    assert "`etcdctl member remove`" in plan(scene).decision.message


@pytest.mark.parametrize(
    "scene",
    [
        without_claims(stale(silent(formed(3), 2), "0,1"), 2),
        change_claim(stale(silent(formed(3), 2), "0,1"), 2, bound=False),
        change_claim(stale(silent(formed(3), 2), "0,1"), 2, owner_uid="another"),
        by_hand(stale(with_members(formed(3), member(0), member(1)), "0,1"), NAMING.peer_url(2)),
        by_hand(formed(3), "http://db-2.db-peer:2380", started=True),
    ],
    ids=["no disk", "no volume", "another's disk", "it has not served", "another spelling"],
)
def test_everybody_else_is_to_be_removed(scene: Snapshot) -> None:
    assert plan(scene).decision.message.endswith(
        "Remove it with `etcdctl member remove`. Nothing is changed until then."
    )


def test_a_larger_size_does_not_make_it_the_operators() -> None:
    scene = settled(with_spec(by_hand(formed(3), NAMING.peer_url(3)), size=5))
    assert scene.announced == 3
    assert plan(scene).decision.reason == attention.FOREIGN_MEMBER


def test_the_record_is_lowered_when_the_members_beyond_are_gone() -> None:
    scene = settled(with_spec(with_learner(growing(3, 5), 3), size=3))
    assert scene.announced == 5
    assert settled(without_member(scene, 3)).announced == 3


def test_it_is_worked_out_once_for_each_snapshot() -> None:
    """A plan asks for it some eighty times; a changed snapshot is another one."""
    scene = formed(3)
    assert scene.ownership is scene.ownership
    assert scene.seats()[0] is scene.seat(0)
    assert set(without_member(scene, 2).ownership.own) == {0, 1}
    assert without_member(scene, 2).seat(2).member is None


def test_without_a_quorum_the_record_stays() -> None:
    assert settled(silent(growing(3, 5), 0, 1)).announced == 5
    lost = settled(silent(without_child(growing(3, 5), "ConfigMap", "db-config"), 0, 1))
    assert lost.announced == 5


def test_without_any_record_what_was_made_for_members_counts() -> None:
    lost = without_child(formed(3), "ConfigMap", "db-config")
    assert lost.announced == 3
    assert without_child(with_learner(growing(3, 5), 3), "ConfigMap", "db-config").announced == 5


def test_of_many_only_some_are_shown() -> None:
    scene = formed(3)
    for number in range(40):
        scene = by_hand(scene, f"http://stranger-{number}:2380/{'x' * 5000}")
    decision = plan(scene).decision
    assert f"and {40 - NAMED} more" in decision.message
    assert len(decision.message) < 2000
    status = report(scene, decision)
    assert len(status.members) == 3 + NAMED
    assert all(len(view.peer_url) < 300 for view in status.members)


@given(
    urls=st.lists(
        st.one_of(
            st.sampled_from(URLS),
            st.integers(-3, 10**12).map(lambda o: f"http://db-{o}.{HOST}"),
            st.text(max_size=40),
        ),
        max_size=5,
    ),
    size=st.sampled_from([0, 1, 3, 5, 9]),
    away=st.sets(st.integers(0, 2)),
)
def test_whatever_is_in_the_list_no_plan_exceeds_the_largest_cluster(
    urls: list[str], size: int, away: set[int]
) -> None:
    scene = with_spec(formed(3), size=size)
    for url in urls:
        scene = by_hand(scene, url)
    scene = silent(scene, *away)
    layout = choose_layout(scene)
    assert max(layout.replicas, len(layout.gates)) <= MOST_MEMBERS
    now = scene
    for action in plan(scene).actions:
        assert _is_bounded(action)
        assert refuse(action, now) is None
        now = predict(now, (action,))


def _is_bounded(action: Action) -> bool:
    if not isinstance(action, ApplyObject):
        return True
    spec, data = action.manifest.get("spec", {}), action.manifest.get("data", {})
    return spec.get("replicas", 0) <= MOST_MEMBERS and len(data) <= MOST_MEMBERS
