"""What a mirror writes: by two pages of keys that are compared, or by events of a watch.

Pure: pages and events come from whoever asks etcd. A comparison decides every key up to the last
one that both pages can speak of; keys come sorted, as etcd sends them. All that is written is what
differs, so whatever is done twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from etcd_operator.core.mirror.progress import PROGRESS_KEY

# In one transaction, beside the progress: below etcd's defaults of 128 and of 1.5 MiB.
MOST_CHANGES: Final = 100
MOST_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as etcd has it; `lease` is the ID of its lease, 0 for none; `revision` its last."""

    key: bytes
    value: bytes
    lease: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Keys in their order; `more`: there are others after the last of these."""

    entries: tuple[Entry, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch; `value` is None if the key was deleted."""

    key: bytes
    value: bytes | None
    lease: int
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """What is written of one key; `value` is None if it is deleted."""

    key: bytes
    value: bytes | None

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.key) + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes of one transaction; with it, all writes of the source up to `revision` are here."""

    changes: tuple[Change, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome for the keys before `following`, which is None at the end of the range.

    `keys` of the source were compared, and `leased` left out. `stranger` is a key here that would
    be changed, and that somebody else has written since the last write of the mirror.
    """

    changes: tuple[Change, ...]
    keys: int
    leased: int
    following: bytes | None
    stranger: bytes | None = None


def compare(source: Page, target: Page, *, leases: bool, last_write: int) -> Comparison:
    """Compare two pages that begin at the same key.

    With `leases`, keys with a lease are copied like others. `last_write` is the revision, here, of
    the last write of the mirror.
    """
    horizon = _find_horizon(source, target)
    wanted = dict(_select(source, horizon, leases=leases))
    present = {e.key: e for e in target.entries if _counts(e.key, horizon)}
    changes = [
        Change(key, entry.value)
        for key, entry in wanted.items()
        if key not in present or present[key].value != entry.value
    ]
    changes += [Change(key, None) for key in present if key not in wanted]
    changed = (present[c.key] for c in changes if c.key in present)
    listed = [e for e in source.entries if _counts(e.key, horizon)]
    return Comparison(
        changes=tuple(sorted(changes, key=lambda change: change.key)),
        keys=len(wanted),
        leased=len(listed) - len(wanted),
        following=None if horizon is None else horizon + b"\0",
        stranger=next((e.key for e in changed if e.revision > last_write), None),
    )


def _find_horizon(*pages: Page) -> bytes | None:
    """The last key that every page speaks of; None if they speak of all."""
    return min((page.entries[-1].key for page in pages if page.more and page.entries), default=None)


def _counts(key: bytes, horizon: bytes | None) -> bool:
    return key != PROGRESS_KEY and (horizon is None or key <= horizon)


def _select(page: Page, horizon: bytes | None, *, leases: bool) -> Iterator[tuple[bytes, Entry]]:
    for entry in page.entries:
        if _counts(entry.key, horizon) and (leases or not entry.lease):
            yield entry.key, entry


def split_changes(changes: Iterable[Change]) -> Iterator[tuple[Change, ...]]:
    """Yield the changes in groups that fit into a transaction; one that is larger, alone."""
    group: list[Change] = []
    size = 0
    for change in changes:
        if group and (len(group) >= MOST_CHANGES or size + change.size > MOST_BYTES):
            yield tuple(group)
            group, size = [], 0
        group.append(change)
        size += change.size
    if group:
        yield tuple(group)


def split_events(
    pending: tuple[Event, ...], events: Iterable[Event], *, whole: bool
) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Return the events of revisions that are complete, and those that wait for the rest.

    etcd cuts what one revision has into fragments; with the last of them it is `whole`.
    """
    known = (*pending, *events)
    if whole or not known:
        return known, ()
    last = known[-1].revision
    return (
        tuple(event for event in known if event.revision != last),
        tuple(event for event in known if event.revision == last),
    )


def plan_batches(events: Iterable[Event], applied: int, *, leases: bool) -> Iterator[Batch]:
    """Yield transactions for events of complete revisions, in their order.

    A revision is in one transaction, as it was in the source, as long as it fits: with others, of
    which the last change of a key counts. `applied` is the last revision that is here already.
    """
    collected: dict[bytes, Change] = {}
    done = told = applied
    for revision, group in groupby(events, key=lambda event: event.revision):
        changes = _collect(group, leases=leases)
        merged = {**collected, **changes}
        if collected and len(list(split_changes(merged.values()))) > 1:
            yield Batch(tuple(collected.values()), done)
            merged = changes
        collected, done = merged, revision
        parts = list(split_changes(collected.values()))
        if len(parts) > 1:  # one revision that does not fit
            yield from (Batch(part, revision - 1) for part in parts[:-1])
            yield Batch(parts[-1], revision)
            collected, told = {}, revision
    if collected or done != told:
        yield Batch(tuple(collected.values()), done)


def _collect(events: Iterable[Event], *, leases: bool) -> dict[bytes, Change]:
    """The changes of one revision. A key that is put with a lease is not to be here without."""
    found: dict[bytes, Change] = {}
    for event in events:
        if event.key != PROGRESS_KEY:
            kept = event.value if leases or not event.lease else None
            found[event.key] = Change(event.key, kept)
    return found
