"""The conditions of a cluster, each judged by one pure function."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.certificates.cert_manager import (
    find_credential_problem,
    find_issuing_problem,
    find_peer_issuing_problem,
)
from etcd_operator.core.certificates.exchange import find_exchange
from etcd_operator.core.certificates.health import find_expiring, find_held_renewals
from etcd_operator.core.certificates.issuer_machine import find_change
from etcd_operator.core.certificates.machine import find_replaced
from etcd_operator.core.certificates.peer_issuer_machine import find_peer_change
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.consistency.divergence import explain, find_divergence
from etcd_operator.core.membership.foreign_members import explain_foreign
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.finalizers import name_held
from etcd_operator.core.model.live_objects import UNHEALTHY, PodProblem
from etcd_operator.core.model.members import NO_SPACE, format_id
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.corrections import find_objections
from etcd_operator.core.quorum_loss.approval import (
    approved_request,
    find_recovered,
    find_request,
    is_of_this_life,
)
from etcd_operator.core.quorum_loss.record import find_recovery
from etcd_operator.core.reachability.unreachable import find_unreachable
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.reasons.condition_types import (
    AVAILABLE,
    BACKUP_HEALTHY,
    CERTIFICATES_VALID,
    CHANGED_BY_OTHERS,
    DATA_LOSS_POSSIBLE,
    DEGRADED,
    PAUSED,
    PROGRESSING,
    QUORUM_LOSS_APPROVED,
    READY,
    SPEC_WARNING,
    UPGRADE_WAITING,
)
from etcd_operator.core.reasons.reason import given_by_kubernetes
from etcd_operator.core.status.quorum import TORN_DOWN, is_torn_down, judge_quorum
from etcd_operator.core.status.spec_warnings import find_spec_warnings
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.storage.deleted_claims import explain_going
from etcd_operator.wording import agree, counted, join_sentences

# A backup that has not begun so long after its time is not about to.
OVERDUE: Final = timedelta(minutes=10)

# Conditions of these reasons are told by a Warning as well, whatever the decision is about.
WARNINGS: Final = frozenset(
    reason.name
    for reason in (
        attention.DATA_DIFFERS,
        verdicts.CHANGED_BY_OTHERS,
        verdicts.DISK_BEING_DELETED,
        verdicts.QUORUM_LOSS_APPROVED,
        verdicts.APPROVAL_VOID,
    )
)
_DEGRADED_BY: Final = frozenset(
    {
        attention.NO_QUORUM,
        attention.MEMBER_UNAVAILABLE,
        attention.MEMBERS_NOT_READY,
        attention.OPERATOR_CANNOT_REACH,
        attention.REFUSED_BY_ETCD,
    }
)
# Neither changes anything, nor waits for a change of the operator's.
_AT_A_STAND: Final = frozenset(
    {
        attention.PAUSED,
        attention.NO_QUORUM,
        attention.MEMBERS_NOT_READY,
        attention.OPERATOR_CANNOT_REACH,
    }
)


def judge(snapshot: Snapshot, decision: Decision) -> tuple[Verdict, ...]:
    """Return every condition, in the order in which people read them."""
    verdicts = (judgement(snapshot, decision) for judgement in _JUDGEMENTS)
    return tuple(verdict for verdict in verdicts if verdict is not None)


def _judge_available(snapshot: Snapshot, decision: Decision) -> Verdict:
    """Available: clients can read and write now."""
    if decision.phase is Phase.STOPPED:
        return Verdict(AVAILABLE, "False", routine.STOPPED, decision.message)
    if is_torn_down(snapshot, decision):
        return Verdict(AVAILABLE, "False", routine.DELETING, TORN_DOWN)
    ready = [
        seat
        for seat in snapshot.seats()
        if seat.member and not seat.member.is_learner and seat.pod and seat.pod.ready
    ]
    full = any(alarm == NO_SPACE for alarm, _ in snapshot.alarms)
    if snapshot.quorum_confirmed and full:
        return Verdict(
            AVAILABLE,
            "False",
            verdicts.NO_SPACE,
            "etcd refuses writes: its space quota is exceeded.",
        )
    unheard = find_unreachable(snapshot)
    if unheard and unheard.asks_for_user:
        said = f"{_say_serving(len(unheard.pods))} that have a user."
        return Verdict(AVAILABLE, "True", verdicts.QUORUM_AVAILABLE, said)
    if unheard:
        return Verdict(AVAILABLE, "Unknown", attention.OPERATOR_CANNOT_REACH, unheard.message)
    if snapshot.quorum_confirmed and ready:
        said = f"{_say_serving(len(ready))}."
        return Verdict(AVAILABLE, "True", verdicts.QUORUM_AVAILABLE, said)
    reason = verdicts.NO_READY_MEMBER if snapshot.quorum_confirmed else attention.NO_QUORUM
    return Verdict(AVAILABLE, "False", reason, decision.message)


def _say_serving(count: int) -> str:
    return f"{counted(count, 'member')} {agree(count, 'serve')} clients"


def _judge_ready(_: Snapshot, decision: Decision) -> Verdict:
    """Ready: the cluster is exactly as the spec wants it and every member is well."""
    running = decision.settled and decision.phase is Phase.RUNNING
    return Verdict(READY, "True" if running else "False", decision.reason, decision.message)


def _judge_progressing(_: Snapshot, decision: Decision) -> Verdict:
    """Progressing: the operator is changing something, or waiting for a change to finish."""
    moving = not (decision.settled or decision.blocked or decision.reason in _AT_A_STAND)
    return Verdict(PROGRESSING, "True" if moving else "False", decision.reason, decision.message)


def _judge_degraded(snapshot: Snapshot, decision: Decision) -> Verdict:
    """Degraded: something is wrong that the user should know, and what."""
    if snapshot.alarms:
        return Verdict(DEGRADED, "True", verdicts.ALARM, _name_alarms(snapshot))
    divergence = find_divergence(snapshot)
    if divergence:
        return Verdict(DEGRADED, "True", attention.DATA_DIFFERS, explain(snapshot, divergence))
    if snapshot.ownership.foreign:
        return Verdict(DEGRADED, "True", attention.FOREIGN_MEMBER, explain_foreign(snapshot))
    going = explain_going(snapshot)
    if going:
        return Verdict(DEGRADED, "True", verdicts.DISK_BEING_DELETED, going)
    first, said = _name_problems(snapshot)
    if first and decision.reason is not attention.DATA_LOST:  # of which crashes are the sign
        return _keep_words(
            snapshot, Verdict(DEGRADED, "True", given_by_kubernetes(first.reason), said)
        )
    held = name_held(snapshot.pods)
    if held and not decision.blocked:
        return Verdict(DEGRADED, "True", attention.HELD_BY_FINALIZER, join_sentences(held)[:2000])
    if decision.blocked or decision.reason in _DEGRADED_BY:
        said = join_sentences([decision.message, *_name_unready(snapshot)])[:2000]
        return _keep_words(snapshot, Verdict(DEGRADED, "True", decision.reason, said))
    away = voters_not_serving(snapshot) if snapshot.quorum_confirmed else ()
    away = tuple(seat for seat in away if seat.member and seat.member.started)
    if away:
        names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in away)
        return Verdict(DEGRADED, "True", verdicts.MEMBERS_UNAVAILABLE, f"{names} did not answer.")
    objections = find_objections(snapshot)
    if objections and objections.contested:
        return Verdict(DEGRADED, "True", verdicts.CHANGED_BY_OTHERS, objections.message)
    return Verdict(DEGRADED, "False", verdicts.AS_EXPECTED, "Nothing is wrong.")


def _name_problems(snapshot: Snapshot) -> tuple[PodProblem | None, str]:
    """The first trouble of what is to come up, and all of them in the words of who said them."""
    up = [(pod.name, pod.problem) for pod in snapshot.pods if pod.problem and not pod.deleting]
    up += [(one.regarding, one.problem) for one in snapshot.warnings]
    up = [(name, trouble) for name, trouble in up if trouble.reason != UNHEALTHY]
    said = [f"{name}: {trouble.reason}: {trouble.message}"[:400] for name, trouble in up]
    said += _name_unbound_disks(snapshot)
    return (up[0][1] if up else None), join_sentences(said)[:2000]


def _name_unready(snapshot: Snapshot) -> list[str]:
    """Words of the kubelet about members that run and are not Ready."""
    return [one.sentence[:400] for one in snapshot.warnings if one.problem.reason == UNHEALTHY]


def _keep_words(snapshot: Snapshot, verdict: Verdict) -> Verdict:
    """The sentence that is shown, if it differs in numbers and IDs only: each would be a write."""
    for shown in snapshot.cluster.status.conditions:
        same = (shown.type, shown.reason) == (verdict.type, verdict.reason.name)
        if same and _mask(shown.message) == _mask(verdict.message):
            return replace(verdict, message=shown.message)
    return verdict


def _mask(text: str) -> str:
    return re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", text)


def _name_alarms(snapshot: Snapshot) -> str:
    names = {seat.member.id: seat.ordinal for seat in snapshot.seats() if seat.member}
    said = [
        f"etcd raised the alarm {alarm} about "
        f"{snapshot.naming.member(names[member]) if member in names else format_id(member)}."
        for alarm, member in sorted(snapshot.alarms)
    ]
    return " ".join(said)


def _name_unbound_disks(snapshot: Snapshot) -> list[str]:
    """StorageClasses that unbound disks wait for: the scheduler does not say."""
    waiting = {p.ordinal for p in snapshot.pods if p.problem and not (p.node or p.deleting)}
    unbound = [c for c in snapshot.claims if c.ordinal in waiting and not (c.bound or c.deleting)]
    classes = {claim.storage_class for claim in unbound if claim.storage_class}
    return [
        f"Disks wait for StorageClass {name}: does it exist, and can it make volumes here?"
        for name in sorted(classes)
    ]


def _judge_data_loss(snapshot: Snapshot, _: Decision) -> Verdict:
    """DataLossPossible: the cluster went on from one member after its majority was lost."""
    request, revision = find_recovered(snapshot)
    recovery = find_recovery(snapshot)
    if recovery is None and not (revision and is_of_this_life(snapshot, request)):
        return Verdict(
            DATA_LOSS_POSSIBLE,
            "False",
            verdicts.NO_RECOVERY,
            "No quorum-loss recovery was carried out.",
        )
    kept = recovery.revision if recovery else revision
    message = (
        f"The cluster went on from revision {kept} of one member: later writes that only lost "
        "members had acknowledged are missing. Their volumes are kept."
    )
    return Verdict(DATA_LOSS_POSSIBLE, "True", verdicts.RECOVERED_FROM_ONE_MEMBER, message)


def _judge_approval(snapshot: Snapshot, _: Decision) -> Verdict | None:
    """QuorumLossApproved: a recovery from one member is approved; only while it is."""
    kind, request = QUORUM_LOSS_APPROVED, approved_request(snapshot)
    recovery = find_recovery(snapshot)
    if request is None:
        return None
    what = f"spec.recovery.quorumLoss ({request})"
    if recovery is not None and recovery.request == request:
        return Verdict(kind, "True", verdicts.APPROVAL_IN_USE, f"{what} is being carried out.")
    if find_request(snapshot) is not None:
        said = (
            f"{what} stands: unless the majority comes back, the cluster goes on from one member "
            "and writes may be lost. Take it out of the spec to withdraw it."
        )
        return Verdict(kind, "True", verdicts.QUORUM_LOSS_APPROVED, said)
    done, revision = find_recovered(snapshot)
    if done == request:
        said = f"{what} was carried out, from revision {revision}: take it out of the spec."
        return Verdict(kind, "False", verdicts.APPROVAL_CARRIED_OUT, said)
    said = (
        f"{what} is void and will never be carried out: it was used, or given while no loss of "
        "quorum was reported. Take it out of the spec; a loss of quorum needs an approval with "
        "another acceptedRevision, given after it."
    )
    return Verdict(kind, "False", verdicts.APPROVAL_VOID, said)


def _judge_paused(snapshot: Snapshot, _: Decision) -> Verdict:
    """Paused: the user asked for no changes."""
    if snapshot.spec.paused:
        return Verdict(
            PAUSED, "True", verdicts.PAUSED_BY_USER, "Nothing is changed: spec.paused is true."
        )
    return Verdict(PAUSED, "False", verdicts.NOT_PAUSED, "The operator manages the cluster.")


def _judge_spec(snapshot: Snapshot, _: Decision) -> Verdict | None:
    """SpecWarning: the spec is carried out, and may end badly; only there if it is so."""
    warnings = find_spec_warnings(snapshot)
    if not warnings:
        return None
    said = join_sentences(warning.message for warning in warnings)
    return Verdict(SPEC_WARNING, "True", warnings[0].reason, said)


def _judge_certificates(snapshot: Snapshot, _: Decision) -> Verdict | None:
    """CertificatesValid: every certificate can be used and is not about to expire; TLS only."""
    if not snapshot.credentials and not issuer_of(snapshot.spec):
        return None
    kind, now = CERTIFICATES_VALID, snapshot.now
    unissued = find_issuing_problem(snapshot) or find_peer_issuing_problem(snapshot)
    if unissued:
        return Verdict(kind, "False", verdicts.NOT_ISSUED, unissued)
    problem = find_credential_problem(snapshot)
    if problem:
        return Verdict(kind, "False", verdicts.UNUSABLE, problem)
    known = {name: c.certificate for name, c in sorted(snapshot.credentials.items())}
    held = join_sentences(find_held_renewals(snapshot))
    expired = [name for name, one in known.items() if one and one.not_after <= now]
    if expired:
        said = f"Expired: {', '.join(expired)}. {held}".strip()
        return Verdict(kind, "False", verdicts.EXPIRED, said[:2000])
    if held:
        return Verdict(kind, "False", verdicts.RENEWAL_HELD, held[:2000])
    soon = find_expiring(snapshot)
    if soon:
        return Verdict(
            kind, "False", verdicts.EXPIRING_SOON, f"About to expire: {' '.join(soon)}"[:2000]
        )
    replaced = " and ".join(find_replaced(snapshot))
    if replaced:
        said = (
            f"Every certificate is valid. The certificate authority in Secret {replaced} is being "
            "replaced: clients have to trust all that their ca.crt has."
        )
        return Verdict(kind, "True", verdicts.CA_CHANGING, said)
    changing = find_change(snapshot) or find_exchange(snapshot) or find_peer_change(snapshot)
    if changing:
        return Verdict(kind, "True", verdicts.CA_CHANGING, changing)
    return Verdict(kind, "True", verdicts.ALL_VALID, "Every certificate is valid.")


def _judge_backups(snapshot: Snapshot, _: Decision) -> Verdict | None:
    """BackupHealthy: every EtcdBackup of the cluster works; only there if there is one."""
    if not snapshot.backups:
        return None
    failing = [backup for backup in snapshot.backups if backup.failures]
    if failing:
        said = join_sentences(f"EtcdBackup {b.name}: {b.failure or b.message}" for b in failing)
        return Verdict(BACKUP_HEALTHY, "False", verdicts.BACKUP_FAILING, said[:2000])
    if snapshot.held_version:
        said = f"The upgrade to {snapshot.held_version} waits for a backup."
        return Verdict(BACKUP_HEALTHY, "Unknown", verdicts.UPGRADE_WAITS, said)
    late = [b.name for b in snapshot.backups if b.due and snapshot.now - b.due > OVERDUE]
    if late:
        said = f"EtcdBackup {', '.join(late)} should have begun {OVERDUE} ago."
        return Verdict(BACKUP_HEALTHY, "False", verdicts.BACKUP_OVERDUE, said)
    good = [backup.last for backup in snapshot.backups if backup.last]
    if not good:
        return Verdict(BACKUP_HEALTHY, "Unknown", verdicts.NO_BACKUP_YET, "There is no backup yet.")
    newest = max(good).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Verdict(BACKUP_HEALTHY, "True", verdicts.BACKED_UP, f"The newest backup is of {newest}.")


def _judge_changed(snapshot: Snapshot, _: Decision) -> Verdict | None:
    """ChangedByOthers: fields of the operator's objects that others change; only there if any."""
    objections = find_objections(snapshot)
    if objections is None:
        return None
    return Verdict(CHANGED_BY_OTHERS, "True", verdicts.CHANGED_BY_OTHERS, objections.message)


def _judge_upgrade(snapshot: Snapshot, _: Decision) -> Verdict | None:
    """UpgradeWaiting: a new version of the operator has yet to roll it; only there meanwhile."""
    if not snapshot.upgrade_waits:
        return None
    return Verdict(UPGRADE_WAITING, "True", verdicts.WAITING_FOR_TURN, snapshot.upgrade_waits)


_JUDGEMENTS: Final[tuple[Callable[[Snapshot, Decision], Verdict | None], ...]] = (
    _judge_available,
    _judge_ready,
    _judge_progressing,
    _judge_degraded,
    judge_quorum,
    _judge_data_loss,
    _judge_approval,
    _judge_paused,
    _judge_spec,
    _judge_certificates,
    _judge_backups,
    _judge_changed,
    _judge_upgrade,
)
