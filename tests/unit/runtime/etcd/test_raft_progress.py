"""Reading how far a member's data reaches from its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest

from etcd_operator.core.model.members import RaftProgress
from etcd_operator.runtime.etcd.raft_progress import (
    MOST_BYTES,
    is_defragmenting,
    parse_active_peers,
    parse_defragmenting,
    parse_raft_progress,
    read_active_peers,
    read_raft_progress,
)

METRICS = """# HELP etcd_debugging_mvcc_current_revision The current revision of store.
# TYPE etcd_debugging_mvcc_current_revision gauge
etcd_debugging_mvcc_current_revision 50
# TYPE etcd_server_has_leader gauge
etcd_server_has_leader 0
# TYPE etcd_server_id gauge
etcd_server_id{server_id="abd35c0652962c95"} 1
# TYPE etcd_server_is_learner gauge
etcd_server_is_learner 0
# TYPE etcd_server_proposals_applied_total gauge
etcd_server_proposals_applied_total 57
# TYPE etcd_server_proposals_committed_total gauge
etcd_server_proposals_committed_total 0
"""
STANDING = RaftProgress(0xABD35C0652962C95, 50, 57, is_learner=False)


@pytest.mark.parametrize(
    ("said", "busy"),
    [("1", True), ("0", False), ("1.0e+00", True), ("", False)],
    ids=["at it", "not at it", "as a float", "a version without a word for it"],
)
def test_metrics_say_whether_a_member_is_being_defragmented(said: str, busy: bool) -> None:
    line = f"etcd_disk_defrag_inflight {said}\n" if said else ""
    assert parse_defragmenting(METRICS + line) == busy


async def test_who_does_not_say_may_be_in_the_middle_of_a_defragmentation() -> None:
    assert await is_defragmenting("127.0.0.1", 1)


PEERS = """# TYPE etcd_network_active_peers gauge
etcd_network_active_peers{Local="abd35c0652962c95",Remote="898903983759ef"} 1
etcd_network_active_peers{Local="abd35c0652962c95",Remote="f4634eb870980e69"} 0
"""


def test_a_member_says_to_which_peers_it_is_connected() -> None:
    assert parse_active_peers(METRICS + PEERS) == {0x898903983759EF}
    alone = PEERS.replace("} 1", "} 0")
    assert parse_active_peers(METRICS + alone) == frozenset()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (METRICS, "says nothing of its peers"),
        (PEERS.replace("898903983759ef", "x y"), "a peer has no member ID"),
    ],
)
def test_who_says_nothing_of_its_peers_may_be_connected_to_any(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_active_peers(text)


async def test_who_is_not_reached_may_be_connected_to_any() -> None:
    assert await read_active_peers("127.0.0.1", 1) is None


def test_metrics_of_etcd_are_read() -> None:
    assert parse_raft_progress(METRICS) == STANDING
    learner = METRICS.replace("is_learner 0", "is_learner 1")
    assert parse_raft_progress(learner) == RaftProgress(0xABD35C0652962C95, 50, 57, is_learner=True)
    big = METRICS.replace("revision 50\n", "revision 1.234567e+06\n")
    assert parse_raft_progress(big) == RaftProgress(
        0xABD35C0652962C95, 1234567, 57, is_learner=False
    )


@pytest.mark.parametrize("name", ["revision 50", "is_learner 0", "applied_total 57", "server_id{"])
def test_without_one_of_them_nothing_is_known(name: str) -> None:
    lines = [line for line in METRICS.splitlines() if name not in line or line.startswith("#")]
    assert parse_raft_progress("\n".join(lines)) is None


@pytest.mark.parametrize(
    ("said", "garbage"),
    [
        ("revision 50", "revision +Inf"),
        ("revision 50", "revision NaN"),
        ("revision 50", "revision -1"),
        ("revision 50", "revision 1e300"),
        ('server_id="abd35c0652962c95"', f'server_id="{"f" * 17}"'),
        ('server_id="abd35c0652962c95"', 'server_id="me"'),
        ('server_id="abd35c0652962c95"', 'other="abd35c0652962c95"'),
    ],
)
def test_what_no_etcd_says_is_refused(said: str, garbage: str) -> None:
    assert said in METRICS
    with pytest.raises(ValueError, match=r"is no count|who it is"):
        parse_raft_progress(METRICS.replace(said, garbage))


def test_nothing_is_known_while_nothing_is_applied() -> None:
    assert parse_raft_progress(METRICS.replace("applied_total 57", "applied_total 0")) is None


@asynccontextmanager
async def serving(answer: Callable[[], bytes]) -> AsyncIterator[int]:
    """A server that sends this and ends the connection; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def page(text: str = METRICS, status: str = "200 OK") -> bytes:
    return f"HTTP/1.0 {status}\r\nContent-Type: text/plain\r\n\r\n{text}".encode()


async def test_a_member_that_runs_is_asked() -> None:
    async with serving(page) as port:
        assert await read_raft_progress("127.0.0.1", port) == STANDING


async def test_a_member_that_still_reads_its_disk_is_not_believed() -> None:
    reached = count(57)

    def further() -> bytes:
        return page(METRICS.replace("total 57", f"total {next(reached)}"))

    async with serving(further) as port:
        assert await read_raft_progress("127.0.0.1", port) is None


@pytest.mark.parametrize(
    "answer",
    [b"", page(status="503 Service Unavailable"), page("{]"), page("x" * (MOST_BYTES + 1))],
    ids=["nothing", "an error", "no metrics", "no end"],
)
async def test_other_answers_say_nothing(answer: bytes) -> None:
    async with serving(lambda: answer) as port:
        assert await read_raft_progress("127.0.0.1", port) is None


async def test_where_nobody_listens_nothing_is_said() -> None:
    async with serving(page) as port:
        pass
    assert await read_raft_progress("127.0.0.1", port) is None
