"""The backup before old members of a take-over go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention
from etcd_operator.core.required_backup import rule as required_backup
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.takeover.record import Stage
from tests.builders.actions import Fires, Passes
from tests.builders.required_backups import NIGHTLY, pending, taken
from tests.builders.take_over import world_at


def taking_over(stage: Stage, *backups: BackupState) -> Snapshot:
    """A take-over that is to be preceded by a backup."""
    world = world_at(stage)
    world.spec = {"backup": {"beforeTakeOver": "nightly"}}
    return replace(world.look(), backups=(NIGHTLY, *backups))


FIRES = (
    Fires(
        "no old member goes before a backup",
        required_backup.back_up_before_take_over,
        taking_over(Stage.APPROVE),
        attention.BACKUP_BEFORE_TAKE_OVER,
        "The take-over waits for a backup: one like EtcdBackup nightly is begun.",
        Phase.SCALING,
        ("back up db-before-take-over-45362c97",),
    ),
    Fires(
        "also where it is asked for when some of them have gone",
        required_backup.back_up_before_take_over,
        taking_over(Stage.REMOVE, pending("take-over", message="Job x is running.")),
        attention.BACKUP_BEFORE_TAKE_OVER,
        "The take-over waits for a backup: EtcdBackup db-before-take-over-1: Job x is running.",
        Phase.SCALING,
    ),
)
PASSES = (
    Passes(
        "members join before the backup",
        required_backup.back_up_before_take_over,
        taking_over(Stage.COMPARE),
    ),
    Passes(
        "the backup before old members go is taken",
        required_backup.back_up_before_take_over,
        taking_over(Stage.APPROVE, taken("take-over")),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()
