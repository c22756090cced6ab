"""The mutants of the guard of a take-over; unit tests notice each."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

TAKE_OVER_GUARD: Final = (
    Mutant(
        "guard: lets old members face a CA that they do not know",
        "core/takeover/guard.py",
        "_refuse_other_authority",
        "handed is None or joins is None or handed.secret != joins.source.peer_ca_secret",
        "False",
    ),
    Mutant(
        "guard: gives a name away behind which old members are",
        "core/takeover/guard.py",
        "refuse_beside_source",
        "action.name in snapshot.spec.service.aliases",
        "False",
    ),
    Mutant(
        "guard: lets any number of Pods go",
        "core/takeover/guard.py",
        "_refuse_scaling",
        "(action.name, action.uid, action.resource_version, action.replicas) != looked_at",
        "False",
    ),
    Mutant(
        "guard: scales the StatefulSet of another EtcdCluster in",
        "core/takeover/guard.py",
        "_refuse_scaling",
        "source.owner",
        "False",
    ),
    Mutant(
        "guard: counts no votes before a Pod goes",
        "core/takeover/guard.py",
        "_refuse_scaling",
        "left * 2 <= len(voters)",
        "False",
    ),
    Mutant(
        "guard: lets old members go before new ones vote",
        "core/takeover/guard.py",
        "_refuse_scaling",
        "len(own & answering) < record.size",
        "False",
    ),
    Mutant(
        "guard: removes a member whose Pod is there",
        "core/takeover/guard.py",
        "_refuse_removal",
        "any(pod.ordinal == action.ordinal for pod in source.pods)",
        "False",
    ),
    Mutant(
        "guard: removes a member that would come back",
        "core/takeover/guard.py",
        "_refuse_removal",
        "source.wants(action.ordinal)",
        "False",
    ),
    Mutant(
        "guard: scales where a person is to scale",
        "core/takeover/guard.py",
        "_refuse_scaling",
        "joins is None or joins.scale_in != 'Automatic'",
        "False",
    ),
    Mutant(
        "guard: removes a member whose process answers",
        "core/takeover/guard.py",
        "_refuse_unstopped",
        "any(pod.status and pod.status.member_id == action.member_id for pod in source.pods)",
        "False",
    ),
    Mutant(
        "guard: removes a member that new ones are connected to",
        "core/takeover/guard.py",
        "_refuse_unstopped",
        "source.connected is None or action.member_id in source.connected",
        "False",
    ),
    Mutant(
        "guard: removes a member that may only have been restarted",
        "core/takeover/guard.py",
        "_refuse_impatience",
        "not PATIENCE_SECONDS <= seconds <= LONGEST_AWAY + 1",
        "False",
    ),
    Mutant(
        "guard: has the absence of a member backdated",
        "core/takeover/guard.py",
        "_refuse_backdating",
        "since != record.away.get(ordinal) and since < now",
        "False",
    ),
    Mutant(
        "guard: deserts old members that only do not answer",
        "core/takeover/guard.py",
        "_all_stopped",
        "snapshot.cluster.annotations.get(ANNOTATION_GONE) == f'{recorded:x}'",
        "True",
    ),
    Mutant(
        "guard: takes a process that asks for a user for stopped",
        "core/takeover/guard.py",
        "_all_stopped",
        "any(pod.responds for pod in source.pods)",
        "any(pod.status for pod in source.pods)",
    ),
    Mutant(
        "guard: asks for no approval",
        "core/takeover/guard.py",
        "_is_agreed",
        "cluster.annotations.get(ANNOTATION_APPROVED) == approved",
        "True",
    ),
    Mutant(
        "guard: lets a deletion desert old members",
        "core/takeover/guard.py",
        "_refuse_desertion",
        "'old members would miss the votes of those that go' if own else None",
        "None",
    ),
    Mutant(
        "guard: recovers beside old members",
        "core/takeover/guard.py",
        "_refuse_recovery",
        "source is not None and (_all_stopped(snapshot) if source.listed else not source.pods)",
        "True",
    ),
    Mutant(
        "guard: lets two learners in beside old members",
        "core/takeover/guard.py",
        "refuse_beside_source",
        "learners and _find_old(record, snapshot)",
        "False",
    ),
)
