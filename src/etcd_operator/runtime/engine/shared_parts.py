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

# Characters and items of what is known at a time, of a dozen clusters: half of it are names of
# one alone, and users write what they like.
MOST_KNOWN: Final = 100_000
# Python has integers up to this one once.
ALWAYS_SHARED: Final = 256


class SharedParts:
    """Parts by their content. What is in a part is shared first, so that its identity tells.

    They are known in two halves: when the newer one is full, the older one is forgotten, and what
    was met since then is in the newer one. So what clusters have in common is never forgotten.
    """

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._newer: dict[object, Any] = {}
        self._older: dict[object, Any] = {}
        self._size = 0  # of the newer half

    def share_within(self, body: Json) -> None:
        """Put shared parts in place of equal ones, in an object that stays the same."""
        self._make_room()
        self._share(body, body.items())

    def share_texts(self, body: Json) -> None:
        """Put shared texts alone in place of equal ones, in what is read once and left."""
        self._make_room()
        self._share_texts(body)

    def _make_room(self) -> None:
        if self._size > self._most // 2:
            self._newer, self._older = {}, self._newer
            self._size = 0

    def _find(self, key: object, part: Any, size: int) -> Any:
        """Return the known part of this key, from now on this one where none is known."""
        found = self._newer.get(key)
        if found is None:
            found = self._newer[key] = self._older.get(key, part)
            self._size += size
        return found

    def _share(self, holder: Any, parts: Iterable[tuple[Any, Any]]) -> None:
        """Share each of the `parts` of a mapping or a list, which come with their places."""
        find = self._find
        for place, part in parts:
            kind = type(part)
            if kind is str:
                holder[place] = find(part, part, len(part))
            elif kind is dict:
                self._share(part, part.items())
                holder[place] = find((*part, *map(id, part.values())), part, len(part))
            elif kind is list:
                self._share(part, enumerate(part))
                holder[place] = find((None, *map(id, part)), part, len(part))
            elif kind is int and part > ALWAYS_SHARED:
                holder[place] = find((int, part), part, 1)

    def _share_texts(self, value: Any) -> None:
        for place, part in value.items() if type(value) is dict else enumerate(value):
            kind = type(part)
            if kind is str:
                value[place] = self._find(part, part, len(part))
            elif kind is dict or kind is list:
                self._share_texts(part)
