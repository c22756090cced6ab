"""The part of etcd's API that the load uses: requests and answers as JSON, gRPC on the wire.

Messages are built from the table below, which has the names and numbers of etcd's `rpc.proto` and
`kv.proto`. In JSON, bytes are base64 and 64-bit numbers are strings, as in etcd's own gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Self

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

from etcd_operator.json_types import Json
from tests.e2e.wire import Papers

PACKAGE: Final = "etcdserverpb"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "bytes": _FIELD.TYPE_BYTES,
    "bool": _FIELD.TYPE_BOOL,
    "int32": _FIELD.TYPE_INT32,  # on the wire an enumeration is one
    "int64": _FIELD.TYPE_INT64,
    "string": _FIELD.TYPE_STRING,
    "uint64": _FIELD.TYPE_UINT64,
}
# Message to fields: name, number, type; a star for many.
_MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "KeyValue": (
        ("key", 1, "bytes"),
        ("mod_revision", 3, "int64"),
        ("value", 5, "bytes"),
    ),
    "ResponseHeader": (("member_id", 2, "uint64"), ("revision", 3, "int64")),
    "RangeRequest": (
        ("key", 1, "bytes"),
        ("range_end", 2, "bytes"),
        ("limit", 3, "int64"),
        ("sort_order", 5, "int32"),
        ("sort_target", 6, "int32"),
        ("serializable", 7, "bool"),
    ),
    "RangeResponse": (("header", 1, "ResponseHeader"), ("kvs", 2, "*KeyValue")),
    "PutRequest": (("key", 1, "bytes"), ("value", 2, "bytes")),
    "PutResponse": (("header", 1, "ResponseHeader"),),
    "Compare": (
        ("result", 1, "int32"),
        ("target", 2, "int32"),
        ("key", 3, "bytes"),
        ("value", 7, "bytes"),
    ),
    "RequestOp": (("request_range", 1, "RangeRequest"), ("request_put", 2, "PutRequest")),
    "ResponseOp": (("response_range", 1, "RangeResponse"), ("response_put", 2, "PutResponse")),
    "TxnRequest": (
        ("compare", 1, "*Compare"),
        ("success", 2, "*RequestOp"),
        ("failure", 3, "*RequestOp"),
    ),
    "TxnResponse": (
        ("header", 1, "ResponseHeader"),
        ("succeeded", 2, "bool"),
        ("responses", 3, "*ResponseOp"),
    ),
    "WatchCreateRequest": (
        ("key", 1, "bytes"),
        ("range_end", 2, "bytes"),
        ("start_revision", 3, "int64"),
    ),
    "WatchRequest": (("create_request", 1, "WatchCreateRequest"),),
    "Event": (("type", 1, "int32"), ("kv", 2, "KeyValue")),
    "WatchResponse": (
        ("header", 1, "ResponseHeader"),
        ("canceled", 4, "bool"),
        ("compact_revision", 5, "int64"),
        ("cancel_reason", 6, "string"),
        ("events", 11, "*Event"),
    ),
}
DESCENDING: Final = 2  # sort_order
BY_REVISION: Final = 2  # sort_target
BY_VALUE: Final = 3  # target of a comparison

_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ("grpc.max_receive_message_length", -1),
)


class NothingSent(Exception):
    """No connection was made: the request has no effect."""


class NoAnswer(Exception):
    """No answer, or an error: the request may have had its effect, or may still have it."""


def _build_messages() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="chaos.proto", package=f"chaos.{PACKAGE}", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            made = message.field.add(name=field, number=number)
            many = kind.startswith("*")
            made.label = _FIELD.LABEL_REPEATED if many else _FIELD.LABEL_OPTIONAL
            single = kind.lstrip("*")
            made.type = _SCALARS.get(single, _FIELD.TYPE_MESSAGE)
            if single not in _SCALARS:
                made.type_name = f".{file.package}.{single}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
        for name in _MESSAGES
    }


_CLASSES: Final = _build_messages()


def _write(kind: str, body: Json) -> bytes:
    return json_format.ParseDict(body, _CLASSES[kind]()).SerializeToString()


def _read(kind: str, data: bytes) -> Json:
    message = _CLASSES[kind].FromString(data)
    answer: Json = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return answer


class Connection:
    """One connection to one address; use it as a context.

    With papers it is TLS, to a server that shows this name. `token` is what etcd gave at a login.
    """

    def __init__(
        self, address: str, name: str = "", papers: Papers | None = None, token: str = ""
    ) -> None:
        self._metadata = (("token", token),) if token else None
        if papers is None:
            self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
            return
        parts = [text.encode() for text in (papers.roots, papers.key, papers.certificate)]
        self._channel = grpc.aio.secure_channel(
            address,
            grpc.ssl_channel_credentials(*parts),
            options=(*_OPTIONS, ("grpc.ssl_target_name_override", name)),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def ask(self, method: str, body: Json, seconds: float) -> Json:
        """Send a request of the service KV; raises NothingSent or NoAnswer."""
        call = self._channel.unary_unary(f"/{PACKAGE}.KV/{method}")
        try:
            sent = _write(f"{method}Request", body)
            answer = await call(sent, timeout=seconds, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            said = error.details() or ""
            if error.code() is grpc.StatusCode.UNAVAILABLE and "failed to connect" in said:
                raise NothingSent(said) from error
            raise NoAnswer(f"{error.code().name}: {said}") from error
        return _read(f"{method}Response", answer)

    async def watch(self, order: Json, silence: float) -> AsyncIterator[Json]:
        """Yield answers until the stream ends or says nothing for so many seconds (NoAnswer)."""
        call = self._channel.stream_stream(f"/{PACKAGE}.Watch/Watch")(metadata=self._metadata)
        try:
            await call.write(_write("WatchRequest", {"create_request": order}))
            while True:
                async with asyncio.timeout(silence):
                    answer = await call.read()
                if answer is grpc.aio.EOF:
                    return
                yield _read("WatchResponse", answer)
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            raise NoAnswer(str(error)) from error
        finally:
            call.cancel()
