"""Small explorations that notice a spoilt planner within seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.model.adversary import tempt
from tests.model.explore import explore
from tests.model.mutant_tests import find_explored
from tests.model.scenario import (
    Scenario,
    approving,
    crashing,
    ephemeral,
    never_ready,
    pausing,
    resizing,
    sizes,
)
from tests.model.scenarios import (
    ALARM,
    CRASH,
    DIFFERS,
    FORGOTTEN,
    GATE,
    LAG,
    LARGE,
    LOST_DISK,
    LOST_STATUS,
    MISLED,
    NODE_LOST,
    ONE_LAGS,
    ORPHANED,
    POD,
    RUNNING,
    SHUT_OUT,
    SLOW,
    STATEFUL_SET,
    V35,
    V36,
    WIPED,
    WRITE,
)
from tests.model.strangers import ADDED, EDITED, REMOVED, STALE
from tests.model.traces import load_all, replay

MOST_STATES: Final = 30_000
NEW_VERSION: Final = "3.5.22"
EVERY_FAULT: Final = (POD, CRASH, WIPED, LOST_DISK, GATE, STATEFUL_SET, ORPHANED, LOST_STATUS)

_PROBES: Final = {
    "create 1": Scenario("", sizes(1), ("create",), faults=(*EVERY_FAULT, LAG)),
    "create 3": Scenario("", sizes(3), ("create",), faults=(GATE, LOST_STATUS)),
    "correct": Scenario("", sizes(3, 1), ("create", 1), faults=(LAG,)),
    "correct 1": Scenario("", sizes(1, 3), ("create", 1), faults=(LAG, ONE_LAGS)),
    "stop early": Scenario("", sizes(3, 0), ("create", 1)),
    "rest": Scenario("", sizes(3), (), RUNNING, EVERY_FAULT),
    "lose records": Scenario("", sizes(1), (), RUNNING, (GATE, STATEFUL_SET, LOST_STATUS, CRASH),
                             budget=3),
    "lose a node": Scenario("", sizes(3), (), RUNNING, (NODE_LOST,)),
    "grow": Scenario("", sizes(1, 3), (1,), RUNNING, (POD, LOST_DISK)),
    "grow on 3.6": Scenario("", sizes(1, 3, version=V36), (1,), RUNNING, (POD,)),
    "go back, grow": Scenario("", sizes(1, version=V36) + sizes(3, version=V35), (1,), RUNNING),
    "go back, grow, shrink": Scenario(
        "", sizes(1, version=V36) + sizes(3, version=V35) + sizes(1, version=V35), (1, 2),
        RUNNING),
    "shrink": Scenario("", sizes(3, 1), (1,), RUNNING),
    "shrink in trouble": Scenario("", sizes(3, 1), (1,), RUNNING, (CRASH, WIPED, SLOW, LAG)),
    "flip": Scenario("", sizes(3, 1), (1, 0), RUNNING),
    "flip, disks kept": Scenario("", sizes(3, 1, keep="scaled"), (1, 0), RUNNING),
    "stop": Scenario("", sizes(3, 0), (1, 0), RUNNING, (GATE, LOST_STATUS)),
    "stop, start as 1": Scenario("", sizes(3, 0, 1), (1, 2), RUNNING),
    "delete": Scenario("", sizes(1), ("delete", "create"), RUNNING, (POD, STATEFUL_SET)),
    "delete, disks kept": Scenario("", sizes(3, keep="deleted"), ("delete", "create", "delete"),
                                   RUNNING),
    "roll": Scenario("", sizes(3) + sizes(3, version=NEW_VERSION), (1,), RUNNING,
                     (CRASH, POD, WRITE)),
    "roll with emptyDirs": Scenario(
        "probe", ephemeral(sizes(3) + sizes(3, version=NEW_VERSION)), (1,), RUNNING, (CRASH,),
        most_states=3_000),
    "roll 1 with emptyDirs": Scenario(
        "probe", ephemeral(sizes(1) + sizes(1, version=NEW_VERSION)), (1,), RUNNING),
    "crash with emptyDirs": Scenario(
        "probe", ephemeral(sizes(3) + crashing(sizes(3)) + sizes(3)), (1, 2), RUNNING, (CRASH,),
        most_states=3_000),
    "correct 1 that crashes": Scenario("", sizes(1) + crashing(sizes(1)) + sizes(1), (1, 2),
                                       RUNNING),
    "correct 3 that crash": Scenario("", crashing(sizes(3)) + sizes(3), ("create", 1)),
    "correct 3 that are never Ready": Scenario("", never_ready(sizes(3)) + sizes(3),
                                               ("create", 1)),
    "roll beside kept disks": Scenario("", sizes(3, 1, keep="scaled")
                                       + sizes(1, keep="scaled", version=NEW_VERSION), (1, 2),
                                       RUNNING),
    "replace": Scenario("", sizes(1), ("replace",), RUNNING, (SLOW, CRASH)),
    "replace, undo": Scenario("", sizes(1), ("replace", "undo"), RUNNING, (SLOW, CRASH)),
    "delete early": Scenario("", sizes(1), ("create", "delete", "create")),
    "shrink grown": Scenario("", sizes(1, 3), (1, 0), RUNNING),
    "grow disks": Scenario("", sizes(3) + sizes(3, disk=LARGE), (1,), RUNNING, (LOST_DISK,)),
    "grow one disk": Scenario("", sizes(1) + sizes(1, disk=LARGE), (1,), RUNNING, calm=True),
    "shrink 5": Scenario("", sizes(5, 3), (1,), RUNNING, (CRASH,), budget=2),
    "shrink, two crash": Scenario("", sizes(3, 1), (1,), RUNNING, (CRASH,), budget=2),
    "differ": Scenario("", sizes(3), (), RUNNING, (DIFFERS,)),
    "misled": Scenario("", sizes(3), (), RUNNING, (MISLED,)),
    "misled, forgotten": Scenario("", sizes(3), (), RUNNING, (MISLED, FORGOTTEN), budget=2),
    "differ, two": Scenario("", sizes(3), (), RUNNING, (DIFFERS,), budget=2),
    "differ, shrink": Scenario("", sizes(3, 1), (1,), RUNNING, (DIFFERS,)),
    "differ, grow": Scenario("", sizes(3, 5), (1,), RUNNING, (DIFFERS,)),
    "differ, lose a disk": Scenario("", sizes(3), (), RUNNING, (DIFFERS, LOST_DISK), budget=2),
    "differ, lose a node": Scenario("", sizes(3), (), RUNNING, (DIFFERS, NODE_LOST), budget=2),
    "differ, alarm": Scenario("", sizes(3), (), RUNNING, (DIFFERS, ALARM), budget=2),
    "differ, alarm, shrink": Scenario("", sizes(3, 1), (1,), RUNNING, (DIFFERS, ALARM), budget=3),
    "differ, two of 5": Scenario("", sizes(5), (), RUNNING, (DIFFERS,), budget=2,
                                 most_states=8_000),
    "differ, tempt": Scenario("", sizes(3, 1), (1,), RUNNING, (DIFFERS,), most_states=3_000),
    "approve early": Scenario("", (approving(sizes(3)[0]),), (), RUNNING, (NODE_LOST,), budget=2,
                              most_states=6_000),
    "shut out": Scenario("", sizes(3), ("create",), faults=(SHUT_OUT,), most_states=12_000),
    "shut out at rest": Scenario("", sizes(3), (), RUNNING, (SHUT_OUT, POD), budget=2),
    "by hand": Scenario("", sizes(1, 3), (1,), RUNNING, (ADDED, REMOVED), budget=2),
    "edited": Scenario("", sizes(1), (), RUNNING, (EDITED, GATE, LOST_STATUS), budget=2),
    "put back": Scenario("", sizes(3, 1), (1,), RUNNING, (STALE, CRASH), budget=2),
    "pause": Scenario("", sizes(3) + pausing(sizes(1)), (1, 0), RUNNING),
    "resize": Scenario("probe", resizing(sizes(3), "1Gi") + resizing(sizes(3), "2Gi"), (1,),
                       RUNNING, (SLOW, LAG), calm=True),
    "resize, lose members": Scenario(
        "probe", resizing(sizes(3), "1Gi") + resizing(sizes(3), "2Gi"), (1,), RUNNING,
        (LOST_DISK,), most_states=3_000),
    "resize and upgrade": Scenario(
        "probe", resizing(sizes(1), "1Gi") + resizing(sizes(1, version=NEW_VERSION), "2Gi"),
        (1,), RUNNING, (SLOW,)),
}  # fmt: skip


def is_known(name: str) -> bool:
    """Whether there is a probe of this name, and for tests of the model whether there are any."""
    scenario = name == "traces" or name.removeprefix("guard: ") in _PROBES
    return scenario or bool(find_explored(name))


def try_probe(name: str) -> str | None:
    """Return what a probe finds wrong; `guard: …` tempts the guard in that scenario."""
    if name == "traces":
        found = ((trace.path.stem, replay(trace)) for trace in load_all())
        return next((f"{stem}: {violated}" for stem, violated in found if violated), None)
    guarded = name.startswith("guard: ")
    scenario = _PROBES[name.removeprefix("guard: ")]
    scenario = replace(scenario, most_states=min(MOST_STATES, scenario.most_states))
    result = tempt(scenario) if guarded else explore(scenario)
    return result.counterexamples[0].violated if result.counterexamples else None
