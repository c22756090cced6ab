"""Recorder of passes: the last ones of each cluster, for people who ask what happened.

What a pass saw is kept as it is, for the last pass alone: it costs nothing, for a pass has it
anyway. A pass that did something, or decided otherwise than the one before, is written and
compressed, with the one before as zlib's dictionary: they differ in little. So do passes over two
clusters, and one that saw Pods is in the dictionary of all that follow. Both are bounded, in number
and in bytes, and live in the memory of the process only.
"""

from __future__ import annotations

import json
import threading
import zlib
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from etcd_operator import __version__
from etcd_operator.core.plan.planner import Plan
from etcd_operator.core.recording.recorded_pass import (
    RecordedPass,
    write_pass,
    write_recording,
)
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.execute import Outcome
from etcd_operator.runtime.kubernetes.watch_cache import Key
from etcd_operator.runtime.process.latest import Latest

MOST_CLUSTERS: Final = 1000
MOST_PASSES: Final = 50
# Compressed, of one cluster: the first pass over three members takes about 5 KiB, or where another
# cluster has been seen 1.4, and each that follows about half of one.
MOST_BYTES: Final = 256 * 1024
# What zlib looks back at.
WINDOW: Final = 32 * 1024
# Of all clusters together.
MOST_BYTES_IN_ALL: Final = 32 * 1024 * 1024


class _Packer:
    """Compresses passes, each with what was before it and with one that all have in common."""

    def __init__(self) -> None:
        self._common = b""

    def pack(self, written: bytes, before: bytes) -> bytes:
        """Compress a pass; the first byte says whether the common one is in the dictionary."""
        packer = zlib.compressobj(zdict=self._common + before)
        packed = packer.compress(written) + packer.flush()
        return bytes([bool(self._common)]) + packed

    def unpack(self, packed: bytes, before: bytes) -> bytes:
        """Return what was compressed after this one."""
        known = self._common if packed[0] else b""
        return zlib.decompressobj(zdict=known + before).decompress(packed[1:])

    def learn(self, written: bytes) -> None:
        """Have this pass in common from now on, unless there is one."""
        self._common = self._common or written[-WINDOW:]


@dataclass(slots=True)
class _Track:
    """What is kept of one cluster: compressed passes, oldest first, and the last pass."""

    packer: _Packer
    written: list[bytes] = field(default_factory=list)
    times: array[float] = field(default_factory=lambda: array("d"))  # of those, 8 bytes each
    size: int = 0  # of what is written, in bytes: asked of every cluster whenever one is recorded
    last: RecordedPass | None = None
    last_is_written: bool = False

    def read(self) -> Iterator[bytes]:
        """What is kept, decompressed, oldest first."""
        before = b""
        for packed in self.written:
            before = self.packer.unpack(packed, before)
            yield before

    def read_since(self, when: datetime) -> Iterator[bytes]:
        """What is kept, decompressed, from the last pass up to that time on, if there is one."""
        known = sum(each <= when.timestamp() for each in self.times)
        return islice(self.read(), max(0, known - 1), None)

    def pack(self, written: bytes) -> bytes:
        """Compress one more pass, with the newest of those that are kept."""
        newest = next(iter(deque(self.read(), maxlen=1)), b"")
        return self.packer.pack(written, newest)

    def append(self, packed: bytes, when: datetime) -> None:
        """Keep one more pass, compressed."""
        self.written.append(packed)
        self.times.append(when.timestamp())
        self.size += len(packed)

    def forget_oldest(self) -> None:
        """Keep the oldest pass no longer: the next stands without it."""
        kept = list(islice(self.read(), 2))[1:]
        self.size -= len(self.written.pop(0))
        self.times.pop(0)
        if kept:
            self.size -= len(self.written[0])
            self.written[0] = self.packer.pack(kept[0], b"")
            self.size += len(self.written[0])


class PassRecorder:
    """Remembers passes. Written by the event loop, read by the thread of a server."""

    def __init__(
        self, most_bytes: int = MOST_BYTES, most_bytes_in_all: int = MOST_BYTES_IN_ALL
    ) -> None:
        self._most_bytes = most_bytes
        self._most_in_all = most_bytes_in_all
        self._packer = _Packer()
        self._tracks: Latest[Key, _Track] = Latest(MOST_CLUSTERS)
        self._lock = threading.Lock()
        # No less than the size: counted again where it counts, and not at every pass.
        self._size_at_most = 0

    @property
    def size(self) -> int:
        """The bytes of what is kept of all clusters, compressed."""
        return sum(track.size for track in self._tracks.values())

    def record(self, key: Key, planned: Plan, outcome: Outcome) -> None:
        """Record a pass over the cluster with this namespace and name."""
        stopped = outcome.vetoed or str(outcome.error or "")
        made = RecordedPass.of(planned.snapshot, planned, len(outcome.done), stopped)
        # Only the event loop writes, so it may read without the lock; what takes time is done
        # before, for the lock would hold up whoever reads.
        track = self._tracks.get(key) or _Track(self._packer)
        before = track.last
        same = before is not None and _decision(before) == _decision(made)
        packed = self._pack(made, track) if made.actions or not same else None
        with self._lock:
            self._tracks[key] = track
            track.last, track.last_is_written = made, packed is not None
            if packed is not None:
                size = track.size
                track.append(packed, made.snapshot.now)
                self._shorten(track)
                self._size_at_most += track.size - size
                self._forget_oldest()

    def _pack(self, made: RecordedPass, track: _Track) -> bytes:
        written = json.dumps(write_pass(made), separators=(",", ":")).encode()
        packed = track.pack(written)
        if made.snapshot.pods:
            self._packer.learn(written)
        return packed

    def _shorten(self, track: _Track) -> None:
        while len(track.written) > MOST_PASSES or track.size > self._most_bytes:
            track.forget_oldest()

    def _forget_oldest(self) -> None:
        if self._size_at_most > self._most_in_all:
            self._size_at_most = self.size
        while self._size_at_most > self._most_in_all:
            _, forgotten = self._tracks.popitem(last=False)
            self._size_at_most -= forgotten.size

    def forget(self, key: Key) -> None:
        """Forget a cluster that is gone."""
        with self._lock:
            self._tracks.pop(key, None)

    def read(self, namespace: str, name: str, since: datetime | None = None) -> Json | None:
        """Return the recording of a cluster, its last pass at the end; None if there is none.

        With a time, only from the last pass up to it on: whoever knows that one, and finds it,
        has missed none.
        """
        with self._lock:
            track = self._tracks.get((namespace, name))
            if track is None or track.last is None:
                return None
            last = None if track.last_is_written and track.written else track.last
            if since and last and last.snapshot.now <= since:
                written = []
            else:
                written = list(track.read_since(since) if since else track.read())
        passes = [json.loads(each) for each in written]
        if last is not None:
            passes.append(write_pass(last))
        return write_recording(__version__, passes)


def _decision(recorded: RecordedPass) -> tuple[str, str, str]:
    return recorded.rule, recorded.reason, recorded.message
