"""Equal parts of live objects, of which all clusters hold one.

What the API server answers is read anew for each object, and so most of a StatefulSet or a Service
would be in memory once for each cluster: probes, ports, rights, and every text. Each part of an
object is replaced by the equal part of one before. Nobody writes into live objects: see
core/objects/rendered.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from etcd_operator.json_types import Json

# Characters and items of what is known at a time, of some hundred clusters: half of it are names of
# one alone, and users write what they like. It is forgotten together, and what follows shares anew.
MOST_KNOWN: Final = 1_000_000
# Python has integers up to this one once.
ALWAYS_SHARED: Final = 256


class SharedParts:
    """Parts by their content. What is in a part is shared first, so that its identity tells."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._known: dict[object, Any] = {}
        self._size = 0

    def share_within(self, body: Json) -> None:
        """Put shared parts in place of equal ones, in an object that stays the same."""
        self._make_room()
        self._share(body, body.items())

    def share_texts(self, body: Json) -> None:
        """Put shared texts alone in place of equal ones, in what is read once and left."""
        self._make_room()
        self._share_texts(body)

    def _make_room(self) -> None:
        if self._size > self._most:
            self._known.clear()
            self._size = 0

    def _share(self, holder: Any, parts: Iterable[tuple[Any, Any]]) -> None:
        """Share each of the `parts` of a mapping or a list, which come with their places."""
        share, size = self._known.setdefault, len(holder)
        for place, part in parts:
            kind = type(part)
            if kind is str:
                size += len(part)
                holder[place] = share(part, part)
            elif kind is dict:
                self._share(part, part.items())
                holder[place] = share((tuple(part), tuple(map(id, part.values()))), part)
            elif kind is list:
                self._share(part, enumerate(part))
                holder[place] = share(tuple(map(id, part)), part)
            elif kind is int and part > ALWAYS_SHARED:
                holder[place] = share((kind, part), part)
        self._size += size

    def _share_texts(self, value: Any) -> None:
        for place, part in value.items() if type(value) is dict else enumerate(value):
            kind = type(part)
            if kind is str:
                self._size += len(part)
                value[place] = self._known.setdefault(part, part)
            elif kind is dict or kind is list:
                self._share_texts(part)
