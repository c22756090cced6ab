"""One gRPC channel to one member: opened by the first call, closed under none.

What a member sends is a stranger's: whoever owns the image decides. So an answer has a largest
size, is not decompressed, and is parsed here, where what cannot be parsed is an error like any
other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from etcd_operator.errors import EtcdUnreachable
from etcd_operator.runtime.etcd.errors import translate_error
from etcd_operator.runtime.pki.identity import Identity

# Of one message: many times what the largest answer to a call of ours takes. A snapshot comes in
# messages of 32 KiB.
LARGEST_ANSWER: Final = 4 * 2**20
# Of one that is asked for in each pass, or lists users: 10 000 of them. What is longer is not even
# received: each answer of 2 MiB takes 3 ms of the processor, and 0.5 ms with this limit.
LARGEST_SMALL: Final = 256 * 2**10
# A member that has just started must be reached at once, not after gRPC's usual second.
_COMMON: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # also how long one attempt may take
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # The size is judged before decompression, and 4 MiB of gzip may hold 4 GiB. etcd sends none.
    ("grpc.per_message_decompression", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # Nobody asks gRPC what became of a channel, which is a tenth of what an idle one takes.
    ("grpc.enable_channelz", 0),
    ("grpc.max_channel_trace_event_memory_per_node", 0),
)
CHANNEL_OPTIONS: Final = (*_COMMON, ("grpc.max_receive_message_length", LARGEST_ANSWER))
# gRPC measures how much fits on its way: by a ping and its answer beside nearly every call, which
# is a seventh of a call's processor time. An answer below HTTP/2's first window of 64 KiB needs
# none of that. And for what is sent with TLS it keeps 16 KiB, a twelfth of what such a channel
# takes: the least that it can do with is enough for a request, and a longer one goes in parts.
# What nobody uses the pool closes after a minute. So gRPC need not wait for half an hour without a
# call, for which it keeps a filter and a timer: a twentieth of an idle channel without TLS.
SMALL_ANSWERS: Final = (
    *_COMMON,
    ("grpc.max_receive_message_length", LARGEST_SMALL),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.tsi.max_frame_size", 1024),
    ("grpc.client_idle_timeout_ms", 2**31 - 1),  # gRPC's word for never
)

Options = tuple[tuple[str, Any], ...]
# A call under way, grpc.aio's UnaryUnaryCall. Whoever began it finishes it, or cancels it.
Begun: TypeAlias = Any


class Request(Protocol):
    """A message of protobuf, as far as a call needs it."""

    def SerializeToString(self) -> bytes:  # noqa: N802 (protobuf's name)
        """As it travels."""


@dataclass(frozen=True, slots=True)
class PeerTls:
    """How to speak TLS with a member: who we are, and the name that its certificate must have."""

    identity: Identity
    server_name: str


def write_metadata(token: str) -> tuple[tuple[str, str], ...] | None:
    """What tells etcd the user of a call: `TokenFieldNameGRPC` in its rpctypes."""
    return (("token", token),) if token else None


def secure(
    tls: PeerTls, options: Options = CHANNEL_OPTIONS
) -> tuple[grpc.ChannelCredentials, Options]:
    """Return the credentials of a channel, and its options with the name that must be shown."""
    identity = tls.identity
    credentials = grpc.ssl_channel_credentials(
        root_certificates=identity.roots.encode(),
        private_key=identity.key.encode() or None,
        certificate_chain=identity.certificate.encode() or None,
    )
    # The address of a Pod is dialled, and the member's name is what must be right.
    name = (("grpc.ssl_target_name_override", tls.server_name),)
    return credentials, options + name


def open_channel(
    address: str, tls: PeerTls | None, options: Options = CHANNEL_OPTIONS
) -> grpc.aio.Channel:
    """Return a channel to a member, which the first call opens."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    credentials, options = secure(tls, options)
    return grpc.aio.secure_channel(address, credentials, options=options)


class EtcdChannel:
    """A channel that is open while it is used, and until nobody wants to keep it.

    Retired, it closes when the last call has ended; a call that begins later opens it once more,
    for itself alone. So whoever holds a client need not know what became of its channel.
    """

    __slots__ = (
        "_calls",
        "_channel",
        "_closing",
        "_options",
        "_retired",
        "address",
        "introduction",
    )

    def __init__(
        self, address: str, tls: PeerTls | None, options: Options = CHANNEL_OPTIONS
    ) -> None:
        self.address = address
        self.introduction = tls
        self._options = options
        self._channel: grpc.aio.Channel | None = None
        self._calls = 0
        self._retired = False
        self._closing: asyncio.Future[None] | None = None  # held, or it might not end

    @property
    def is_open(self) -> bool:
        """Whether it takes a connection's memory now."""
        return self._channel is not None

    async def call(
        self, method: str, request: Request, answer: type[Any], timeout: float, token: str = ""
    ) -> Any:
        """Make one call, as the user whose token it is; raises EtcdError's kinds."""
        return await self.finish(self.begin(method, request, timeout, token), answer)

    def begin(self, method: str, request: Request, timeout: float, token: str = "") -> Begun:
        """Begin a call and do not wait for it."""
        ask = self._open().unary_unary(f"/etcdserverpb.{method}")
        sent = request.SerializeToString()
        begun: Begun = ask(sent, timeout=timeout, metadata=write_metadata(token))
        self._calls += 1
        begun.add_done_callback(self._note_end)
        return begun

    async def finish(self, begun: Begun, answer: type[Any]) -> Any:
        """Wait for the answer of a call that was begun; raises EtcdError's kinds."""
        try:
            return _parse(await begun, answer, self.address)
        except grpc.aio.AioRpcError as error:
            raise translate_error(error.code(), error.details() or "", self.address) from error
        except (asyncio.CancelledError, grpc.aio.UsageError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise
            # Nobody cancelled us: the process ends, and its channels are closed.
            raise EtcdUnreachable(f"{self.address}: the connection was closed") from error

    def _note_end(self, _: Begun) -> None:
        self._calls -= 1
        if self._retired and not self._calls:
            self._closing = asyncio.ensure_future(self.close())

    async def retire(self) -> None:
        """Close it as soon as no call is under way."""
        self._retired = True
        if not self._calls:
            await self.close()

    async def close(self) -> None:
        """Close it now, also under calls."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = open_channel(self.address, self.introduction, self._options)
        return self._channel


def _parse(answer: bytes, kind: type[Any], address: str) -> Any:
    try:
        return kind.FromString(answer)
    except (DecodeError, ValueError) as error:
        # The request was answered, so it may have been carried out.
        raise EtcdUnreachable(
            f"{address}: what it answers is not etcd's {kind.__name__}"
        ) from error
