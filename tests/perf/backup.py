"""Measure backups and restores against etcd's own tools.

One real etcd and one real S3 service on loopback, filled with data that does not compress. Ours:
the steps of the Jobs, each a process of its own as there. Theirs: `etcdctl snapshot save` and an
upload of the file by the same library; a download and `etcdutl snapshot restore`. By turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from tests.perf.backup_results import (
    HEAD,
    LEAST_SPEED,
    Operation,
    Row,
    Run,
    find_missed,
    render_row,
    write_results,
)
from tests.perf.machine import describe_commit, describe_machine

VERSION = "v3.6.16"
ETCD, PEER, S3 = "127.0.0.1:23790", "127.0.0.1:23800", "127.0.0.1:23810"
ACCESS: Json = {"bucket": "bench", "endpoint": f"http://{S3}", "credentialsSecret": "keys"}
VALUE = 2**20
RESULTS: Final = Path(__file__).parents[2] / "build" / "bench-backup" / "results.json"

# Linux counts the memory of whoever starts a process as its own, so this small one starts it.
MEASURED = """
import json, os, sys, time
begun = time.monotonic()
to_errors = [(os.POSIX_SPAWN_DUP2, 2, 1)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=to_errors)
_, code, usage = os.wait4(child, 0)
took = time.monotonic() - begun
print(json.dumps([took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024]))
sys.exit(os.waitstatus_to_exitcode(code) != 0)
"""
# What a Job's step does, with the paths of a Job below a directory of this machine.
STEP = """
import sys
from pathlib import Path
from etcd_operator.core.tasks.jobs import paths as places
work = sys.argv[2]
places.SPOOL, places.SECRETS = work, work + "/secrets"
places.SNAPSHOT = work + "/snapshot.db"
from etcd_operator.jobs import steps
steps.LAST_WORDS = Path(work) / "last-words"
sys.exit(steps.run_step([sys.argv[1]]))
"""
# What a careful person writes to keep the file: 3 parts of 5 MiB on the way at the same time.
PLAIN = """
import sys, obstore
from obstore.store import S3Store
way, path, endpoint, access, secret = sys.argv[1:]
config = {"endpoint": endpoint, "region": "us-east-1", "access_key_id": access,
          "secret_access_key": secret, "virtual_hosted_style_request": False}
store = S3Store("bench", config=config, client_options={"allow_http": True})
if way == "upload":
    obstore.put(store, "plain.db", open(path, "rb"), chunk_size=5 * 2**20, max_concurrency=3)
else:
    with open(path, "wb") as target:
        for piece in obstore.get(store, "plain.db").stream(min_chunk_size=2**20):
            target.write(piece)
"""


@contextmanager
def servers(work: Path, binaries: Path, gateway: Path) -> Iterator[None]:
    """One etcd and one S3 service, ended afterwards."""
    for directory in ("buckets/bench", "meta", "secrets/credentials"):
        (work / directory).mkdir(parents=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (work / "secrets" / "credentials" / name).write_text("bench")
    etcd = [str(binaries / "etcd"), f"--data-dir={work}/data", f"--quota-backend-bytes={2**33}"]
    etcd += [f"--listen-client-urls=http://{ETCD}", f"--advertise-client-urls=http://{ETCD}"]
    etcd += [f"--listen-peer-urls=http://{PEER}", f"--initial-advertise-peer-urls=http://{PEER}"]
    etcd += [f"--initial-cluster=default=http://{PEER}", "--unsafe-no-fsync", "--log-level=error"]
    s3 = [str(gateway / "versitygw"), f"--port={S3}", "--quiet", "posix"]
    s3 += [f"--sidecar={work}/meta", f"{work}/buckets"]
    environment = {**os.environ, "ROOT_ACCESS_KEY": "bench", "ROOT_SECRET_KEY": "bench"}
    with (work / "log").open("wb") as log:
        started = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            for command in (etcd, s3)
        ]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
                process.wait()


def await_servers(seconds: float) -> None:
    """Wait until both listen."""
    deadline = time.monotonic() + seconds
    for address in (ETCD, S3):
        host, _, port = address.partition(":")
        while True:
            with socket.socket() as tried:
                if tried.connect_ex((host, int(port))) == 0:
                    break
            if time.monotonic() > deadline:
                raise SystemExit(f"nobody listens at {address} after {seconds} s")
            time.sleep(0.1)


async def fill(mebibytes: int) -> str:
    """Write values of one MiB; returns the cluster ID."""
    client = EtcdMemberClient(ETCD)
    for number in range(mebibytes):
        await client.put(f"key-{number}".encode(), os.urandom(VALUE), timeout=60)
    status = await client.status(timeout=10)
    await client.close()
    return f"{status.cluster_id:x}"


def run(command: list[str], environment: dict[str, str] | None = None) -> Run:
    """Run a process to its end."""
    words = [sys.executable, "-S", "-c", MEASURED, *command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[:3]} failed: {done.stderr[-500:]}")
    return Run(*json.loads(done.stdout))


@dataclass(frozen=True, slots=True)
class Theirs:
    """Etcd's own programs, and a plain upload or download."""

    work: Path
    binaries: Path
    name: str = "etcd's tools"

    def back_up(self) -> Run:
        """Save, then upload."""
        saved = self.work / "saved.db"
        saved.unlink(missing_ok=True)
        etcdctl = [str(self.binaries / "etcdctl"), f"--endpoints=http://{ETCD}"]
        return run([*etcdctl, "snapshot", "save", str(saved)]) + self._transfer("upload", saved)

    def restore(self) -> Run:
        """Download, then restore."""
        fetched, data = self.work / "fetched.db", self.work / "restored"
        shutil.rmtree(data, ignore_errors=True)
        fetched.unlink(missing_ok=True)
        fetch = self._transfer("download", fetched)
        return fetch + run(restoring(self.binaries, fetched, data))

    def _transfer(self, way: str, path: Path) -> Run:
        words = (way, str(path), f"http://{S3}", "bench", "bench")
        return run([sys.executable, "-c", PLAIN, *words])


@dataclass(frozen=True, slots=True)
class Ours:
    """The steps of the Jobs."""

    work: Path
    binaries: Path
    cluster_id: str
    compression: bool

    @property
    def name(self) -> str:
        """As in the table."""
        return "ours, zstd" if self.compression else "ours, plain"

    def back_up(self) -> Run:
        """The Job of a backup without its trial, which etcd's tools have none of."""
        task = {
            "backup": "b",
            "backupUid": "0a1b2c3d",
            "cluster": "bench",
            "namespace": "bench",
            "clusterId": self.cluster_id,
            "endpoints": [f"http://{ETCD}"],
            "storageType": "S3",
            "destination": ACCESS,
            "compression": self.compression,
            "keySecret": "",
            "verify": False,
            "retention": {"maxBackups": 1},
        }
        return self._step("snapshot", task) + self._step("store", task)

    def restore(self) -> Run:
        """The Job that fills a member's disk, from the backup that was made last."""
        disk = self.work / "disk"
        shutil.rmtree(disk, ignore_errors=True)
        disk.mkdir()
        task = {
            "url": json.loads((self.work / "last-words").read_text())["url"],
            "keySecret": "",
            "onlyEncrypted": False,
            "access": ACCESS,
            "restoreUid": "0a1b2c3d",
            "version": VERSION,
            "skipHashCheck": False,
            "mount": str(disk),
            "restoring": str(disk / "restoring"),
            "data": str(disk / "data"),
        }
        snapshot = self.work / "snapshot.db"
        fetch = self._step("fetch", task)
        restore = run(restoring(self.binaries, snapshot, disk / "restoring"))
        return fetch + restore + self._step("finish", task)

    def _step(self, step: str, task: Json) -> Run:
        environment = {**os.environ, "ETCD_OPERATOR_TASK": json.dumps(task)}
        return run([sys.executable, "-c", STEP, step, str(self.work)], environment)


def restoring(binaries: Path, snapshot: Path, data: Path) -> list[str]:
    """The command with which both ways make a data directory."""
    etcdutl = str(binaries / "etcdutl")
    return [etcdutl, "snapshot", "restore", str(snapshot), f"--data-dir={data}"]


def measure(mebibytes: int, rounds: int, place: Path, binaries: Path, gateway: Path) -> list[Row]:
    """Fill, back up and restore by turns; returns a row for each way and operation."""
    work = Path(tempfile.mkdtemp(prefix="bench-backup-", dir=place))
    try:
        with servers(work, binaries, gateway):
            await_servers(60)
            cluster_id = asyncio.run(fill(mebibytes))
            ways: tuple[Theirs | Ours, ...] = (
                Theirs(work, binaries),
                Ours(work, binaries, cluster_id, compression=False),
                Ours(work, binaries, cluster_id, compression=True),
            )
            backups: dict[str, list[Run]] = {way.name: [] for way in ways}
            restores: dict[str, list[Run]] = {way.name: [] for way in ways}
            for _ in range(rounds):
                for way in ways:
                    backups[way.name].append(way.back_up())
                    restores[way.name].append(way.restore())
    finally:
        shutil.rmtree(work)
    found: tuple[tuple[Operation, dict[str, list[Run]]], ...] = (
        ("backup", backups),
        ("restore", restores),
    )
    return [
        Row(mebibytes, operation, way.name, isinstance(way, Theirs), tuple(runs[way.name]))
        for operation, runs in found
        for way in ways
    ]


def find_built(program: str) -> Path:
    """Where the local Kubernetes has built a program."""
    words = [sys.executable, "-m", "local", "path", program]
    return Path(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())


def main() -> None:
    """Measure every size that was asked for; ends with 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.backup", description=__doc__)
    parser.add_argument("--mebibytes", type=int, nargs="+", default=[100, 2048])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    gateway, binaries = find_built("versitygw"), find_built(f"etcd/{VERSION}")
    began = datetime.now(UTC)
    facts = {"machine": describe_machine(), "git": describe_commit(), "etcd": VERSION}
    rows: list[Row] = []
    print(HEAD)
    for mebibytes in options.mebibytes:
        rows += measure(mebibytes, options.rounds, options.place, binaries, gateway)
        for row in rows[-6:]:
            print(render_row(row, rows), flush=True)
    write_results(rows, began, facts, RESULTS)
    print(f"\nEvery number is in {RESULTS}")
    if missed := find_missed(rows):
        raise SystemExit(f"Slower than {LEAST_SPEED} x: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
