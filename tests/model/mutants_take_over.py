"""The mutants of the take-over of a running cluster; unit tests notice each, in a world of theirs.

The scenarios of the model have no members of somebody else that are expected.
"""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

TAKE_OVER: Final = (
    Mutant(
        "joins without consent",
        "core/takeover/inspection.py",
        "_must_consent",
        "source.consent != snapshot.cluster.name",
        "False",
    ),
    Mutant(
        "joins beside members of nobody's",
        "core/takeover/inspection.py",
        "_must_be_listed",
        "if others:\n    names = ', '.join((f'{format_id(m.id)} at {show_urls(m)}' "
        "for m in others[:NAMED]))\n    yield f'etcd has members that are no Pods of StatefulSet "
        "{source.name}: {names}. Remove them with `etcdctl member remove`'",
        "pass",
    ),
    Mutant(
        "joins versions that forget votes",
        "core/takeover/inspection.py",
        "_check_version",
        "ran < SAFE_TO_JOIN",
        "False",
    ),
    Mutant(
        "joins members whose tokens new ones refuse",
        "core/takeover/inspection.py",
        "_must_give_the_same_tokens",
        "theirs - {ours}",
        "False",
    ),
    Mutant(
        "takes any token for a signed one",
        "core/auth/tokens.py",
        "read_token_kind",
        "token.count('.') == 2",
        "True",
    ),
    Mutant(
        "writes any URL into a joiner's file",
        "core/takeover/inspection.py",
        "_check_member",
        "not member.peer_urls or not all(_PEER_URL.fullmatch(url) for url in member.peer_urls)",
        "False",
    ),
    Mutant(
        "compares nothing before old members go",
        "core/takeover/steps.py",
        "find_comparison",
        "members <= last.hashes.keys() and len({last.hashes[m] for m in members}) == 1",
        "True",
    ),
    Mutant(
        "approves whatever was written",
        "core/takeover/machine.py",
        "is_approved",
        "cluster.annotations.get(ANNOTATION_APPROVED) == steps.write_approval(view)",
        "True",
    ),
    Mutant(
        "stops an old member that leads",
        "core/takeover/machine.py",
        "an_old_member_leads",
        "view.snapshot.leader_id in view.taken_over.members.values()",
        "False",
    ),
    Mutant(
        "stops the next old member beside a silent new one",
        "core/takeover/machine.py",
        "may_not_stop_another",
        "len(votes) < view.taken_over.size",
        "False",
    ),
    Mutant(
        "goes on where something scales the old one out",
        "core/takeover/steps.py",
        "find_obstacle",
        "[o for o in wanted if o not in record.members or view.listed(o) is None]",
        "[]",
    ),
    Mutant(
        "deletes Pods before their members have left",
        "core/takeover/rule.py",
        "give_back",
        "not cluster.deleting or record is None or FINALIZER not in cluster.finalizers",
        "True",
    ),
    Mutant(
        "leaves leadership with those that go",
        "core/takeover/rule.py",
        "_leave",
        "leading and heirs",
        "False",
    ),
    Mutant(
        "recovers from one member beside old ones",
        "core/takeover/rule.py",
        "hold_recovery",
        "source and not source.pods",
        "True",
    ),
    Mutant(
        "takes another size in the middle",
        "core/plan/effective_spec.py",
        "find_effective_spec",
        "begun.size",
        "asked.size",
    ),
    Mutant(
        "adds learners that old members do not count",
        "core/membership/growth.py",
        "_takes_several_learners",
        "snapshot.ownership.taken_over",
        "False",
    ),
    Mutant(
        "leaves old members out of a joiner's file",
        "core/objects/etcd_config.py",
        "_render_config",
        "gate is Gate.JOIN",
        "False",
    ),
    Mutant(
        "counts old members for nothing",
        "core/model/quorum.py",
        "_serving_source_ids",
        "snapshot.source is None",
        "True",
    ),
    Mutant(
        "guard: gives a name away behind which old members are",
        "core/takeover/guard.py",
        "refuse_beside_source",
        "action.name in snapshot.spec.service.aliases",
        "False",
    ),
    Mutant(
        "guard: opens the gate where the spec joins",
        "core/bootstrap/guard.py",
        "_refuse_open",
        "opens and snapshot.cluster.spec.joins is not None",
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
        "snapshot.source is not None and not snapshot.source.pods",
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
