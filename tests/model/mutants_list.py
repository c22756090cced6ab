"""The mutants. Each says in its name what the planner gets wrong."""

from __future__ import annotations

from typing import Final

from tests.model.mutants_access import ACCESS
from tests.model.mutants_certificates import CERTIFICATES
from tests.model.mutants_clients import CLIENTS
from tests.model.mutants_correcting import CORRECTION
from tests.model.mutants_deletions import DELETIONS
from tests.model.mutants_ephemeral import EPHEMERAL
from tests.model.mutants_exchange import EXCHANGE
from tests.model.mutants_guards import GUARDS
from tests.model.mutants_issuer import ISSUER
from tests.model.mutants_keeping import APPROVAL, DIFFERENCE, RECOVERY, REPLACEMENT
from tests.model.mutants_mirror import MIRROR
from tests.model.mutants_peer_issuer import PEER_ISSUER
from tests.model.mutants_peer_tls import PEER_TLS
from tests.model.mutants_reasons import REASONS
from tests.model.mutants_resizing import RESIZING
from tests.model.mutants_strangers import STRANGERS
from tests.model.mutants_take_over import TAKE_OVER
from tests.model.mutants_take_over_guard import TAKE_OVER_GUARD
from tests.model.mutants_unheard import UNHEARD
from tests.model.mutants_versions import VERSIONS
from tests.model.mutants_wal import WAL
from tests.model.mutation import Mutant

_RULES: Final = (
    Mutant("removes voters without counting the rest", "core/membership/scale.py", "_removals",
           "not member.is_learner and (not keeps_quorum_without(voters, alive, member.id))",
           "False", ("shrink 5",)),
    Mutant("shrinks from the lowest ordinal", "core/membership/scale.py", "shrink",
           "seat.ordinal >= size", "seat.ordinal < len(snapshot.members) - size"),
    Mutant("does not move leadership before removing the leader", "core/membership/scale.py",
           "_removals",
           "next((s for s in surplus if member_of(s).id == snapshot.leader_id), None)", "None"),
    Mutant("keeps the disks of removed members", "core/membership/growth.py", "find_left_disks",
           "snapshot.spec.storage.retention_policy.when_scaled == 'Retain'",
           "snapshot.spec.storage.retention_policy", ("shrink", "flip")),
    Mutant("deletes the disks of members", "core/membership/growth.py", "find_left_disks",
           "not seat.member", "", ("shrink", "stop")),
    Mutant("grows beside old disks", "core/membership/growth.py", "waits_for_leftovers",
           "remains and (not is_within(snapshot, ordinal))", "False",
           ("flip", "flip, disks kept")),
    Mutant("announces the highest missing member first", "core/membership/scale.py", "grow",
           "_announce(snapshot, missing[0])", "_announce(snapshot, missing[-1])"),
    Mutant("announces while a joiner has not joined", "core/membership/promote.py",
           "wait_for_learners",
           "not awaited", "True", ("grow", "grow on 3.6")),
    Mutant("announces several learners on 3.5", "core/membership/growth.py",
           "_takes_several_learners",
           "status is None or status.minor < SEVERAL_LEARNERS", "status is None", ("grow",)),
    Mutant("never promotes", "core/membership/promote.py", "promote",
           "seat.ordinal < size and seat.member and joined", "False", ("grow",)),
    Mutant("promotes learners that are to leave", "core/membership/promote.py", "promote",
           "seat.ordinal < size", "", ("shrink grown",)),
    Mutant("counts on a learner that nobody has seen", "core/membership/promote.py",
           "_joined_just_now",
           "others_suffice and _may_join(snapshot, seat)", "_may_join(snapshot, seat)"),
    Mutant("gives votes that nobody can count on", "core/guards/votes.py", "refuse_vote",
           "len(alive) * 2 <= len(voters)", "False"),
    Mutant("changes membership without a quorum", "core/membership/scale.py", "wait_for_quorum",
           "snapshot.quorum_confirmed", "snapshot.membership", ("shrink, two crash",)),
    Mutant("waits to shrink before it replaces", "core/membership/scale.py", "shrink",
           "if not actions:\n    return None",
           "if not actions:\n    return Decision(attention.QUORUM_AT_RISK, '', Phase.SCALING) if "
           "surplus else None", ("traces", "shrink in trouble")),
    Mutant("leaves the finalizer on", "core/lifecycle/delete.py", "delete_cluster",
           "not left", "False", ("delete",)),
    Mutant("takes the finalizer off at once", "core/lifecycle/delete.py", "delete_cluster",
           "not left", "True", ("delete",)),
    Mutant("deletes disks that are to be kept", "core/lifecycle/delete.py", "_find_left",
           "_keeps_disks(snapshot)", "False", ("delete, disks kept",)),
    Mutant("leaves the disks when the cluster is deleted", "core/lifecycle/delete.py", "_find_left",
           "_keeps_disks(snapshot)", "True", ("delete",)),
    Mutant("waits for the disks of an earlier cluster", "core/lifecycle/delete.py", "_find_left",
           "claim.owner_uid == uid", "True"),
    Mutant("starts on the disks of an earlier cluster", "core/lifecycle/refuse.py",
           "refuse_foreign_disks",
           "foreign = [claim.name for claim in snapshot.claims if claim.owner_uid != uid]",
           "foreign: list[str] = []", ("delete, disks kept",)),
    Mutant("works without a finalizer", "core/lifecycle/refuse.py", "add_finalizer",
           "FINALIZER in cluster.finalizers", "True", ("create 1", "delete early")),
    Mutant("works while paused", "core/lifecycle/refuse.py", "pause",
           "not snapshot.spec.paused", "True", ("pause",)),
    Mutant("uses objects of another owner", "core/lifecycle/refuse.py", "refuse_foreign_objects",
           "child.owner_uid != uid and (not child.deleting) and _is_wanted(child, snapshot)",
           "False and _is_wanted(child, snapshot)", ("delete early", "delete")),
    Mutant("begins anew although a majority had disks", "core/bootstrap/rule.py",
           "restart_bootstrap",
           "had_disk >= majority(begun)", "had_disk > begun", ("correct", "correct 1")),
    Mutant("begins anew without insisting on the disks it saw", "core/bootstrap/rule.py",
           "_begin_anew",
           "DeleteObject('PersistentVolumeClaim', claim.name, claim.uid, why, revision)",
           "DeleteObject('PersistentVolumeClaim', claim.name, claim.uid, why)"),
    Mutant("begins anew without stopping first", "core/bootstrap/rule.py", "_begin_anew",
           "live and (not live.deleting) and snapshot.replicas", "False and live",
           ("correct 1", "correct")),
    Mutant("never begins anew", "core/bootstrap/rule.py", "restart_bootstrap",
           "majority(begun)", "0"),
    Mutant("forgets that a stopped cluster is stopped", "core/bootstrap/rule.py", "_stop_unformed",
           "snapshot.pods or snapshot.replicas", "True", ("stop early",)),
    Mutant("does not wait for what remains", "core/bootstrap/rule.py",
           "refuse_unrecorded_resources",
           "if not remains:\n    return None", "return None", ("create 1", "delete")),
    Mutant("stops only once", "core/lifecycle/hibernate.py", "stop",
           "left or snapshot.replicas != 0", "False", ("stop",)),
    Mutant("replaces members that only are silent", "core/membership/disks.py", "classify_disk",
           "if any((text in _FILE.sub('', pod.termination_message) for text in UNUSABLE)):\n    "
           "return "
           "Disk.UNUSABLE\n"
           "if _is_of_removed_member(seat):\n    return Disk.UNUSABLE\n"
           "return None",
           "if any((text in _FILE.sub('', pod.termination_message) for text in UNUSABLE)):\n    "
           "return "
           "Disk.UNUSABLE\n"
           "if _is_of_removed_member(seat):\n    return Disk.UNUSABLE\n"
           "return Disk.UNUSABLE"),
    Mutant("never replaces", "core/membership/replace_lost.py", "_choose",
           "disk and fits and (not waits) and _can_do_without(snapshot, seat)", "False", ("rest",)),
    Mutant("replaces without announcing again", "core/membership/steps.py", "re_add_as_learner",
           "_add(snapshot, seat)", ""),
    Mutant("never rolls", "core/rollout/roll.py", "roll",
           "not outdated", "True", ("roll",)),
)  # fmt: skip

_DISKS: Final = (
    Mutant("asks claims to grow that have no volume", "core/storage/grow_disks.py", "_grow",
           "claim.bound", "", ("grow disks",)),
    Mutant("never makes the template of new disks anew", "core/storage/grow_disks.py", "_grow",
           "live and (not live.deleting) and _is_below(read_disk_size(live.body, wal=wal), size)",
           "False and live and _is_below(read_disk_size(live.body, wal=wal), size)",
           ("grow one disk",)),
    Mutant("takes the Pods along when it makes the template anew", "core/storage/grow_disks.py",
           "_grow",
           "orphan = True", "", ("grow one disk",)),
    Mutant("lets only some disks grow", "core/storage/grow_disks.py", "_grow",
           "(ResizeClaim(claim.name, claim.uid, size) for claim in small)",
           "(ResizeClaim(claim.name, claim.uid, size) for claim in small[1:])", ("grow one disk",)),
    Mutant("guard: lets disks be asked to be smaller", "core/guards/claims.py",
           "_refuse_resize",
           "claim.requested and action.size <= claim.requested",
           "False", ("guard: grow one disk",)),
)  # fmt: skip

_STUCK: Final = (
    Mutant("gives up whoever is silent", "core/membership/replace_stuck.py", "judge_pod",
           "if not pod.node:\n    return _judge_unscheduled(pod, node)",
           "if seat.member:\n    return Stuck('is silent')"),
    Mutant("gives up members of a node that is there", "core/membership/replace_stuck.py",
           "_judge_ending",
           "node is NodeState.UP or not overdue", "not overdue"),
    Mutant("does not wait for the delay", "core/membership/replace_stuck.py", "_is_due",
           "stuck.since is None or snapshot.now - stuck.since >= _delay(snapshot)", "True"),
    Mutant("gives up members without counting the rest", "core/membership/replace_stuck.py",
           "replace_stuck_members",
           "_can_go(snapshot, seat) and can_renew_disk(snapshot, seat)",
           "can_renew_disk(snapshot, seat)"),
    Mutant("never gives up a member", "core/membership/replace_stuck.py", "replace_stuck_members",
           "able and _is_due(snapshot, stuck)", "False", ("lose a node",)),
    Mutant("leaves the Pods of lost nodes", "core/membership/replace_stuck.py", "_replace",
           "pod is None or not pod.deleting", "True", ("lose a node",)),
    Mutant("defragments while a member is away", "core/storage/maintenance.py", "free_space",
           "voters_not_serving(snapshot)", ""),
    Mutant("defragments nothing that is asked for", "core/storage/maintenance.py", "_is_worth_it",
           "is_worth_defragmenting(status.db_size, status.db_size_in_use)", "False"),
    Mutant("defragments the smallest files for ever", "core/model/requests.py",
           "is_worth_defragmenting", "size >= SMALLEST_FILE", "True"),
    Mutant("takes old requests for new ones", "core/model/requests.py", "_is_recent",
           "-CLOCKS_DIFFER <= now - moment < within", "-CLOCKS_DIFFER <= now - moment"),
    Mutant("moves no leader", "core/membership/move_leader.py", "move_leader",
           "not wanted or snapshot.alarms or not all_serve(snapshot)", "True"),
    Mutant("moves the leader while a member is away", "core/membership/move_leader.py",
           "move_leader", "not all_serve(snapshot)", "False"),
    Mutant("lets a learner lead", "core/membership/move_leader.py", "move_leader",
           "target not in voter_ids(snapshot)", "target is None"),
    Mutant("begins a defragmentation beside another", "core/storage/maintenance.py",
           "_wait_for_others",
           "not busy or not _defragments(decision)", "True"),
    Mutant("guard: begins a defragmentation beside another", "core/guards/maintenance.py",
           "refuse_maintenance",
           "any((probe.defragmenting for probe in snapshot.probes.values()))", "False"),
    Mutant("defragments the leader first", "core/storage/maintenance.py", "_order",
           "_status(seat).member_id == snapshot.leader_id",
           "_status(seat).member_id != snapshot.leader_id"),
    Mutant("guard: defragments while a voter is away", "core/guards/maintenance.py",
           "refuse_maintenance",
           "voters - answering(snapshot)", "False"),
)  # fmt: skip

_LAYOUT: Final = (
    Mutant("opens the gate to everybody", "core/bootstrap/gate.py", "_gate",
           "Gate.CLOSED", "Gate.JOIN", ("rest", "grow")),
    Mutant("keeps the gate shut for joiners", "core/bootstrap/gate.py", "_gate",
           "Gate.JOIN", "Gate.CLOSED", ("grow",)),
    Mutant("keeps replicas when members leave", "core/bootstrap/gate.py", "_from_members",
           "0 if snapshot.spec.size == 0 else highest",
           "max(highest, snapshot.replicas or 0)", ("shrink",)),
    Mutant("runs as many Pods as the size says", "core/bootstrap/gate.py", "_from_members",
           "0 if snapshot.spec.size == 0 else highest", "snapshot.spec.size",
           ("shrink",)),
    Mutant("does not stop without a quorum", "core/bootstrap/gate.py", "lay_out",
           "0 if snapshot.spec.size == 0 else replicas", "replicas", ("stop",)),
    Mutant("lists only itself in the bootstrap", "core/objects/etcd_config.py", "_render_config",
           "gate is Gate.CLOSED", "gate is not Gate.JOIN", ("create 3",)),
    Mutant("forgets the cluster ID in the ConfigMap", "core/objects/cluster_objects.py",
           "render_config_map",
           "layout.cluster_id is not None", "False", ("lose records",)),
    Mutant("forgets the cluster ID in the StatefulSet", "core/objects/statefulset.py", "_records",
           "layout.cluster_id is not None", "False", ("lose records",)),
    Mutant("forgets the size of the bootstrap", "core/bootstrap/gate_record.py",
           "recorded_bootstrap",
           "(snapshot.config_map, snapshot.statefulset)", "()"),
    Mutant("writes the gate without a quorum", "core/objects/apply.py", "_must_keep_gate",
           "not layout.confirmed", "False"),
    Mutant("does not insist on the gate it saw", "core/objects/apply.py", "_fence",
           "return live.resource_version", "return ''"),
    Mutant("does not put edited objects right", "core/objects/apply.py", "apply_if_needed",
           "not due", "True", ("create 1", "grow")),
    Mutant("does not restore deleted objects", "core/objects/apply.py", "apply_if_needed",
           "live is None", "live is None and kind == 'StatefulSet'", ("create 1",)),
    Mutant("never says who is a learner", "core/objects/apply.py", "correct_objects",
           "actions + unwanted + _label_pods(snapshot)",
           "actions + unwanted"),
)  # fmt: skip

_ARITHMETIC: Final = (
    Mutant("half is a majority", "core/model/quorum.py", "majority",
           "voters // 2 + 1", "(voters + 1) // 2"),
    Mutant("counts the removed as alive", "core/model/quorum.py", "keeps_quorum_without",
           "has_quorum(rest, set(alive) - {removed})", "has_quorum(set(voters), set(alive))",
           ("shrink 5",)),
    Mutant("counts the stopped as alive", "core/model/quorum.py", "keeps_quorum_while_down",
           "set(alive) - {stopped}", "set(alive)"),
    Mutant("believes any answer", "core/model/snapshot.py", "Seat.serves",
           "status.member_id == self.member.id", ""),
    Mutant("does not read the cluster ID from the ConfigMap", "core/model/snapshot.py",
           "Snapshot.cluster_id_records",
           "self.config_map", "", ("lose records",)),
    Mutant("does not read the cluster ID from the StatefulSet", "core/model/snapshot.py",
           "Snapshot.cluster_id_records",
           "self.statefulset", "", ("lose records",)),
    Mutant("does not foresee what a removal calls for", "core/plan/planner.py", "predict",
           "members = [m for m in members if m.id != member_id]", "pass", ("shrink",)),
)  # fmt: skip

MUTANTS: Final = (
    *_RULES,
    *DELETIONS,
    *REPLACEMENT,
    *CORRECTION,
    *RESIZING,
    *_DISKS,
    *_STUCK,
    *EPHEMERAL,
    *WAL,
    *ISSUER,
    *EXCHANGE,
    *PEER_ISSUER,
    *PEER_TLS,
    *CLIENTS,
    *DIFFERENCE,
    *RECOVERY,
    *APPROVAL,
    *UNHEARD,
    *MIRROR,
    *TAKE_OVER,
    *TAKE_OVER_GUARD,
    *_LAYOUT,
    *GUARDS,
    *CERTIFICATES,
    *ACCESS,
    *VERSIONS,
    *_ARITHMETIC,
    *STRANGERS,
    *REASONS,
)
