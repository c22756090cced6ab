"""Members that differ again after they were replaced for it: on record, and for a person."""

from __future__ import annotations

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import RemoveMember
from etcd_operator.core.consistency.divergence import suspect_ids
from etcd_operator.core.membership.replace_stuck import replace_stuck_members
from etcd_operator.core.model.naming import ANNOTATION_DIFFERED
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import choose_layout, plan, predict
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.storage.maintenance import report_alarms, report_divergence
from tests.builders.actions import SAID, Fires, flags
from tests.builders.diverging import REMEDY, asked, compared, differing, replacement_on_record
from tests.builders.quorum_loss import with_note
from tests.builders.snapshots import CLUSTER_ID, formed, led_by, member_id, settled
from tests.builders.space import alarmed


def replaced_before(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """An earlier member of this ordinal differed, which is on record."""
    return settled(with_note(snapshot, ANNOTATION_DIFFERED, f"{ordinal}/ff"))


def on_record(snapshot: Snapshot) -> str:
    """What the gate is to say of members whose data differed."""
    return choose_layout(snapshot).differed


FIRES = (
    Fires(
        "who came in place of one that differed as well is not replaced again",
        report_divergence,
        replaced_before(differing("aba"), 1),
        attention.DATA_DIFFERS,
        "db-1 has other data than db-0, db-2, which agree, at revision 110. To replace db-1 for "
        "that did not help: what the majority has may be what is wrong." + REMEDY,
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "nor is another one that differs: nobody knows whether the majority is right",
        report_divergence,
        replaced_before(differing("abcaa"), 2),
        attention.DATA_DIFFERS,
        "db-1, db-2 have other data than db-0, db-3, db-4, which agree, at revision 110. To "
        "replace db-2 for that did not help: what the majority has may be what is wrong." + REMEDY,
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "a person has decided that the majority is right after all",
        replace_stuck_members,
        asked(replaced_before(differing("aba"), 1), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 is to be replaced, as its Pod's annotation says: replacing it.",
        Phase.SCALING,
        replacement_on_record(1),
    ),
    Fires(
        "a person has decided that the majority is wrong",
        replace_stuck_members,
        asked(replaced_before(led_by(differing("aba"), 1), 1), 0),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        replacement_on_record(0),
    ),
    Fires(
        "one whose place nobody had before is replaced",
        replace_stuck_members,
        replaced_before(differing("aba"), 2),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 has other data than the majority at revision 110: replacing it.",
        Phase.SCALING,
        replacement_on_record(1),
    ),
    Fires(
        "etcd's alarm about one that was replaced for it is for a person as well",
        report_alarms,
        replaced_before(alarmed(formed(3), f"memberID:{member_id(1)} alarm:CORRUPT "), 1),
        attention.CORRUPT_DATA,
        "etcd refuses to work, because members do not have the same data, and which of them is "
        "right has to be decided by a person. To replace db-1 for that did not help: what the "
        "majority has may be what is wrong.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_the_guard_agrees_with_every_step(row: Fires) -> None:
    current = row.scene
    for action in plan(row.scene).actions:
        assert guards.refuse(action, current) is None
        current = predict(current, (action,))


def test_no_guard_lets_a_voter_go_while_one_differs_again() -> None:
    """A person may ask for it. A member that the record names itself was not replaced yet."""
    action = RemoveMember(1, member_id(1), CLUSTER_ID)
    why = f"member {member_id(1):x} differs, as the member did that it has replaced"
    for scene in (
        replaced_before(compared(formed(3), "aba"), 1),
        replaced_before(alarmed(formed(3), f"memberID:{member_id(1)} alarm:CORRUPT "), 1),
    ):
        assert guards.refuse(action, scene) == why
        assert guards.refuse(action, asked(scene, 1)) is None
        assert suspect_ids(scene) == {member_id(ordinal) for ordinal in range(3)}
        own = with_note(scene, ANNOTATION_DIFFERED, f"1/{member_id(1):x}")
        assert guards.refuse(action, own) is None
        assert suspect_ids(own) == {member_id(1)}


@pytest.mark.parametrize(
    ("title", "scene", "record"),
    [
        ("nobody differs", formed(3), ""),
        ("confirmed", differing("aba"), f"1/{member_id(1):x}"),
        ("not confirmed", compared(formed(3), "aba"), ""),
        ("no majority agrees", differing("abc"), ""),
        ("by etcd's alarm", alarmed(formed(3), f"memberID:{member_id(2)} alarm:CORRUPT "),
         f"2/{member_id(2):x}"),
        ("two", differing("abcaa"), f"1/{member_id(1):x} 2/{member_id(2):x}"),
        ("nobody has compared since", replaced_before(formed(3), 1), "1/ff"),
        ("one comparison shows no difference", replaced_before(compared(formed(3), "aaa"), 1), ""),
        ("it differs again", replaced_before(differing("aba"), 1), "1/ff"),
        ("another one differs", replaced_before(differing("aab"), 1), f"1/ff 2/{member_id(2):x}"),
        ("not all were compared", replaced_before(compared(formed(3), "aa"), 1), "1/ff"),
        ("an alarm is left", replaced_before(compared(
            alarmed(formed(3), "alarm:CORRUPT "), "aaa"), 1), "1/ff"),
        ("one is left, who agrees with itself", replaced_before(formed(1), 1), ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_whose_data_differed_is_on_record_until_all_agree(
    title: str, scene: Snapshot, record: str
) -> None:
    assert on_record(scene) == record
