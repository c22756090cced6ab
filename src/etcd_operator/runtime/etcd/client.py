"""Talk to etcd members over gRPC, each through a channel of its own.

Nothing is retried here: whether a membership change that timed out took effect is found out by
reading the member list again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import grpc
import grpc.experimental

from etcd_operator.core.model.members import Member, MemberList, MemberStatus
from etcd_operator.errors import EtcdRefused, EtcdUnreachable, Refusal
from etcd_operator.runtime.etcd.answers import read_member, read_member_list, read_status
from etcd_operator.runtime.etcd.channel import (
    CHANNEL_OPTIONS,
    EtcdChannel,
    Options,
    PeerTls,
    secure,
    write_metadata,
)
from etcd_operator.runtime.etcd.errors import translate_error
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from etcd_operator.runtime.etcd.session import BegunCall, Login, Session

_ANSWERS: Final[dict[str, Any]] = {
    "Cluster/MemberList": etcd_pb2.MemberListResponse,
    "Cluster/MemberAdd": etcd_pb2.MemberAddResponse,
    "Cluster/MemberRemove": etcd_pb2.MemberRemoveResponse,
    "Cluster/MemberUpdate": etcd_pb2.MemberUpdateResponse,
    "Cluster/MemberPromote": etcd_pb2.MemberPromoteResponse,
    "Maintenance/Status": etcd_pb2.StatusResponse,
    "Maintenance/MoveLeader": etcd_pb2.MoveLeaderResponse,
    "Maintenance/HashKV": etcd_pb2.HashKVResponse,
    "Maintenance/Defragment": etcd_pb2.DefragmentResponse,
    "Maintenance/Alarm": etcd_pb2.AlarmResponse,
    "Maintenance/Downgrade": etcd_pb2.DowngradeResponse,
    "KV/Compact": etcd_pb2.CompactionResponse,
    "KV/Range": etcd_pb2.RangeResponse,
    "KV/Put": etcd_pb2.PutResponse,
    "KV/DeleteRange": etcd_pb2.DeleteRangeResponse,
    "KV/Txn": etcd_pb2.TxnResponse,
    "Auth/AuthEnable": auth_pb2.AuthEnableResponse,
    "Auth/AuthDisable": auth_pb2.AuthDisableResponse,
    "Auth/AuthStatus": auth_pb2.AuthStatusResponse,
    "Auth/Authenticate": auth_pb2.AuthenticateResponse,
    **{
        f"Auth/{method}": getattr(auth_pb2, f"Auth{method}Response")
        for method in (
            "UserAdd",
            "UserChangePassword",
            "UserGet",
            "UserList",
            "UserDelete",
            "UserGrantRole",
            "UserRevokeRole",
            "RoleAdd",
            "RoleGet",
            "RoleList",
            "RoleDelete",
            "RoleGrantPermission",
            "RoleRevokePermission",
        )
    },
}


class EtcdMemberClient:
    """The client of one member. Timeouts are in seconds; every call raises EtcdError's kinds."""

    __slots__ = ("_channel", "_session", "address", "introduction", "login")

    def __init__(
        self,
        address: str,
        tls: PeerTls | None = None,
        login: Login | None = None,
        options: Options = CHANNEL_OPTIONS,
    ) -> None:
        self.address = address
        self.introduction = tls
        self.login = login
        self._channel = EtcdChannel(address, tls, options)
        self._session = Session(self._channel, login)

    @property
    def is_open(self) -> bool:
        """Whether it has a connection, or is about to have one."""
        return self._channel.is_open

    async def retire(self) -> None:
        """Close the channel as soon as no call is under way."""
        await self._channel.retire()

    async def close(self) -> None:
        """Close the channel, also under calls."""
        await self._channel.close()

    async def find_token(self) -> str:
        """Return a token that it gave to the user of this client; empty if it gives none."""
        return await self._session.find_token()

    async def status(self, *, timeout: float = 1.0) -> MemberStatus:
        """Ask the member about itself; it answers without a quorum."""
        return await self.finish_status(self.begin_status(timeout=timeout))

    def begin_status(self, *, timeout: float = 1.0) -> BegunCall:
        """Ask the member about itself and do not wait for it: so many are asked in one moment.

        A task for each of them would cost a quarter of a call's processor time.
        """
        return self._session.begin("Maintenance/Status", etcd_pb2.StatusRequest(), timeout)

    async def finish_status(self, begun: BegunCall) -> MemberStatus:
        """Wait for what the member says about itself."""
        return read_status(await self._session.finish(begun, etcd_pb2.StatusResponse))

    async def member_list(self, *, linearizable: bool, timeout: float = 1.0) -> MemberList:
        """Ask for the member list, confirmed by a quorum or as this member has it."""
        request = etcd_pb2.MemberListRequest(linearizable=linearizable)
        answer = await self._call("Cluster/MemberList", request, timeout)
        return read_member_list(answer, linearizable=linearizable)

    async def add_learner(self, peer_url: str, *, timeout: float = 3.0) -> Member:
        """Announce a new member without a vote."""
        request = etcd_pb2.MemberAddRequest(peerURLs=[peer_url], isLearner=True)
        answer = await self._call("Cluster/MemberAdd", request, timeout)
        return read_member(answer.member)

    async def promote_member(self, member_id: int, *, timeout: float = 3.0) -> None:
        """Give a learner its vote; refused with LEARNER_NOT_READY until it has caught up."""
        request = etcd_pb2.MemberPromoteRequest(ID=member_id)
        await self._call("Cluster/MemberPromote", request, timeout)

    async def remove_member(self, member_id: int, *, timeout: float = 3.0) -> None:
        """Take a member out of the cluster."""
        request = etcd_pb2.MemberRemoveRequest(ID=member_id)
        await self._call("Cluster/MemberRemove", request, timeout)

    async def update_member(
        self, member_id: int, peer_urls: tuple[str, ...], *, timeout: float = 3.0
    ) -> None:
        """Change where others reach a member: all its peer URLs, of which each tries the next."""
        request = etcd_pb2.MemberUpdateRequest(ID=member_id, peerURLs=peer_urls)
        await self._call("Cluster/MemberUpdate", request, timeout)

    async def move_leader(self, target_id: int, *, timeout: float = 3.0) -> None:
        """Hand leadership over; only the leader can (else NOT_LEADER)."""
        request = etcd_pb2.MoveLeaderRequest(targetID=target_id)
        await self._call("Maintenance/MoveLeader", request, timeout)

    async def enable_downgrade(self, version: str, *, timeout: float = 10.0) -> None:
        """Let the cluster speak and store as an earlier minor version, such as 3.5, would.

        Refused if it is no step of one minor version, or if that was done already: etcd validates
        it first.
        """
        request = etcd_pb2.DowngradeRequest(
            action=etcd_pb2.DowngradeRequest.ENABLE, version=version
        )
        await self._call("Maintenance/Downgrade", request, timeout)

    async def cancel_downgrade(self, *, timeout: float = 10.0) -> None:
        """End a downgrade where it stands; 3.5 refuses if there is none."""
        request = etcd_pb2.DowngradeRequest(action=etcd_pb2.DowngradeRequest.CANCEL)
        await self._call("Maintenance/Downgrade", request, timeout)

    async def compact(self, revision: int, *, timeout: float = 60.0) -> None:
        """Remove the history of keys up to a revision, and wait until the space is free.

        Refused with COMPACTED if that was done already.
        """
        request = etcd_pb2.CompactionRequest(revision=revision, physical=True)
        await self._call("KV/Compact", request, timeout)

    async def is_compacted(self, revision: int, *, timeout: float = 3.0) -> bool:
        """Whether the history before a revision, which must exist, is gone."""
        request = etcd_pb2.RangeRequest(
            key=b"\0", revision=max(revision - 1, 1), limit=1, serializable=True, keys_only=True
        )
        try:
            await self._call("KV/Range", request, timeout)
        except EtcdRefused as error:
            if error.refusal is not Refusal.COMPACTED:
                raise
            return True
        return False

    async def defragment(self, *, timeout: float = 3600.0) -> None:
        """Write this member's database anew; it serves nobody meanwhile.

        The member goes on with it after a timeout, and if the call is cancelled: see Defragmenter.
        """
        await self._call("Maintenance/Defragment", etcd_pb2.DefragmentRequest(), timeout)

    async def disarm(self, alarm: str, member_id: int, *, timeout: float = 3.0) -> None:
        """Take back an alarm about a member; one that is not raised is no error."""
        request = etcd_pb2.AlarmRequest(
            action=etcd_pb2.AlarmRequest.DEACTIVATE,
            memberID=member_id,
            alarm=alarm,
        )
        await self._call("Maintenance/Alarm", request, timeout)

    async def hash_kv(
        self, revision: int = 0, *, member_id: int = 0, timeout: float = 10.0
    ) -> tuple[int, int]:
        """Return the hash of this member's keys up to a revision, and the compacted revision.

        Where `member_id` is given, the answer of any other member is none.
        """
        answer = await self._call(
            "Maintenance/HashKV", etcd_pb2.HashKVRequest(revision=revision), timeout
        )
        if member_id not in (0, answer.header.member_id):
            raise EtcdUnreachable(f"{self.address}: another member answered")
        return answer.hash, answer.compact_revision

    async def get(
        self, key: bytes, *, serializable: bool = False, timeout: float = 3.0
    ) -> bytes | None:
        """Return the value of a key, None if there is none."""
        request = etcd_pb2.RangeRequest(key=key, serializable=serializable)
        answer = await self._call("KV/Range", request, timeout)
        return bytes(answer.kvs[0].value) if answer.kvs else None

    async def count(self, revision: int = 0, *, timeout: float = 60.0) -> tuple[int, int]:
        """Return the number of keys at a revision (0: now), and the present revision.

        The answer is linearizable: it comes from a member that a quorum has just followed.
        """
        request = etcd_pb2.RangeRequest(
            key=b"\0", range_end=b"\0", count_only=True, revision=revision
        )
        answer = await self._call("KV/Range", request, timeout)
        return int(answer.count), int(answer.header.revision)

    async def put(self, key: bytes, value: bytes, *, timeout: float = 3.0) -> int:
        """Write a key; return the revision at which it was committed."""
        answer = await self._call("KV/Put", etcd_pb2.PutRequest(key=key, value=value), timeout)
        return int(answer.header.revision)

    async def delete(self, key: bytes, *, timeout: float = 3.0) -> None:
        """Delete a key; one that does not exist is no error."""
        await self._call("KV/DeleteRange", etcd_pb2.DeleteRangeRequest(key=key), timeout)

    async def call(self, method: str, request: Any, *, timeout: float) -> Any:
        """Make a call by its name, e.g. Auth/UserList; for the parts of the API with a module."""
        return await self._call(method, request, timeout)

    async def _call(self, method: str, request: Any, timeout: float) -> Any:
        return await self._session.call(method, request, _ANSWERS[method], timeout)


def stream_snapshot(
    address: str, tls: PeerTls | None, *, timeout: float, token: str = ""
) -> Iterator[bytes]:
    """Yield a member's database, then 32 bytes: the SHA-256 of what came before. Blocks.

    The messages, of 32 KiB each, are read in the calling thread: an asynchronous channel would wake
    its loop twice for each, and take 1.7 times as much of the processor. Raises EtcdError's kinds.
    Source: `Maintenance.Snapshot` in etcd's rpc.proto and its v3rpc/maintenance.go.
    """
    here = ((grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1),)
    if tls is None:
        channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS + here)
    else:
        credentials, options = secure(tls)
        channel = grpc.secure_channel(address, credentials, options=options + here)
    with channel:
        call = channel.unary_stream(
            "/etcdserverpb.Maintenance/Snapshot",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=etcd_pb2.SnapshotResponse.FromString,
        )
        try:
            metadata = write_metadata(token)
            for answer in call(etcd_pb2.SnapshotRequest(), timeout=timeout, metadata=metadata):
                yield answer.blob
        except grpc.RpcError as error:
            raise translate_error(error.code(), error.details() or "", address) from error
