"""Encryption: what comes back is what went in, and nothing that was touched comes back at all."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etcd_operator.errors import TaskError
from etcd_operator.jobs.download import fetch_backup
from etcd_operator.jobs.io.cipher import CHUNK, decrypt, encrypt
from etcd_operator.jobs.io.key import Key, read_key
from etcd_operator.jobs.upload import store_backup
from tests.builders.job_tasks import backup_task, lay_snapshot, restore_task, snapshot

KEY = Key("backup-key", bytes(range(32)))
OTHER = Key("other-key", bytes(32))
HEADER, TAG = 48, 16


def cut(content: bytes, size: int) -> Iterator[bytes]:
    """A stream in pieces."""
    return (content[start : start + size] for start in range(0, len(content), size))


def seal(content: bytes) -> bytes:
    return b"".join(encrypt(cut(content, 100_000), KEY))


def unseal(sealed: bytes, key: Key = KEY) -> bytes:
    return b"".join(decrypt(cut(sealed, 77_777), key, "s3://b/x"))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_what_was_encrypted_comes_back(size: int) -> None:
    content = os.urandom(size)
    sealed = seal(content)
    assert unseal(sealed) == content
    assert len(sealed) == HEADER + size + TAG * max(-(-size // CHUNK), 1)
    assert content[:64] not in sealed or size < 2
    assert seal(content) != sealed, "each object has a key of its own"


def swap(sealed: bytes) -> bytes:
    """The first two chunks in the other order."""
    step = CHUNK + TAG
    first, second = sealed[HEADER : HEADER + step], sealed[HEADER + step : HEADER + 2 * step]
    return sealed[:HEADER] + second + first + sealed[HEADER + 2 * step :]


def flip(sealed: bytes, place: int) -> bytes:
    return sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]


CHANGED, CUT_OFF, OTHER_THING = "it is not what was encrypted", "it was cut off", "does not begin"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda s: s[: HEADER + CHUNK + TAG], CUT_OFF),  # exactly between two chunks
        (lambda s: s[: HEADER + 2 * (CHUNK + TAG)], CUT_OFF),
        (lambda s: s[:HEADER], CUT_OFF),
        (lambda s: s[: HEADER + 1000], CHANGED),
        (lambda s: s[:-1], CHANGED),
        (lambda s: s + b"more", CHANGED),
        (lambda s: flip(s, HEADER), CHANGED),
        (lambda s: flip(s, len(s) - 1), CHANGED),
        (lambda s: flip(s, HEADER - 1), CHANGED),  # of the salt
        (swap, CHANGED),
        (lambda s: s[:HEADER] + s[HEADER + CHUNK + TAG :], CHANGED),  # the first chunk left out
        (lambda s: s[: HEADER - 1], OTHER_THING),
        (lambda s: flip(s, 0), OTHER_THING),
        (lambda _: b"", OTHER_THING),
    ],
)
def test_what_was_touched_is_refused(damage: Any, words: str) -> None:
    sealed = damage(seal(os.urandom(2 * CHUNK + 9)))
    with pytest.raises(TaskError, match=f"The backup s3://b/x is damaged: .*{words}"):
        unseal(sealed)


def test_nothing_is_given_out_that_was_not_proven() -> None:
    content = os.urandom(3 * CHUNK)
    stream = decrypt(iter([flip(seal(content), HEADER + CHUNK + TAG)]), KEY, "s3://b/x")
    assert next(stream) == content[:CHUNK]
    with pytest.raises(TaskError, match=CHANGED):
        next(stream)


def test_another_key_is_told_by_its_fingerprint() -> None:
    with pytest.raises(TaskError, match=KEY.fingerprint) as caught:
        unseal(seal(b"secret"), OTHER)
    assert f"Secret other-key holds the one of {OTHER.fingerprint}" in str(caught.value)
    assert KEY.fingerprint != OTHER.fingerprint
    assert KEY.material.hex() not in repr(KEY)


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(TaskError, match="openssl rand -base64 32") as caught:
        read_key(text, "backup-key")
    assert not text or text not in str(caught.value)


def lay_key(spool: Path, key: Key) -> None:
    """Mount the Secret."""
    place = spool / "secrets" / "encryption"
    place.mkdir(exist_ok=True)
    (place / "key").write_text(base64.b64encode(key.material).decode() + "\n")


def store_encrypted(spool: Path, content: bytes, *, compression: bool = True) -> str:
    lay_key(spool, KEY)
    lay_snapshot(spool, content, datetime.now(UTC))
    task = backup_task(keySecret=KEY.secret, compression=compression)
    result = store_backup(task)
    assert result["keyFingerprint"] == KEY.fingerprint
    return str(result["url"])


@pytest.mark.parametrize("compression", [True, False])
def test_an_encrypted_backup_comes_back(spool: Path, compression: bool) -> None:
    content = snapshot()
    url = store_encrypted(spool, content, compression=compression)
    (file,) = (spool / "store").rglob("*.enc")
    assert content[:100] not in file.read_bytes()
    manifest = json.loads((spool / "store" / url.removeprefix("file:///")).read_text())
    assert (manifest["format"], manifest["encryption"]) == (2, "AES-256-GCM")
    assert manifest["keyFingerprint"] == KEY.fingerprint
    assert manifest["snapshotSha256"] == ""
    # By its manifest, and by the snapshot itself.
    for where in (url, f"file:///{file.relative_to(spool / 'store')}"):
        (spool / "spool" / "snapshot.db").unlink()
        fetch_backup(restore_task(spool, where, keySecret=KEY.secret, onlyEncrypted=True))
        assert (spool / "spool" / "snapshot.db").read_bytes() == content


def test_without_its_key_nothing_is_restored(spool: Path) -> None:
    url = store_encrypted(spool, snapshot())
    told = f"is encrypted: name the Secret with the key of fingerprint {KEY.fingerprint}"
    with pytest.raises(TaskError, match=told):
        fetch_backup(restore_task(spool, url))
    lay_key(spool, OTHER)
    with pytest.raises(TaskError, match=f"Secret wrong holds the one of {OTHER.fingerprint}"):
        fetch_backup(restore_task(spool, url, keySecret="wrong"))
    (spool / "secrets" / "encryption" / "key").unlink()
    with pytest.raises(TaskError, match="Secret gone does not exist in this namespace"):
        fetch_backup(restore_task(spool, url, keySecret="gone"))


def test_what_was_put_there_without_encryption_is_refused(spool: Path) -> None:
    """Who may write to the bucket has no way around the key."""
    lay_key(spool, KEY)
    lay_snapshot(spool, snapshot(), datetime.now(UTC))
    url = store_backup(backup_task())["url"]
    with pytest.raises(TaskError, match="is not encrypted, although it should be"):
        fetch_backup(restore_task(spool, url, keySecret=KEY.secret, onlyEncrypted=True))
    fetch_backup(restore_task(spool, url, keySecret=KEY.secret))


def test_no_key_no_backup(spool: Path) -> None:
    lay_snapshot(spool, snapshot(), datetime.now(UTC))
    with pytest.raises(TaskError, match="Secret backup-key does not exist in this namespace"):
        store_backup(backup_task(keySecret="backup-key"))
    assert not [path for path in (spool / "store").rglob("*") if path.is_file()]
