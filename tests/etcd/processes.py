"""Real etcd members on loopback, started from the files that the operator renders.

Each site has a network of its own inside 127.0.0.0/8, and each member an address in it, so that
the rendered ports stay as they are.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.model.members import MemberList, MemberStatus
from etcd_operator.core.model.naming import CLIENT_PORT, Naming
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.peer_stage import NO_PEER_TLS, PeerStage
from etcd_operator.core.objects.etcd_config import (
    find_data_directory,
    find_wal_directory,
    render_configs,
)
from etcd_operator.core.objects.tls import CONFIG_MOUNT, PEER_MOUNT
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.client import EtcdMemberClient

NAMING = Naming("team", "db", "0c1c2c3c")
FORMED = 1  # any cluster ID: the rendered files do not contain it
SECONDS = 20.0
FREEZE_SECONDS = 10.0
T = TypeVar("T")

_sites = itertools.count()


@dataclass
class Site:
    """The members of one test."""

    binary: Path
    version: str
    root: Path
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    clients: dict[int, EtcdMemberClient] = field(default_factory=dict)
    stage: PeerStage = NO_PEER_TLS
    peer_issuer: PeerIssuer = PeerIssuer.OWN

    def __post_init__(self) -> None:
        # Another run on this machine has another process ID, so most likely another network.
        self._network = f"127.{1 + os.getpid() % 250}.{1 + next(_sites) % 250}"
        self.spec = EtcdClusterSpec(
            version=self.version,
            etcd_config=EtcdConfig(heartbeat_interval=50, election_timeout=500),
        )

    def address(self, ordinal: int) -> str:
        """A member's address."""
        return f"{self._network}.{ordinal + 1}"

    def peer_url(self, ordinal: int) -> str:
        """A member's peer URL, as in the list of etcd."""
        return self.locate(self.naming.peer_url(ordinal), ordinal)

    def locate(self, url: str, ordinal: int) -> str:
        """A URL of a member, with its address here."""
        return url.replace(NAMING.host(ordinal), self.address(ordinal))

    @property
    def naming(self) -> Naming:
        """The names of the cluster, at this stage of TLS and of an issuer between members."""
        return replace(NAMING, peer_stage=self.stage, peer_issuer=self.peer_issuer)

    def write(
        self,
        *gates: Gate,
        listed: tuple[int, ...] = (),
        peer_urls: tuple[tuple[int, tuple[str, ...]], ...] = (),
    ) -> None:
        """Render the files for a layout; without a list everybody is in it."""
        everyone = listed or tuple(range(len(gates)))
        new = gates[0] is Gate.NEW
        layout = Layout(
            gates,
            everyone,
            len(gates),
            None if new else FORMED,
            len(gates) if new else None,
            peer_urls=peer_urls,
        )
        for ordinal in range(len(gates)):
            text = render_configs(self.spec, self.naming, layout)[NAMING.config_key(ordinal)]
            for mount in (PEER_MOUNT, CONFIG_MOUNT):
                text = text.replace(f"{mount}/", f"{self.root}/")
            for everywhere in ("0.0.0.0", "127.0.0.1"):  # members of other tests have them too
                text = text.replace(everywhere, self.address(ordinal))
            data = find_data_directory(self.spec, NAMING, ordinal)
            text = text.replace(data, str(self.data(ordinal)))
            text = text.replace(find_wal_directory(NAMING, ordinal), str(self.wal(ordinal)))
            for other in everyone:
                text = text.replace(NAMING.host(other), self.address(other))
            self._file(ordinal).write_text(
                text.replace(NAMING.host(ordinal), self.address(ordinal))
            )

    def force(self, ordinal: int) -> None:
        """Let a member start the next time as a cluster of its own."""
        with self._file(ordinal).open("a") as file:
            file.write("force-new-cluster: true\n")

    def settings(self, ordinal: int) -> dict[str, object]:
        """A member's file as it will read it."""
        lines = self._file(ordinal).read_text().splitlines()
        return {k: json.loads(v) for k, _, v in (line.partition(": ") for line in lines)}

    def data(self, ordinal: int) -> Path:
        """A member's data directory."""
        return self.root / f"data-{ordinal}"

    def wal(self, ordinal: int) -> Path:
        """A member's write-ahead log, where it has a disk of its own."""
        return self.root / f"wal-{ordinal}"

    def log(self, ordinal: int) -> str:
        """What a member has said."""
        return (self.root / f"log-{ordinal}").read_text()

    def _file(self, ordinal: int) -> Path:
        return self.root / NAMING.config_key(ordinal)

    async def start(self, *ordinals: int) -> None:
        """Start members; they run until `stop` or the end of the test."""
        for ordinal in ordinals:
            log = (self.root / f"log-{ordinal}").open("ab")
            self.processes[ordinal] = await asyncio.create_subprocess_exec(
                self.binary, f"--config-file={self._file(ordinal)}", stdout=log, stderr=log
            )
            log.close()

    async def stop(self, ordinal: int) -> None:
        """Kill a member."""
        process = self.processes.pop(ordinal)
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()

    def freeze(self, ordinal: int) -> None:
        """Stop a member's process without ending it: connections stay open, nothing is answered.

        The signal stops nobody before one of the threads has had its turn, which may take a while
        on a busy machine: so wait until all are stopped.
        """
        process = self.processes[ordinal]
        process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + FREEZE_SECONDS
        while not _is_stopped(process.pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"member {ordinal} runs on after SIGSTOP")
            time.sleep(0.005)

    def wipe(self, ordinal: int) -> None:
        """Lose a member's disk."""
        shutil.rmtree(self.data(ordinal))

    def client(self, ordinal: int) -> EtcdMemberClient:
        """The client of a member."""
        if ordinal not in self.clients:
            self.clients[ordinal] = EtcdMemberClient(f"{self.address(ordinal)}:{CLIENT_PORT}")
        return self.clients[ordinal]

    async def served(self, *ordinals: int) -> list[MemberStatus]:
        """Wait until these members serve and see a leader; return their answers."""
        return [await self._served(ordinal) for ordinal in ordinals]

    async def _served(self, ordinal: int) -> MemberStatus:
        async with asyncio.timeout(SECONDS):
            while True:
                status = await self.answer(ordinal)
                if status is not None and status.leader:
                    return status
                await asyncio.sleep(0.02)

    async def confirmed(self, ordinal: int) -> MemberList:
        """Wait until a quorum confirms the member list: after a loss an election comes first."""
        client = self.client(ordinal)
        return await eventually(lambda: client.member_list(linearizable=True))

    async def answer(self, ordinal: int) -> MemberStatus | None:
        """A member's status, None if it does not answer now."""
        try:
            return await self.client(ordinal).status(timeout=0.5)
        except EtcdError:
            return None

    async def close(self) -> None:
        """End every process and connection of this site, and no other."""
        for client in self.clients.values():
            await client.close()
        for ordinal in list(self.processes):
            await self.stop(ordinal)


def _is_stopped(process: int) -> bool:
    """Whether each thread is stopped by a signal, as the third field of its `stat` says."""
    states = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/stat")]
    return all(state.rpartition(")")[2].split()[0] == "T" for state in states)


async def formed(site: Site, members: int) -> list[MemberStatus]:
    """Form a cluster from the rendered `new` files."""
    site.write(*[Gate.NEW] * members)
    await site.start(*range(members))
    return await site.served(*range(members))


async def eventually(attempt: Callable[[], Awaitable[T]], seconds: float = SECONDS) -> T:
    """Await `attempt()` again and again until it raises no EtcdError; return its result."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await attempt()
            except EtcdError:
                await asyncio.sleep(0.05)
