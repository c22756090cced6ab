"""Recorded passes of a cluster, fetched from the operator by port-forward, or read from a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx2

from etcd_operator.core.recording.recorded_pass import (
    RecordedPass,
    read_recording,
)
from etcd_operator.errors import KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.port_forward import forward
from etcd_operator.plugin.serving import find_home, find_lease
from etcd_operator.plugin.session import Session, find_exit
from etcd_operator.plugin.whose_word import DEFAULT_NAMESPACE, vouch

PORT: Final = 8082
# Far more than the operator keeps of one cluster.
MOST_BYTES: Final = 64 * 1024 * 1024
# No pass is later, whatever the clocks say: of those up to then, the last one is the newest.
NEWEST: Final = "?since=9999-12-31T23:59:59Z"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as it came, and the passes that are in it, at least one.

    `word` says whose word it is that it came from the operator; empty if Kubernetes bears it out.
    """

    document: Json
    passes: tuple[RecordedPass, ...]
    word: str = ""


async def fetch(own: Session, cluster: Json, *, newest: bool = False) -> Recording:
    """Return the recording of a cluster; raises PluginError with a sentence if there is none.

    If the `newest` pass is enough, that may be all that is in it.
    """
    metadata = cluster["metadata"]
    place = find_home(cluster) or DEFAULT_NAMESPACE
    try:
        lease = await find_lease(own, place, cluster)
    except KubeError as error:
        raise PluginError(
            f"The operator's Lease in namespace {place} cannot be read: {error}",
            Exit.NO_OPERATOR if isinstance(error, NotFound) else find_exit(error),
        ) from error
    pod = (lease.get("spec") or {}).get("holderIdentity") or ""
    if not pod:
        raise PluginError(
            f"No operator holds the Lease {lease['metadata']['name']} in {place}.", Exit.NO_OPERATOR
        )
    path = f"/passes/{metadata['namespace']}/{metadata['name']}{NEWEST if newest else ''}"
    try:
        word = await _vouch(own, cluster, place, pod)
        async with forward(own, pod, PORT, namespace=place) as way:
            return replace(await _read(way.port, path), word=word)
    except PluginError as error:
        gone = error.code is Exit.NOT_FOUND
        raise PluginError(str(error), Exit.NO_OPERATOR if gone else error.code) from error


async def _vouch(own: Session, cluster: Json, place: str, pod: str) -> str:
    try:
        return await vouch(own, cluster, place, pod)
    except NotFound as error:
        raise PluginError(
            f"Pod {pod} in {place}, which holds the operator's Lease, is gone.", Exit.NO_OPERATOR
        ) from error
    except KubeError as error:
        raise PluginError(
            f"Pod {pod} in {place} cannot be read: {error}", find_exit(error)
        ) from error


async def _read(port: int, path: str) -> Recording:
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=30.0) as client:
            return await _read_answer(client, f"http://127.0.0.1:{port}{path}")
    except httpx2.HTTPError as error:
        raise PluginError(
            f"The operator serves no recorded passes, it may be of another version: {error!r}",
            Exit.NO_OPERATOR,
        ) from error


async def _read_answer(client: httpx2.AsyncClient, url: str) -> Recording:
    """Read an answer as it comes: what is unpacked may be a thousand times as large."""
    what, content = "The operator's answer", bytearray()
    async with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
        if answer.status_code != 200:
            raise PluginError(
                "The operator has recorded no pass over this cluster yet.", Exit.NO_OPERATOR
            )
        if "content-encoding" in answer.headers:
            raise PluginError(f"{what} is packed, and that was not asked for.", Exit.FAILED)
        async for part in answer.aiter_raw():
            content += part
            _insist_on_size(content, what)
    return _parse(content, what)


def read_file(path: Path) -> Recording:
    """Return the recording in a file; raises PluginError with a sentence for anything else."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PluginError(f"{path} cannot be read: {error.strerror}.", Exit.NOT_FOUND) from error
    _insist_on_size(content, str(path))
    return _parse(content, str(path))


def _insist_on_size(content: bytes | bytearray, what: str) -> None:
    if len(content) > MOST_BYTES:
        raise PluginError(f"{what} is larger than any recording.", Exit.FAILED)


def _parse(content: bytes | bytearray, what: str) -> Recording:
    try:
        return read_document(json.loads(content), what)
    except (ValueError, RecursionError, OverflowError, TypeError, AttributeError) as error:
        raise PluginError(f"{what} is not usable: {str(error)[:300]}.", Exit.FAILED) from error


def read_document(document: Json, what: str) -> Recording:
    """Return the recording in a document; raises PluginError if no pass is in it.

    Raises UnreadableRecording for what is no recording.
    """
    passes = read_recording(document)
    if not passes:
        raise PluginError(f"{what} has no pass in it.", Exit.FAILED)
    return Recording(document, passes)
