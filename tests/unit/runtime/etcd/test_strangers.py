"""Members that answer what no etcd answers, or late: each harms itself alone.

The servers are real ones of gRPC, on loopback; what they say is up to the test.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from etcd_operator.errors import EtcdError, EtcdUnreachable
from etcd_operator.runtime.etcd.auth_cache import read_auth
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.defragmentation import Defragmenter
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2

MIB = 2**20
Answer = Callable[[bytes], Awaitable[bytes]]


class Stranger(grpc.GenericRpcHandler):  # type: ignore[misc] # (grpc has no types)
    """Answers every call with the bytes that the test gives for its last name.

    A call whose name is in `held` is answered when its event is set.
    """

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.address = ""

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        name = handler_call_details.method.rpartition("/")[2]

        async def answer(_request: bytes, _context: Any) -> bytes:
            self.begun.append(name)
            if name in self.held:
                await self.held[name].wait()
            self.finished.append(name)
            return self.answers.get(name, b"")

        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def listening(**options: Any) -> AsyncIterator[Stranger]:
    """A server with a Stranger in it."""
    stranger = Stranger()
    server = grpc.aio.server(
        handlers=(stranger,), options=(("grpc.max_send_message_length", -1),), **options
    )
    port = server.add_insecure_port("127.0.0.1:0")
    stranger.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield stranger
    finally:
        await server.stop(None)


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with listening() as found:
        yield found


@pytest.fixture
async def client(stranger: Stranger) -> AsyncIterator[EtcdMemberClient]:
    made = EtcdMemberClient(stranger.address)
    yield made
    await made.close()


async def wait_for(is_so: Callable[[], bool]) -> None:
    """Give the server its turn until something is so."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 (the server is in this loop, and tells nobody)
            await asyncio.sleep(0.02)


def status(**fields: Any) -> bytes:
    return bytes(etcd_pb2.StatusResponse(**fields).SerializeToString())


@pytest.mark.situation(
    "data",
    "a member answers with hundreds of megabytes",
    "it counts as unreachable; other clusters are not affected",
)
@pytest.mark.exhaustive
async def test_an_answer_of_any_size_costs_nothing(
    stranger: Stranger, client: EtcdMemberClient
) -> None:
    stranger.answers["Status"] = status(errors=["x" * MIB] * 100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(EtcdUnreachable, match="larger than max"):
        await client.status(timeout=5)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # What the server makes of it for itself is in this process too.
    assert grown < 450 * 1024
    stranger.answers["Status"] = status(version="3.6.16")
    assert (await client.status(timeout=5)).version == "3.6.16"


async def test_nothing_is_decompressed() -> None:
    """30 MiB of zeros travel as 30 KiB, which are within the limit."""
    async with listening(compression=grpc.Compression.Gzip) as stranger:
        stranger.answers["Status"] = status(version="0" * 30 * MIB)
        client = EtcdMemberClient(stranger.address)
        with pytest.raises(EtcdError):
            await client.status(timeout=5)
        await client.close()


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 50, b"<html>", b"\x0a\x7f", b"\x12\x02\xff\xfe\x0a\x7f"]
)
async def test_garbage_is_no_answer(
    garbage: bytes, stranger: Stranger, client: EtcdMemberClient
) -> None:
    stranger.answers = {"Status": garbage, "MemberList": garbage, "HashKV": garbage}
    for ask in (client.status(), client.member_list(linearizable=True), client.hash_kv()):
        with pytest.raises(EtcdUnreachable, match="is not etcd's"):
            await ask


async def test_texts_and_lists_are_cut(stranger: Stranger, client: EtcdMemberClient) -> None:
    long = "x" * 600
    stranger.answers["Status"] = status(
        version=long, storageVersion=long, errors=[long] * 300, dbSize=-1, dbSizeInUse=-(2**63)
    )
    said = await client.status()
    assert (len(said.version), len(said.storage_version)) == (32, 32)
    assert (len(said.errors), len(said.errors[0])) == (200, 512)
    assert (said.db_size, said.db_size_in_use) == (0, 0)
    urls = [long] * 20
    lines = [etcd_pb2.Member(ID=n, name=long, peerURLs=urls, clientURLs=urls) for n in range(100)]
    answer = etcd_pb2.MemberListResponse(members=lines)
    stranger.answers["MemberList"] = answer.SerializeToString()
    listed = (await client.member_list(linearizable=True)).members
    assert len(listed) == 100
    assert {len(text) for m in listed for text in (m.name, *m.peer_urls, *m.client_urls)} == {512}
    assert {len(urls) for m in listed for urls in (m.peer_urls, m.client_urls)} == {8}


async def test_a_list_without_end_is_none(stranger: Stranger, client: EtcdMemberClient) -> None:
    answer = etcd_pb2.MemberListResponse(members=[etcd_pb2.Member(ID=n) for n in range(101)])
    stranger.answers["MemberList"] = answer.SerializeToString()
    with pytest.raises(EtcdUnreachable, match="a list of 101 members"):
        await client.member_list(linearizable=True)


async def test_permissions_of_no_kind_are_no_answer(
    stranger: Stranger, client: EtcdMemberClient
) -> None:
    roles = auth_pb2.AuthRoleListResponse(roles=["r"])
    odd = auth_pb2.AuthRoleGetResponse(perm=[auth_pb2.Permission(permType="WRITE")])
    # No generated code writes a number that is no value of the enumeration.
    stranger.answers["RoleList"] = roles.SerializeToString()
    stranger.answers["RoleGet"] = odd.SerializeToString().replace(b"\x08\x01", b"\x08\x63")
    with pytest.raises(EtcdUnreachable, match="99 is no kind of permission"):
        await read_auth(client)


async def test_users_without_end_are_not_asked_for(
    stranger: Stranger, client: EtcdMemberClient
) -> None:
    users = auth_pb2.AuthUserListResponse(users=[str(number) for number in range(2_001)])
    stranger.answers["UserList"] = users.SerializeToString()
    with pytest.raises(EtcdUnreachable, match="2001 users or roles"):
        await read_auth(client)


@pytest.mark.situation(
    "etcd",
    "more members than connections may stay open",
    "no call is cut off",
)
async def test_no_call_is_cut_off_to_make_room(stranger: Stranger) -> None:
    """A comparison waits a minute for its hash, and a defragmentation longer."""
    pool = EtcdPool(idle_seconds=0)
    stranger.held["HashKV"] = asyncio.Event()
    stranger.answers["HashKV"] = etcd_pb2.HashKVResponse(
        hash=7, compact_revision=1
    ).SerializeToString()
    slow = await pool.client(stranger.address)
    hashing = asyncio.create_task(slow.hash_kv())
    await wait_for(lambda: stranger.begun == ["HashKV"])
    for number in range(1, 600):
        await pool.client(f"127.0.0.1:{number}")
    await pool.discard(stranger.address)
    stranger.held["HashKV"].set()
    assert await hashing == (7, 1)
    assert not slow.is_open, "it is closed when the last call has ended"
    assert await slow.hash_kv() == (7, 1), "who still holds it can go on"
    assert not slow.is_open
    await pool.close()


async def test_one_defragmentation_of_a_cluster_at_a_time(
    stranger: Stranger, client: EtcdMemberClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the pass that began it has given up: etcd goes on with it."""
    patience = "etcd_operator.runtime.etcd.defragmentation.WAIT_SECONDS"
    stranger.held["Defragment"] = asyncio.Event()
    defragmenter = Defragmenter()
    begun = asyncio.create_task(defragmenter.defragment("uid", "db-0", client))
    await wait_for(lambda: stranger.begun == ["Defragment"])
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    async with listening() as other:
        second = EtcdMemberClient(other.address)
        monkeypatch.setattr(patience, 0.05)
        for member, asked in (("db-0", client), ("db-1", second)):
            with pytest.raises(EtcdUnreachable, match="db-0 is still being defragmented"):
                await defragmenter.defragment("uid", member, asked)
        monkeypatch.setattr(patience, 30.0)
        await defragmenter.defragment("another cluster", "db-1", second)
        assert other.finished == ["Defragment"]
        waiting = asyncio.create_task(defragmenter.defragment("uid", "db-0", client))
        stranger.held["Defragment"].set()
        await waiting
        assert stranger.finished == ["Defragment"], "who waited on did not ask again"
        await defragmenter.defragment("uid", "db-1", second)
        assert other.finished == ["Defragment"] * 2
        await second.close()
    await defragmenter.close()
