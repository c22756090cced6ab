"""What people want of each object, and whether somebody still looks at the screen for it.

A change of the spec takes several passes: Pods are made, they start, members join. For a while all
of them go before what other objects do by themselves, and a new change goes first. So one cluster
that is created amid a thousand does not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD
from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.runtime.engine.workqueue import Urgency
from etcd_operator.runtime.kubernetes.watch_cache import Key

# From the first pass over what somebody changed: many times what a creation takes. Whatever is not
# done by then waits for something else than a pass.
LOOKING_SECONDS: Final = 60.0
# Annotations that the operator itself writes.
OURS: Final = frozenset((ANNOTATION_OPERATOR, ANNOTATION_RECORD))


class Wishes:
    """The newest wish about each object, and when it was seen; `monotonic` counts seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[Key, tuple[object, float]] = {}
        self._begun: dict[Key, object] = {}
        self._until: dict[Key, float] = {}

    def find_urgency(self, key: Key, root: Any, otherwise: Urgency) -> Urgency:
        """Return how urgent a pass over an object is; `root` is None if there is none any more."""
        if root is not None:
            wish = _wish_of(root)
            if key not in self._seen or self._seen[key][0] != wish:
                self._seen[key] = wish, self._monotonic()
            if self._begun.get(key) != wish:
                return Urgency.REQUESTED
        if key in self._until:
            if self._monotonic() < self._until[key]:
                return Urgency.REQUESTED
            del self._until[key]
        return otherwise

    def seen_at(self, key: Key) -> float:
        """Return when the newest wish about an object was seen; before everything if none was."""
        return self._seen[key][1] if key in self._seen else 0.0

    def begin(self, key: Key, root: Any) -> None:
        """Note that a pass begins, with all that is wanted by now."""
        if root is None:
            self.forget(key)
            return
        wish = _wish_of(root)
        before = self._begun.get(key)
        # After a start nobody is known to have changed what was carried out before.
        if before is None and root.status.observed_generation == root.generation:
            before = wish
        self._begun[key] = wish
        if wish != before:
            self._until[key] = self._monotonic() + LOOKING_SECONDS

    def forget(self, key: Key) -> None:
        """Forget an object."""
        for known in (self._seen, self._begun, self._until):
            known.pop(key, None)


def _wish_of(root: Any) -> object:
    """Whatever of an object a person writes, to be compared: spec, deletion and annotations."""
    annotations = getattr(root, "annotations", None) or {}
    if not OURS.isdisjoint(annotations):
        annotations = {name: text for name, text in annotations.items() if name not in OURS}
    return root.uid, root.generation, annotations
