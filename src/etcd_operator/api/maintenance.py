"""Maintenance of members and their data: replacement, recovery, space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from etcd_operator.api.duration import Duration
from etcd_operator.api.model import Model
from etcd_operator.api.quantity import Quantity


class QuorumLoss(Model):
    """Approves going on without a majority that will not come back."""

    cluster_id: str = Field(
        alias="clusterID",
        max_length=16,
        description="The status.clusterID of the etcd cluster.",
    )
    accepted_revision: int = Field(
        ge=1,
        description=(
            "Lowest revision that the recovered member must have; later writes may be lost. An "
            "approval is valid for one loss of the quorum, and only if it is given after the "
            "status reports that loss. Another loss needs another revision."
        ),
    )


class Recovery(Model):
    """How members that cannot be saved are replaced, and how a lost quorum is recovered."""

    member_replacement_delay: Duration = Field(
        Duration("5m"),
        max_length=16,
        description=(
            "How long a member's Pod may be stuck before the member is replaced, e.g. 5m: on a "
            "node that does not respond, unschedulable because its disk is on such a node, or in "
            "a crash loop. A recovery from a lost majority waits as long for a member that may "
            "still start. At least 10s."
        ),
    )
    quorum_loss: QuorumLoss | None = Field(
        None,
        description=(
            "Approval to recover from the most advanced running member when the majority is lost "
            "for good. Acknowledged writes may be lost."
        ),
    )


class Precautions(Model):
    """Backups that are taken, and proven to restore, before what cannot be undone."""

    before_upgrade: str = Field(
        "",
        max_length=253,
        description=(
            "Name of an EtcdBackup of this cluster, in its namespace. Before each change of "
            "`version`, and each step of one that is made in several, one backup with its spec is "
            "taken, and the version is not changed until that is complete and verified."
        ),
    )
    before_take_over: str = Field(
        "",
        max_length=253,
        description=(
            "Name of an EtcdBackup of this cluster, in its namespace. When the members have joined "
            "the cluster of `bootstrap.joinExisting` and have its data, one backup with its spec "
            "is taken, and no old member goes until that is complete and verified."
        ),
    )
    before_deletion: str = Field(
        "",
        max_length=253,
        description=(
            "Name of an EtcdBackup of this cluster, in its namespace. When the cluster is "
            "deleted, one backup with its spec is taken first, and nothing is deleted until that "
            "is complete and verified."
        ),
    )


class DefragmentationWindow(Model):
    """The time of day in which members may be defragmented, in UTC."""

    start: str = Field(max_length=5, description="Start of the window, e.g. 02:00.")
    duration: Duration = Field(
        Duration("1h"), max_length=16, description="Duration of the window, e.g. 2h."
    )


class Defragmentation(Model):
    """When a member's database is rewritten without the space that nothing uses."""

    unused_percent: int = Field(
        50, ge=10, le=90, description="How much of the file must be unused, in percent."
    )
    minimum_size: Quantity = Field(
        Quantity.parse("100Mi"), description="Smaller files are not defragmented."
    )
    window: DefragmentationWindow | None = Field(
        None, description="Time of day for the defragmentation, in UTC; any time if unset."
    )


class Maintenance(Model):
    """What the operator does about the space that the database uses."""

    free_space: Literal["Automatic", "Never"] = Field(
        "Automatic",
        description=(
            "What happens when etcd refuses writes because its quota is exceeded: Automatic "
            "compacts the history of keys, defragments one member at a time and disarms the "
            "alarm; Never only reports it."
        ),
    )
    defragmentation: Defragmentation | None = Field(
        None, description="Routine defragmentation, one member at a time; none if unset."
    )
