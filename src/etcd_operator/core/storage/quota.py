"""Quota that follows the disks: etcd's limit of the database, where the spec asks for that.

It rises when all disks have grown, and never falls below what a member's database has in use.
"""

from __future__ import annotations

import re
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.etcd_config import DEFAULT_QUOTA, follow_disk
from etcd_operator.core.model.snapshot import Snapshot

# Who edits the file can ask for no number that etcd could not read.
_WRITTEN: Final = re.compile("^quota-backend-bytes: ([0-9]{1,15})$", re.MULTILINE)


def with_quota(snapshot: Snapshot, spec: EtcdClusterSpec) -> EtcdClusterSpec:
    """Return the spec with the quota in bytes, if it is to follow the disks."""
    config = spec.etcd_config
    if config is None or config.quota is None:
        return spec
    config = config.model_copy(update={"quota_backend_bytes": _find_quota(snapshot, spec)})
    return spec.model_copy(update={"etcd_config": config})


def _find_quota(snapshot: Snapshot, spec: EtcdClusterSpec) -> int:
    """The quota that members are to have; as they have it now, where it cannot change yet.

    What is in use counts for those who have more than the disks allow: clusters with a larger
    quota that was set before. They keep it until their database is small enough.
    """
    wanted, live = follow_disk(spec.storage.requested), _read_live(snapshot)
    ours = (c for c in snapshot.data_claims if c.owner_uid == snapshot.naming.uid)
    sizes = [claim.capacity for claim in ours if claim.capacity]
    smallest = min(sizes, key=lambda size: size.value, default=None)
    if smallest is not None and smallest < spec.storage.requested:
        wanted = min(wanted, max(live, follow_disk(smallest)))
    in_use = _find_in_use(snapshot)
    if in_use <= wanted:
        return wanted
    return max(wanted, live or max(DEFAULT_QUOTA, in_use * 5 // 4))


def _read_live(snapshot: Snapshot) -> int:
    """The quota in the members' files; 0 where none stands there."""
    gate = snapshot.config_map
    if gate is None or gate.owner_uid != snapshot.naming.uid:
        return 0
    files = (str(text) for text in (gate.body.get("data") or {}).values())
    return max((int(found[1]) for text in files if (found := _WRITTEN.search(text))), default=0)


def _find_in_use(snapshot: Snapshot) -> int:
    """The size of the largest database, as members say it or as they last did."""
    told = [member.db_size for member in snapshot.cluster.status.members]
    told += [probe.status.db_size for probe in snapshot.probes.values() if probe.status]
    return max(told, default=0)
