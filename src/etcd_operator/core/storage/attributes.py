"""VolumeAttributesClass of the disks: asked for in the claims, while the members run.

Kubernetes has it from 1.34 on, and the CSI driver carries it out. The claim template of a
StatefulSet stays as it was made, so a disk of a later member is asked when it has its volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.api.disk import name_attributes_field
from etcd_operator.core.actions import ChangeClaimAttributes
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine

# Claims of members, each with the class that it is to have.
Disks = list[tuple[Claim, str]]
# Kubernetes' word for a change that the driver has refused for good.
INFEASIBLE: Final = "Infeasible"


def change_disk_attributes(snapshot: Snapshot) -> Decision | None:
    """Ask for the class in every member's claim, and say how far that is."""
    storage = snapshot.spec.storage
    wanted = {wal: storage.find_attributes_class(wal=wal) for wal in (False, True)}
    disks = [
        (claim, named)
        for seat in snapshot.seats()
        if seat.member
        for claim in seat.claims
        if claim.owner_uid == snapshot.naming.uid and claim.bound and not claim.deleting
        if (named := wanted[claim.wal])
    ]
    if other := [(claim, named) for claim, named in disks if claim.attributes_class != named]:
        return _ask(other)
    if refused := [disk for disk in disks if disk[0].attributes_change == INFEASIBLE]:
        return _report_refused(refused)
    changing = [disk for disk in disks if disk[0].attributes_change]
    return _wait(changing) if changing else None


def _ask(disks: Disks) -> Decision:
    asked = "; ".join(f"{named}: {_name(claims)}" for named, claims in _by_class(disks))
    return Decision(
        reason=routine.CHANGING_DISK_ATTRIBUTES,
        message=f"Asking for VolumeAttributesClass {asked}.",
        phase=Phase.UPGRADING,
        actions=tuple(ChangeClaimAttributes(c.name, c.uid, named) for c, named in disks),
        requeue_after=OUTSIDE_CHANGE,
    )


def _wait(disks: Disks) -> Decision:
    states = "; ".join(
        f"{named}: {', '.join(f'{claim.name} is {claim.attributes_change}' for claim in claims)}"
        for named, claims in _by_class(disks)
    )
    return Decision(
        reason=routine.CHANGING_DISK_ATTRIBUTES,
        message=(
            f"Waiting until the disks have VolumeAttributesClass {states}. A disk stays Pending "
            "while there is no such class."
        ),
        phase=Phase.UPGRADING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _report_refused(disks: Disks) -> Decision:
    told = " ".join(
        f"The driver of the disks cannot give {_name(claims)} VolumeAttributesClass {named}: name "
        f"another one in {name_attributes_field(wal=claims[0].wal)}."
        for named, claims in _by_class(disks)
    )
    return Decision(
        reason=attention.DISK_ATTRIBUTES_REFUSED,
        message=f"{told} The members keep running.",
        phase=Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _by_class(disks: Disks) -> Iterator[tuple[str, list[Claim]]]:
    """The disks with the data, and those of the logs: the class that they are to have, and they."""
    for wal in (False, True):
        claims = [claim for claim, _ in disks if claim.wal == wal]
        if claims:
            yield next(named for claim, named in disks if claim.wal == wal), claims


def _name(claims: list[Claim]) -> str:
    return ", ".join(claim.name for claim in claims)
