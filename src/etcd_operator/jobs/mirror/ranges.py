"""A range of keys of an etcd: pages, numbers, revisions. Every answer is bounded.

etcd bounds a page by the number of its keys alone, and gRPC refuses a message that is too large: so
a page that was is asked for with fewer keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from etcd_operator.core.mirror.copying import Entry, Page
from etcd_operator.core.mirror.progress import show_key
from etcd_operator.errors import EtcdRefused, MessageTooLarge, Refusal, TaskError
from etcd_operator.runtime.etcd.channel import LARGEST_ANSWER
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2

MOST_KEYS: Final = 1000
FIRST_KEYS: Final = 200
# Below half of this a page may have more keys the next time.
_WANTED_BYTES: Final = LARGEST_ANSWER // 4
_SECONDS: Final = 30.0
FIRST_KEY: Final = b"\0"


def end_of(prefix: bytes) -> bytes:
    """Return the end of the range of all keys with a prefix, as etcd takes it."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else FIRST_KEY


@dataclass
class KeyRange:
    """The keys with a prefix, at one client; `limit` is how many the next page may have."""

    client: EtcdMemberClient
    prefix: bytes
    limit: int = field(default=FIRST_KEYS)

    @property
    def first(self) -> bytes:
        """Where the range begins."""
        return self.prefix or FIRST_KEY

    @property
    def end(self) -> bytes:
        """Where the range ends."""
        return end_of(self.prefix)

    async def ask(self, **wishes: Any) -> Any:
        """Ask for a range; linearizable. Raises EtcdError's kinds."""
        wishes = {"key": self.first, "range_end": self.end, **wishes}
        request = etcd_pb2.RangeRequest(**wishes)
        return await self.client.call("KV/Range", request, timeout=_SECONDS)

    async def look(self) -> tuple[int, int]:
        """Return the cluster ID and the newest revision that a quorum knows of."""
        answer = await self.ask(range_end=b"", keys_only=True)
        return int(answer.header.cluster_id), int(answer.header.revision)

    async def count(self, revision: int = 0) -> tuple[int, int]:
        """Return the number of keys at a revision (0: the newest), and the newest revision."""
        answer = await self.ask(count_only=True, revision=revision)
        return int(answer.count), int(answer.header.revision)

    async def find_unchanged(self, since: int) -> int | None:
        """Return the newest revision if the range is as it was at an earlier one; else None.

        No key has a newer revision, and there are as many as before: so none was deleted either.
        """
        newer = await self.ask(min_mod_revision=since + 1, limit=1, keys_only=True)
        revision = int(newer.header.revision)
        if newer.kvs or revision <= since:
            return None
        before, _ = await self.count(since)
        now, _ = await self.count(revision)
        return revision if now == before else None

    async def read_page(self, start: bytes, revision: int = 0) -> Page:
        """Return the keys from `start` on, at a revision (0: the newest)."""
        while True:
            try:
                answer = await self.ask(key=start, limit=self.limit, revision=revision)
            except MessageTooLarge as error:
                if self.limit == 1:
                    raise await self._explain_size(start, revision) from error
                self.limit = max(self.limit // 4, 1)
                continue
            if answer.ByteSize() < _WANTED_BYTES // 2:
                self.limit = min(self.limit * 2, MOST_KEYS)
            entries = (Entry(kv.key, kv.value, kv.lease, kv.mod_revision) for kv in answer.kvs)
            return Page(tuple(entries), bool(answer.more and answer.kvs))

    async def _explain_size(self, start: bytes, revision: int) -> TaskError:
        answer = await self.ask(key=start, limit=1, keys_only=True, revision=revision)
        named = show_key(answer.kvs[0].key) if answer.kvs else "a key"
        return TaskError(
            f"The value of the key {named} at {self.client.address} is larger than "
            f"{LARGEST_ANSWER} bytes, which no mirror copies: delete it, or restore a snapshot."
        )


def is_compacted(error: EtcdRefused) -> bool:
    """Whether the revision that was asked for is gone."""
    return error.refusal is Refusal.COMPACTED
