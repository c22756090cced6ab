"""Port-forwards by kubectl, and what kubectl says when it cannot do its part."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session

BEGINS_WITHIN: Final = 15.0
LONGEST_SENTENCE: Final = 300
FORWARDING: Final = re.compile(r"Forwarding from 127\.0\.0\.1:([0-9]+)")
# As kubectl begins its last line; `kubectl exec` ends with 1 then, as programs do that failed.
_NOT_FOUND: Final = "Error from server (NotFound)"
_BROKEN: Final = (
    "The connection to the server",
    "Unable to connect to the server",
    "Error from server: error dialing backend",
    "error: error upgrading connection",
    "error: unable to upgrade connection",
    "error: lost connection to pod",
    "error: timed out",
)


def find_last_line(said: str) -> str:
    """Return the sentence of what kubectl printed: its log of the connection comes before."""
    lines = said.strip().splitlines()
    return lines[-1].strip()[:LONGEST_SENTENCE] if lines else ""


def judge(said: str) -> Exit:
    """Return the exit code for what kubectl printed when it failed."""
    line = find_last_line(said)
    if "forbidden" in line.lower():
        return Exit.FORBIDDEN
    if line.startswith(_NOT_FOUND):
        return Exit.NOT_FOUND
    return Exit.UNREACHABLE if line.startswith(_BROKEN) else Exit.FAILED


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A local port that leads to a Pod, as long as the connection lasts."""

    port: int
    pod: str
    _process: asyncio.subprocess.Process

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return self._process.returncode is not None

    async def last(self) -> None:
        """Stay until the connection ends; raises PluginError then."""
        _, said = await self._process.communicate()
        why = find_last_line(said.decode(errors="replace"))
        raise PluginError(
            f"The port-forward to Pod {self.pod} has ended: {why or 'the connection broke'}",
            Exit.UNREACHABLE,
        )


@asynccontextmanager
async def forward(
    session: Session, pod: str, port: int, *, local_port: int = 0, namespace: str = ""
) -> AsyncIterator[Forwarded]:
    """Forward a local port, by default any free one, to a port of a Pod.

    Raises PluginError with kubectl's sentence if that is not possible.
    """
    words = session.kubectl("port-forward", f"pod/{pod}", f"{local_port or ''}:{port}")
    if namespace:
        words.append(f"--namespace={namespace}")
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Forwarded(await _read_port(process, pod), pod, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _read_port(process: asyncio.subprocess.Process, pod: str) -> int:
    try:
        async with asyncio.timeout(BEGINS_WITHIN):
            line = await _read(process.stdout, line=True)
            found = FORWARDING.match(line)
            said = "" if found else await _read(process.stderr) or line
            if not found:
                # A signal to one that has just ended would have asyncio log that it is unknown.
                await process.wait()
    except TimeoutError:
        found, said = None, f"not within {BEGINS_WITHIN:.0f} s"
    if found is None:
        code = judge(said)
        raise PluginError(
            f"No port-forward to Pod {pod}: {find_last_line(said) or 'kubectl says nothing'}",
            Exit.UNREACHABLE if code is Exit.FAILED else code,
        )
    return int(found[1])


async def _read(stream: asyncio.StreamReader | None, *, line: bool = False) -> str:
    if stream is None:
        return ""
    return (await (stream.readline() if line else stream.read())).decode(errors="replace")
