"""The step `fetch`: bring a backup into the spool, and know that it is whole before it is used."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from etcd_operator.api.release import Version
from etcd_operator.core.tasks.backup.manifest import COMPRESSED, ENCRYPTED, MANIFEST_SUFFIX
from etcd_operator.core.tasks.jobs.paths import SNAPSHOT
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.files import SnapshotDigest, write_notes, writing
from etcd_operator.jobs.io.key import Key, check_key, find_key
from etcd_operator.jobs.io.manifest import Manifest, read_manifest
from etcd_operator.jobs.io.pipeline import join_pieces, use_behind
from etcd_operator.jobs.io.store import PIECE, Location, Store, locate
from etcd_operator.jobs.store_access import read_access
from etcd_operator.json_types import Json

# Of what is decompressed at once: four bytes may stand for 128 KiB of zeros, so this for 32 MiB.
CHUNK: Final = 2**10


def fetch_backup(task: Json) -> None:
    """Write the snapshot into the spool and make room on the member's disk. Raises TaskError."""
    location = locate(task["url"])
    store = Store(location, read_access(location.scheme, task["access"]))
    manifest = None
    if location.key.endswith(MANIFEST_SUFFIX):
        manifest = read_manifest(store.read(location.key), location.url)
        _check_version(manifest, task["version"])
        location = location.beside(manifest.object)
    key = _choose_key(task, location, manifest)
    digest = _download(store, location, manifest, key, skip=bool(task["skipHashCheck"]))
    # What an interrupted try left: the data directory itself appears only whole.
    for directory in filter(None, (task["restoring"], task.get("restoringWal"))):
        shutil.rmtree(directory, ignore_errors=True)
    write_notes(
        {
            "url": task["url"],
            "snapshotSize": digest.size,
            "revision": manifest.revision if manifest else 0,
        }
    )


def _check_version(manifest: Manifest, version: str) -> None:
    if Version(version).minor < manifest.minor:
        raise TaskError(
            f"The backup was made by etcd {manifest.etcd_version}, which {version} cannot read: "
            f"restore with version v{manifest.etcd_version} or later."
        )


def _choose_key(task: Json, location: Location, manifest: Manifest | None) -> Key | None:
    """Return the key that the backup is encrypted with; None for one that is not."""
    encrypted = bool(manifest.encryption) if manifest else location.key.endswith(ENCRYPTED)
    key = find_key(task)
    if not encrypted:
        if task["onlyEncrypted"]:
            raise TaskError(
                f"The backup {location.url} is not encrypted, although it should be: see who put "
                "it there, or, if you trust it, name it in spec.source without spec.encryption."
            )
        return None
    if key is None:
        fingerprint = f" of fingerprint {manifest.key_fingerprint}" if manifest else ""
        raise TaskError(
            f"The backup {location.url} is encrypted: name the Secret with the key{fingerprint} in "
            "spec.encryption.keySecret of the EtcdRestore."
        )
    if manifest:
        check_key(key, manifest.key_fingerprint, location.url)
    return key


def _download(
    store: Store, location: Location, manifest: Manifest | None, key: Key | None, *, skip: bool
) -> SnapshotDigest:
    stored = hashlib.sha256()
    digest = SnapshotDigest()
    plain = location.key.removesuffix(ENCRYPTED)
    compressed = manifest.compression == "zstd" if manifest else plain.endswith(COMPRESSED)
    pieces = store.download(location.key)
    if key or compressed:
        pieces = _hash(pieces, stored)
    if key:
        pieces = _decrypt(pieces, key, location.url)
    if compressed:
        pieces = _decompress(pieces, location.url)
    with writing(Path(SNAPSHOT)) as target:

        def use(piece: bytes) -> None:
            digest.update(piece)
            target.write(piece)

        use_behind(join_pieces(pieces, PIECE), use)
    if skip:
        return digest
    # One that is stored as etcd sent it is hashed once.
    found = stored.hexdigest() if key or compressed else digest.hexdigest
    if manifest and found != manifest.stored_sha256:
        raise _damaged(location.url, "it is not what was stored", manifest)
    if manifest and manifest.snapshot_sha256 not in ("", digest.hexdigest):
        raise _damaged(location.url, "it is not what etcd sent", manifest)
    if not digest.is_whole:
        why = (
            "the hash that etcd appended is not that of its content"
            if digest.has_appended
            else "it lacks the hash that etcd appends, so it was cut off or copied from a disk"
        )
        raise _damaged(location.url, why, manifest)
    return digest


def _damaged(url: str, why: str, manifest: Manifest | None) -> TaskError:
    size = f" It should have {manifest.stored_size} bytes." if manifest else ""
    return TaskError(f"The backup {url} is damaged: {why}.{size} Restore another one.")


def _hash(pieces: Iterator[bytes], stored: Any) -> Iterator[bytes]:
    for piece in pieces:
        stored.update(piece)
        yield piece


def _decrypt(pieces: Iterator[bytes], key: Key, url: str) -> Iterator[bytes]:
    from etcd_operator.jobs.io.cipher import decrypt

    return decrypt(pieces, key, url)


def _decompress(pieces: Iterator[bytes], url: str) -> Iterator[bytes]:
    import zstandard

    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        for piece in pieces:
            for start in range(0, len(piece), CHUNK):
                yield decompressor.decompress(piece[start : start + CHUNK])
    except zstandard.ZstdError as error:
        raise TaskError(
            f"The backup {url} is damaged: it cannot be decompressed ({error}). "
            "Restore another one."
        ) from error
    if not decompressor.eof:
        raise TaskError(f"The backup {url} is damaged: it was cut off. Restore another one.")
