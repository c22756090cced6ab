"""The comparison of a preview with what was done: what may be another, and what may not."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.simulation.predict import predict
from tests.builders.snapshots import formed
from tests.e2e.previews import Previewed

REMOVED = "Removed member c-1 (8e9e05c52164694d)."
ADDED = "Added member c-1 as a learner."
PROMOTED = "Promoted learner c-1 (d03589331541e95d) to voter."
RESTARTED = "Deleted Pod c-1: it crashed before it could join; its configuration is right now."


def compare(*done: str, rejoining: tuple[str, ...] = ()) -> list[str]:
    nothing = replace(predict(formed(3)), entries=())
    return Previewed(nothing, list(done)).differences(rejoining=rejoining)


def test_a_member_that_could_not_join_may_be_added_again_where_that_is_said() -> None:
    assert compare(REMOVED, ADDED, RESTARTED, rejoining=("c-1",)) == []
    assert compare(PROMOTED, REMOVED, ADDED, rejoining=("c-1",)) == []
    assert len(compare(REMOVED, ADDED, RESTARTED)) == 3
    assert len(compare(REMOVED, ADDED, RESTARTED, rejoining=("c-2",))) == 3


def test_where_leadership_moves_counts_only_while_etcd_elects_nobody_by_itself() -> None:
    nothing = replace(predict(formed(3)), entries=())
    moved = "Moved leadership from c-2 to c-0."
    assert Previewed(nothing, [moved]).differences() == [f"not previewed: {moved}"]
    assert Previewed(nothing, [moved, ADDED], leader_stayed=False).differences() == [
        f"not previewed: {ADDED}"
    ]


def test_a_member_that_only_leaves_or_only_comes_is_a_difference() -> None:
    assert compare(REMOVED, rejoining=("c-1",)) == ["not previewed: Removed member c-1."]
    assert compare(ADDED, rejoining=("c-1",)) == [f"not previewed: {ADDED}"]
    assert compare(PROMOTED, rejoining=("c-1",)) == [
        "not previewed: Promoted learner c-1 to voter."
    ]
    gone = "Deleted PersistentVolumeClaim data-c-1: its member lost its data."
    assert compare(REMOVED, ADDED, gone, rejoining=("c-1",)) == [f"not previewed: {gone}"]
