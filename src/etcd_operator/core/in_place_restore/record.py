"""The record of a restore in place: whose disks were set aside, and how far it is.

It is an annotation of the EtcdCluster, beside the wish of the EtcdRestore. Who wants it undone
takes the wish away. See decision 14.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.release import NO_VERSION, Version
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import MOST_MEMBERS
from etcd_operator.core.model.numbers import read_identity

# On an EtcdCluster: the uid of the EtcdRestore that is to replace what it holds, and the record.
ANNOTATION_WISH: Final = "etcd.etcd.io/replace-with"
ANNOTATION_RECORD: Final = "etcd.etcd.io/replacement"


class Stage(Enum):
    """How far it is; each begins when what the one before it needs has come true."""

    KEEP = "keep"  # the volumes are told to stay, while the cluster serves
    STOP = "stop"  # the members' Pods end
    SET_ASIDE = "set-aside"  # their disks are set aside
    FILL = "fill"  # the EtcdRestore fills fresh disks
    START = "start"  # members start from them
    SERVE = "serve"  # the new cluster serves: it is looked after as usual, and there is no way back
    WITHDRAW = "withdraw"  # undone: members that were started end, their disks are set aside
    PUT_BACK = "put-back"  # undone: fresh disks go, and the old ones come back


# Many times what the record of the largest cluster takes: what is longer was not written by us.
_LONGEST: Final = 16_384

# Where the etcd cluster of before is the one that counts, though it does not run.
_UNDOING: Final = (Stage.WITHDRAW, Stage.PUT_BACK)
_AFTERWARDS: Final = (Stage.START, Stage.SERVE)


@dataclass(frozen=True, slots=True)
class OldDisk:
    """A disk of the cluster of before; `volume` is empty if it never had one, or lost it.

    `wal`: it is for the write-ahead log alone.
    """

    ordinal: int
    claim_uid: str
    volume: str
    wal: bool = False


@dataclass(frozen=True, slots=True)
class RestoreRecord:
    """`restore` is the EtcdRestore's uid, `size` how many members there are to be.

    `cluster_id`, `members`, by ordinal, and `version` are those of the etcd cluster of before.
    """

    stage: Stage
    restore: str
    cluster_id: int
    size: int
    members: tuple[int, ...]
    disks: tuple[OldDisk, ...] = ()
    version: Version = NO_VERSION

    def at(self, stage: Stage) -> RestoreRecord:
        """The same at another stage."""
        return replace(self, stage=stage)

    def write(self) -> str:
        """The text of the annotation."""
        shown = {
            "stage": self.stage.value,
            "cluster_id": format_id(self.cluster_id),
            "version": self.version.text,
        }
        return json.dumps({**asdict(self), **shown}, separators=(",", ":"))

    @property
    def volumes(self) -> frozenset[str]:
        """The volumes of the cluster of before."""
        return frozenset(disk.volume for disk in self.disks if disk.volume)

    def is_old(self, claim_uid: str, volume: str) -> bool:
        """Whether a claim is of the cluster of before, as it was or put back."""
        return volume in self.volumes or claim_uid in {disk.claim_uid for disk in self.disks}

    @property
    def ends_with_old(self) -> bool:
        """Whether the etcd cluster of before is to run again."""
        return self.stage in _UNDOING

    @property
    def retired(self) -> int | None:
        """The ID of the etcd cluster that is over and to be heeded no more."""
        return self.cluster_id if self.stage in _AFTERWARDS else None


def find_restore_request(cluster: EtcdCluster) -> str:
    """The uid of the EtcdRestore that wants to replace what the cluster holds; empty for none."""
    return cluster.annotations.get(ANNOTATION_WISH, "")


def is_unreadable(cluster: EtcdCluster) -> bool:
    """Whether there is a record that nobody can read: somebody has edited it."""
    written = bool(cluster.annotations.get(ANNOTATION_RECORD))
    return written and find_restore_record(cluster) is None


def find_restore_record(cluster: EtcdCluster) -> RestoreRecord | None:
    """The restore in place that is under way."""
    return read_record(cluster.annotations.get(ANNOTATION_RECORD, ""))


def read_record(text: str) -> RestoreRecord | None:
    """Read the annotation; None for an empty one, and for one that nobody can read."""
    if not text or len(text) > _LONGEST:
        return None
    try:
        known = json.loads(text)
        return RestoreRecord(
            stage=Stage(known["stage"]),
            restore=_check_text(known["restore"]),
            cluster_id=_check_identity(known["cluster_id"]),
            size=_check_number(known["size"], 1, MOST_MEMBERS),
            members=tuple(_check_ordinal(ordinal) for ordinal in known["members"]),
            disks=tuple(_read_disk(disk) for disk in known["disks"]),
            version=Version(_check_text(known["version"])),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _read_disk(known: dict[str, object]) -> OldDisk:
    ordinal, claim_uid, volume = known["ordinal"], known["claim_uid"], known["volume"]
    wal = known.get("wal") is True
    return OldDisk(_check_ordinal(ordinal), _check_text(claim_uid), _check_text(volume), wal)


def _check_ordinal(value: object) -> int:
    return _check_number(value, 0, MOST_MEMBERS - 1)


def _check_number(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError("no cluster has such a number")
    return value


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it is no text")
    return value


def _check_identity(value: object) -> int:
    identity = read_identity(_check_text(value))
    if identity is None:
        raise ValueError("no cluster has this ID")
    return identity
