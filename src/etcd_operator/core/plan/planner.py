"""Decide what to do next: an ordered table of rules, the first that has something to say wins.

A plan is the renewals of certificates that are due, whatever the rule is about; then the
corrections of our own objects that the present calls for; then the actions of the rule; then the
corrections that their success will call for; then the connection Secrets that are not current. It
can be cut off after any action: the next pass sees where things stand and goes on from there. At
the fixpoint it is empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    EvictPod,
    IssueCertificate,
    LabelPod,
    PromoteMember,
    RemoveMember,
    RemoveSourceMember,
    ShareTrust,
    UpdateMember,
)
from etcd_operator.core.auth import rule as auth
from etcd_operator.core.bootstrap import rule as bootstrap
from etcd_operator.core.bootstrap.gate import Layout, lay_out, lay_out_bootstrap
from etcd_operator.core.bootstrap.gate_record import recorded_bootstrap
from etcd_operator.core.certificates import cert_manager_rule as cert_manager
from etcd_operator.core.certificates import rule as certificates
from etcd_operator.core.certificates.peer_issuer_machine import find_copy
from etcd_operator.core.certificates.renewal import renew
from etcd_operator.core.connections.wanted import refresh_connections
from etcd_operator.core.in_place_restore import rule as in_place_restore
from etcd_operator.core.lifecycle import delete as delete
from etcd_operator.core.lifecycle import hibernate, refuse
from etcd_operator.core.lifecycle import settled as settled
from etcd_operator.core.membership import promote as promote
from etcd_operator.core.membership import replace_stuck as replace_stuck
from etcd_operator.core.membership import resize_waits as resize_waits
from etcd_operator.core.membership import scale
from etcd_operator.core.membership.move_leader import move_leader
from etcd_operator.core.membership.replace_lost import replace_lost_members
from etcd_operator.core.mirror.rule import mirror_source
from etcd_operator.core.model.decision import Decision, Rule
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.members import Member, MemberList
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.peer_tls import rule as peer_tls
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.leave_service import find_ending, leave_service_first
from etcd_operator.core.plan.stop_first import stop_before_removal
from etcd_operator.core.quorum_loss.rule import recover_quorum
from etcd_operator.core.reachability import rule as reachability
from etcd_operator.core.required_backup import rule as required_backup
from etcd_operator.core.rollout import catalog as catalog
from etcd_operator.core.rollout import failed_pods
from etcd_operator.core.rollout import resize_pods as resize_pods
from etcd_operator.core.rollout import roll as roll
from etcd_operator.core.rollout import version_change as version_change
from etcd_operator.core.storage import attributes as attributes
from etcd_operator.core.storage import ephemeral as ephemeral
from etcd_operator.core.storage import grow_disks as grow_disks
from etcd_operator.core.storage import maintenance as maintenance
from etcd_operator.core.takeover import rule as takeover

RULES: Final[tuple[Rule, ...]] = (
    delete.leave_orphans,  # nothing is lost by it
    required_backup.back_up_before_deletion,
    takeover.give_back,
    delete.delete_cluster,  # deletion needs nobody else's permission, and nothing else matters then
    refuse.refuse_invalid_spec,
    refuse.pause,
    refuse.refuse_foreign_objects,
    refuse.refuse_unreadable_records,  # before any rule depends on one
    in_place_restore.restore_in_place,
    bootstrap.wait_for_restore,
    refuse.refuse_foreign_disks,
    bootstrap.wait_uncreated,
    catalog.wait_for_image,  # nothing exists yet that could be without an image
    refuse.add_finalizer,  # before the first object exists
    ephemeral.refuse_storage_switch,
    certificates.refuse_tls_switch,
    certificates.refuse_foreign_secrets,
    cert_manager.request_from_cert_manager,
    cert_manager.wait_for_issuer,
    certificates.refuse_unusable_certificate,
    certificates.manage_certificates,  # before a member can want them
    takeover.begin_take_over,
    refuse.refuse_other_cluster,
    takeover.hold_recovery,
    recover_quorum,
    bootstrap.refuse_unrecorded_resources,
    bootstrap.restart_bootstrap,
    failed_pods.replace_failed_pods,  # what does not run takes no vote, formed or not
    failed_pods.replace_unready_pods,
    failed_pods.reschedule_pods,
    grow_disks.grow_full_disks,  # they may be what took the majority
    reachability.wait_for_answers,  # before anything counts as lost, or as not begun
    bootstrap.bootstrap,
    hibernate.stop,
    hibernate.start,
    ephemeral.report_lost_data,
    scale.wait_for_quorum,  # below here a quorum has confirmed the member list
    scale.refuse_foreign_members,
    peer_tls.restore_peer_urls,  # before anybody joins by them
    version_change.end_downgrade_for_learners,  # before anybody waits for them
    failed_pods.restart_failed_learners,
    in_place_restore.release_old_disks,
    grow_disks.update_claim_template,  # before anybody needs another disk
    scale.announce_next_learner,  # finish what etcd has been told …
    promote.promote,
    maintenance.report_divergence,  # before anything can go
    scale.shrink,
    replace_lost_members,
    replace_stuck.replace_stuck_members,
    replace_stuck.release_stuck_pods,
    maintenance.disarm_corrupt,
    maintenance.free_space,
    scale.delete_left_disks,
    promote.wait_for_learners,
    scale.grow,  # … before telling it more
    required_backup.back_up_before_take_over,
    takeover.take_over,  # until it is over, nothing below is done
    grow_disks.grow_disks,
    auth.sync_auth,
    version_change.refuse_image,
    version_change.refuse_version,
    version_change.prepare_version,
    version_change.end_downgrade,
    resize_pods.resize_pods,  # what need not be made anew
    roll.roll,
    peer_tls.change_peer_urls,  # of members that have all been rolled
    attributes.change_disk_attributes,  # whatever comes of it delays none of the above
    certificates.wait_for_client_certificates,  # whatever they lack delays none of the above
    auth.report_authentication_off,
    required_backup.back_up_before_upgrade,  # what it holds back is in nobody's template yet
    catalog.report_missing_image,
    resize_waits.wait_to_shrink,
    replace_stuck.wait_to_replace,
    resize_waits.wait_to_grow,
    resize_waits.wait_for_left_disks,
    promote.report_late_learners,
    maintenance.report_alarms,
    move_leader,
    maintenance.defragment,
    peer_tls.wait_to_change_peer_tls,  # whatever it waits for delays none of the above
    mirror_source,  # which may take days, and delays none of the above
    settled.report_settled,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """All actions in order, and the decision that explains them.

    `snapshot` is what was decided about, with its effective spec: what guards judge by, and what
    the status is of.
    """

    actions: tuple[Action, ...]
    decision: Decision
    rule: str
    snapshot: Snapshot = field(compare=False, repr=False)


def plan(snapshot: Snapshot) -> Plan:
    """Return what to do for this snapshot. Total: `report_settled` always has something to say."""
    snapshot = with_effective_spec(snapshot)
    for rule in RULES:
        decision = rule(snapshot)
        if decision is not None:
            ending = find_ending(snapshot, decision.actions)
            decision = leave_service_first(snapshot, decision, ending)
            decision = stop_before_removal(snapshot, decision)
            actions = _compose(snapshot, decision, ending)
            actions = (*_renew_first(snapshot, actions), *actions)
            actions = (*actions, *refresh_connections(snapshot))
            return Plan(actions, decision, rule.__name__, snapshot)
    raise AssertionError("the last rule always decides")


def _renew_first(snapshot: Snapshot, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Renewals that are due and not issued by the rule: a Secret is written once in a pass."""
    copy = find_copy(snapshot)
    issued = {a.leaf.secret for a in actions if isinstance(a, IssueCertificate)}
    issued |= {a.secret for a in actions if isinstance(a, ShareTrust)}
    renewed = tuple(each for each in renew(snapshot) if each.leaf.secret not in issued)
    return (*renewed, *((copy,) if copy else ()))


def _compose(snapshot: Snapshot, decision: Decision, ending: tuple[Pod, ...]) -> tuple[Action, ...]:
    if not decision.corrects_objects:
        return decision.actions
    now = _spare_stopped(
        correct_objects(snapshot, choose_layout(snapshot)), decision.actions, ending
    )
    after = predict(snapshot, decision.actions)
    if after is snapshot or any(isinstance(each, EvictPod) for each in decision.actions):
        # What was looked at of the StatefulSet is old when a Pod has ended meanwhile.
        return (*now, *decision.actions)
    later = _spare_stopped(correct_objects(after, choose_layout(after)), decision.actions, ending)
    then = [a for a in later if a not in now]
    if {_target(action) for action in now} & {_target(action) for action in then}:
        # One object twice: the second time would be judged by what is old by then.
        return (*now, *decision.actions)
    return (*now, *decision.actions, *then)


def _spare_stopped(
    corrections: list[Action], actions: tuple[Action, ...], ending: tuple[Pod, ...]
) -> list[Action]:
    """Without labels for Pods that are deleted in this pass.

    Before that, they would not be as they were looked at; after it, nobody reads them.

    For an eviction the label decides: the PodDisruptionBudget counts who has that of a voter, or
    of a voter that is `ending` and leaves the client Service.
    """
    stopped = {each.uid for each in actions if isinstance(each, DeleteObject)}
    stopped |= {pod.uid for pod in ending if pod.role == ROLE_LEAVING}
    return [c for c in corrections if not (isinstance(c, LabelPod) and c.uid in stopped)]


def _target(action: Action) -> object:
    return (action.kind, action.name) if isinstance(action, ApplyObject) else action


def choose_layout(snapshot: Snapshot) -> Layout:
    """Return the layout that the cluster's stage of life calls for."""
    cluster_id = snapshot.recorded_cluster_id
    if cluster_id is None and snapshot.quorum_confirmed and snapshot.membership:
        cluster_id = snapshot.membership.cluster_id
    if cluster_id is not None:
        return lay_out(snapshot, cluster_id)
    begun = recorded_bootstrap(snapshot)
    return lay_out_bootstrap(snapshot, snapshot.spec.size if begun is None else begun)


def predict(snapshot: Snapshot, actions: tuple[Action, ...]) -> Snapshot:
    """Return the snapshot as it will be when these changes of members and claims have succeeded."""
    deleted = {each.uid for each in actions if isinstance(each, DeleteObject)}
    if any(claim.uid in deleted for claim in snapshot.claims):
        going = (replace(c, deleting=True) if c.uid in deleted else c for c in snapshot.claims)
        snapshot = snapshot.evolve(claims=tuple(going))
    if snapshot.membership is None:
        return snapshot
    members = list(snapshot.membership.members)
    before = list(members)
    for action in actions:
        match action:
            case AddLearner(peer_url=peer_url):
                members.append(Member(id=0, name="", peer_urls=(peer_url,), is_learner=True))
            case RemoveMember(member_id=member_id) | RemoveSourceMember(member_id=member_id):
                members = [m for m in members if m.id != member_id]
            case PromoteMember(member_id=member_id):
                members = [
                    replace(m, is_learner=False) if m.id == member_id else m for m in members
                ]
            case UpdateMember(member_id=member_id, peer_urls=urls):
                members = [replace(m, peer_urls=urls) if m.id == member_id else m for m in members]
            case _:
                pass
    if members == before:
        return snapshot
    known = snapshot.membership
    after = MemberList(known.cluster_id, tuple(members), known.linearizable)
    return with_effective_spec(snapshot.evolve(membership=after))
