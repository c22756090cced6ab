"""What a mirror writes to: transactions with its progress, and only as the newest Pod of it.

A transaction counts only if the progress is as this Pod wrote it last. So of two Pods, of which one
should have ended, one alone goes on; and after a lost answer the progress says what is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.mirror.copying import Change
from etcd_operator.core.mirror.progress import PROGRESS_KEY, Progress, read_progress, show_key
from etcd_operator.errors import EtcdRefused, EtcdUnreachable, MessageTooLarge, Refusal, TaskError
from etcd_operator.jobs.mirror.ranges import KeyRange
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2

_SECONDS: Final = 15.0
_SPLIT_BY: Final = (Refusal.TOO_LARGE, Refusal.TOO_MANY_OPERATIONS)


class Target:
    """The new cluster; `writer` is this Pod, and `revision` that of its last write."""

    def __init__(self, keys: KeyRange, writer: str) -> None:
        self.keys = keys
        self.writer = writer
        self.revision = 0

    async def load(self) -> Progress | None:
        """Read the progress, and write from here on. Raises TaskError if it is none of a mirror."""
        answer = await self.keys.ask(key=PROGRESS_KEY, range_end=b"")
        if not answer.kvs:
            self.revision = 0
            return None
        found = read_progress(answer.kvs[0].value)
        if found is None:
            named = PROGRESS_KEY.decode()
            raise TaskError(
                f"The key {named} of this cluster was written by somebody else, and is no progress "
                "of a mirror: delete the EtcdCluster and begin again."
            )
        self.revision = int(answer.kvs[0].mod_revision)
        return found

    async def write(self, changes: tuple[Change, ...], before: Progress, after: Progress) -> int:
        """Write changes, and the progress `after` them; return how many changed something.

        Where they are too large for one transaction, they are written in several; until the last
        the progress is that of before. Raises EtcdError's kinds, and TaskError.
        """
        try:
            return await self._write(changes, after)
        except (EtcdRefused, MessageTooLarge) as error:
            if isinstance(error, EtcdRefused) and error.refusal not in _SPLIT_BY:
                raise
            if len(changes) > 1:
                half = len(changes) // 2
                first = await self.write(changes[:half], before, before)
                return first + await self.write(changes[half:], before, after)
            if not changes:
                raise
        return await self._write_alone(changes[0], after)

    async def _write(self, changes: tuple[Change, ...], progress: Progress) -> int:
        text = replace(progress, writer=self.writer).write()
        request = etcd_pb2.TxnRequest(
            compare=[_as_written(self.revision)],
            success=[*map(_operation, changes), _operation(Change(PROGRESS_KEY, text))],
        )
        answer = await self.keys.client.call("KV/Txn", request, timeout=_SECONDS)
        if not answer.succeeded:
            await self._find_out()
        self.revision = int(answer.header.revision)
        puts = sum(change.value is not None for change in changes)
        gone = (r.response_delete_range.deleted for r in answer.responses)
        return puts + sum(map(bool, gone))

    async def _find_out(self) -> None:
        """Raise what a transaction means that did not count."""
        found = await self.load()
        if found is not None and found.writer != self.writer:
            raise TaskError("Another Pod of this mirror goes on in place of this one.")
        raise EtcdUnreachable(f"{self.keys.client.address}: an answer was lost")

    async def _write_alone(self, change: Change, after: Progress) -> int:
        """Write a value that leaves no room for the progress beside it.

        What is done twice changes nothing the second time, so the progress may follow.
        """
        try:
            await self.keys.client.put(change.key, change.value or b"", timeout=_SECONDS)
        except (EtcdRefused, MessageTooLarge) as error:
            if isinstance(error, EtcdRefused) and error.refusal is not Refusal.TOO_LARGE:
                raise
            raise TaskError(
                f"The value of the key {show_key(change.key)} has {len(change.value or b'')} "
                "bytes, and this cluster takes no request of that size: raise "
                "spec.etcdConfig.maxRequestBytes above it, as at the source."
            ) from error
        return 1 + await self._write((), after)


def _as_written(revision: int) -> Any:
    """The condition that the progress is that of this revision; 0: that there is none."""
    return etcd_pb2.Compare(
        result=etcd_pb2.Compare.EQUAL,
        target=etcd_pb2.Compare.MOD,
        key=PROGRESS_KEY,
        mod_revision=revision,
    )


def _operation(change: Change) -> Any:
    if change.value is None:
        gone = etcd_pb2.DeleteRangeRequest(key=change.key)
        return etcd_pb2.RequestOp(request_delete_range=gone)
    put = etcd_pb2.PutRequest(key=change.key, value=change.value)
    return etcd_pb2.RequestOp(request_put=put)
