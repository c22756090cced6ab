"""All reasons: the kind of object each belongs to, and the conditions that give it.

The reference page, the checks of the how-to pages and alerts are made from this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from etcd_operator.core.reasons import (
    attention,
    backups,
    condition_types,
    events,
    restores,
    routine,
    tasks,
    verdicts,
)
from etcd_operator.core.reasons.reason import Reason


@dataclass(frozen=True, slots=True)
class ConditionType:
    """A condition and the reasons that it gives, by status, beside what `others` says."""

    type: str
    meaning: str
    true: tuple[Reason, ...] = ()
    false: tuple[Reason, ...] = ()
    unknown: tuple[Reason, ...] = ()
    others: str = ""


def reasons_of(*modules: ModuleType) -> tuple[Reason, ...]:
    """Return the reasons that modules register, in their order."""
    return tuple(reason for module in modules for reason in _find_reasons(module))


def alert_of(reason: Reason) -> str:
    """Return the name of the alert that fires while an EtcdCluster has the reason, or nothing."""
    return reason.alert or (BLOCKED if reason.blocks and reason in CLUSTER else "")


def _find_reasons(module: ModuleType) -> Iterator[Reason]:
    for value in vars(module).values():
        if isinstance(value, Reason):
            yield value
        elif isinstance(value, Mapping) and value:
            yield from (each for each in value.values() if isinstance(each, Reason))


# By kind of object. A name stands for one thing within a kind.
CLUSTER: Final = reasons_of(routine, attention, verdicts, events)
BACKUP: Final = reasons_of(backups, tasks)
RESTORE: Final = reasons_of(restores, tasks)
REASONS: Final[Mapping[str, tuple[Reason, ...]]] = {
    "EtcdCluster": CLUSTER,
    "EtcdBackup": BACKUP,
    "EtcdRestore": RESTORE,
}

# Fires on any reason that blocks a cluster, but for those with an alert of their own.
BLOCKED: Final = "EtcdChangeBlocked"
_DECISION: Final = "that of the decision"

CLUSTER_CONDITIONS: Final = (
    ConditionType(
        condition_types.AVAILABLE,
        "Clients can read and write now.",
        true=(verdicts.QUORUM_AVAILABLE,),
        false=(
            routine.STOPPED,
            routine.DELETING,
            verdicts.NO_SPACE,
            attention.NO_QUORUM,
            verdicts.NO_READY_MEMBER,
        ),
        unknown=(attention.OPERATOR_CANNOT_REACH,),
    ),
    ConditionType(
        condition_types.READY,
        "The cluster is exactly as the spec wants it and every member is well.",
        others=_DECISION,
    ),
    ConditionType(
        condition_types.PROGRESSING,
        "The operator is changing something, or waiting for a change to finish.",
        others=_DECISION,
    ),
    ConditionType(
        condition_types.DEGRADED,
        "Something is wrong that the user should know, and what.",
        true=(
            verdicts.ALARM,
            attention.DATA_DIFFERS,
            attention.FOREIGN_MEMBER,
            verdicts.DISK_BEING_DELETED,
            attention.HELD_BY_FINALIZER,
            verdicts.POD_MISSING,
            verdicts.NOT_SCHEDULED,
            verdicts.MEMBERS_UNAVAILABLE,
            verdicts.CHANGED_BY_OTHERS,
        ),
        false=(verdicts.AS_EXPECTED,),
        others=f"True: {_DECISION}, or that which Kubernetes gives for a Pod or a claim",
    ),
    ConditionType(
        condition_types.QUORUM_HEALTHY,
        "A majority of the voters answers and agrees; who is missing, if not.",
        true=(verdicts.MAJORITY_ANSWERS, verdicts.MAJORITY_READY),
        false=(verdicts.MAJORITY_LOST,),
        unknown=(
            routine.STOPPED,
            routine.DELETING,
            routine.RESTORING,
            attention.OPERATOR_CANNOT_REACH,
            verdicts.NOT_FORMED,
        ),
    ),
    ConditionType(
        condition_types.DATA_LOSS_POSSIBLE,
        "The cluster went on from one member after its majority was lost.",
        true=(verdicts.RECOVERED_FROM_ONE_MEMBER,),
        false=(verdicts.NO_RECOVERY,),
    ),
    ConditionType(
        condition_types.QUORUM_LOSS_APPROVED,
        "spec.recovery.quorumLoss approves a recovery from one member; only while it is set.",
        true=(verdicts.QUORUM_LOSS_APPROVED, verdicts.APPROVAL_IN_USE),
        false=(verdicts.APPROVAL_CARRIED_OUT, verdicts.APPROVAL_VOID),
    ),
    ConditionType(
        condition_types.PAUSED,
        "The user asked for no changes.",
        true=(verdicts.PAUSED_BY_USER,),
        false=(verdicts.NOT_PAUSED,),
    ),
    ConditionType(
        condition_types.SPEC_WARNING,
        "The spec is carried out, and may end badly; only there if it is so.",
        true=(
            verdicts.PASSWORD_UNUSABLE,
            verdicts.PASSWORDS_IN_PLAIN_TEXT,
            verdicts.CONNECTION_NAME_TAKEN,
            verdicts.ALIAS_TAKEN,
            verdicts.NO_MEMBER_ADDRESS,
            verdicts.QUOTA_EXCEEDS_DISK,
            verdicts.LOG_EXCEEDS_DISK,
            verdicts.QUOTA_EXCEEDS_MEMORY,
        ),
    ),
    ConditionType(
        condition_types.CERTIFICATES_VALID,
        "Every certificate can be used and is not about to expire; TLS only.",
        true=(verdicts.ALL_VALID, verdicts.CA_CHANGING),
        false=(
            verdicts.NOT_ISSUED,
            verdicts.UNUSABLE,
            verdicts.EXPIRED,
            verdicts.RENEWAL_HELD,
            verdicts.EXPIRING_SOON,
        ),
    ),
    ConditionType(
        condition_types.BACKUP_HEALTHY,
        "Every EtcdBackup of the cluster works; only there if there is one.",
        true=(verdicts.BACKED_UP,),
        false=(verdicts.BACKUP_FAILING, verdicts.BACKUP_OVERDUE),
        unknown=(verdicts.UPGRADE_WAITS, verdicts.NO_BACKUP_YET),
    ),
    ConditionType(
        condition_types.CHANGED_BY_OTHERS,
        "Fields of the operator's objects that others change; only there if any.",
        true=(verdicts.CHANGED_BY_OTHERS,),
    ),
    ConditionType(
        condition_types.UPGRADE_WAITING,
        "A new version of the operator has yet to roll it; only there meanwhile.",
        true=(verdicts.WAITING_FOR_TURN,),
    ),
)
BACKUP_CONDITIONS: Final = (
    ConditionType(
        condition_types.COMPLETED,
        "The newest backup is complete.",
        true=(backups.BACKED_UP, backups.WAITING),
        false=(
            backups.INVALID_SPEC,
            backups.WAITING,
            backups.RUNNING,
            backups.JOB_BLOCKED,
            backups.BACKUP_FAILED,
            tasks.REFUSED_BY_KUBERNETES,
        ),
    ),
    ConditionType(
        condition_types.VERIFIED,
        "The newest backup was restored for trial and compared with the cluster.",
        true=(backups.COMPARED,),
        false=(backups.DIFFERS,),
        unknown=(backups.NOT_ASKED,),
    ),
)
RESTORE_CONDITIONS: Final = (
    ConditionType(
        condition_types.COMPLETED,
        "The EtcdCluster serves what the backup held.",
        true=(restores.RESTORED,),
        false=(
            restores.INVALID_SPEC,
            restores.NO_BACKUP,
            restores.NOT_ALLOWED,
            restores.NAME_TAKEN,
            restores.NEWER_ETCD,
            restores.RECORD_UNREADABLE,
            restores.CLUSTER_DELETED,
            restores.NO_CLUSTER,
            restores.CLUSTER_BUSY,
            restores.NOT_FORMED,
            restores.STOPPED,
            restores.PAUSED,
            restores.INVALID_CLUSTER,
            tasks.REFUSED_BY_KUBERNETES,
            restores.VERIFYING,
            restores.VERIFIED,
            restores.RESTORING,
            restores.STARTING,
            restores.RESTORE_FAILED,
            restores.UNDOING,
            restores.UNDONE,
        ),
    ),
    ConditionType(
        condition_types.VERIFIED,
        "The backup of a restore in place was fetched and restored for trial.",
        true=(restores.RESTORABLE,),
    ),
)
CONDITIONS: Final[Mapping[str, tuple[ConditionType, ...]]] = {
    "EtcdCluster": CLUSTER_CONDITIONS,
    "EtcdBackup": BACKUP_CONDITIONS,
    "EtcdRestore": RESTORE_CONDITIONS,
}
