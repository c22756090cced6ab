"""Alarms and the space that the database uses: what is done, in which order, and when nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import Compact, Defragment, DisarmAlarm
from etcd_operator.core.model.requests import ANNOTATION_DEFRAGMENT, SMALLEST_FILE, write_time
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.storage.maintenance import (
    defragment,
    disarm_corrupt,
    free_space,
    is_about_to_defragment,
    report_alarms,
)
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    CLUSTER_ID,
    DB_SIZE,
    NOW,
    change_pod,
    formed,
    led_by,
    member_id,
    outdated,
    silent,
    with_cluster,
    with_spec,
)
from tests.builders.space import alarmed, sized

QUOTA = 100 * 2**20
ROUTINE = {"defragmentation": {"minimumSize": "10Mi"}}


def full(
    size: int = 3, *, compacted: bool | None = True, used: int = QUOTA, **spec: Any
) -> Snapshot:
    """The quota is used up, by data or by what could be freed."""
    snapshot = formed(size, etcdConfig={"quotaBackendBytes": QUOTA}, **spec)
    snapshot = alarmed(snapshot, f"memberID:{member_id(1)} alarm:NOSPACE ")
    snapshot = sized(snapshot, *range(size), db_size=QUOTA, db_size_in_use=used)
    return replace(snapshot, compacted=compacted)


def wasteful(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """Most of these members' files holds nothing."""
    return sized(snapshot, *ordinals, db_size=DB_SIZE, db_size_in_use=DB_SIZE // 4)


def busy(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These members say that they are being defragmented."""
    probes = {
        o: replace(p, defragmenting=True) if o in ordinals else p
        for o, p in snapshot.probes.items()
    }
    return replace(snapshot, probes=probes)


def asked(snapshot: Snapshot, minutes: float = 10) -> Snapshot:
    """Somebody has asked for a defragmentation so many minutes ago."""
    request = {ANNOTATION_DEFRAGMENT: write_time(NOW - timedelta(minutes=minutes))}
    return with_cluster(snapshot, annotations=request)


FREEING = "etcd refuses writes: its space quota is exceeded. Freeing space."

FIRES = (
    Fires(
        "history is removed first, then the first follower's file is written anew",
        free_space,
        full(compacted=False),
        routine.FREEING_SPACE,
        FREEING,
        Phase.RUNNING,
        ("compact 100", "defragment 1"),
    ),
    Fires(
        "one member after the other",
        free_space,
        sized(full(used=QUOTA // 2), 1, db_size=QUOTA // 2),
        routine.FREEING_SPACE,
        FREEING,
        Phase.RUNNING,
        ("defragment 2",),
    ),
    Fires(
        "no second one beside another, whoever began that",
        free_space,
        busy(sized(full(used=QUOTA // 2), 1, db_size=QUOTA // 2), 1),
        routine.FREEING_SPACE,
        f"{FREEING} Waiting: db-1 may be in the middle of a defragmentation.",
        Phase.RUNNING,
    ),
    Fires(
        "as routine neither",
        defragment,
        busy(wasteful(formed(3, maintenance=ROUTINE), 1), 0, 2),
        routine.DEFRAGMENTING,
        "Defragmenting db-1: much of its database file is unused. Waiting: db-0, db-2 may be in "
        "the middle of a defragmentation.",
        Phase.RUNNING,
    ),
    Fires(
        "the leader last",
        free_space,
        sized(full(used=QUOTA // 2), 1, 2, db_size=QUOTA // 2),
        routine.FREEING_SPACE,
        FREEING,
        Phase.RUNNING,
        ("defragment 0",),
    ),
    Fires(
        "when there is room the alarm is taken back",
        free_space,
        sized(full(), 0, 1, 2, db_size=QUOTA // 2, db_size_in_use=QUOTA // 2),
        routine.FREEING_SPACE,
        FREEING,
        Phase.RUNNING,
        ("disarm NOSPACE a1",),
    ),
    Fires(
        "also while a member writes its file anew",
        free_space,
        busy(sized(full(), 0, 1, 2, db_size=QUOTA // 2, db_size_in_use=QUOTA // 2), 1),
        routine.FREEING_SPACE,
        FREEING,
        Phase.RUNNING,
        ("disarm NOSPACE a1",),
    ),
    Fires(
        "nothing can be freed",
        report_alarms,
        full(),
        attention.QUOTA_EXCEEDED,
        "etcd refuses writes: its space quota is exceeded. Nothing that could be freed is left: "
        "delete keys, or raise spec.etcdConfig.quotaBackendBytes.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "the user wants to do it",
        report_alarms,
        full(compacted=None, maintenance={"freeSpace": "Never"}),
        attention.QUOTA_EXCEEDED,
        "etcd refuses writes: its space quota is exceeded. Compact, defragment and disarm the "
        "alarm with etcdctl, or set spec.maintenance.freeSpace to Automatic.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "a member is away",
        report_alarms,
        silent(full(compacted=False), 2),
        attention.QUOTA_EXCEEDED,
        "etcd refuses writes: its space quota is exceeded. Space is freed when every member "
        "answers.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "data differs, and nobody knows whose is right",
        report_alarms,
        alarmed(formed(3), "alarm:CORRUPT "),
        attention.CORRUPT_DATA,
        "etcd refuses to work, because members do not have the same data, and which of them is "
        "right has to be decided by a person.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "the corrupt member is gone",
        disarm_corrupt,
        alarmed(formed(3), "memberID:7 alarm:CORRUPT "),
        routine.DISARMING_ALARM,
        "The member with corrupt data was removed: disarming its alarm.",
        Phase.RUNNING,
        ("disarm CORRUPT 7",),
    ),
    Fires(
        "routine: a follower",
        defragment,
        wasteful(formed(3, maintenance=ROUTINE), 0, 2),
        routine.DEFRAGMENTING,
        "Defragmenting db-2: much of its database file is unused.",
        Phase.RUNNING,
        ("defragment 2",),
    ),
    Fires(
        "routine: the leader last, and not as leader",
        defragment,
        led_by(wasteful(formed(3, maintenance=ROUTINE), 1), 1),
        routine.DEFRAGMENTING,
        SAID,
        Phase.RUNNING,
        ("lead 1>0", "defragment 1"),
    ),
    Fires(
        "on request, whatever the routine is, and whatever the window",
        defragment,
        asked(wasteful(formed(3), 0, 2)),
        routine.DEFRAGMENTING,
        SAID,
        Phase.RUNNING,
        ("defragment 2",),
    ),
    Fires(
        "routine: a cluster of one",
        defragment,
        wasteful(formed(1, maintenance=ROUTINE), 0),
        routine.DEFRAGMENTING,
        SAID,
        Phase.RUNNING,
        ("defragment 0",),
    ),
)

PASSES = (
    Passes("no alarm", free_space, formed(3)),
    Passes("a member is away", free_space, silent(full(compacted=False), 2)),
    Passes("it must not", free_space, full(compacted=False, maintenance={"freeSpace": "Never"})),
    Passes("nothing can be freed", free_space, full()),
    Passes(
        "members do not have the larger quota yet",
        free_space,
        outdated(with_spec(full(), etcdConfig={"quotaBackendBytes": 2 * QUOTA}), 0, 1, 2),
    ),
    Passes(
        "the larger quota is not even in the template",
        free_space,
        with_spec(full(), etcdConfig={"quotaBackendBytes": 2 * QUOTA}),
    ),
    Passes("all is well", report_alarms, formed(3)),
    Passes("the corrupt member stays", disarm_corrupt,
           alarmed(formed(3), "memberID:160 alarm:CORRUPT ")),
    Passes("nobody knows whose data it is", disarm_corrupt, alarmed(formed(3), "alarm:CORRUPT ")),
    Passes("routine is not wanted", defragment, wasteful(formed(3), 1)),
    Passes("nothing to gain", defragment, formed(3, maintenance=ROUTINE)),
    Passes("nothing to gain on request", defragment, asked(formed(3))),
    Passes("a request of an hour ago", defragment, asked(wasteful(formed(3), 1), 60)),
    Passes("a request by a clock that is far ahead", defragment, asked(wasteful(formed(3), 1), -6)),
    Passes(
        "a file that every defragmentation leaves like that",
        defragment,
        asked(sized(formed(3), 1, db_size=SMALLEST_FILE - 1, db_size_in_use=SMALLEST_FILE // 2)),
    ),
    Passes("a member is away on request", defragment, silent(asked(wasteful(formed(3), 1)), 2)),
    Passes(
        "too small", defragment, wasteful(formed(3, maintenance={"defragmentation": {}}), 1)
    ),
    Passes(
        "a member is away", defragment, silent(wasteful(formed(3, maintenance=ROUTINE), 1), 2)
    ),
    Passes(
        "a Pod is not ready",
        defragment,
        change_pod(wasteful(formed(3, maintenance=ROUTINE), 1), 2, ready=False),
    ),
)  # fmt: skip


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize(
    ("start", "duration", "inside"),
    [
        ("05:00", "1h", True),
        ("05:07", "1h", False),
        ("04:00", "1h", False),
        ("22:00", "8h", True),  # began yesterday
        ("22:00", "7h", False),
    ],
)
def test_the_window_is_a_time_of_day(start: str, duration: str, inside: bool) -> None:
    window = {"window": {"start": start, "duration": duration}}
    routine = {"defragmentation": {"minimumSize": "10Mi", **window}}
    snapshot = wasteful(formed(3, maintenance=routine), 1)
    assert briefs(snapshot) == (("defragment 1",) if inside else ())


def test_who_is_at_it_is_asked_only_before_another_one_begins() -> None:
    assert is_about_to_defragment(full(compacted=False))
    assert not is_about_to_defragment(formed(3))


def test_the_window_opens_to_the_second() -> None:
    window = {"start": "05:07", "duration": "1m"}
    routine = {"defragmentation": {"minimumSize": "10Mi", "window": window}}
    snapshot = wasteful(formed(3, maintenance=routine), 1)
    at = replace(snapshot, now=NOW + timedelta(seconds=53))
    assert briefs(at) == ("defragment 1",)
    assert briefs(replace(at, now=NOW + timedelta(seconds=113))) == ()


def test_the_members_own_quota_counts_where_it_is_told() -> None:
    told = sized(full(), 0, 1, 2, db_size_quota=2 * QUOTA)
    assert briefs(told) == ("disarm NOSPACE a1",)


def test_writes_are_not_available_while_space_is_used_up() -> None:
    found = {v.type: v for v in judge(full(), plan(full()).decision)}
    assert found["Available"].reason == verdicts.NO_SPACE
    assert found["Degraded"].message == "etcd raised the alarm NOSPACE about db-1."


@pytest.mark.parametrize(
    ("action", "snapshot", "why"),
    [
        (Defragment(1, member_id(1), CLUSTER_ID), silent(formed(3), 2), "a voter does not answer"),
        (Defragment(1, member_id(1), 5), formed(3), "the members answer with another"),
        (
            Defragment(1, 99, CLUSTER_ID),
            formed(1),
            "etcd's member list does not have this member ID",
        ),
        (
            Defragment(1, member_id(1), CLUSTER_ID),
            busy(formed(3), 1),
            "another member may still be",
        ),
        (
            Compact(101, CLUSTER_ID),
            formed(3),
            "the revision is above the newest one of the members",
        ),
        (Compact(100, CLUSTER_ID), silent(formed(3), 1, 2), "no quorum has confirmed"),
        (
            DisarmAlarm("CORRUPT", member_id(1), CLUSTER_ID),
            formed(3),
            "the member with the alarm CORRUPT",
        ),
        (DisarmAlarm("CORRUPT", 0, CLUSTER_ID), formed(3), "the member with the alarm CORRUPT"),
    ],
)
def test_the_guard_refuses(action: Any, snapshot: Snapshot, why: str) -> None:
    assert (guards.refuse(action, snapshot) or "").startswith(why)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_the_guard_agrees(row: Fires) -> None:
    for action in plan(row.scene).actions:
        assert guards.refuse(action, row.scene) is None
