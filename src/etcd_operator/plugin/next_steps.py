"""Verbs that help where the operator waits for a person, by the reason that it gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from etcd_operator.core.reasons import attention, routine, verdicts

_RECOVER: Final = (
    "If those members do not come back with their disks: `kubectl etcd recover {name}`, or restore "
    "a backup."
)
_COMPARE: Final = "`kubectl etcd replace MEMBER` makes one that is wrong learn from the others."
_GIVE_BACK: Final = "`kubectl etcd migrate abort {name}` gives the old cluster back."
_FOLLOWERS: Final = "`kubectl etcd upgrade {name}` shows which versions may follow."
_BACKUPS: Final = "`kubectl etcd backups {name}` shows what keeps it."
_STEPS: Final = {
    attention.NO_QUORUM: _RECOVER,
    verdicts.MAJORITY_LOST: _RECOVER,
    attention.PAUSED: "`kubectl etcd resume {name}` lets the operator go on.",
    routine.STOPPED: "`kubectl etcd start {name}` starts it with the members that it had.",
    attention.DATA_DIFFERS: _COMPARE,
    attention.CORRUPT_DATA: _COMPARE,
    attention.QUOTA_EXCEEDED: "`kubectl etcd top {name}` shows which keys take the space.",
    attention.VERSION_REFUSED: _FOLLOWERS,
    attention.TAKE_OVER_REFUSED: _GIVE_BACK,
    attention.TAKE_OVER_STOPPED: _GIVE_BACK,
    attention.TAKE_OVER_AWAITS_APPROVAL: (
        "`kubectl etcd migrate approve {name}` lets the old members go; `kubectl etcd migrate "
        "abort {name}` gives the old cluster back."
    ),
    attention.MIRROR_AWAITS_CUT_OVER: "`kubectl etcd migrate approve {name}` cuts over.",
    attention.BACKUP_BEFORE_UPGRADE: _BACKUPS,
    attention.BACKUP_BEFORE_TAKE_OVER: _BACKUPS,
    attention.BACKUP_BEFORE_DELETION: _BACKUPS,
    verdicts.BACKUP_FAILING: _BACKUPS,
}
_BY_NAME: Final = {reason.name: step for reason, step in _STEPS.items()}


def find_steps(name: str, reasons: Iterable[str]) -> list[str]:
    """Return a sentence for each verb that helps with these reasons, once."""
    found = (_BY_NAME[reason] for reason in reasons if reason in _BY_NAME)
    return [step.format(name=name) for step in dict.fromkeys(found)]
