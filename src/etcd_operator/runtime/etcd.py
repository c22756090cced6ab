"""Talk to etcd members over gRPC, each through a channel of its own.

Nothing is retried here: whether a membership change that timed out took effect is found out by
reading the member list again. Etcd reports some refusals with the code of a broken connection
(`unhealthy cluster` is UNAVAILABLE), so refusals are told apart by etcd's own sentences, which
are part of its API (`api/v3rpc/rpctypes/error.go`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import grpc
import grpc.aio

from etcd_operator.core.members import Member, MemberList, MemberStatus
from etcd_operator.errors import EtcdError, EtcdRefused, EtcdUnreachable, Refusal
from etcd_operator.runtime.rpc import etcd_pb2 as rpc

# A member that has just started must be reached at once, not after gRPC's usual second.
CHANNEL_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)

_METHODS: Final[dict[str, Any]] = {
    "/etcdserverpb.Cluster/MemberList": rpc.MemberListResponse,
    "/etcdserverpb.Cluster/MemberAdd": rpc.MemberAddResponse,
    "/etcdserverpb.Cluster/MemberRemove": rpc.MemberRemoveResponse,
    "/etcdserverpb.Cluster/MemberPromote": rpc.MemberPromoteResponse,
    "/etcdserverpb.Maintenance/Status": rpc.StatusResponse,
    "/etcdserverpb.Maintenance/MoveLeader": rpc.MoveLeaderResponse,
    "/etcdserverpb.Maintenance/HashKV": rpc.HashKVResponse,
    "/etcdserverpb.KV/Range": rpc.RangeResponse,
    "/etcdserverpb.KV/Put": rpc.PutResponse,
}

_REFUSALS: Final = (
    ("unhealthy cluster", Refusal.UNHEALTHY_CLUSTER),
    ("too many learner members", Refusal.TOO_MANY_LEARNERS),
    ("can only promote a learner member which is in sync", Refusal.LEARNER_NOT_READY),
    ("can only promote a learner member", Refusal.NOT_A_LEARNER),
    ("member not found", Refusal.MEMBER_NOT_FOUND),
    ("Peer URLs already exists", Refusal.MEMBER_EXISTS),
    ("member ID already exist", Refusal.MEMBER_EXISTS),
    (
        "re-configuration failed due to not enough started members",
        Refusal.NOT_ENOUGH_STARTED_MEMBERS,
    ),
    ("not leader", Refusal.NOT_LEADER),
)
# Said after the request may have been proposed: nobody knows whether it will be carried out.
_UNKNOWN_OUTCOME: Final = ("request timed out", "leader changed", "no leader", "server stopped")


class EtcdMemberClient:
    """The client of one member. Timeouts are in seconds; every call raises EtcdError's kinds."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self.address = address
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
        self._calls: dict[str, Any] = {
            path: self._channel.unary_unary(
                path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )
            for path, response in _METHODS.items()
        }

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def status(self, *, timeout: float = 1.0) -> MemberStatus:
        """Ask the member about itself; it answers without a quorum."""
        answer = await self._call("Maintenance/Status", rpc.StatusRequest(), timeout)
        return MemberStatus(
            member_id=answer.header.member_id,
            cluster_id=answer.header.cluster_id,
            version=answer.version,
            db_size=answer.dbSize,
            db_size_in_use=answer.dbSizeInUse,
            leader=answer.leader,
            revision=answer.header.revision,
            raft_term=answer.raftTerm,
            raft_index=answer.raftIndex,
            raft_applied_index=answer.raftAppliedIndex,
            is_learner=answer.isLearner,
            errors=tuple(answer.errors),
        )

    async def member_list(self, *, linearizable: bool, timeout: float = 1.0) -> MemberList:
        """Ask for the member list, confirmed by a quorum or as this member has it."""
        request = rpc.MemberListRequest(linearizable=linearizable)
        answer = await self._call("Cluster/MemberList", request, timeout)
        members = tuple(_read_member(member) for member in answer.members)
        return MemberList(answer.header.cluster_id, members, linearizable)

    async def add_learner(self, peer_url: str, *, timeout: float = 3.0) -> Member:
        """Announce a new member without a vote."""
        request = rpc.MemberAddRequest(peerURLs=[peer_url], isLearner=True)
        answer = await self._call("Cluster/MemberAdd", request, timeout)
        return _read_member(answer.member)

    async def promote_member(self, member_id: int, *, timeout: float = 3.0) -> None:
        """Give a learner its vote; refused with LEARNER_NOT_READY until it has caught up."""
        request = rpc.MemberPromoteRequest(ID=member_id)
        await self._call("Cluster/MemberPromote", request, timeout)

    async def remove_member(self, member_id: int, *, timeout: float = 3.0) -> None:
        """Take a member out of the cluster."""
        request = rpc.MemberRemoveRequest(ID=member_id)
        await self._call("Cluster/MemberRemove", request, timeout)

    async def move_leader(self, target_id: int, *, timeout: float = 3.0) -> None:
        """Hand leadership over; only the leader can (else NOT_LEADER)."""
        request = rpc.MoveLeaderRequest(targetID=target_id)
        await self._call("Maintenance/MoveLeader", request, timeout)

    async def hash_kv(self, revision: int = 0, *, timeout: float = 10.0) -> tuple[int, int]:
        """Return the hash of this member's keys up to a revision, and the compacted revision."""
        answer = await self._call(
            "Maintenance/HashKV", rpc.HashKVRequest(revision=revision), timeout
        )
        return answer.hash, answer.compact_revision

    async def get(
        self, key: bytes, *, serializable: bool = False, timeout: float = 3.0
    ) -> bytes | None:
        """Return the value of a key, None if there is none."""
        request = rpc.RangeRequest(key=key, serializable=serializable)
        answer = await self._call("KV/Range", request, timeout)
        return bytes(answer.kvs[0].value) if answer.kvs else None

    async def put(self, key: bytes, value: bytes, *, timeout: float = 3.0) -> int:
        """Write a key; return the revision at which it was committed."""
        answer = await self._call("KV/Put", rpc.PutRequest(key=key, value=value), timeout)
        return int(answer.header.revision)

    async def _call(self, method: str, request: Any, timeout: float) -> Any:
        try:
            return await self._calls[f"/etcdserverpb.{method}"](request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise translate_error(error.code(), error.details() or "", self.address) from error


def _read_member(member: rpc.Member) -> Member:
    return Member(
        id=member.ID,
        name=member.name,
        peer_urls=tuple(member.peerURLs),
        client_urls=tuple(member.clientURLs),
        is_learner=member.isLearner,
    )


def translate_error(code: grpc.StatusCode, details: str, address: str) -> EtcdError:
    """Return the error of `errors` for a gRPC status: refused, or outcome unknown."""
    sentence = f"{address}: {details or code.name}"
    for text, refusal in _REFUSALS:
        if text in details:
            return EtcdRefused(sentence, refusal)
    unknown = code in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    )
    if unknown or any(text in details for text in _UNKNOWN_OUTCOME):
        return EtcdUnreachable(sentence)
    return EtcdRefused(sentence)


class EtcdPool:
    """Clients by address, the most recently used ones kept open."""

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._clients: OrderedDict[str, EtcdMemberClient] = OrderedDict()

    async def client(self, address: str) -> EtcdMemberClient:
        """Return the client of a member; `address` is host:port."""
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = EtcdMemberClient(address)
        self._clients.move_to_end(address)
        while len(self._clients) > self._limit:
            _, oldest = self._clients.popitem(last=False)
            await oldest.close()
        return client

    async def close(self) -> None:
        """Close every channel."""
        clients, self._clients = self._clients, OrderedDict()
        for client in clients.values():
            await client.close()
