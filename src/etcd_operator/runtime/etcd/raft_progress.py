"""Ask a member for what only its metrics say: how far its data reaches, and who its peers are.

etcd serves clients only when it has reached a quorum since it started. Its metrics are there
before: what is on its disk, as far as it has been applied. They have a port of their own, without
TLS.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Final

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from etcd_operator.core.model.members import RaftProgress
from etcd_operator.core.model.naming import METRICS_PORT

STANDING_SECONDS: Final = 2.0
# What is committed is applied in parts, without a word when it is done: then nothing changes.
STILL_SECONDS: Final = 0.5
# Many times what etcd says of itself.
MOST_BYTES: Final = 4 * 2**20

_ID: Final = "etcd_server_id"
_REVISION: Final = "etcd_debugging_mvcc_current_revision"
_APPLIED: Final = "etcd_server_proposals_applied_total"
_LEARNER: Final = "etcd_server_is_learner"
_DEFRAGMENTING: Final = "etcd_disk_defrag_inflight"
# 1 for a peer to which the member has a connection (`peerStatus` of etcd's rafthttp).
_PEERS: Final = "etcd_network_active_peers"
_NAMES: Final = (_ID, _REVISION, _APPLIED, _LEARNER)


async def read_raft_progress(host: str, port: int = METRICS_PORT) -> RaftProgress | None:
    """Return what the member at this address has; None if it does not say so, or still changes."""
    try:
        async with asyncio.timeout(STANDING_SECONDS):
            before = parse_raft_progress(await _get_metrics(host, port))
            await asyncio.sleep(STILL_SECONDS)
            after = parse_raft_progress(await _get_metrics(host, port))
            return after if before == after else None
    except (httpx2.HTTPError, TimeoutError, ValueError):
        return None


async def is_defragmenting(host: str, port: int = METRICS_PORT) -> bool:
    """Whether the member at this address is being defragmented, or does not say that it is not."""
    try:
        async with asyncio.timeout(STANDING_SECONDS):
            return parse_defragmenting(await _get_metrics(host, port))
    except (httpx2.HTTPError, TimeoutError, ValueError):
        return True


async def read_active_peers(host: str, port: int = METRICS_PORT) -> frozenset[int] | None:
    """Return the IDs of members to which the one at this address is connected; None: unknown."""
    try:
        async with asyncio.timeout(STANDING_SECONDS):
            return parse_active_peers(await _get_metrics(host, port))
    except (httpx2.HTTPError, TimeoutError, ValueError):
        return None


def parse_active_peers(text: str) -> frozenset[int]:
    """Read etcd's metrics. Raises ValueError where they say nothing of any peer."""
    lines = [line for line in text.splitlines() if line.startswith(f"{_PEERS}{{")]
    if not lines:
        raise ValueError("the member says nothing of its peers")
    families = text_string_to_metric_families("\n".join(lines))
    samples = [sample for family in families for sample in family.samples]
    active = [sample.labels.get("Remote", "") for sample in samples if sample.value]
    if not all(re.fullmatch("[0-9a-f]{1,16}", identity) for identity in active):
        raise ValueError("a peer has no member ID")
    return frozenset(int(identity, 16) for identity in active)


def parse_defragmenting(text: str) -> bool:
    """Read what etcd's metrics say of it. Raises ValueError for what is no number."""
    said = [line for line in text.splitlines() if line.startswith(f"{_DEFRAGMENTING} ")]
    return any(float(line.split()[1]) != 0 for line in said)


def parse_raft_progress(text: str) -> RaftProgress | None:
    """Read etcd's metrics; None while it has not applied what is on its disk. Raises ValueError."""
    told = [
        line for line in text.splitlines() if line.startswith((_ID, _REVISION, _APPLIED, _LEARNER))
    ]
    values = {
        sample.name: (sample.value, sample.labels)
        for family in text_string_to_metric_families("\n".join(told))
        for sample in family.samples
        if sample.name in _NAMES
    }
    if len(values) < 4 or not values[_APPLIED][0]:
        return None
    identity = values[_ID][1].get("server_id", "")
    if not re.fullmatch("[0-9a-f]{1,16}", identity):
        raise ValueError("the member does not say who it is")
    return RaftProgress(
        member_id=int(identity, 16),
        revision=_count(values[_REVISION][0]),
        index=_count(values[_APPLIED][0]),
        is_learner=values[_LEARNER][0] == 1,
    )


def _count(value: float) -> int:
    """A count as etcd keeps them: below 2^63, which infinity and what is no number are not."""
    if not 0 <= value < 2**63:
        raise ValueError(f"{value} is no count")
    return int(value)


async def _get_metrics(host: str, port: int) -> str:
    """Raises ValueError for another answer than metrics, httpx2.HTTPError without any."""
    # There is no TLS at this port: nobody's authorities are read from the disk.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    url = httpx2.URL(scheme="http", host=host, port=port, path="/metrics")
    answer = bytearray()
    async with (
        httpx2.AsyncClient(verify=nobody, trust_env=False, timeout=STANDING_SECONDS) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        async for part in response.aiter_bytes():
            answer += part
            if len(answer) > MOST_BYTES:
                raise ValueError("the metrics do not end")
    return answer.decode()
