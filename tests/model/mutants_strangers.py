"""Mutants of whose a member is, of names and numbers, and of records that somebody edited."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

STRANGERS: Final = (
    Mutant("takes members added by hand for its own", "ownership",
           "if ordinal is not None and ordinal < announced:", "if ordinal is not None:",
           ("by hand",)),
    Mutant("lets another spelling hide a member", "ownership",
           "    found = exact or served\n", "    found = claims[-1:]\n", ("unit: ownership",)),
    Mutant("goes on beside members added by hand", "rules.scale",
           "    foreign = snapshot.ownership.foreign\n    if not foreign:", "    if True:",
           ("by hand", "unit: ownership")),
    Mutant("announces beside members added by hand", "layout",
           "    if snapshot.ownership.foreign:\n", "    if False:\n", ("unit: ownership",)),
    Mutant("announces what is not on record", "rules.scale",
           "    if ordinal >= snapshot.announced:\n", "    if False:\n", ("grow",)),
    Mutant("goes on beside records that cannot be read", "rules.refuse",
           "    found = find_unreadable(snapshot)\n    if not found:", "    if True:",
           ("edited", "unit: records")),
    Mutant("takes a part of a name for a member's", "naming",
           "return _ORDINALS.get(number) if prefix == cluster else None",
           "return _ORDINALS.get(number)", ("unit: naming",)),
    Mutant("guard: lets copies of disks be deleted", "name_guards",
           "return None if right else NOT_A_MEMBERS", "return None if True else NOT_A_MEMBERS",
           ("unit: name_guards",)),
    Mutant("guard: lets anything be announced", "name_guards",
           "if not 0 <= action.ordinal < min(snapshot.announced, MOST_MEMBERS):", "if False:",
           ("unit: name_guards",)),
    Mutant("guard: lets any number of Pods be run", "name_guards",
           "    if after > MOST_MEMBERS:\n", "    if False:\n", ("unit: name_guards",)),
    Mutant("guard: lets Pods be run for nobody", "name_guards",
           "return None if announced else", "return None if True else", ("unit: name_guards",)),
    Mutant("guard: lets members that have served join again", "gate_guards",
           "in served and any(", "in () and any(", ("unit: name_guards",)),
    Mutant("guard: opens the gate beside an identity that it cannot read", "gate_guards",
           "or any(snapshot.cluster_id_records)", "or snapshot.recorded_cluster_id is not None",
           ("unit: records",)),
    Mutant("guard: releases volumes by the name in a record alone", "replacement_guards",
           "(name, uid, volume) in known | back", "True", ("unit: replacement_guards",)),
    Mutant("forgets what was announced when it recovers", "rules.recover",
           "announced=snapshot.announced", "announced=0", ("unit: rules_recover",)),
)  # fmt: skip
