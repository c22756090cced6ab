"""How a backup lies in a store: a snapshot, and a manifest beside it that is written last.

A backup is there when its manifest is. Names sort by time, and carry the uid of their EtcdBackup,
so nothing of somebody else is ever taken for its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

FORMAT: Final = 1
# An encrypted one: an operator that knows nothing of that must not take it for a damaged one.
ENCRYPTED_FORMAT: Final = 2
MANIFEST_SUFFIX: Final = ".json"
COMPRESSED: Final = ".zst"
ENCRYPTED: Final = ".enc"


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of a cluster's backups below the path that the user chose."""

    path: str
    namespace: str
    cluster: str

    @property
    def directory(self) -> str:
        """Its key in the store, without a slash at either end."""
        parts = (self.path.strip("/"), self.namespace, self.cluster)
        return "/".join(part for part in parts if part)


def name_backup(taken: datetime, revision: int, owner_uid: str, job_uid: str) -> str:
    """Return the name of a new backup: time, revision, whose it is, and which try."""
    moment = taken.strftime("%Y%m%dT%H%M%SZ")
    return f"{moment}-r{revision}-{owner_uid[:8]}-{job_uid[:8]}"


def is_named_by(name: str, owner_uid: str) -> bool:
    """Whether this object was named by that EtcdBackup."""
    parts = name.partition(".")[0].split("-")
    return len(parts) == 4 and parts[2] == owner_uid[:8]
