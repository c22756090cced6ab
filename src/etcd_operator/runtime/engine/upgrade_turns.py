"""Lets a few clusters at a time roll for a new version of the operator."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.objects.operator_upgrade import is_rolling
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.process.clock import Clock

Key = tuple[str, str]

# A turn that was just given is not seen in the caches yet.
RESERVED_FOR: Final = 30.0
# A cluster that cannot finish does not keep the others from their turn for ever.
LONGEST_TURN: Final = 600.0
# The StatefulSets of all clusters are looked at this often, in seconds.
LOOK_AGAIN_AFTER: Final = 1.0


class Turns:
    """Whose turn it is. The StatefulSets record who rolls: another process sees the same."""

    def __init__(self, caches: Caches, clock: Clock, limit: int) -> None:
        self._caches = caches
        self._clock = clock
        self._limit = limit
        # Since when a cluster rolls, or did: each has one turn, however often it falls ill later.
        self._since: dict[Key, float] = {}
        self._rolling: set[Key] = set()
        self._reserved: dict[Key, float] = {}
        self._looked: float | None = None

    def take(self, namespace: str, name: str) -> str:
        """Take a turn; returns why there is none, or nothing."""
        now = self._clock.monotonic()
        self._look(now)
        busy = {key for key in self._rolling if now - self._since[key] < LONGEST_TURN}
        busy |= {key for key, at in self._reserved.items() if now - at < RESERVED_FOR}
        busy.discard((namespace, name))
        if len(busy) < self._limit:
            self._reserved[namespace, name] = now
            return ""
        return (
            f"The operator has a new Pod template, and rolls {self._limit} clusters at a time: "
            "others are being rolled first."
        )

    def give_back(self, namespace: str, name: str) -> None:
        """Give a turn back that was just taken, and not used: what was to be written was not."""
        self._reserved.pop((namespace, name), None)

    def _look(self, now: float) -> None:
        if self._looked is not None and now - self._looked < LOOK_AGAIN_AFTER:
            return
        self._looked = now
        there = {
            (child.body["metadata"]["namespace"], child.name): child.body
            for child in self._caches.children["StatefulSet"].values()
            if self._counts(child)
        }
        self._rolling = {key for key, body in there.items() if is_rolling(body)}
        known = self._since.keys() & there.keys()
        self._since = {key: self._since.get(key, now) for key in known | self._rolling}
        self._reserved = {key: at for key, at in self._reserved.items() if now - at < RESERVED_FOR}

    def _counts(self, child: Child) -> bool:
        """Whether it is a cluster's, and not one that only looks so, or whose cluster rests."""
        cluster = self._caches.clusters.get(child.body["metadata"]["namespace"], child.name)
        ours = cluster is not None and cluster.uid == child.owner_uid
        return ours and cluster is not None and not cluster.spec.paused
