"""Recorded passes of the operator, read for tests over one port-forward that stays open."""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlencode

import httpx2

from deploy.manifests import NAMESPACE
from deploy.target import Target
from etcd_operator import __version__
from etcd_operator.core.recording.recorded_pass import (
    RecordedPass,
    read_recording,
    write_pass,
    write_recording,
)
from etcd_operator.core.sharding.shards import LEASE_NAME, find_shard, name_lease, read_recorded
from etcd_operator.plugin.port_forward import FORWARDING
from etcd_operator.plugin.recordings import PORT
from tests.e2e.harness import REPORT, Cluster, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

# Before any pass, and after all of them.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)
SECONDS: Final = 30.0
# A port-forward may have ended with its Pod, and its Pod may have lost its Lease.
ATTEMPTS: Final = 3
# Far less than it takes to make as many passes as the operator keeps.
BETWEEN_READS: Final = 2.0


class PortForward:
    """A port-forward of kubectl to the recorded passes in a Pod of the operator."""

    def __init__(self, target: Target, pod: str) -> None:
        words = ("port-forward", f"--namespace={NAMESPACE}", f"pod/{pod}", f":{PORT}")
        # Not a pipe: kubectl writes a line for each connection, and nobody would read them.
        self._said: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as kubectl
        self._process = subprocess.Popen(
            (*target.kubectl, *words), stdout=self._said, stderr=subprocess.STDOUT
        )
        atexit.register(self.end)
        self._client = httpx2.Client(trust_env=False, timeout=SECONDS)
        self._address = ""

    def get(self, path: str) -> httpx2.Response:
        """Make a request; raises httpx2.HTTPError if nobody answers."""
        if not self._address:
            wait_until("kubectl forwards a port, or ends", self._has_begun)
        return self._client.get(f"{self._address}{path}")

    def end(self) -> None:
        """End kubectl."""
        self._process.terminate()
        self._process.wait()
        self._said.close()

    def _has_begun(self) -> bool:
        try:
            self._said.seek(0)
            found = FORWARDING.search(self._said.read())
        except ValueError:  # another thread, whose request failed, has ended kubectl
            found = None
        self._address = f"http://127.0.0.1:{found[1]}" if found else "http://127.0.0.1:1"
        return found is not None or self._process.poll() is not None


_forwards: dict[tuple[str, str], PortForward] = {}
_lock: Final = threading.Lock()


def read_passes(cluster: Cluster, since: datetime = EARLIEST) -> tuple[RecordedPass, ...]:
    """Return the recorded passes over a cluster after a moment, and the last one before it.

    Without that one, some that came before the first of these are forgotten. None of them are there
    before the first pass.
    """
    answer = _ask(cluster.target, cluster, since)
    return read_recording(answer.json()) if answer.status_code == httpx2.codes.OK else ()


def read_last_pass(cluster: Cluster) -> RecordedPass:
    """Return the last recorded pass over a cluster; raises IndexError before the first one."""
    return read_passes(cluster, LATEST)[-1]


def read_pass_at_rest(cluster: Cluster) -> RecordedPass:
    """Return the last pass, where it had nothing to do: what one does, the next has to see."""
    with contextlib.suppress(AssertionError):
        wait_until("a pass has nothing to do", lambda: not read_last_pass(cluster).actions, 3)
    return read_last_pass(cluster)


def _ask(target: Target, cluster: Cluster, since: datetime) -> httpx2.Response:
    """Ask the replica that makes the passes over a cluster."""
    when = urlencode({"since": since.isoformat()})
    path = f"/passes/{cluster.namespace}/{cluster.name}?{when}"
    for attempt in range(ATTEMPTS):
        pod = _find_leader(target, cluster)
        key = (target.name, pod)
        with _lock:
            forward = _forwards.get(key) or PortForward(target, pod)
            _forwards[key] = forward
        try:
            return forward.get(path)
        except httpx2.HTTPError:
            with _lock:
                if _forwards.pop(key, None) is forward:
                    atexit.unregister(forward.end)
                    forward.end()
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _find_leader(target: Target, cluster: Cluster) -> str:
    place = f"--namespace={NAMESPACE}"
    lease = target.read("get", "lease", LEASE_NAME, place)
    shard = find_shard(cluster.namespace, cluster.name, read_recorded(lease).count)
    if shard:
        lease = target.read("get", "lease", name_lease(shard), place)
    return str(lease["spec"]["holderIdentity"])


@dataclass(slots=True)
class Passes:
    """The recorded passes over a cluster after a moment, as far as they were read.

    The operator keeps few: those of a long story are read in between as well.
    """

    cluster: Cluster
    since: datetime
    _known: dict[datetime, RecordedPass] = field(default_factory=dict)

    def read(self) -> list[RecordedPass]:
        """Return the passes until now; fails the test if some were forgotten before."""
        newest = max([self.since, *self._known])
        found = read_passes(self.cluster, newest)
        assert newest == EARLIEST or found[0].snapshot.now <= newest, "passes were missed"
        self._known |= {each.snapshot.now: each for each in found}
        return [self._known[when] for when in sorted(self._known) if when > self.since]

    def follow(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until it holds, and read the passes of meanwhile now and then."""
        read_at = 0.0

        def holds_now() -> bool:
            nonlocal read_at
            if time.monotonic() > read_at + BETWEEN_READS:
                self.read()
                read_at = time.monotonic()
            return holds()

        wait_until(what, holds_now, seconds)

    def keep(self) -> Path:
        """Write them beside the report of a failed test, for `kubectl etcd plan --from`."""
        REPORT.mkdir(parents=True, exist_ok=True)
        path = REPORT / f"{self.cluster.namespace}-{self.cluster.name}.passes.json"
        passes = [write_pass(self._known[when]) for when in sorted(self._known)]
        path.write_text(json.dumps(write_recording(__version__, passes)))
        return path
