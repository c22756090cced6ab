"""The manifest of a backup: what is written beside it, and read before it is restored."""

from __future__ import annotations

from datetime import datetime

import msgspec

from etcd_operator.api.release import Minor, Version
from etcd_operator.core.tasks.backup.manifest import ENCRYPTED_FORMAT, FORMAT
from etcd_operator.errors import TaskError


class MemberRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A member of the cluster at the time of the backup."""

    name: str = ""
    id: str = ""
    peer_urls: tuple[str, ...] = msgspec.field(default=(), name="peerURLs")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Manifest of a backup. Sizes in bytes, hashes are SHA-256 in hexadecimal.

    `snapshot_sha256` is of the file that etcd restores, `stored_sha256` of the object as it lies in
    the store. Of an encrypted one only that is told: the other would confirm a guess of what it
    holds. `key_fingerprint` tells which key it is encrypted with. `hash_kv` is etcd's own hash over
    the keys; None if the backup was not verified, or is encrypted.
    """

    format: int = FORMAT
    backup: str
    backup_uid: str
    cluster: str
    namespace: str
    cluster_id: str
    taken: datetime
    object: str
    compression: str = ""
    encryption: str = ""
    key_fingerprint: str = ""
    etcd_version: str
    revision: int
    exact: bool
    snapshot_size: int
    snapshot_sha256: str
    stored_size: int
    stored_sha256: str
    verified: bool = False
    key_count: int | None = None
    hash_kv: int | None = None
    compact_revision: int | None = None
    members: tuple[MemberRecord, ...] = ()

    @property
    def minor(self) -> Minor:
        """Major and minor version of the etcd that made it."""
        return Version(self.etcd_version).minor


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as it lies in the store: JSON, a field in each line."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def read_manifest(content: bytes, url: str) -> Manifest:
    """Parse a manifest; raises TaskError for what is none."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TaskError(
            f"{url} is not the manifest of a backup ({error}): name the storagePath of an "
            "EtcdBackup."
        ) from error
    if manifest.format not in (FORMAT, ENCRYPTED_FORMAT):
        raise TaskError(
            f"{url} has format {manifest.format}, which this version of the operator does not "
            "know: upgrade the operator."
        )
    return manifest
