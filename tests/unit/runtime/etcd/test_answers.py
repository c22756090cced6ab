"""Which of etcd's answers mean "no", and which mean "nobody knows"."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from unittest.mock import patch

import grpc
import pytest

from etcd_operator.errors import EtcdRefused, EtcdUnreachable, MessageTooLarge, Refusal
from etcd_operator.runtime.etcd.errors import translate_error
from etcd_operator.runtime.etcd.pool import EtcdPool

Code = grpc.StatusCode  # short, for the tables


@pytest.mark.parametrize(
    ("code", "details", "refusal"),
    [
        (Code.UNAVAILABLE, "etcdserver: unhealthy cluster", Refusal.UNHEALTHY_CLUSTER),
        (
            Code.FAILED_PRECONDITION,
            "etcdserver: too many learner members in cluster",
            Refusal.TOO_MANY_LEARNERS,
        ),
        (
            Code.FAILED_PRECONDITION,
            "etcdserver: can only promote a learner member which is in sync with leader",
            Refusal.LEARNER_NOT_READY,
        ),
        (
            Code.FAILED_PRECONDITION,
            "etcdserver: can only promote a learner member",
            Refusal.NOT_A_LEARNER,
        ),
        (Code.NOT_FOUND, "etcdserver: member not found", Refusal.MEMBER_NOT_FOUND),
        (
            Code.FAILED_PRECONDITION,
            "etcdserver: Peer URLs already exists",
            Refusal.MEMBER_EXISTS,
        ),
        (Code.FAILED_PRECONDITION, "etcdserver: member ID already exist", Refusal.MEMBER_EXISTS),
        (
            Code.FAILED_PRECONDITION,
            "etcdserver: re-configuration failed due to not enough started members",
            Refusal.NOT_ENOUGH_STARTED_MEMBERS,
        ),
        (Code.FAILED_PRECONDITION, "etcdserver: not leader", Refusal.NOT_LEADER),
        (Code.INVALID_ARGUMENT, "etcdserver: bad leader transferee", Refusal.OTHER),
        (Code.INVALID_ARGUMENT, "etcdserver: request is too large", Refusal.TOO_LARGE),
        (
            Code.INVALID_ARGUMENT,
            "etcdserver: too many operations in txn request",
            Refusal.TOO_MANY_OPERATIONS,
        ),
    ],
)
def test_a_refusal_had_no_effect(code: grpc.StatusCode, details: str, refusal: Refusal) -> None:
    made = translate_error(code, details, "10.0.0.1:2379")
    assert isinstance(made, EtcdRefused)
    assert made.refusal is refusal
    assert str(made) == f"10.0.0.1:2379: {details}"


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (Code.UNAVAILABLE, "failed to connect to all addresses"),
        (Code.UNAVAILABLE, ""),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded"),
        (Code.CANCELLED, "grpc: the client connection is closing"),
        (Code.UNKNOWN, "context deadline exceeded"),
        (Code.INTERNAL, "stream terminated by RST_STREAM"),
        (Code.UNAVAILABLE, "etcdserver: request timed out"),
        (
            Code.UNAVAILABLE,
            "etcdserver: request timed out, possibly due to previous leader failure",
        ),
        (Code.UNAVAILABLE, "etcdserver: leader changed"),
        (Code.UNAVAILABLE, "etcdserver: no leader"),
        (Code.UNAVAILABLE, "etcdserver: server stopped"),
    ],
)
def test_the_outcome_of_these_is_unknown(code: grpc.StatusCode, details: str) -> None:
    assert isinstance(translate_error(code, details, "a"), EtcdUnreachable)


@pytest.mark.parametrize(
    "details",
    [
        "CLIENT: Received message larger than max (5 vs. 4)",
        "grpc: received message larger than max (5 vs. 4)",
    ],
)
def test_a_message_that_is_too_large_is_told_from_silence(details: str) -> None:
    assert isinstance(translate_error(Code.RESOURCE_EXHAUSTED, details, "a"), MessageTooLarge)


def test_a_message_without_details_names_the_code() -> None:
    assert str(translate_error(Code.UNAVAILABLE, "", "a:1")) == "a:1: UNAVAILABLE"


async def test_the_pool_closes_what_nobody_asks_for() -> None:
    pool = EtcdPool(idle_seconds=10)
    clock = asyncio.get_running_loop()
    idle = await pool.client("127.0.0.1:1")
    await idle.retire()
    assert await pool.client("127.0.0.1:1") is idle
    with patch.object(clock, "time", return_value=clock.time() + 9):
        assert await pool.client("127.0.0.1:1") is idle, "it is asked for now and then"
        await pool.client("127.0.0.1:2")
    with patch.object(clock, "time", return_value=clock.time() + 18):
        assert await pool.client("127.0.0.1:1") is idle
    with patch.object(clock, "time", return_value=clock.time() + 40):
        await pool.client("127.0.0.1:3")
        assert await pool.client("127.0.0.1:1") is not idle
    await pool.close()


async def test_a_member_that_is_not_there_is_unreachable(unused_tcp_port: int) -> None:
    pool = EtcdPool()
    client = await pool.client(f"127.0.0.1:{unused_tcp_port}")
    with pytest.raises(EtcdUnreachable):
        await client.status(timeout=1)
    await pool.close()


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


async def test_whoever_is_cancelled_does_not_go_on(silent_address: str) -> None:
    pool = EtcdPool()
    client = await pool.client(silent_address)
    waiting = asyncio.create_task(client.status(timeout=30))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pool.close()


async def test_calls_that_were_begun_keep_a_channel_open_until_they_end(
    silent_address: str,
) -> None:
    client = await EtcdPool().client(silent_address)
    first, second = client.begin_status(timeout=30), client.begin_status(timeout=30)
    await client.retire()
    first.cancel()
    with pytest.raises(EtcdUnreachable, match="the connection was closed"):
        await client.finish_status(first)
    assert client.is_open, "the other waits for its answer"
    second.cancel()
    await asyncio.sleep(0.05)
    assert not client.is_open, "nobody has to wait for the end of a call"
