"""What the options of a channel promise, against a real server of gRPC with TLS."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
import pytest

from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.channel import (
    CHANNEL_OPTIONS,
    LARGEST_ANSWER,
    LARGEST_SMALL,
    SMALL_ANSWERS,
    EtcdChannel,
    Options,
    PeerTls,
)
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.builders.exhaustive import exhaustive

NOW = datetime.now(UTC)
NAME = "db-0.db-peer.team.svc"


class Echo(grpc.GenericRpcHandler):  # type: ignore[misc] # (grpc has no types)
    """Answers a Put with the pair of its request."""

    def service(self, _call: Any) -> grpc.RpcMethodHandler:
        async def answer(request: bytes, _context: Any) -> bytes:
            asked = etcd_pb2.PutRequest.FromString(request)
            pair = etcd_pb2.KeyValue(key=asked.key, value=asked.value)
            return bytes(etcd_pb2.RangeResponse(kvs=[pair]).SerializeToString())

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
async def member() -> AsyncIterator[tuple[str, PeerTls]]:
    """A member that wants a certificate: its address, and how to speak with it."""
    authority = make_authority("db", NOW)

    own = issue_certificate(authority, "", NOW, timedelta(days=1), names=(NAME,), server=True)
    ours = issue_certificate(authority, "operator", NOW, timedelta(days=1), server=False)
    server = grpc.aio.server(handlers=(Echo(),), options=(("grpc.max_receive_message_length", -1),))
    credentials = grpc.ssl_server_credentials(
        [(own.key.encode(), own.certificate.encode())], authority.certificate.encode(), True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    identity = Identity(authority.certificate, ours.certificate, ours.key)
    yield f"127.0.0.1:{port}", PeerTls(identity, NAME)
    await server.stop(None)


LIMITS = [(CHANNEL_OPTIONS, LARGEST_ANSWER), (SMALL_ANSWERS, LARGEST_SMALL)]


@pytest.mark.parametrize(("options", "largest"), LIMITS)
@pytest.mark.parametrize("length", [0, 1025, -64, *exhaustive(900, 1024, 100_000)])
async def test_messages_of_any_allowed_length_come_whole(
    member: tuple[str, PeerTls], options: Options, largest: int, length: int
) -> None:
    address, tls = member
    channel = EtcdChannel(address, tls, options)
    value = random.Random(length).randbytes(length if length >= 0 else largest + length)
    request = etcd_pb2.PutRequest(key=b"k", value=value)
    for _ in range(2):
        answer = await channel.call("KV/Put", request, etcd_pb2.RangeResponse, 10)
        assert answer.kvs[0].value == value
    await channel.close()


@pytest.mark.parametrize(("options", "largest"), LIMITS)
async def test_a_longer_message_is_an_error_and_the_next_call_is_answered(
    member: tuple[str, PeerTls], options: Options, largest: int
) -> None:
    address, tls = member
    channel = EtcdChannel(address, tls, options)
    long = etcd_pb2.PutRequest(key=b"k", value=b"x" * (largest + 1))
    with pytest.raises(EtcdError, match="larger than max"):
        await channel.call("KV/Put", long, etcd_pb2.RangeResponse, 10)
    request = etcd_pb2.PutRequest(key=b"k", value=b"x")
    answer = await channel.call("KV/Put", request, etcd_pb2.RangeResponse, 10)
    assert answer.kvs[0].value == b"x"
    await channel.close()
