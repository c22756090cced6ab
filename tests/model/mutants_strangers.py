"""Mutants of whose a member is, of names and numbers, and of records that somebody edited."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

STRANGERS: Final = (
    Mutant("takes members added by hand for its own", "core/ownership.py", "sort_members",
           "ordinal is not None and ordinal < announced", "ordinal is not None", ("by hand",)),
    Mutant("lets another spelling hide a member", "core/ownership.py", "_choose",
           "exact or served", "claims[-1:]"),
    Mutant("goes on beside members added by hand", "core/rules/scale.py", "refuse_foreign_members",
           "foreign = snapshot.ownership.foreign\nif not foreign:\n    return None",
           "if True:\n    return None", ("by hand",)),
    Mutant("announces beside members added by hand", "core/layout.py", "_next_announced",
           "snapshot.ownership.foreign", "False"),
    Mutant("announces what is not on record", "core/rules/scale.py", "_announce",
           "ordinal >= snapshot.announced", "False", ("grow",)),
    Mutant("goes on beside records that cannot be read", "core/rules/refuse.py",
           "refuse_unreadable_records",
           "found = find_unreadable(snapshot)\nif not found:\n    return None",
           "if True:\n    return None", ("edited",)),
    Mutant("takes a part of a name for a member's", "core/naming.py", "ordinal_of_pod",
           "_ORDINALS.get(number) if prefix == cluster else None", "_ORDINALS.get(number)"),
    Mutant("guard: lets copies of disks be deleted", "core/name_guards.py", "_refuse_name",
           "None if right else NOT_A_MEMBERS.format(kind=kind)",
           "None if True else NOT_A_MEMBERS.format(kind=kind)"),
    Mutant("guard: lets anything be announced", "core/name_guards.py", "refuse_unannounced",
           "not 0 <= action.ordinal < min(snapshot.announced, MOST_MEMBERS)", "False"),
    Mutant("guard: lets any number of Pods be run", "core/name_guards.py", "_refuse_more_pods",
           "after > MOST_MEMBERS", "False"),
    Mutant("guard: lets Pods be run for nobody", "core/name_guards.py", "_refuse_more_pods",
           "None if announced else f'member {last} was not announced'",
           "None if True else f'member {last} was not announced'"),
    Mutant("guard: lets members that have served join again", "core/gate_guards.py",
           "_refuse_files",
           "(naming.peer_url(ordinal),) in served", "(naming.peer_url(ordinal),) in ()"),
    Mutant("guard: opens the gate beside an identity that it cannot read", "core/gate_guards.py",
           "_is_formed",
           "any(snapshot.cluster_id_records)", "snapshot.recorded_cluster_id is not None"),
    Mutant("guard: releases volumes by the name in a record alone", "core/replacement_guards.py",
           "_is_known",
           "(name, uid, volume) in known | back", "True"),
    Mutant("forgets what was announced when it recovers", "core/rules/recover.py", "_layout",
           "snapshot.announced", "0"),
)  # fmt: skip
