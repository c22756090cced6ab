"""Lets a few clusters at a time roll for a new version of the operator."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.render.upgrade import is_rolling
from etcd_operator.runtime.caches import Caches
from etcd_operator.runtime.clock import Clock

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
        self._since: dict[Key, float] = {}
        self._reserved: dict[Key, float] = {}
        self._looked: float | None = None

    def take(self, namespace: str, name: str) -> str:
        """Take a turn; returns why there is none, or nothing."""
        now = self._clock.monotonic()
        self._look(now)
        busy = {key for key, since in self._since.items() if now - since < LONGEST_TURN}
        busy |= {key for key, at in self._reserved.items() if now - at < RESERVED_FOR}
        busy.discard((namespace, name))
        if len(busy) < self._limit:
            self._reserved[namespace, name] = now
            return ""
        return (
            f"The operator has a new Pod template, and rolls {self._limit} clusters at a time: "
            "others are being rolled first."
        )

    def _look(self, now: float) -> None:
        if self._looked is not None and now - self._looked < LOOK_AGAIN_AFTER:
            return
        self._looked = now
        live = self._caches.children["StatefulSet"].values()
        rolling = [
            (child.body["metadata"]["namespace"], child.name)
            for child in live
            if is_rolling(child.body)
        ]
        self._since = {key: self._since.get(key, now) for key in rolling}
        self._reserved = {key: at for key, at in self._reserved.items() if now - at < RESERVED_FOR}
