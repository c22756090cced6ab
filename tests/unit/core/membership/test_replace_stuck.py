"""Members that do not come back: when they are given up, and when they are waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.membership.replace_stuck import (
    release_stuck_pods,
    replace_stuck_members,
    wait_to_replace,
)
from etcd_operator.core.model.live_objects import NodeState, PodProblem, Probe
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan, predict
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.lost_members import AFFINITY, LONG_AGO, homeless, on
from tests.builders.snapshots import (
    NOW,
    change_member,
    change_pod,
    formed,
    led_by,
    member_id,
    outdated,
    silent,
    with_learner,
    with_spec,
    without_member,
)

CONFLICT = "0/3 nodes are available: 1 node(s) had volume node affinity conflict."
CROWDED = "0/3 nodes are available: 3 Insufficient cpu."
JUST_NOW = NOW - timedelta(minutes=1)
REPLACED = (
    "remove 1",
    "delete PersistentVolumeClaim data-db-1",
    "add 1",
    "delete Pod db-1",
    "apply ConfigMap db-config",
)


def ending(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """A member's Pod is to end, on a node that may not be there."""
    host = changes.pop("host", NodeState.DOWN)
    state = {"ready": False, "deleting": True, "ends_by": LONG_AGO, **changes}
    return on(change_pod(silent(snapshot, ordinal), ordinal, **state), ordinal, host)


def crashing(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """A member's process ends again and again."""
    trouble = PodProblem("CrashLoopBackOff", "etcd ended with exit code 2")
    state = {"ready": False, "running": False, "restarts": 5, "unready_since": LONG_AGO}
    return change_pod(silent(snapshot, ordinal), ordinal, problem=trouble, **{**state, **changes})


def asked(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """Somebody annotated a member's Pod."""
    return change_pod(snapshot, ordinal, replace_asked=True)


def corrupt(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """etcd found that these members have other data than the rest."""
    errors = tuple(f"memberID:{member_id(o)} alarm:CORRUPT " for o in ordinals)
    probes = {
        o: Probe(replace(p.status, errors=errors)) if p.status else p
        for o, p in snapshot.probes.items()
    }
    return replace(snapshot, probes=probes)


FIRES = (
    Fires(
        "its disk is on a node that is gone: at once",
        replace_stuck_members,
        homeless(formed(3), 1, host=NodeState.GONE, since=NOW),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 has its disk on a node that is gone: replacing it.",
        Phase.SCALING,
        REPLACED,
    ),
    *(
        Fires(
            f"its disk is where no node can be used, as the scheduler says: {words}",
            replace_stuck_members,
            homeless(formed(3), 1, message=words),
            routine.REPLACING_STUCK_MEMBER,
            "Member db-1 has its disk on a node that cannot be used: replacing it.",
            Phase.SCALING,
            REPLACED,
        )
        for words in (AFFINITY, CONFLICT)
    ),
    Fires(
        "its disk is on a node that does not answer: after the delay",
        replace_stuck_members,
        homeless(formed(3), 1, host=NodeState.DOWN),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        REPLACED,
    ),
    Fires(
        "its Pod cannot end on a dead node: it is let go",
        replace_stuck_members,
        ending(formed(3), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 cannot end its Pod: node node-1 does not answer: replacing it.",
        Phase.SCALING,
        (
            "remove 1",
            "delete PersistentVolumeClaim data-db-1",
            "add 1",
            "delete Pod db-1 at once",
            "apply ConfigMap db-config",
        ),
    ),
    Fires(
        "it crashes where the others do not",
        replace_stuck_members,
        crashing(formed(3), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 crashes again and again: replacing it.",
        Phase.SCALING,
        REPLACED,
    ),
    Fires(
        "somebody asks for it, of the leader",
        replace_stuck_members,
        asked(led_by(formed(3), 1), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 is to be replaced, as its Pod's annotation says: replacing it.",
        Phase.SCALING,
        (
            "lead 1>0",
            *REPLACED,
        ),
    ),
    Fires(
        "its removal was refused once it no longer led: before the leader of now",
        replace_stuck_members,
        change_pod(asked(asked(led_by(formed(3), 1), 1), 0), 0, role=ROLE_LEAVING),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-0 is to be replaced, as its Pod's annotation says: replacing it.",
        Phase.SCALING,
        tuple(step.replace("1", "0") for step in REPLACED),
    ),
    Fires(
        "a leader with corrupt data: before one that has left the Service",
        replace_stuck_members,
        change_pod(asked(corrupt(led_by(formed(3), 1), 1), 0), 0, role=ROLE_LEAVING),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 has corrupt data, as etcd's alarm says: replacing it.",
        Phase.SCALING,
        ("apply ConfigMap db-config", "label db-0 voter", "lead 1>2", *REPLACED[:4]),
    ),
    Fires(
        "etcd says that its data is corrupt",
        replace_stuck_members,
        corrupt(formed(3), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 has corrupt data, as etcd's alarm says: replacing it.",
        Phase.SCALING,
        ("apply ConfigMap db-config", *REPLACED[:4]),
    ),
    Fires(
        "the spec's own delay counts",
        replace_stuck_members,
        with_spec(
            homeless(formed(3), 1, host=NodeState.DOWN, since=JUST_NOW),
            recovery={"memberReplacementDelay": "30s"},
        ),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        REPLACED,
    ),
    Fires(
        "a Pod on a dead node whose member left is let go",
        release_stuck_pods,
        ending(without_member(formed(3), 2), 2),
        routine.FORCE_DELETING_PODS,
        "Force-deleting Pod db-2: its node is not responding and its member was removed.",
        Phase.SCALING,
        (
            "apply ConfigMap db-config",
            "apply StatefulSet db",
            "delete Pod db-2 at once",
        ),
    ),
    Fires(
        "when it will be replaced",
        wait_to_replace,
        homeless(formed(3), 1, host=NodeState.DOWN, since=JUST_NOW),
        attention.MEMBER_STUCK,
        "Member db-1 has its disk on a node that cannot be used; it is replaced at 05:10:07Z if "
        "that lasts.",
        Phase.RUNNING,
    ),
    Fires(
        "why it cannot be replaced",
        wait_to_replace,
        asked(formed(1), 0),
        attention.CANNOT_REPLACE_MEMBER,
        "Member db-0 is to be replaced, as its Pod's annotation says, but the others have no "
        "majority without it.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "two of three have corrupt data: which one is right?",
        wait_to_replace,
        corrupt(formed(3), 0, 1),
        attention.CANNOT_REPLACE_MEMBER,
        "Member db-0 has corrupt data, as etcd's alarm says, but those that are known to have the "
        "right data have no majority without it.",
        Phase.RUNNING,
        ("apply ConfigMap db-config",),
        flags=flags("blocked"),
    ),
)

PASSES = (
    Passes("all serve", replace_stuck_members, formed(3)),
    Passes("it runs and is only silent", replace_stuck_members, silent(formed(3), 1)),
    Passes(
        "it runs and has been silent for long",
        replace_stuck_members,
        change_pod(silent(formed(3), 1), 1, ready=False, unready_since=LONG_AGO),
    ),
    Passes(
        "the delay is not over",
        replace_stuck_members,
        homeless(formed(3), 1, host=NodeState.DOWN, since=JUST_NOW),
    ),
    Passes(
        "its node is only cordoned",
        replace_stuck_members,
        homeless(formed(3), 1, host=NodeState.UP),
    ),
    Passes(
        "no node has room for it",
        replace_stuck_members,
        homeless(formed(3), 1, message=CROWDED),
    ),
    Passes(
        "its Pod has time to end",
        replace_stuck_members,
        ending(formed(3), 1, ends_by=NOW + timedelta(seconds=10)),
    ),
    Passes(
        "its Pod ends slowly on a node that answers",
        replace_stuck_members,
        ending(formed(3), 1, host=NodeState.UP),
    ),
    Passes(
        "it may be the new spec that makes it crash",
        replace_stuck_members,
        outdated(crashing(formed(3), 1), 0, 2),
    ),
    Passes("it has crashed once", replace_stuck_members, crashing(formed(3), 1, restarts=1)),
    Passes(
        "the others have no majority",
        replace_stuck_members,
        silent(homeless(formed(5), 1, host=NodeState.GONE), 2, 3),
    ),
    Passes(
        "one that serves is asked for while another is away",
        replace_stuck_members,
        silent(asked(formed(3), 1), 2),
    ),
    Passes(
        "another one is on its way in",
        replace_stuck_members,
        homeless(with_learner(formed(5), 5), 1, host=NodeState.GONE),
    ),
    Passes(
        "the Pod that was asked for is ending already",
        replace_stuck_members,
        change_member(
            change_pod(asked(silent(formed(3), 1), 1), 1, deleting=True, ready=False),
            1,
            client_urls=(),
            is_learner=True,
        ),
    ),
    Passes("no Pod is left", release_stuck_pods, formed(3)),
    Passes(
        "its member is still there",
        release_stuck_pods,
        ending(formed(3), 2),
    ),
    Passes(
        "its node is there",
        release_stuck_pods,
        ending(without_member(formed(3), 2), 2, host=NodeState.UP),
    ),
    Passes("nobody is stuck", wait_to_replace, silent(formed(3), 1)),
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
    "scene", [homeless(formed(3), 1, host=NodeState.GONE), ending(formed(3), 1)]
)
def test_exactly_the_pod_that_was_seen_is_deleted(scene: Snapshot) -> None:
    made = plan(scene)
    (stop,) = (a for a in made.actions if isinstance(a, DeleteObject) and a.kind == "Pod")
    assert (stop.uid, stop.resource_version) == ("pod-1", "1")


def test_a_cut_off_replacement_is_begun_anew() -> None:
    """Announced already, but the old disk and the Pod are still there."""
    cut = change_member(
        homeless(formed(3), 1, host=NodeState.GONE), 1, client_urls=(), is_learner=True
    )
    assert plan(cut).rule == "replace_stuck_members"


def test_the_guard_lets_no_disk_of_a_member_go() -> None:
    made = plan(homeless(formed(3), 1, host=NodeState.GONE))
    deletion = next(a for a in made.actions if getattr(a, "kind", "") == "PersistentVolumeClaim")
    assert guards.refuse(deletion, formed(3)) == "the member of this disk is in etcd's member list"
