"""Recorded passes of a cluster, fetched from the operator by port-forward, or read from a file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.core.recording.recorded_pass import (
    RecordedPass,
    read_recording,
)
from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import LEASES

PORT: Final = 8082
LEASE: Final = "etcd-operator"
DEFAULT_NAMESPACE: Final = "etcd-operator-system"
SECONDS_TO_FORWARD: Final = 10.0
# Far more than the operator keeps of one cluster.
MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as it came, and the passes that are in it, at least one."""

    document: Json
    passes: tuple[RecordedPass, ...]


async def fetch(own: Session, cluster: Json) -> Recording:
    """Return the recording of a cluster; raises PluginError with a sentence if there is none."""
    metadata = cluster["metadata"]
    annotations = metadata.get("annotations") or {}
    place = annotations.get(ANNOTATION_OPERATOR) or DEFAULT_NAMESPACE
    try:
        lease = await own.api.get(LEASES, place, LEASE)
    except KubeError as error:
        raise PluginError(
            f"The operator's Lease {LEASE} in namespace {place} cannot be read: {error}",
            Exit.NO_OPERATOR,
        ) from error
    pod = (lease.get("spec") or {}).get("holderIdentity") or ""
    if not pod:
        raise PluginError(f"No operator holds the Lease {LEASE} in {place}.", Exit.NO_OPERATOR)
    path = f"/passes/{metadata['namespace']}/{metadata['name']}"
    async with _forward(own, place, pod) as port:
        return await _read(port, path)


@asynccontextmanager
async def _forward(own: Session, namespace: str, pod: str) -> AsyncIterator[int]:
    """A local port that leads to the operator's loopback."""
    words = [*own.kubectl("port-forward", f"pod/{pod}", f":{PORT}"), f"--namespace={namespace}"]
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield await _find_port(process, pod)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _find_port(process: asyncio.subprocess.Process, pod: str) -> int:
    try:
        async with asyncio.timeout(SECONDS_TO_FORWARD):
            line = await _read_line(process.stdout)
            said = "" if line else await _read_line(process.stderr)
    except TimeoutError:
        line, said = "", f"not within {SECONDS_TO_FORWARD:.0f} s"
    found = re.search(r"127\.0\.0\.1:(\d+)", line)
    if found is None:
        code = Exit.FORBIDDEN if "forbidden" in said.lower() else Exit.UNREACHABLE
        raise PluginError(f"No port-forward to Pod {pod}: {said.strip()[:300] or line}", code)
    return int(found[1])


async def _read_line(stream: asyncio.StreamReader | None) -> str:
    return (await stream.readline()).decode(errors="replace") if stream else ""


async def _read(port: int, path: str) -> Recording:
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=30.0) as client:
            answer = await client.get(f"http://127.0.0.1:{port}{path}")
    except httpx2.HTTPError as error:
        raise PluginError(
            f"The operator serves no recorded passes, it may be of another version: {error!r}",
            Exit.NO_OPERATOR,
        ) from error
    if answer.status_code != 200:
        raise PluginError(
            "The operator has recorded no pass over this cluster yet.", Exit.NO_OPERATOR
        )
    return _parse(answer.content, "The operator's answer")


def read_file(path: Path) -> Recording:
    """Return the recording in a file; raises PluginError with a sentence for anything else."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"{path} cannot be read: {error.strerror}.", Exit.NOT_FOUND) from error
    return _parse(content, str(path))


def _parse(content: bytes, what: str) -> Recording:
    if len(content) > MOST_BYTES:
        raise PluginError(f"{what} is larger than any recording.", Exit.FAILED)
    try:
        return read_document(json.loads(content), what)
    except (ValueError, RecursionError) as error:
        raise PluginError(f"{what} is not usable: {str(error)[:300]}.", Exit.FAILED) from error


def read_document(document: Json, what: str) -> Recording:
    """Return the recording in a document; raises PluginError if no pass is in it.

    Raises UnreadableRecording for what is no recording.
    """
    passes = read_recording(document)
    if not passes:
        raise PluginError(f"{what} has no pass in it.", Exit.FAILED)
    return Recording(document, passes)
