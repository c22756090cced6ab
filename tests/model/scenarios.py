"""The scenarios of a CI run, most of them explored completely, within small bounds.

Together they cover every change of size, a change of mind in the middle, deletion, and each fault
where it hurts most. Traces name their scenario here as well.
"""

from __future__ import annotations

from typing import Final

from tests.model.disturbances import GATE_DELETED
from tests.model.scenario import (
    Scenario,
    approving,
    crashing,
    ephemeral,
    following,
    never_ready,
    outside,
    pausing,
    resizing,
    sizes,
    two_disks,
)
from tests.model.strangers import ADDED, EDITED, REMOVED, STALE

LAG: Final = "caches lag"
CLAIMS_LAG: Final = "the cache of claims lags"
ONE_LAGS: Final = "one cache lags"
SLOW: Final = "slow pass"
TOLD_LATE: Final = "StatefulSet status lags"
LOST_STATUS: Final = "status lost"
POD: Final = "Pod deleted"
DRAINED: Final = "Pod drained"
CLAIM: Final = "claim deleted"
CRASH: Final = "process crashes"
WIPED: Final = "disk wiped"
LOST_DISK: Final = "disk lost"
GATE: Final = GATE_DELETED
STATEFUL_SET: Final = "StatefulSet deleted"
ORPHANED: Final = "StatefulSet orphaned"
WRITE: Final = "write"
NODE_LOST: Final = "node lost"
NODE_BACK: Final = "node back"
LATE_CLAIM: Final = "disk made too late"
DIFFERS: Final = "data differs"
MISLED: Final = "data of a majority is wrong"
FORGOTTEN: Final = "comparisons forgotten"
SHUT_OUT: Final = "operator shut out"
LET_IN: Final = "operator let in"
ALARM: Final = "alarm about corrupt data"

RUNNING: Final = ("create",)
ANY_ACCIDENT: Final = (POD, CRASH, WIPED, LOST_DISK, GATE, STATEFUL_SET, ORPHANED, LOST_STATUS, LAG)

V36: Final = "3.6.5"
V35: Final = "3.5.26"
V37: Final = "3.7.3"
NEWER: Final = sizes(3, version="3.5.22")
LARGE: Final = "20Gi"
A, B = "a.example.com", "b.example.com"
LARGER: Final = "30Gi"
ROLLED_BACK: Final = (*sizes(3), approving(sizes(3)[0], 1), approving(sizes(3)[0], 2))

SCENARIOS: Final = (
    Scenario("bootstrap 1", sizes(1), ("create",), faults=(*ANY_ACCIDENT, ONE_LAGS)),
    Scenario("bootstrap 3", sizes(3), ("create",), faults=(SLOW, ORPHANED, LOST_STATUS)),
    Scenario("bootstrap 3, lose objects", sizes(3), ("create",), faults=(GATE, STATEFUL_SET),
             most_states=40_000, partial=True),
    Scenario("bootstrap 3 corrected to 1", sizes(3, 1), ("create", 1), faults=(LAG,),
             most_states=60_000, partial=True),
    Scenario("bootstrap 1 corrected to 3", sizes(1, 3), ("create", 1), faults=(GATE,)),
    Scenario("bootstrap 1 corrected to 3, told late", sizes(1, 3), ("create", 1),
             faults=(TOLD_LATE, CLAIMS_LAG), budget=2, most_states=40_000, partial=True),
    Scenario("bootstrap 3, stop", sizes(3, 0), ("create", 1)),
    Scenario("create at 0, start 3", sizes(0, 3), ("create", 1)),
    Scenario("bootstrap 1, delete", sizes(1), ("create", "delete", "create"), faults=(SLOW, LAG)),
    Scenario("bootstrap 1, shut out", sizes(1), ("create",),
             faults=(SHUT_OUT, LET_IN, CRASH, WIPED), budget=3, most_states=12_000, partial=True),
    Scenario("bootstrap 3, shut out", sizes(3), ("create",),
             faults=(SHUT_OUT, LET_IN, WIPED, LOST_DISK), budget=3, most_states=5_000,
             partial=True),
    Scenario("3 at rest, shut out", sizes(3), (), RUNNING,
             (SHUT_OUT, LET_IN, *ANY_ACCIDENT), budget=3, most_states=5_000, partial=True),
    Scenario("1 to 3, shut out", sizes(1, 3), (1,), RUNNING, (SHUT_OUT, LET_IN, LOST_DISK),
             budget=3, most_states=5_000, partial=True),
    Scenario("3 at rest", sizes(3), (), RUNNING, (*ANY_ACCIDENT, WRITE)),
    Scenario("3 at rest, two accidents of members", sizes(3), (), RUNNING,
             (POD, CRASH, WIPED, LOST_DISK, WRITE), budget=2),
    # All of it is 393 598 states and five minutes: nothing was wrong in them.
    Scenario("3 at rest, any two accidents", sizes(3), (), RUNNING, (*ANY_ACCIDENT, WRITE),
             budget=2, most_states=15_000, partial=True),
    Scenario("1 at rest, lose all records but one", sizes(1), (), RUNNING,
             (GATE, STATEFUL_SET, LOST_STATUS, CRASH), budget=3),
    Scenario("3 at rest, lose a node", sizes(3), (), RUNNING,
             (NODE_LOST, NODE_BACK, WRITE), budget=2, most_states=12_000, partial=True),
    # All of it is 90 048 states: nothing was wrong in them.
    Scenario("3 at rest, lose a node, and a pass goes on late", sizes(3), (), RUNNING,
             (NODE_LOST, SLOW), budget=2, most_states=30_000, partial=True),
    Scenario("3 at rest, lose a node, disks kept", sizes(3, keep="scaled"), (), RUNNING,
             (NODE_LOST, CRASH), most_states=12_000, partial=True),
    Scenario("1 to 3, lose a node", sizes(1, 3), (1,), RUNNING, (NODE_LOST, NODE_BACK), budget=2,
             most_states=12_000, partial=True),
    Scenario("3 to 1, lose a node", sizes(3, 1), (1,), RUNNING, (NODE_LOST, NODE_BACK), budget=2,
             most_states=12_000, partial=True),
    Scenario("3 lose their majority, it is given up", (*sizes(3), approving(sizes(3)[0])), (1,),
             RUNNING, (LOST_DISK, SLOW, CRASH), budget=3, most_states=12_000, partial=True),
    Scenario("3 approve too early", (approving(sizes(3)[0]),), (), RUNNING,
             (WIPED, LOST_DISK, GATE), budget=2, most_states=12_000, partial=True),
    Scenario("3 approve while all is well, then lose two nodes", (approving(sizes(3)[0]),), (),
             RUNNING, (NODE_LOST, LOST_STATUS, GATE), budget=3, most_states=12_000, partial=True),
    Scenario("3 roll an approval back", ROLLED_BACK, (1, 2, 1), RUNNING, (NODE_LOST,), budget=2,
             most_states=12_000, partial=True),
    Scenario("1 to 3", sizes(1, 3), (1,), RUNNING, (*ANY_ACCIDENT, SLOW, WRITE)),
    Scenario("1 to 3, two faults", sizes(1, 3), (1,), RUNNING, (POD, CRASH, LOST_DISK), budget=2),
    Scenario("1 to 3 on 3.6", sizes(1, 3, version=V36), (1,), RUNNING, (*ANY_ACCIDENT, SLOW)),
    Scenario("3 to 1", sizes(3, 1), (1,), RUNNING, (SLOW, LAG, CRASH, WRITE)),
    Scenario("3 to 1, lose a disk", sizes(3, 1), (1,), RUNNING, (LOST_DISK, WIPED)),
    Scenario("1 to 3 to 1", sizes(1, 3), (1, 0), RUNNING, (SLOW,)),
    Scenario("3 to 1 to 3", sizes(3, 1), (1, 0), RUNNING, (SLOW, LOST_STATUS)),
    Scenario("3 to 1 to 3 on 3.6", sizes(3, 1, version=V36), (1, 0), RUNNING),
    Scenario("3 to 1 to 3, disks kept", sizes(3, 1, keep="scaled"), (1, 0), RUNNING, (LAG,)),
    Scenario("3 to 0 to 1", sizes(3, 0, 1), (1, 2), RUNNING),
    Scenario("3 to 0 to 3", sizes(3, 0), (1, 0), RUNNING, (GATE, WIPED, LOST_STATUS)),
    Scenario("delete and create again", sizes(3), ("delete", "create"), RUNNING, (SLOW,)),
    Scenario("delete, disks kept", sizes(3, keep="deleted"), ("delete", "create", "delete"),
             RUNNING, (LAG, SLOW, GATE)),
    Scenario("roll 3", sizes(3) + NEWER, (1,), RUNNING,
             (POD, CRASH, LAG, SLOW, WRITE)),
    Scenario("3 at rest, claims are deleted under Pods", sizes(3), (), RUNNING, (CLAIM,), budget=3,
             most_states=12_000, partial=True),
    Scenario("roll 3, a claim is deleted under its Pod", sizes(3) + NEWER, (1,), RUNNING, (CLAIM,),
             most_states=12_000, partial=True),
    Scenario("roll 1, its claim is deleted under its Pod", sizes(1) + sizes(1, version="3.5.22"),
             (1,), RUNNING, (CLAIM,)),
    Scenario("3 to 1, a claim is deleted under its Pod", sizes(3, 1), (1,), RUNNING, (CLAIM,),
             most_states=12_000, partial=True),
    Scenario("3 to 0, a claim is deleted under its Pod", sizes(3, 0), (1, 0), RUNNING, (CLAIM,),
             most_states=6_000, partial=True),
    Scenario("bootstrap 3 with emptyDirs", ephemeral(sizes(3)), ("create",),
             faults=(SLOW, CRASH, LAG), most_states=2_000, partial=True),
    Scenario("3 with emptyDirs at rest", ephemeral(sizes(3)), (), RUNNING,
             (POD, DRAINED, CRASH, GATE, LAG, LOST_STATUS, STATEFUL_SET), budget=2,
             most_states=4_000, partial=True),
    Scenario("3 with emptyDirs, lose a node", ephemeral(sizes(3)), (), RUNNING,
             (NODE_LOST, NODE_BACK, SLOW), budget=2, most_states=2_500, partial=True),
    Scenario("roll 3 with emptyDirs", ephemeral(sizes(3) + NEWER), (1,), RUNNING,
             (POD, DRAINED, CRASH, LAG, SLOW, WRITE), most_states=5_000, partial=True),
    Scenario("roll 1 with emptyDirs, 1 to 3", ephemeral(sizes(1) + sizes(1, 3, version="3.5.22")),
             (1, 2, 1), RUNNING, (CRASH, SLOW), most_states=4_000, partial=True),
    Scenario("3 with emptyDirs crash, corrected",
             ephemeral(sizes(3) + crashing(sizes(3)) + NEWER), (1, 2), RUNNING, (CRASH, LAG),
             most_states=3_000, partial=True),
    Scenario("bootstrap 3 with two disks", two_disks(sizes(3)), ("create",), faults=(CRASH, WIPED),
             most_states=2_000, partial=True),
    Scenario("3 with two disks lose one", two_disks(sizes(3)), (), RUNNING,
             (WIPED, LOST_DISK, CLAIM, SLOW, CRASH), budget=2, most_states=3_000, partial=True),
    Scenario("3 to 1 to 3 with two disks", two_disks(sizes(3, 1, 3)), (1, 2), RUNNING,
             (SLOW, LAG, LOST_DISK), most_states=3_000, partial=True),
    Scenario("3 to 0 to 3 with two disks, delete", two_disks(sizes(3, 0, 3)), (1, 2, "delete"),
             RUNNING, (WIPED,), most_states=2_000, partial=True),
    Scenario("roll 3, drained at the same moment", sizes(3) + NEWER, (1,), RUNNING,
             (SLOW, DRAINED), budget=2, most_states=12_000, partial=True),
    Scenario("roll 3, back", sizes(3) + NEWER, (1, 0), RUNNING, (SLOW, CRASH),
             most_states=12_000, partial=True),
    Scenario("roll 3, paused", sizes(3) + NEWER + pausing(NEWER), (1, 2, 1), RUNNING, (SLOW, POD),
             most_states=12_000, partial=True),
    Scenario("roll 1", sizes(1) + sizes(1, version="3.5.22"), (1,), RUNNING, (LAG, SLOW, CRASH)),
    Scenario("3 are resized", resizing(sizes(3), "1Gi") + resizing(sizes(3), "2Gi"), (1,), RUNNING,
             (SLOW, LAG, ONE_LAGS, TOLD_LATE), calm=True),
    Scenario("1 is resized twice", resizing(sizes(1), "1Gi") + resizing(sizes(1), "2Gi")
             + resizing(sizes(1), "3Gi"), (1, 2, 0), RUNNING, (SLOW, LAG, TOLD_LATE), calm=True),
    Scenario("3 are resized, lose members", resizing(sizes(3), "1Gi") + resizing(sizes(3), "2Gi"),
             (1,), RUNNING, (POD, CRASH, LOST_DISK), most_states=1_500, partial=True),
    Scenario("3 are resized and upgraded", resizing(sizes(3), "1Gi")
             + resizing(sizes(3), "2Gi") + resizing(NEWER, "3Gi"), (1, 2), RUNNING,
             (SLOW, POD), most_states=1_500, partial=True),
    Scenario("3 grow their disks", sizes(3) + sizes(3, disk=LARGE), (1,), RUNNING,
             (SLOW, LAG, ONE_LAGS, TOLD_LATE, LOST_STATUS, ORPHANED, GATE), calm=True),
    Scenario("3 grow their disks, lose members", sizes(3) + sizes(3, disk=LARGE), (1,), RUNNING,
             (POD, CRASH, LOST_DISK), most_states=5_000, partial=True),
    Scenario("3 grow their disks, lose a node", sizes(3) + sizes(3, disk=LARGE), (1,), RUNNING,
             (NODE_LOST, STATEFUL_SET), most_states=5_000, partial=True),
    Scenario("3 grow their disks, the quota follows",
             following(sizes(3) + sizes(3, disk=LARGE)), (1,), RUNNING,
             (POD, LOST_DISK, LAG), most_states=3_000, partial=True),
    Scenario("3 grow their disks twice", sizes(3) + sizes(3, disk=LARGE) + sizes(3, disk=LARGER),
             (1, 2), RUNNING, (LAG,), calm=True),
    Scenario("3 grow their disks, grow to 5", sizes(3) + sizes(5, disk=LARGE), (1,), RUNNING,
             (SLOW, POD), most_states=5_000, partial=True),
    Scenario("bootstrap 3 with addresses outside", outside(sizes(3), A), ("create",),
             faults=(CRASH, GATE)),
    Scenario("3 get addresses outside", sizes(3) + outside(sizes(3), A), (1,), RUNNING,
             (POD, CRASH, LAG, SLOW, GATE, LOST_DISK), most_states=12_000, partial=True),
    Scenario("3 get other addresses outside, then none", outside(sizes(3), A)
             + outside(sizes(3), B) + sizes(3), (1, 2), RUNNING, (SLOW, CRASH),
             most_states=12_000, partial=True),
    Scenario("1 gets an address outside, grows to 3", sizes(1) + outside(sizes(1, 3), A),
             (1, 2, 1), RUNNING, (LAG, CRASH, LOST_DISK), most_states=5_000, partial=True),
    Scenario("1 of 3.6 goes back, grows to 3", sizes(1, version=V36) + sizes(1, 3, version=V35),
             (1, 2), RUNNING, (LAG, SLOW, CRASH), most_states=4_000, partial=True),
    Scenario("1 to 3 on 3.6 in a downgrade, back", sizes(1, version=V36) + sizes(3, version=V35)
             + sizes(3, version=V36), (1, 2), RUNNING),
    Scenario("3 of 3.6 go back, lose a disk", sizes(3, version=V36) + sizes(3, version=V35), (1,),
             RUNNING, (LOST_DISK,), most_states=6_000, partial=True),
    Scenario("1 of 3.5 to 3.7", sizes(1, version=V35) + sizes(1, version=V37), (1,), RUNNING,
             (LAG, SLOW, CRASH, POD)),
    Scenario("1 from before 3.5.26 to 3.6, back", sizes(1) + sizes(1, version=V36), (1, 0),
             RUNNING),
    Scenario("3 of 3.5 to 3.7", sizes(3, version=V35) + sizes(3, version=V37), (1,), RUNNING),
    Scenario("1 of 3.5 to 3.7, no further than 3.6", sizes(1, version=V35) + sizes(1, version=V37)
             + sizes(1, version=V36), (1, 2), RUNNING, (LAG, SLOW)),
    Scenario("replace 1", sizes(1), ("replace",), RUNNING,
             (SLOW, LAG, CRASH, LOST_STATUS, TOLD_LATE)),
    Scenario("replace 1, undo", sizes(1), ("replace", "undo"), RUNNING,
             (SLOW, LAG, CRASH, LOST_STATUS, LATE_CLAIM)),
    Scenario("replace 1, undo, lose objects", sizes(1), ("replace", "undo"), RUNNING,
             (POD, GATE, STATEFUL_SET, ORPHANED, ONE_LAGS), most_states=12_000, partial=True),
    Scenario("replace 1, grow to 3", sizes(1, 3), ("replace", 1), RUNNING,
             most_states=12_000, partial=True),
    Scenario("replace 1, delete", sizes(1), ("replace", "delete", "create"), RUNNING, (SLOW,)),
    Scenario("replace 3", sizes(3), ("replace",), RUNNING, (SLOW,)),
    Scenario("replace 3, undo", sizes(3), ("replace", "undo"), RUNNING, (SLOW, LATE_CLAIM),
             most_states=20_000, partial=True),
    Scenario("bootstrap 1 crashes, corrected", crashing(sizes(1)) + sizes(1), ("create", 1),
             faults=(LAG, SLOW, POD)),
    Scenario("bootstrap 3 crashes, corrected", crashing(sizes(3)) + sizes(3), ("create", 1),
             faults=(LAG, POD), most_states=12_000, partial=True),
    Scenario("bootstrap 3 is never Ready, corrected", never_ready(sizes(3)) + sizes(3),
             ("create", 1), faults=(CRASH,), most_states=12_000, partial=True),
    Scenario("1 crashes, corrected", sizes(1) + crashing(sizes(1))
             + sizes(1, version="3.5.22"), (1, 2), RUNNING, (LAG, SLOW, CRASH, WIPED)),
    Scenario("3 crash, corrected", sizes(3) + crashing(sizes(3)) + NEWER, (1, 2), RUNNING,
             (CRASH, LAG, SLOW, WRITE), most_states=12_000, partial=True),
    Scenario("3 are never Ready, corrected", sizes(3) + never_ready(sizes(3)) + NEWER, (1, 2),
             RUNNING, (CRASH, POD), most_states=12_000, partial=True),
    Scenario("1 to 3, a learner crashes, corrected", sizes(1) + crashing(sizes(3)) + sizes(3),
             (1, 2), RUNNING, (POD, CRASH, WIPED), most_states=12_000, partial=True),
    Scenario("3 to 1, disks kept, roll", sizes(3, 1, keep="scaled")
             + sizes(1, keep="scaled", version="3.5.22"), (1, 2), RUNNING, (POD, CRASH)),
    Scenario("1 to 3, members added by hand", sizes(1, 3), (1,), RUNNING,
             (ADDED, REMOVED), budget=2, most_states=12_000, partial=True),
    Scenario("3 to 1, members added by hand", sizes(3, 1), (1,), RUNNING,
             (ADDED, REMOVED, CRASH), budget=2, most_states=5_000, partial=True),
    Scenario("1 at rest, records edited", sizes(1), (), RUNNING,
             (EDITED, GATE, STATEFUL_SET, LOST_STATUS, WIPED, CRASH), budget=2),
    Scenario("3 to 1, the record of members put back", sizes(3, 1), (1,), RUNNING,
             (STALE, CRASH, POD), budget=2, most_states=12_000, partial=True),
    Scenario("3 to 5", sizes(3, 5), (1,), RUNNING, (POD, LAG, SLOW)),
    Scenario("5 to 3", sizes(5, 3), (1,), RUNNING),
    Scenario("3 at rest, one differs", sizes(3), (), RUNNING, (DIFFERS,)),
    Scenario("3 at rest, one differs, another accident", sizes(3), (), RUNNING,
             (DIFFERS, FORGOTTEN, ALARM, LOST_DISK), budget=2, most_states=3_000, partial=True),
    Scenario("3 at rest, a majority is wrong", sizes(3), (), RUNNING, (MISLED, FORGOTTEN),
             budget=2),
    Scenario("1 to 3, one differs", sizes(1, 3), (1,), RUNNING, (DIFFERS,)),
    Scenario("3 to 1, one differs", sizes(3, 1), (1,), RUNNING, (DIFFERS,), most_states=2_500,
             partial=True),
    Scenario("3 to 5, one differs", sizes(3, 5), (1,), RUNNING, (DIFFERS,), most_states=2_500,
             partial=True),
)  # fmt: skip

# Too large to see all of: walked at random from a fixed seed.
WALKS: Final = (
    Scenario("5 to 1 to 5", sizes(5, 1), (1, 0), RUNNING, ANY_ACCIDENT, budget=2),
    Scenario("5 at rest, lose nodes", sizes(5), (), RUNNING, (NODE_LOST, NODE_BACK, WIPED, CRASH,
             SLOW), budget=3),
    Scenario("3 lose their majority, who is left starts again",
             (*sizes(3), approving(sizes(3)[0])), (1,), RUNNING, (LOST_DISK, SLOW, CRASH),
             budget=4),
    Scenario("5 to 0 to 3 on 3.6", sizes(5, 0, 3, version=V36), (1, 2), RUNNING,
             (*ANY_ACCIDENT, WRITE), budget=2),
    Scenario("5 at rest, two differ", sizes(5), (), RUNNING,
             (DIFFERS, FORGOTTEN, ALARM, CRASH, LOST_DISK, NODE_LOST), budget=3),
    Scenario("3 to 5, roll, delete", sizes(3, 5) + sizes(5, version="3.5.22"),
             (1, 2, "delete", "create"), RUNNING, (POD, CRASH, ONE_LAGS, SLOW, GATE), budget=3),
)  # fmt: skip

# Where the guard is offered every action, whatever the planner wants.
TEMPTED: Final = (
    Scenario("create 3", sizes(3), ("create",)),
    Scenario("3 to 1", sizes(3, 1), (1,), RUNNING, (CRASH,)),
    Scenario("1 to 3", sizes(1, 3), (1,), RUNNING, (CRASH, LOST_DISK)),
    Scenario("3 to 0 to 3", sizes(3, 0), (1, 0), RUNNING),
    Scenario("delete, disks kept", sizes(3, keep="deleted"), ("delete", "create", "delete"),
             RUNNING),
    Scenario("3 to 1, one differs", sizes(3, 1), (1,), RUNNING, (DIFFERS,), most_states=1_000,
             partial=True),
    Scenario("1 grows its disk", sizes(1) + sizes(1, disk=LARGE), (1,), RUNNING, (POD, ORPHANED)),
    Scenario("3 crash, corrected", sizes(3) + crashing(sizes(3)) + NEWER, (1, 2), RUNNING,
             (CRASH,), budget=2, most_states=3_000, partial=True),
    Scenario("roll 3 with emptyDirs", ephemeral(sizes(3) + NEWER), (1,), RUNNING, (POD, CRASH),
             most_states=1_000, partial=True),
)  # fmt: skip
