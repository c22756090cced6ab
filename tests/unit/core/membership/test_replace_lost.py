"""Members that lost their data: what is believed, what is done, and when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.membership.disks import Disk, classify_disk
from etcd_operator.core.membership.replace_lost import replace_lost_members
from etcd_operator.core.membership.scale import grow
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan, predict
from etcd_operator.core.reasons import routine
from tests.builders.actions import SAID, Fires, Passes, brief
from tests.builders.lost_members import WIPED, ended
from tests.builders.snapshots import (
    change_claim,
    change_member,
    change_pod,
    formed,
    led_by,
    settled,
    silent,
    with_learner,
    with_spec,
    without_claims,
    without_member,
    without_pods,
)

# What etcd says when its disk is full.
FULL = (
    "failed to save Raft hard state and entries: write /var/lib/etcd/data/member/wal/"
    "0000000000000000-0000000000000000.wal: no space left on device"
)
CORRUPT = "failed to read WAL, cannot be repaired: walpb: crc mismatch"
KEPT: dict[str, Any] = {"retentionPolicy": {"whenScaled": "Retain"}}
RENEWED = (
    "remove 1",
    "delete PersistentVolumeClaim data-db-1",
    "add 1",
    "delete Pod db-1",
    "apply ConfigMap db-config",
)


def ended_well(restarts: int, **member: Any) -> Snapshot:
    """A learner's process that ends with exit code 0, as when its member was removed."""
    learner: dict[str, Any] = {"client_urls": (), "is_learner": True, **member}
    ended_so = change_pod(ended(formed(3), 1, ""), 1, exit_code=0, restarts=restarts)
    return settled(change_member(ended_so, 1, **learner))


def announced_again(*, deleting: bool) -> Snapshot:
    """A member whose disk is lost was announced anew, and its old claim is to go with its Pod."""
    learner = change_member(silent(formed(3), 1), 1, client_urls=(), is_learner=True)
    ends = change_pod(learner, 1, ready=False, running=False, deleting=deleting)
    return change_claim(ends, 1, lost=True, deleting=True)


FIRES = (
    Fires(
        "a wiped follower leaves and is announced again",
        replace_lost_members,
        ended(formed(3), 1, WIPED),
        routine.REPLACING_MEMBER,
        "Member db-1 lost its data: replacing it.",
        Phase.SCALING,
        ("remove 1", "add 1", "apply ConfigMap db-config", "label db-1 learner"),
    ),
    Fires(
        "a voter that was too late to form the cluster becomes a learner",
        replace_lost_members,
        change_member(ended(formed(3), 1, WIPED), 1, client_urls=()),
        routine.REPLACING_MEMBER,
        "Member db-1 was too late to form the cluster: replacing it.",
        Phase.SCALING,
        ("remove 1", "add 1", "apply ConfigMap db-config", "label db-1 learner"),
    ),
    Fires(
        "ordinal 0 is no exception",
        replace_lost_members,
        ended(led_by(formed(3), 2), 0, WIPED),
        routine.REPLACING_MEMBER,
        SAID,
        Phase.SCALING,
        ("remove 0", "add 0", "apply ConfigMap db-config", "label db-0 learner"),
    ),
    Fires(
        "one of five while another is silent: the rest is as safe as before",
        replace_lost_members,
        silent(ended(formed(5), 1, WIPED), 2),
        routine.REPLACING_MEMBER,
        SAID,
        Phase.SCALING,
        ("remove 1", "add 1", "apply ConfigMap db-config", "label db-1 learner"),
    ),
    Fires(
        "a corrupt disk goes, with the Pod that holds it",
        replace_lost_members,
        ended(formed(3), 1, CORRUPT),
        routine.REPLACING_MEMBER,
        "Member db-1 has data that it cannot use: replacing it.",
        Phase.SCALING,
        RENEWED,
    ),
    Fires(
        "the Pod on a lost disk does not go by itself",
        replace_lost_members,
        announced_again(deleting=False),
        routine.REPLACING_MEMBER,
        "Member db-1 lost its disk: replacing it.",
        Phase.SCALING,
        (
            "apply ConfigMap db-config",
            "remove 1",
            "add 1",
            "delete Pod db-1",
        ),
    ),
    Fires(
        "a lost volume likewise",
        replace_lost_members,
        change_claim(change_pod(silent(formed(3), 1), 1, ready=False), 1, lost=True),
        routine.REPLACING_MEMBER,
        "Member db-1 lost its disk: replacing it.",
        Phase.SCALING,
        RENEWED,
    ),
    Fires(
        "a learner that has started since it said so has data by now",
        replace_lost_members,
        change_member(ended(formed(3), 1, WIPED), 1, is_learner=True),
        routine.REPLACING_MEMBER,
        "Member db-1 lost its data: replacing it.",
        Phase.SCALING,
        RENEWED,
    ),
    Fires(
        "who ends well again and again and never starts is on the disk of a removed member",
        replace_lost_members,
        ended_well(restarts=2),
        routine.REPLACING_MEMBER,
        "Member db-1 has data that it cannot use: replacing it.",
        Phase.SCALING,
        RENEWED[:4],
    ),
    Fires(
        "so is who has not begun to serve when it ends",
        replace_lost_members,
        change_pod(
            ended_well(restarts=2),
            1,
            exit_code=1,
            termination_message="listener failed: server is stopping",
        ),
        routine.REPLACING_MEMBER,
        SAID,
        Phase.SCALING,
        RENEWED[:4],
    ),
    Fires(
        "a disk that is being deleted already, and a Pod that ends already",
        replace_lost_members,
        change_claim(
            change_pod(silent(formed(3), 1), 1, ready=False, deleting=True),
            1,
            lost=True,
            deleting=True,
        ),
        routine.REPLACING_MEMBER,
        SAID,
        Phase.SCALING,
        ("remove 1", "add 1", "apply ConfigMap db-config"),
    ),
)

PASSES = (
    Passes("all serve", replace_lost_members, formed(3)),
    Passes("it is only silent", replace_lost_members, silent(formed(3), 1)),
    Passes("it ended for another reason", replace_lost_members, ended(formed(3), 1, "killed")),
    Passes(
        "what it said is from before it came back",
        replace_lost_members,
        change_pod(silent(formed(3), 1), 1, termination_message=WIPED, restarts=1, ready=True),
    ),
    Passes(
        "it runs again and is cut off: silence proves nothing",
        replace_lost_members,
        change_pod(silent(formed(3), 1), 1, termination_message=WIPED, restarts=1, ready=False),
    ),
    Passes(
        "the others have no majority",
        replace_lost_members,
        silent(ended(formed(5), 1, WIPED), 2, 3),
    ),
    Passes(
        "another one is on its way in",
        replace_lost_members,
        ended(with_learner(formed(5), 5), 1, WIPED),
    ),
    Passes(
        "it is to leave anyway",
        replace_lost_members,
        with_spec(ended(formed(3), 2, WIPED), size=1),
    ),
    Passes(
        "it was announced already and only has to start",
        replace_lost_members,
        change_member(ended(formed(3), 1, WIPED), 1, client_urls=(), is_learner=True),
    ),
    Passes(
        "the lost disk of an announced member goes with its Pod",
        replace_lost_members,
        announced_again(deleting=True),
    ),
    Passes("it was stopped once", replace_lost_members, ended_well(restarts=1)),
    Passes(
        "it had started, and is stopped again and again",
        replace_lost_members,
        ended_well(restarts=2, client_urls=("http://db-1:2379",)),
    ),
    Passes(
        "it ends with an error of which nothing is known",
        replace_lost_members,
        change_pod(ended_well(restarts=2), 1, exit_code=1),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize("words", [WIPED, CORRUPT])
@pytest.mark.parametrize("size", [3, 5])
def test_the_guards_allow_each_step_in_order(size: int, words: str) -> None:
    snapshot = ended(formed(size), 1, words)
    for action in replace_lost_members(snapshot).actions:  # type: ignore[union-attr]  # it fires
        assert guards.refuse(action, snapshot) is None, action
        snapshot = predict(snapshot, (action,))


@pytest.mark.parametrize(
    ("words", "disk"),
    [
        (WIPED, Disk.EMPTY),
        ("discovery failed: cannot fetch cluster info from peer urls: EOF", Disk.EMPTY),
        (CORRUPT, Disk.UNUSABLE),
        ("discovery failed: proto: integer overflow", Disk.UNUSABLE),
        ("tocommit(90) is out of range [lastIndex(0)]. Was the raft log corrupted", Disk.UNUSABLE),
        ("the member has been permanently removed from the cluster", Disk.UNUSABLE),
        ("failed to read WAL: wal: max entry size limit exceeded", Disk.UNUSABLE),
        (
            "failed to recover from /var/lib/etcd/data/member/snap: snap: crc mismatch",
            Disk.UNUSABLE,
        ),
        (FULL, None),
        (FULL.replace("wal: no space left on device", "wal: input/output error"), None),
        ("failed to open /var/lib/etcd/data/member/snap/1-2.snap: no space left on device", None),
        ("failed to read WAL, cannot be repaired: no space left on device", None),
        ("listen tcp 0.0.0.0:2380: bind: address already in use", None),
        ("member count is unequal", None),
        ("", None),
    ],
)
def test_what_last_words_mean(words: str, disk: Disk | None) -> None:
    assert classify_disk(ended(formed(3), 1, words).seat(1)) is disk


def test_a_disk_goes_only_between_its_member_and_the_next() -> None:
    corrupt = ended(formed(3), 1, CORRUPT)
    remove, wipe, add, _ = replace_lost_members(corrupt).actions  # type: ignore[union-attr]  # it fires
    assert guards.refuse(wipe, corrupt) == "the member of this disk is in etcd's member list"
    between = predict(corrupt, (remove,))
    assert guards.refuse(wipe, between) is None
    assert (
        guards.refuse(wipe, predict(between, (add,)))
        == "the member of this disk is in etcd's member list"
    )


def test_the_old_pod_goes_only_as_it_was_looked_at() -> None:
    """One that has changed may be the new member's, on the new member's disk."""
    corrupt = change_pod(ended(formed(3), 1, CORRUPT), 1, resource_version="41")
    stop = replace_lost_members(corrupt).actions[-1]  # type: ignore[union-attr]  # it fires
    assert isinstance(stop, DeleteObject)
    assert (stop.kind, stop.resource_version) == ("Pod", "41")


LEFT_BETWEEN = change_pod(without_member(formed(3), 1), 1, resource_version="41")


@pytest.mark.situation(
    "data",
    "a replacement is cut off, and another operator goes on while the first comes late",
    "no disk of a new member is deleted",
)
@pytest.mark.parametrize(
    ("scene", "actions"),
    [
        (
            LEFT_BETWEEN,
            ("delete PersistentVolumeClaim data-db-1", "add 1", "delete Pod db-1"),
        ),
        (change_claim(LEFT_BETWEEN, 1, deleting=True), ("add 1", "delete Pod db-1")),
        (
            change_pod(LEFT_BETWEEN, 1, deleting=True),
            ("delete PersistentVolumeClaim data-db-1", "add 1"),
        ),
        (without_pods(LEFT_BETWEEN, 1), ("delete PersistentVolumeClaim data-db-1", "add 1")),
        (without_claims(without_pods(LEFT_BETWEEN, 1), 1), ("add 1",)),
    ],
)
def test_nobody_is_announced_on_the_disk_of_another(
    scene: Snapshot, actions: tuple[str, ...]
) -> None:
    """A pass that removed the one before may yet delete its claim; by then it is no other's."""
    decision = grow(scene)
    assert decision is not None
    assert tuple(brief(action) for action in decision.actions) == actions
    stopped = [a for a in decision.actions if isinstance(a, DeleteObject) and a.kind == "Pod"]
    assert all(stop.resource_version == "41" for stop in stopped)


@pytest.mark.parametrize("storage", [{}, KEPT])
def test_the_guards_allow_each_step_of_an_announcement_between_others(
    storage: dict[str, Any],
) -> None:
    scene = with_spec(LEFT_BETWEEN, storage=storage)
    for action in grow(scene).actions:  # type: ignore[union-attr]  # it fires
        assert guards.refuse(action, scene) is None, action
        scene = predict(scene, (action,))


def test_the_gate_opens_for_the_announced_member() -> None:
    actions = plan(ended(formed(3), 1, WIPED)).actions
    gate = next(a for a in actions if getattr(a, "kind", "") == "ConfigMap")
    files = gate.manifest["data"]  # type: ignore[union-attr]  # an ApplyObject
    assert "db-0=" in files["db-1.yaml"]
    assert 'initial-cluster-state: "existing"' in files["db-1.yaml"]
    assert "db-1=" not in files["db-0.yaml"], "the others' gates stay closed"
