"""The step `store`: compare the trial restore, upload, write the manifest last, delete old ones.

A backup becomes visible with its manifest, and that is written only when everything else is there
and has been compared. What a try that failed left behind is removed by a later one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from etcd_operator.core.tasks.backup.manifest import (
    COMPRESSED,
    ENCRYPTED,
    ENCRYPTED_FORMAT,
    FORMAT,
    MANIFEST_SUFFIX,
    Place,
    is_named_by,
    name_backup,
)
from etcd_operator.core.tasks.backup.retention import StoredBackup, choose_expired, parse_age
from etcd_operator.core.tasks.jobs.paths import SNAPSHOT, TRIAL_CLIENT
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.files import read_notes
from etcd_operator.jobs.io.key import ALGORITHM, Key, find_key
from etcd_operator.jobs.io.manifest import Manifest, MemberRecord, write_manifest
from etcd_operator.jobs.io.store import PIECE, Location, Store, locate_directory
from etcd_operator.jobs.store_access import SCHEMES, read_access
from etcd_operator.jobs.verify_result import VerifyResult
from etcd_operator.json_types import Json

# A snapshot without a manifest may still get one for so long.
UNFINISHED: Final = timedelta(hours=24)


def store_backup(task: Json) -> Json:
    """Make the snapshot in the spool a backup in the store; returns what there is to say."""
    notes = read_notes()
    key = find_key(task)
    trial = _compare(task, notes) if task["verify"] else None
    scheme = SCHEMES[task["storageType"]]
    access = read_access(scheme, task["destination"])
    place = Place(access.path, task["namespace"], task["cluster"])
    directory = locate_directory(scheme, access, place.directory)
    store = Store(directory, access)
    manifest, name = _upload(task, notes, trial, store, place, key)
    location = Location(
        directory.scheme, directory.bucket, f"{place.directory}/{name}{MANIFEST_SUFFIX}"
    )
    store.put(location.key, write_manifest(manifest))
    deleted, warnings = _expire(task, store, place, name)
    return {
        "url": location.url,
        "revision": manifest.revision,
        "etcdVersion": manifest.etcd_version,
        "snapshotSize": manifest.snapshot_size,
        "storedSize": manifest.stored_size,
        "keyCount": manifest.key_count,
        "keyFingerprint": manifest.key_fingerprint,
        "verified": trial.sentence if trial else "",
        "deleted": deleted,
        "warnings": warnings,
    }


def _compare(task: Json, notes: Json) -> VerifyResult:
    """Compare the trial restore with the cluster. Speaking with etcd is loaded only for this."""
    import asyncio

    from etcd_operator.jobs.members import serves_plain
    from etcd_operator.jobs.verify import compare

    trial_address = urlsplit(TRIAL_CLIENT).netloc
    source = notes["source"]
    plain = serves_plain(task, source)
    return asyncio.run(compare(trial_address, source, notes["leastRevision"], plain=plain))


@dataclass(slots=True)
class _Stored:
    """A stored file: its size and hash."""

    size: int = 0
    digest: Any = None


def _upload(
    task: Json, notes: Json, trial: VerifyResult | None, store: Store, place: Place, key: Key | None
) -> tuple[Manifest, str]:
    revision = trial.revision if trial else notes["leastRevision"]
    taken = datetime.fromisoformat(notes["taken"])
    name = name_backup(taken, revision, task["backupUid"], os.environ.get("JOB_UID", ""))
    compressed = bool(task["compression"])
    file = f"{name}.db{COMPRESSED if compressed else ''}{ENCRYPTED if key else ''}"
    stored = _Stored(digest=hashlib.sha256())
    path = f"{place.directory}/{file}"
    store.upload(path, _read(Path(SNAPSHOT), stored, key, compress=compressed))
    _check(stored, store.size(path), path, "" if compressed or key else notes["sha256"])
    manifest = Manifest(
        format=ENCRYPTED_FORMAT if key else FORMAT,
        backup=task["backup"],
        backup_uid=task["backupUid"],
        cluster=task["cluster"],
        namespace=task["namespace"],
        cluster_id=notes["clusterId"],
        taken=taken,
        object=file,
        compression="zstd" if compressed else "",
        encryption=ALGORITHM if key else "",
        key_fingerprint=key.fingerprint if key else "",
        etcd_version=notes["etcdVersion"],
        revision=revision,
        exact=trial is not None,
        snapshot_size=notes["size"],
        snapshot_sha256="" if key else notes["sha256"],
        stored_size=stored.size,
        stored_sha256=stored.digest.hexdigest(),
        verified=trial is not None,
        key_count=trial.key_count if trial else None,
        hash_kv=trial.hash_kv if trial and not key else None,
        compact_revision=trial.compact_revision if trial else None,
        members=msgspec.convert(notes["members"], tuple[MemberRecord, ...]),
    )
    return manifest, name


def _check(stored: _Stored, there: int, path: str, sent: str) -> None:
    """Raise TaskError unless all of it is there, and, if it went as it came, is what etcd sent."""
    if there != stored.size:
        raise TaskError(f"{path} has {there} bytes in the store and not {stored.size}: try again.")
    if sent and stored.digest.hexdigest() != sent:
        raise TaskError(f"{SNAPSHOT} is not what etcd sent any more: its disk may fail. Try again.")


def _read(path: Path, stored: _Stored, key: Key | None, *, compress: bool) -> Iterator[bytes]:
    """Yield the file in pieces as they go into the store."""
    with path.open("rb") as source:
        raw = iter(lambda: source.read(PIECE), b"")
        made = _compress(raw, path.stat().st_size) if compress else raw
        for piece in _encrypt(made, key) if key else made:
            stored.size += len(piece)
            stored.digest.update(piece)
            yield piece


def _encrypt(pieces: Iterator[bytes], key: Key) -> Iterator[bytes]:
    from etcd_operator.jobs.io.cipher import encrypt

    return encrypt(pieces, key)


def _compress(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    import zstandard

    # Twice as fast as zstd's usual level 3, and Pods written as JSON got no larger by it.
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj(size=size)
    for piece in pieces:
        if made := compressor.compress(piece):
            yield made
    yield compressor.flush()


def _expire(task: Json, store: Store, place: Place, newest: str) -> tuple[int, list[str]]:
    """Delete what the policy lets go, and leftovers. The new backup is good whatever happens."""
    try:
        return _delete_expired(task, store, place, newest), []
    except TaskError as error:
        return 0, [f"Older backups could not be deleted: {error}"]


def _delete_expired(task: Json, store: Store, place: Place, newest: str) -> int:
    now = datetime.now(UTC)
    names = [n for n in store.list_names(place.directory) if is_named_by(n, task["backupUid"])]
    kept = {}
    for name in names:
        stem = name.partition(".")[0]
        if name.endswith(MANIFEST_SUFFIX):
            kept[stem] = StoredBackup(stem, read_moment(stem))
    policy = task["retention"]
    expired = choose_expired(
        kept.values(), policy.get("maxBackups"), parse_age(policy.get("maxAge") or ""), now
    )
    gone = [one.name for one in expired if one.name != newest]
    for stem in gone:
        # The manifest first: what lacks one is no backup any more.
        store.delete(f"{place.directory}/{stem}{MANIFEST_SUFFIX}")
    for name in names:
        stem = name.partition(".")[0]
        left = stem not in kept and now - read_moment(stem) > UNFINISHED
        if not name.endswith(MANIFEST_SUFFIX) and (stem in gone or left):
            store.delete(f"{place.directory}/{name}")
    store.delete_unfinished(
        place.directory,
        lambda name: (
            is_named_by(name, task["backupUid"])
            and now - read_moment(name.partition(".")[0]) > UNFINISHED
        ),
    )
    return len(gone)


def read_moment(name: str) -> datetime:
    """Return when the backup of this name was taken."""
    return datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
