"""VolumeAttributesClass of the disks: asked for in the claims, while the members run.

Kubernetes has it from 1.34 on, and the CSI driver carries it out. The claim template of a
StatefulSet stays as it was made, so a disk of a later member is asked when it has its volume.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ChangeClaimAttributes
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine

# Kubernetes' word for a change that the driver has refused for good.
INFEASIBLE: Final = "Infeasible"


def change_disk_attributes(snapshot: Snapshot) -> Decision | None:
    """Ask for the class in every member's claim, and say how far that is."""
    wanted = snapshot.spec.storage.volume_attributes_class_name
    if not wanted:
        return None
    disks = [
        seat.claim
        for seat in snapshot.seats()
        if seat.member and seat.claim and seat.claim.owner_uid == snapshot.naming.uid
    ]
    disks = [claim for claim in disks if claim.bound and not claim.deleting]
    if other := [claim for claim in disks if claim.attributes_class != wanted]:
        return _ask(other, wanted)
    if refused := [claim for claim in disks if claim.attributes_change == INFEASIBLE]:
        return _report_refused(refused, wanted)
    changing = [claim for claim in disks if claim.attributes_change]
    return _wait(changing, wanted) if changing else None


def _ask(claims: list[Claim], wanted: str) -> Decision:
    return Decision(
        reason=routine.CHANGING_DISK_ATTRIBUTES,
        message=f"Asking for VolumeAttributesClass {wanted}: {_name(claims)}.",
        phase=Phase.UPGRADING,
        actions=tuple(ChangeClaimAttributes(c.name, c.uid, wanted) for c in claims),
        requeue_after=OUTSIDE_CHANGE,
    )


def _wait(claims: list[Claim], wanted: str) -> Decision:
    states = ", ".join(f"{claim.name} is {claim.attributes_change}" for claim in claims)
    return Decision(
        reason=routine.CHANGING_DISK_ATTRIBUTES,
        message=(
            f"Waiting until the disks have VolumeAttributesClass {wanted}: {states}. A disk stays "
            "Pending while there is no such class."
        ),
        phase=Phase.UPGRADING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _report_refused(claims: list[Claim], wanted: str) -> Decision:
    return Decision(
        reason=attention.DISK_ATTRIBUTES_REFUSED,
        message=(
            f"The driver of the disks cannot give {_name(claims)} VolumeAttributesClass {wanted}: "
            "name another one in spec.storage.volumeAttributesClassName. The members keep running."
        ),
        phase=Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _name(claims: list[Claim]) -> str:
    return ", ".join(claim.name for claim in claims)
