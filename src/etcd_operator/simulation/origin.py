"""The real cluster that a simulation begins with, and what of it scenarios of tests do not have.

A scenario of the model tests knows ordinals, lives and sizes, so that few states are different
ones. A real cluster has names, certificates, users, databases and a time besides: they stand in
`Beyond`, at the end of a `State`, and change by the actions on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from etcd_operator.api.cluster import EtcdClusterStatus
from etcd_operator.api.quantity import Quantity
from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret
from etcd_operator.core.certificates.state import Credential, Trusted
from etcd_operator.core.connections.state import ConnectionSecret
from etcd_operator.core.mirror.state import MirrorState
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.simulation.manifest import Manifest
from etcd_operator.simulation.snapshots import Specs

# Pods, claims and objects that were there at the beginning; what the simulation makes has uid 0.
FIRST_UID: Final = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """What was observed, and the specs: as observed, then as changed."""

    snapshot: Snapshot
    specs: Specs


@dataclass(frozen=True, slots=True)
class Beyond:
    """What scenarios do not have. `now` is the time that passes see.

    `children` are the objects that no scenario has, such as a NetworkPolicy. `database_sizes` are
    those of members that were defragmented, in bytes by ordinal, and `attributes_classes` those of
    disks that were asked for another, by claim; `wal_sizes` are those of the disks of write-ahead
    logs that have grown, by claim; `no_space` says whether etcd's alarm about its quota is on.
    `last_statefulset` is that of a StatefulSet that was deleted, to be created anew. `source` is
    the StatefulSet that is taken over, as it was observed apart from what was done to it.
    `peer_urls` are those of members that were given other ones, by member ID.
    """

    now: datetime
    status: EtcdClusterStatus
    children: Mapping[tuple[str, str], Child] = field(default_factory=dict)
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    gate_trust: Mapping[str, tuple[Trusted, ...]] = field(default_factory=dict)
    access: EtcdAuth | None = None
    passwords: Mapping[str, PasswordSecret] = field(default_factory=dict)
    connections: Mapping[str, ConnectionSecret] = field(default_factory=dict)
    backups: tuple[BackupState, ...] = ()
    database_sizes: Mapping[int, int] = field(default_factory=dict)
    attributes_classes: Mapping[str, str] = field(default_factory=dict)
    wal_sizes: Mapping[str, Quantity] = field(default_factory=dict)
    no_space: bool = False
    compacted: bool | None = None
    last_statefulset: Manifest | None = None
    source: Source | None = None
    mirror: MirrorState | None = None
    peer_urls: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
