"""What the steps of the Jobs do with a store, on a real directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
import zstandard
from obstore import exceptions

from etcd_operator.errors import TaskError
from etcd_operator.jobs import download, finish
from etcd_operator.jobs.download import fetch_backup
from etcd_operator.jobs.finish import finish_disk
from etcd_operator.jobs.io import files
from etcd_operator.jobs.io.store import WHOLE, Location, Store, explain, locate
from etcd_operator.jobs.store_access import AzureAccess, LocalAccess, read_access
from etcd_operator.jobs.upload import store_backup
from etcd_operator.json_types import Json
from tests.builders.job_tasks import backup_task, lay_snapshot, restore_task, snapshot

LOCAL = LocalAccess(claim_name="c")


@pytest.mark.parametrize("compression", [True, False])
def test_what_is_stored_comes_back(spool: Path, compression: bool) -> None:
    content = snapshot()
    lay_snapshot(spool, content, datetime.now(UTC))
    result = store_backup(backup_task(compression=compression))
    assert (result["revision"], result["snapshotSize"]) == (7, len(content))
    assert result["storedSize"] < len(content) or not compression
    (spool / "spool" / "snapshot.db").unlink()
    fetch_backup(restore_task(spool, result["url"]))
    assert (spool / "spool" / "snapshot.db").read_bytes() == content


def store_one(spool: Path) -> tuple[str, Path]:
    """Store a backup; returns its URL and the file that holds the snapshot."""
    lay_snapshot(spool, snapshot(), datetime.now(UTC))
    url = store_backup(backup_task())["url"]
    (file,) = (spool / "store").rglob("*.db.zst")
    return url, file


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[: len(data) // 2], "it was cut off"),
        (lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:], "is damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged"),
        (lambda _: b"nothing of the kind", "it cannot be decompressed"),
        (lambda _: zstandard.compress(snapshot()), "it is not what was stored"),
    ],
)
def test_damage_is_told(spool: Path, damage: Any, words: str) -> None:
    url, file = store_one(spool)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(TaskError, match=words):
        fetch_backup(restore_task(spool, url))


def change_format(manifest: Path) -> None:
    """As a later operator may write it."""
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 3}))


def test_what_cannot_be_restored_is_told(spool: Path) -> None:
    url, file = store_one(spool)
    with pytest.raises(TaskError, match=r"made by etcd 3\.6\.16, which v3\.5\.21 cannot read"):
        fetch_backup(restore_task(spool, url, version="v3.5.21"))
    with pytest.raises(TaskError, match="does not exist: name another backup"):
        fetch_backup(restore_task(spool, url.replace(".json", "x.json")))
    (spool / "store" / "bad.json").write_text("{}")
    with pytest.raises(TaskError, match="is not the manifest of a backup"):
        fetch_backup(restore_task(spool, "file:///bad.json"))
    manifest = file.with_name(file.name.removesuffix(".db.zst") + ".json")
    change_format(manifest)
    with pytest.raises(TaskError, match="has format 3"):
        fetch_backup(restore_task(spool, url))


def test_a_snapshot_that_etcdctl_saved_is_taken(spool: Path) -> None:
    content = snapshot()
    (spool / "store" / "saved.db").write_bytes(content)
    fetch_backup(restore_task(spool, "file:///saved.db"))
    assert (spool / "spool" / "snapshot.db").read_bytes() == content
    (spool / "store" / "saved.db").write_bytes(content[:-32])
    with pytest.raises(TaskError, match="it lacks the hash that etcd appends"):
        fetch_backup(restore_task(spool, "file:///saved.db"))
    fetch_backup(restore_task(spool, "file:///saved.db", skipHashCheck=True))


def test_old_ones_go_and_only_its_own(spool: Path) -> None:
    now = datetime.now(UTC)
    for days in (3, 2, 1):
        lay_snapshot(spool, snapshot(), now - timedelta(days=days))
        store_backup(backup_task())
    lay_snapshot(spool, snapshot(), now - timedelta(days=9))
    store_backup(backup_task(backupUid="ffffffff-1"))
    place = spool / "store" / "etcd" / "team" / "db"
    left = place / "20200101T000000Z-r1-0a1b2c3d-12345678.db.zst"
    left.write_bytes(b"of a try that failed")
    (place / "notes.txt").write_text("of a person")
    killed = place / f"{left.name}#1"
    others = [
        place / "20200101T000000Z-r1-ffffffff-12345678.db#1",
        place / f"{now:%Y%m%dT%H%M%SZ}-r1-0a1b2c3d-12345678.db#1",
    ]
    for path in (killed, *others):
        path.write_bytes(b"of a process that was killed")
    lay_snapshot(spool, snapshot(), now)
    result = store_backup(backup_task(retention={"maxBackups": 2}))
    assert (result["deleted"], result["warnings"]) == (2, [])
    names = sorted(path.name for path in place.iterdir())
    assert len([n for n in names if "-0a1b2c3d-" in n and n.endswith(".json")]) == 2
    assert len([n for n in names if "-ffffffff-" in n and "#" not in n]) == 2
    assert "notes.txt" in names
    assert left.name not in names
    assert [path.name in names for path in (killed, *others)] == [False, True, True]


def test_a_backup_without_its_manifest_is_none(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is written last: until then nobody finds the backup."""
    lay_snapshot(spool, snapshot(), datetime.now(UTC))
    monkeypatch.setattr(Store, "size", lambda *_: 1)
    with pytest.raises(TaskError, match="bytes in the store and not"):
        store_backup(backup_task())
    assert not list((spool / "store").rglob("*.json"))


def lay_restored(spool: Path) -> Path:
    """What etcdutl left beside the data directory."""
    restoring = spool / "disk" / "restoring"
    (restoring / "member").mkdir(parents=True)
    files.write_notes({"url": "u", "snapshotSize": 1, "revision": 7})
    return restoring


def test_a_restored_directory_is_put_in_place_once(spool: Path) -> None:
    task = restore_task(spool, "u")
    lay_restored(spool)
    assert finish_disk(task)["revision"] == 7
    assert (spool / "disk" / "data" / "member").is_dir()
    second = lay_restored(spool)
    (spool / "disk" / "data" / "member" / "written-since").touch()
    finish_disk(task)
    assert (spool / "disk" / "data" / "member" / "written-since").exists()
    assert not second.exists()


def lay_two_restored(spool: Path) -> Json:
    """What etcdutl left on two disks; returns the task."""
    lay_restored(spool)
    log = spool / "log"
    (log / "restoring").mkdir(parents=True)
    (log / "restoring" / "0.wal").touch()
    second = {"wal": str(log / "db-0"), "restoringWal": str(log / "restoring")}
    return restore_task(spool, "u", **second)


def test_a_log_on_a_disk_of_its_own_is_in_place_before_the_data(spool: Path) -> None:
    task = lay_two_restored(spool)
    assert finish_disk(task)["revision"] == 7
    assert (spool / "log" / "db-0" / "0.wal").exists()
    assert (spool / "disk" / "data" / "member").is_dir()
    # Of a try that was ended in between: only what was restored together is put together.
    shutil.rmtree(spool / "disk" / "data")
    (spool / "log" / "db-0" / "of-the-first-try").touch()
    finish_disk(lay_two_restored(spool))
    assert [path.name for path in (spool / "log" / "db-0").iterdir()] == ["0.wal"]
    assert (spool / "disk" / "data" / "member").is_dir()


def test_a_log_of_something_else_is_left_alone(spool: Path) -> None:
    task = lay_two_restored(spool)
    (spool / "log" / "db-0").mkdir()
    with pytest.raises(TaskError, match="holds data of something else"):
        finish_disk(task)
    assert not (spool / "disk" / "data").exists()


@pytest.mark.parametrize("owner", ["", "another-restore"])
def test_data_of_something_else_is_left_alone(spool: Path, owner: str) -> None:
    lay_restored(spool)
    (spool / "disk" / "data").mkdir()
    if owner:
        (spool / "disk" / finish.MARK).write_text(owner)
    with pytest.raises(TaskError, match="holds data of something else"):
        finish_disk(restore_task(spool, "u"))
    assert (spool / "disk" / "data").is_dir()


@pytest.mark.parametrize("url", ["s3://bucket", "ftp://host/x", "nothing"])
def test_what_is_no_location(url: str) -> None:
    with pytest.raises(TaskError, match="names no object"):
        locate(url)


def test_secrets_are_read_by_the_usual_names(spool: Path) -> None:
    access = read_access(
        "s3", {"accessKeySecret": "keys", "secretKeySecret": "keys", "endpoint": "http://s3:1"}
    )
    place = Location("s3", "b", "k")
    with pytest.raises(TaskError, match="Secret keys does not exist in this namespace"):
        Store(place, access)
    for directory in ("access-key", "secret-key"):
        (spool / "secrets" / directory).mkdir()
        (spool / "secrets" / directory / "AWS_ACCESS_KEY_ID").write_text("minio")
        (spool / "secrets" / directory / "user").write_text("b")
    with pytest.raises(TaskError, match="Secret keys has no key AWS_SECRET_ACCESS_KEY"):
        Store(place, access)
    (spool / "secrets" / "secret-key" / "AWS_SECRET_ACCESS_KEY").write_text("c")
    Store(place, access)


S3 = read_access("s3", {"endpoint": "https://s3", "credentialsSecret": "keys"})
DENIED = "s3://b refuses the credentials of Secret keys, or forbids this: "
UNREACHABLE = "s3://b cannot be reached at https://s3: "


@pytest.mark.parametrize(
    ("error", "access", "words"),
    [
        (
            exceptions.GenericError("<Code>NoSuchBucket</Code>"),
            S3,
            "The bucket of s3://b does not exist: create it, or name another.",
        ),
        (
            exceptions.NotFoundError("<Code>ContainerNotFound</Code>"),
            AzureAccess(account="a"),
            "The container of s3://b does not exist: create it, or name another.",
        ),
        (
            exceptions.GenericError("<Code>ExpiredToken</Code><Message>It expired.</Message>"),
            S3,
            "The temporary credentials for s3://b have expired: renew the Secret. It expired.",
        ),
        (
            exceptions.PermissionDeniedError("<Code>AccessDenied</Code><Message>No.</Message>"),
            S3,
            f"{DENIED}AccessDenied: No.",
        ),
        (
            FileNotFoundError("<Code>XAdminUserNotFound</Code><Message>No user.</Message>"),
            S3,
            f"{DENIED}XAdminUserNotFound: No user.",
        ),
        (
            exceptions.GenericError("HTTP error: Connection refused (os error 111)"),
            S3,
            f"{UNREACHABLE}nobody listens there: correct the endpoint, or start the service.",
        ),
        (
            exceptions.GenericError("Server returned 503 Service Unavailable"),
            S3,
            f"{UNREACHABLE}it answers 503, it is overloaded or down: see why.",
        ),
        (
            exceptions.GenericError(
                "Unable to extract metadata from headers: ETag Header missing from response"
            ),
            S3,
            f"{UNREACHABLE}what answers there is no such object store: correct the endpoint.",
        ),
        (
            exceptions.GenericError("No space left on device (os error 28)"),
            LOCAL,
            "The disk of s3://b is full: enlarge it, or keep fewer backups.",
        ),
        (
            exceptions.GenericError("something\nelse"),
            AzureAccess(account="a"),
            "Request to s3://b failed: something",
        ),
    ],
)
def test_faults_of_a_store_are_sentences(error: Exception, access: Any, words: str) -> None:
    assert explain(error, "s3://b", access) == words


def test_a_full_disk_is_told() -> None:
    error = OSError(28, "No space left on device")
    assert "is full" in str(files.explain_disk(error, Path("/spool/snapshot.db")))


@pytest.mark.parametrize("pieces", [1, 7, 33, 4096])
def test_the_appended_hash_is_found_in_any_pieces(pieces: int) -> None:
    content = snapshot(512 * 8)
    digest = files.SnapshotDigest()
    for start in range(0, len(content), pieces):
        digest.update(content[start : start + pieces])
    assert digest.is_whole
    assert digest.hexdigest == hashlib.sha256(content).hexdigest()
    digest.update(b"x")
    assert not digest.is_whole


def test_a_small_stream_goes_in_one_request_and_a_large_one_in_parts(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes in one request leaves nothing if it fails."""
    asked: list[bool] = []
    put = obstore.put

    def noting(*words: Any, **options: Any) -> Any:
        asked.append(bool(options.get("use_multipart")))
        return put(*words, **options)

    monkeypatch.setattr(obstore, "put", noting)
    bucket = Store(Location("file", "", ""), LOCAL)
    for size in (0, WHOLE - 1, WHOLE, WHOLE + 1):
        content = os.urandom(size)
        bucket.upload("a/b", iter([content[: size // 2], content[size // 2 :]]))
        assert (spool / "store" / "a" / "b").read_bytes() == content
    assert asked == [False, False, True, True]


def test_what_is_mostly_zeros_is_decompressed_in_pieces_that_fit_into_memory() -> None:
    small = zstandard.compress(bytes(2**27))
    sizes = [len(piece) for piece in download._decompress(iter([small]), "s3://b/x")]
    assert sum(sizes) == 2**27
    assert max(sizes) <= 2**25
