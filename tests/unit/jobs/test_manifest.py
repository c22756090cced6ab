"""The manifest as it lies in a store: what was written once must be read for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.manifest import Manifest, MemberRecord, read_manifest, write_manifest

MANIFEST = Manifest(
    backup="b",
    backup_uid="u",
    cluster="db",
    namespace="team",
    cluster_id="c1d",
    taken=datetime(2026, 11, 26, 15, 2, 54, 123456, UTC),
    object="x.db.zst",
    compression="zstd",
    etcd_version="3.6.16",
    revision=7,
    exact=True,
    snapshot_size=100,
    snapshot_sha256="aa",
    stored_size=50,
    stored_sha256="bb",
    verified=True,
    key_count=3,
    hash_kv=2**32 - 1,
    compact_revision=-1,
    members=(MemberRecord("db-0", "1f", ("https://db-0:2380",)),),
)
WRITTEN: dict[str, Any] = {
    "format": 1,
    "backup": "b",
    "backupUid": "u",
    "cluster": "db",
    "namespace": "team",
    "clusterId": "c1d",
    "taken": "2026-11-26T15:02:54.123456Z",
    "object": "x.db.zst",
    "compression": "zstd",
    "encryption": "",
    "keyFingerprint": "",
    "etcdVersion": "3.6.16",
    "revision": 7,
    "exact": True,
    "snapshotSize": 100,
    "snapshotSha256": "aa",
    "storedSize": 50,
    "storedSha256": "bb",
    "verified": True,
    "keyCount": 3,
    "hashKv": 4294967295,
    "compactRevision": -1,
    "members": [{"name": "db-0", "id": "1f", "peerURLs": ["https://db-0:2380"]}],
}


def test_the_format_stays_what_it_is() -> None:
    written = write_manifest(MANIFEST)
    assert json.loads(written) == WRITTEN
    assert list(json.loads(written)) == list(WRITTEN)
    assert read_manifest(written, "u") == MANIFEST


def test_one_of_another_minor_release_is_read() -> None:
    """It may have fields more, or optional ones less."""
    less = {k: v for k, v in WRITTEN.items() if k not in ("hashKv", "keyFingerprint", "members")}
    read = read_manifest(json.dumps({**less, "later": [1]}).encode(), "u")
    assert (read.hash_kv, read.key_fingerprint, read.members) == (None, "", ())
    assert read.minor == (3, 6)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not the manifest of a backup"),
        (b"\xff\xfe", "is not the manifest of a backup"),
        (b'{"backup": "\xff"}', "is not the manifest of a backup"),
        (b"[]", r"Expected `object`, got `array`"),
        (json.dumps({**WRITTEN, "revision": "x"}).encode(), r"got `str` - at `\$\.revision`"),
        (json.dumps({**WRITTEN, "format": 3}).encode(), "has format 3"),
    ],
)
def test_what_is_no_manifest_is_told(content: bytes, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        read_manifest(content, "file:///x.json")
