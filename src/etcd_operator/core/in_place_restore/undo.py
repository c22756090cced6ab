"""What is done to undo a restore in place: the earlier cluster gets its disks and records back."""

from __future__ import annotations

from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    RebindVolume,
    RestoreReclaimPolicy,
)
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.in_place_restore.record import OldDisk
from etcd_operator.core.in_place_restore.steps import (
    UNDOING,
    WHY,
    Restoring,
    find_claims,
    lay_out_at_rest,
    name_disk,
    name_stuck,
    quarantine,
    step,
    stop_pods,
)
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.cluster_objects import render_config_map
from etcd_operator.core.objects.corrections import find_wrong
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.objects.tls import render_trust

# Before any claim went


def leave(view: Restoring) -> Decision:
    """The volumes get their reclaim policy back; members start again, if they were stopped."""
    return step("no claim was deleted.", _release_volumes(view), whole=UNDOING)


def leave_to_deletion(view: Restoring) -> Decision:
    """The volumes get their reclaim policy back, but for the one whose claim is being deleted."""
    waited = "waiting for a claim that is being deleted."
    return step(waited, _release_volumes(view), whole=UNDOING)


def _release_volumes(view: Restoring) -> tuple[Action, ...]:
    """The volume of a claim that is being deleted stays: it is all that is left of its data."""
    claims = {claim.uid for claim in view.snapshot.claims if not claim.deleting}
    return tuple(
        RestoreReclaimPolicy(*name_disk(view.snapshot, disk))
        for disk in view.restore.disks
        if disk.volume and disk.claim_uid in claims
    )


# After members were started from restored disks


def stop_restored_members(view: Restoring) -> Decision:
    """The StatefulSet runs no Pod."""
    stops = stop_pods(view.snapshot)
    return step("stopping the members.", stops, whole=UNDOING, waits=name_stuck(view.snapshot))


def set_fresh_disks_aside(view: Restoring) -> Decision:
    """The restored claims are deleted, their volumes stay."""
    deleted = quarantine(find_fresh_claims(view))
    return step("deleting the restored claims, whose volumes are kept.", deleted, whole=UNDOING)


# After the earlier claims went


def delete_fresh_disks(view: Restoring) -> Decision:
    """The restored claims are deleted: no member was started from them."""
    actions = tuple(
        DeleteObject("PersistentVolumeClaim", c.name, c.uid, WHY, c.resource_version)
        for c in find_fresh_claims(view)
        if not c.deleting
    )
    return step("deleting the restored disks.", actions, whole=UNDOING)


def rebind_old_volumes(view: Restoring) -> Decision:
    """The earlier volumes get claims of their earlier names."""
    missing = tuple(RebindVolume(*name_disk(view.snapshot, disk)) for disk in _find_unclaimed(view))
    return step("binding the volumes of before again.", missing, whole=UNDOING)


def restore_records(view: Restoring) -> Decision:
    """ConfigMap and StatefulSet say again which etcd cluster this is."""
    return step("the volumes of before are bound.", write_records(view), whole=UNDOING)


def start_again(view: Restoring) -> Decision:
    """The volumes get their reclaim policy back, and the usual rules start the members."""
    back = _bound(view)
    freed = (
        RestoreReclaimPolicy(back[disk.volume].name, back[disk.volume].uid, disk.volume)
        for disk in _volumes(view)
    )
    return step("starting the members of before.", tuple(freed), whole=UNDOING)


# What conditions ask


def find_fresh_claims(view: Restoring) -> tuple[Claim, ...]:
    """The claims that the restore has made."""
    restore = view.restore
    return tuple(c for c in find_claims(view) if not restore.is_old(c.uid, c.volume))


def find_unbound(view: Restoring) -> set[str]:
    """The volumes of the earlier cluster that have no claim yet, or one that is being deleted."""
    missing = {disk.volume for disk in _find_unclaimed(view)}
    return missing | ({disk.volume for disk in _volumes(view)} - _bound(view).keys())


def is_recorded(snapshot: Snapshot, cluster_id: int) -> bool:
    """Whether every record of the cluster ID says this one."""
    return set(snapshot.cluster_id_records) == {format_id(cluster_id)}


def write_records(view: Restoring) -> tuple[Action, ...]:
    """Say whose disks these are, as before: everyone's gate is closed, and nothing runs yet."""
    snapshot, restore = view.snapshot, view.restore
    layout = lay_out_at_rest(snapshot, restore)
    spec, naming = snapshot.rendered_spec, snapshot.naming
    files, trust = render_trust(snapshot), ",".join(all_trust(snapshot))
    live = snapshot.statefulset
    wanted = [
        (snapshot.config_map, render_config_map(spec, naming, layout, files, trust)),
        (live, render_statefulset(spec, naming, layout, live.body if live else None, trust)),
    ]
    return tuple(
        ApplyObject(
            manifest["kind"],
            manifest["metadata"]["name"],
            child.uid if child else "",
            child.resource_version if child else "",
            WHY,
            manifest,
        )
        for child, manifest in wanted
        if child is None or find_wrong(snapshot, manifest, child)
    )


def _find_unclaimed(view: Restoring) -> list[OldDisk]:
    """The disks of before whose names no claim has."""
    taken = {(claim.ordinal, claim.wal) for claim in view.snapshot.claims}
    return [disk for disk in _volumes(view) if (disk.ordinal, disk.wal) not in taken]


def _volumes(view: Restoring) -> list[OldDisk]:
    return [disk for disk in view.restore.disks if disk.volume]


def _bound(view: Restoring) -> dict[str, Claim]:
    return {c.volume: c for c in view.snapshot.claims if c.bound and not c.deleting}
