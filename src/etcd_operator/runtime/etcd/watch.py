"""A watch of a range of keys, as an iterator that can be waited for with a time limit.

One response is read ahead and no more, so a fast writer fills no memory here; etcd cuts what is
larger than one message into fragments.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from etcd_operator.errors import EtcdError, EtcdRefused, EtcdUnreachable, Refusal
from etcd_operator.runtime.etcd.channel import PeerTls, open_channel, write_metadata
from etcd_operator.runtime.etcd.errors import translate_error
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2

_METHOD: Final = "/etcdserverpb.Watch/Watch"
# A member without a leader ends the watch, in place of being silent: `MetadataRequireLeaderKey` of
# etcd's rpctypes.
_REQUIRE_LEADER: Final = (("hasleader", "true"),)


class WatchStream:
    """The responses of one watch; made by `open_watch`."""

    def __init__(self, call: Any, address: str) -> None:
        self._call = call
        self._address = address
        self._queue: asyncio.Queue[Any] = asyncio.Queue(1)

    async def read(self, timeout: float) -> Any | None:
        """Return the next response with events; None if none comes in time.

        Raises EtcdError's kinds; EtcdRefused with COMPACTED if its revision is gone.
        """
        try:
            found = await asyncio.wait_for(self._queue.get(), timeout)
        except TimeoutError:
            return None
        if isinstance(found, EtcdError):
            raise found
        return found

    async def pump(self) -> None:
        """Read from etcd until it ends; what ends it is the last that `read` gives."""
        try:
            while True:
                said = await self._call.read()
                if said is grpc.aio.EOF:
                    raise EtcdUnreachable(f"{self._address}: the watch was ended")
                response = etcd_pb2.WatchResponse.FromString(said)
                if response.canceled:
                    raise _explain(response, self._address)
                if response.events:
                    await self._queue.put(response)
        except grpc.aio.AioRpcError as error:
            details = error.details() or ""
            await self._queue.put(translate_error(error.code(), details, self._address))
        except (DecodeError, ValueError):
            said = f"{self._address}: what it answers is not etcd's"
            await self._queue.put(EtcdUnreachable(said))
        except EtcdError as error:
            await self._queue.put(error)


def _explain(response: Any, address: str) -> EtcdError:
    why = f"{address}: the watch was canceled: {response.cancel_reason[:300]}"
    if response.compact_revision:
        return EtcdRefused(why, Refusal.COMPACTED)
    if "permission denied" in response.cancel_reason:
        return EtcdRefused(why, Refusal.AUTHENTICATION)
    return EtcdUnreachable(why)


@contextlib.asynccontextmanager
async def open_watch(
    address: str, tls: PeerTls | None, request: Any, *, token: str = ""
) -> AsyncIterator[WatchStream]:
    """Open a watch for a WatchCreateRequest, with a channel of its own."""
    channel = open_channel(address, tls)
    call = channel.stream_stream(_METHOD)(metadata=(write_metadata(token) or ()) + _REQUIRE_LEADER)
    stream = WatchStream(call, address)
    pump = asyncio.create_task(_begin(call, stream, request))
    try:
        yield stream
    finally:
        pump.cancel()
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump
        await channel.close()


async def _begin(call: Any, stream: WatchStream, request: Any) -> None:
    created = etcd_pb2.WatchRequest(create_request=request)
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        await call.write(created.SerializeToString())
    await stream.pump()
