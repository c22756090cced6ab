"""The steps of a backup and of a restore with a real etcd, and a disk as the store."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.tasks.jobs.paths import LOGIN_VARIABLE
from etcd_operator.errors import TaskError
from etcd_operator.jobs import download, members, snapshot, upload
from etcd_operator.jobs.download import fetch_backup
from etcd_operator.jobs.io import files, open_store, secrets
from etcd_operator.jobs.snapshot import take_snapshot
from etcd_operator.jobs.upload import store_backup
from etcd_operator.json_types import Json
from tests.etcd.passwords import PASSWORD, protect
from tests.etcd.processes import Site, formed

pytestmark = pytest.mark.etcd

KEYS = 40
VALUE = os.urandom(2**16)  # so that the snapshot is of many messages, and of several chunks


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directories of a Job, with a key to encrypt with."""
    place = tmp_path / "spool"
    secret = tmp_path / "secrets" / "encryption"
    for directory in (place, tmp_path / "store", secret, tmp_path / "disk"):
        directory.mkdir(parents=True)
    (secret / "key").write_text(base64.b64encode(os.urandom(32)).decode())
    for module in (snapshot, upload, download):
        monkeypatch.setattr(module, "SNAPSHOT", str(place / "snapshot.db"))
    monkeypatch.setattr(files, "NOTES", place / "notes.json")
    monkeypatch.setattr(open_store, "STORE", str(tmp_path / "store"))
    monkeypatch.setattr(secrets, "SECRETS", str(tmp_path / "secrets"))
    return tmp_path


STORING: Final[Json] = {
    "backup": "b",
    "backupUid": "0a1b2c3d",
    "cluster": "db",
    "namespace": "team",
    "storageType": "Local",
    "destination": {"claimName": "c"},
    "compression": True,
    "verify": False,
    "retention": {},
}


@pytest.mark.parametrize("key", ["", "backup-key"], ids=["plain", "encrypted"])
async def test_a_backup_comes_back_and_etcd_takes_it(site: Site, spool: Path, key: str) -> None:
    await formed(site, 1)
    for number in range(KEYS):
        await site.client(0).put(f"key-{number}".encode(), VALUE)
    await take_snapshot({"endpoints": [f"http://{site.client(0).address}"], "clusterId": ""})
    taken = (spool / "spool" / "snapshot.db").read_bytes()
    assert len(taken) > KEYS * len(VALUE)
    result = store_backup({**STORING, "keySecret": key})
    assert bool(result["keyFingerprint"]) == bool(key)
    stored = [path for path in (spool / "store").rglob("*") if ".db.zst" in path.name]
    assert [path.name.endswith(".enc") for path in stored] == [bool(key)]

    (spool / "spool" / "snapshot.db").unlink()
    fetch_backup(
        {
            "url": result["url"],
            "access": {"claimName": "c"},
            "version": site.version,
            "skipHashCheck": False,
            "keySecret": key,
            "onlyEncrypted": bool(key),
            "restoring": str(spool / "disk" / "restoring"),
        }
    )
    fetched = spool / "spool" / "snapshot.db"
    assert fetched.read_bytes() == taken
    told = json.loads(run(site, "snapshot", "status", str(fetched), "--write-out=json"))
    assert told["revision"] == result["revision"] == KEYS + 1
    run(site, "snapshot", "restore", str(fetched), f"--data-dir={spool / 'disk' / 'restoring'}")


async def test_members_with_passwords_are_asked_as_the_user_of_the_job(
    site: Site, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await protect(site)
    task = {"endpoints": [f"http://{site.address(0)}:{CLIENT_PORT}"], "clusterId": ""}
    monkeypatch.setattr(snapshot, "ADMISSION_SECONDS", 0.3)
    monkeypatch.setattr(members, "LOGIN", str(spool / "login"))
    monkeypatch.setenv(LOGIN_VARIABLE, "root")
    with pytest.raises(TaskError, match="user name is empty"):
        await take_snapshot(task)
    (spool / "login").mkdir()
    (spool / "login" / "password").write_text(PASSWORD)
    await take_snapshot(task)
    assert (spool / "spool" / "snapshot.db").exists()


async def test_a_job_that_nobody_hears_yet_asks_again(
    site: Site, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await formed(site, 1)
    await site.stop(0)
    task = {"endpoints": [f"http://{site.client(0).address}"], "clusterId": ""}
    early = asyncio.create_task(take_snapshot(task))
    await asyncio.sleep(1)
    await site.start(0)
    await early
    assert (spool / "spool" / "snapshot.db").exists()
    await site.stop(0)
    monkeypatch.setattr(snapshot, "ADMISSION_SECONDS", 0.3)
    with pytest.raises(TaskError, match="No quorum of the cluster answers"):
        await take_snapshot(task)


def run(site: Site, *words: str) -> str:
    """Run etcdutl of the site's version."""
    command = [str(site.binary.with_name("etcdutl")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
