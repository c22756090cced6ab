# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""Transactions of a mirror: as large as the new cluster takes them, and of its newest Pod alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from etcd_operator.core.mirror.copying import Change
from etcd_operator.core.mirror.progress import PROGRESS_KEY, Progress, read_progress
from etcd_operator.errors import EtcdRefused, EtcdUnreachable, Refusal, TaskError
from etcd_operator.jobs.mirror.ranges import KeyRange, end_of
from etcd_operator.jobs.mirror.target import Target
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from tests.builders.mirrors import PROGRESS

AFTER = replace(PROGRESS, revision=91)


@dataclass
class SmallEtcd:
    """An etcd that takes few operations and few bytes in one request."""

    operations: int = 128
    size: int = 10_000
    address: str = "db:2379"
    keys: dict[bytes, bytes] = field(default_factory=dict)
    revisions: dict[bytes, int] = field(default_factory=dict)
    revision: int = 1
    told: list[Progress | None] = field(default_factory=list)

    async def call(self, method: str, request: Any, *, timeout: float) -> Any:
        """A transaction, or a read of the progress."""
        header = etcd_pb2.ResponseHeader(revision=self.revision)
        if method == "KV/Range":
            known = [PROGRESS_KEY] if PROGRESS_KEY in self.keys else []
            found = [
                etcd_pb2.KeyValue(key=k, value=self.keys[k], mod_revision=self.revisions[k])
                for k in known
            ]
            return etcd_pb2.RangeResponse(header=header, kvs=found)
        if len(request.success) > self.operations:
            raise EtcdRefused("too many", Refusal.TOO_MANY_OPERATIONS)
        if request.ByteSize() > self.size:
            raise EtcdRefused("too large", Refusal.TOO_LARGE)
        (fence,) = request.compare
        if self.revisions.get(fence.key, 0) != fence.mod_revision:
            return etcd_pb2.TxnResponse(header=header, succeeded=False)
        return self._commit(request)

    def _commit(self, request: Any) -> Any:
        self.revision += 1
        answers = []
        for each in request.success:
            gone = self.keys.pop(each.request_delete_range.key, None) is not None
            deleted = etcd_pb2.DeleteRangeResponse(deleted=int(gone))
            answers.append(etcd_pb2.ResponseOp(response_delete_range=deleted))
            if each.HasField("request_put"):
                self._put(each.request_put.key, each.request_put.value)
        self.told.append(read_progress(self.keys[PROGRESS_KEY]))
        header = etcd_pb2.ResponseHeader(revision=self.revision)
        return etcd_pb2.TxnResponse(header=header, succeeded=True, responses=answers)

    def _put(self, key: bytes, value: bytes) -> None:
        self.keys[key], self.revisions[key] = value, self.revision

    async def put(self, key: bytes, value: bytes, *, timeout: float = 3.0) -> int:
        """One key."""
        if len(key) + len(value) > self.size:
            raise EtcdRefused("too large", Refusal.TOO_LARGE)
        self.revision += 1
        self._put(key, value)
        return self.revision


def target(etcd: SmallEtcd, writer: str = "pod") -> Target:
    """What writes to it."""
    return Target(KeyRange(cast(EtcdMemberClient, etcd), b""), writer)


def changes(number: int) -> tuple[Change, ...]:
    """So many keys."""
    return tuple(Change(b"%03d" % n, b"v") for n in range(number))


@pytest.mark.parametrize(
    "etcd", [SmallEtcd(operations=4), SmallEtcd(size=len(PROGRESS.write()) + 100)]
)
async def test_what_is_too_much_for_one_transaction_is_written_in_several(
    etcd: SmallEtcd,
) -> None:
    assert await target(etcd).write(changes(10), PROGRESS, AFTER) == 10
    assert len(etcd.keys) == 11
    revisions = [told.revision if told else 0 for told in etcd.told]
    assert len(revisions) > 1
    assert revisions == [90] * (len(revisions) - 1) + [91], "that of after comes with the last"


async def test_a_value_that_leaves_no_room_for_the_progress_comes_before_it() -> None:
    etcd = SmallEtcd(size=600)
    large = (Change(b"large", b"x" * 500),)
    assert await target(etcd).write(large, PROGRESS, AFTER) == 1
    assert etcd.keys[b"large"] == b"x" * 500
    assert [told.revision if told else 0 for told in etcd.told] == [91]
    with pytest.raises(TaskError, match=r"key 'huge' has 700 bytes.*maxRequestBytes"):
        await target(SmallEtcd(size=600)).write((Change(b"huge", b"x" * 700),), PROGRESS, AFTER)


async def test_what_changes_nothing_is_not_counted() -> None:
    etcd = SmallEtcd(keys={b"000": b"v"}, revisions={b"000": 1})
    gone = (Change(b"000", None), Change(b"001", None))
    assert await target(etcd).write(gone, PROGRESS, AFTER) == 1


async def test_the_newest_pod_alone_goes_on() -> None:
    etcd = SmallEtcd()
    old, new = target(etcd, "old"), target(etcd, "new")
    await old.write((), PROGRESS, PROGRESS)
    assert await new.load() == replace(PROGRESS, writer="old")
    await new.write((), PROGRESS, PROGRESS)
    with pytest.raises(TaskError, match="Another Pod"):
        await old.write(changes(1), PROGRESS, AFTER)
    assert list(etcd.keys) == [PROGRESS_KEY]


async def test_after_a_lost_answer_it_goes_on_from_what_is_there() -> None:
    etcd = SmallEtcd()
    pod = target(etcd)
    await pod.write((), PROGRESS, PROGRESS)
    pod.revision = 0  # as if the answer had not come
    with pytest.raises(EtcdUnreachable, match="an answer was lost"):
        await pod.write(changes(1), PROGRESS, AFTER)
    assert await pod.load() == replace(PROGRESS, writer="pod")
    assert await pod.write(changes(1), PROGRESS, AFTER) == 1


async def test_a_key_of_the_name_that_is_no_progress_is_left_alone() -> None:
    etcd = SmallEtcd(keys={PROGRESS_KEY: b"mine"}, revisions={PROGRESS_KEY: 1})
    with pytest.raises(TaskError, match="written by somebody else"):
        await target(etcd).load()


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"", b"\0"), (b"a", b"b"), (b"a\xff", b"b"), (b"/a/", b"/a0"), (b"\xff\xff", b"\0")],
)
def test_a_range_ends_after_the_last_key_with_the_prefix(prefix: bytes, end: bytes) -> None:
    assert end_of(prefix) == end
