"""Judge whether a live object still says what we rendered, and what others put beside it.

The API server adds defaults and drops what is empty, and others may add to our objects. So the
rendered manifest must be a part of the live object, not equal to it; `ownership` names the places
where more than ours is a difference too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from etcd_operator.api.quantity import read_quantity
from etcd_operator.core.objects.owned_fields import (
    KEYED_LISTS,
    is_exact,
    is_foreign_field,
    is_foreign_item,
)
from etcd_operator.json_types import Json

# A field by name, or an item of a list by the fields that tell it apart.
Step = str | tuple[tuple[str, Any], ...]

_MISSING: Final = object()
# That of an annotation; environment variables have no such limit.
LONGEST_NAME: Final = 317


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not as rendered; `foreign` where others set what only we may.

    `wanted` and `found` are its values as JSON, empty where there is none.
    """

    steps: tuple[Step, ...]
    wanted: str
    found: str
    foreign: bool = False

    @property
    def path(self) -> str:
        """The field for people: `spec.template.spec.containers[etcd].image`."""
        text = ""
        for step in self.steps:
            if isinstance(step, str):
                text += f".{_cut(step)}" if text else _cut(step)
            else:
                text += f"[{'/'.join(_cut(value) for _, value in step)}]"
        return text


def _cut(name: Any) -> str:
    """A name that others may have given, as long as names of Kubernetes are."""
    return str(name)[:LONGEST_NAME]


@dataclass(frozen=True, slots=True)
class _At:
    """A place in an object: the steps that lead to it, and the same without items of lists."""

    kind: str
    steps: tuple[Step, ...] = ()
    place: str = ""

    def field(self, name: str) -> _At:
        place = f"{self.place}.{name}" if self.place else name
        return _At(self.kind, (*self.steps, name), place)

    def item(self, key: tuple[tuple[str, Any], ...]) -> _At:
        return _At(self.kind, (*self.steps, key), self.place)

    @property
    def exact(self) -> bool:
        return is_exact(self.kind, self.place)


def find_drift(rendered: Json, live: Json) -> str | None:
    """Return the path of the first field that differs, e.g. `spec.replicas`; None if none."""
    return next((d.path for d in _compare(*_begin(rendered), live)), None)


def find_differences(rendered: Json, live: Json) -> tuple[Difference, ...]:
    """Return every field that differs."""
    return tuple(_compare(*_begin(rendered), live))


def find_foreign(rendered: Json, live: Json) -> Json:
    """Return a merge patch that removes what others put where only ours may be; empty if none.

    An apply leaves such fields to their owners, or is refused because of them.
    """
    if not any(difference.foreign for difference in find_differences(rendered, live)):
        return {}
    return _diff(live, _restore(*_begin(rendered), live))


def _begin(rendered: Json) -> tuple[_At, Json]:
    """The place and the value to begin with; annotations are looked at where we set none, too."""
    root = _At(rendered.get("kind", ""))
    template = (rendered.get("spec") or {}).get("template")
    if root.kind != "StatefulSet" or not template:
        return root, rendered
    metadata = {"annotations": {}, **template["metadata"]}
    spec = {**rendered["spec"], "template": {**template, "metadata": metadata}}
    return root, {**rendered, "spec": spec}


# What differs


def _compare(at: _At, want: Any, have: Any) -> Iterator[Difference]:
    if want == have:
        return  # most of an object, most of the time: no need to walk through it
    if isinstance(want, dict):
        yield from _compare_mappings(at, want, have)
    elif isinstance(want, list):
        yield from _compare_lists(at, want, have)
    elif not _is_equal(want, have):
        yield _difference(at, want, have)


def _difference(at: _At, want: Any, have: Any, *, foreign: bool = False) -> Difference:
    return Difference(at.steps, _write(want), _write(have), foreign)


def _write(value: Any) -> str:
    return "" if value is None or value is _MISSING else json.dumps(value, sort_keys=True)


def _compare_mappings(at: _At, want: Json, have: Any) -> Iterator[Difference]:
    if not isinstance(have, dict):
        # The API server drops empty maps on the way in.
        if want or have is not None:
            yield _difference(at, want, have)
        return
    for key, value in want.items():
        yield from _compare(at.field(key), value, have.get(key))
    for key in _foreign_fields(at, want, have):
        yield _difference(at.field(key), None, have[key], foreign=True)


def _foreign_fields(at: _At, want: Json, have: Json) -> list[str]:
    return [key for key in have if key not in want and is_foreign_field(at.kind, at.place, key)]


def _compare_lists(at: _At, want: list[Any], have: Any) -> Iterator[Difference]:
    if not want and have is None:
        return
    if not isinstance(have, list):
        yield _difference(at, want, have)
        return
    keys = KEYED_LISTS.get(at.place)
    if keys is None or not _are_keyed(want, keys) or not _are_keyed(have, keys):
        yield from _compare_as_one(at, want, have)
        return
    live = {_key(item, keys): item for item in have}
    for item in want:
        found = live.pop(_key(item, keys), None)
        yield from _compare(at.item(_key(item, keys)), item, found)
    for key, item in live.items():
        if is_foreign_item(at.place, item, want):
            yield _difference(at.item(key), None, item, foreign=True)


def _compare_as_one(at: _At, want: list[Any], have: list[Any]) -> Iterator[Difference]:
    if len(want) != len(have):
        yield _difference(at, want, have, foreign=at.exact)
        return
    for place, (one, other) in enumerate(zip(want, have, strict=True)):
        inner = tuple(_compare(at.item((("", place),)), one, other))
        if inner and at.exact:
            yield _difference(at, want, have, foreign=True)
            return
        yield from inner


def _are_keyed(items: list[Any], keys: tuple[str, ...]) -> bool:
    return all(isinstance(item, dict) and keys[0] in item for item in items)


def _key(item: Json, keys: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    usual = {"protocol": "TCP"}
    return tuple((key, item.get(key, usual.get(key))) for key in keys)


def _is_equal(want: Any, have: Any) -> bool:
    if want == have or want is None or (want == "" and have is None):
        return True  # an empty text is dropped on the way in
    if isinstance(want, str | int) and isinstance(have, str | int):
        # "1000m" is stored as "1", as is 1, and "1024Mi" as "1Gi": compare amounts by value.
        amount = read_quantity(want)
        return amount is not None and amount == read_quantity(have)
    return False


# What to take back


def _restore(at: _At, want: Any, have: Any) -> Any:
    """The live value without what is foreign; at an exact place with ours in it as well."""
    if isinstance(want, dict) and isinstance(have, dict):
        gone = set(_foreign_fields(at, want, have))
        kept = {key: value for key, value in have.items() if key not in gone}
        for key, value in want.items():
            if key in have:
                kept[key] = _restore(at.field(key), value, have[key])
            elif at.exact:
                kept[key] = value
        return kept
    if isinstance(want, list) and isinstance(have, list):
        return _restore_list(at, want, have)
    return want if at.exact else have


def _restore_list(at: _At, want: list[Any], have: list[Any]) -> list[Any]:
    keys = KEYED_LISTS.get(at.place)
    if keys is None or not _are_keyed(want, keys) or not _are_keyed(have, keys):
        return want if at.exact and any(_compare_lists(at, want, have)) else have
    ours = {_key(item, keys): item for item in want}
    kept = []
    for item in have:
        key = _key(item, keys)
        if key in ours:
            kept.append(_restore(at.item(key), ours[key], item))
        elif not is_foreign_item(at.place, item, want):
            kept.append(item)
    return kept


def _diff(before: Json, after: Json) -> Json:
    """Return the merge patch that makes one mapping of the other."""
    patch: Json = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if below := _diff(old, value):
                patch[key] = below
        elif value != old:
            patch[key] = value
    return patch
