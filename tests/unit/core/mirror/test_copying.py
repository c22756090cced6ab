"""What a mirror writes, by pages and by events; and every order of them ends in the same keys."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_operator.core.mirror.copying import (
    MOST_BYTES,
    MOST_CHANGES,
    Batch,
    Change,
    Entry,
    Event,
    Page,
    compare,
    plan_batches,
    split_changes,
    split_events,
)
from etcd_operator.core.mirror.progress import PROGRESS_KEY

Keys = dict[bytes, bytes]


def page(keys: Keys, start: bytes, limit: int, leased: frozenset[bytes] = frozenset()) -> Page:
    """A page as etcd gives it."""
    found = sorted(key for key in keys if key >= start)
    listed = found[:limit]
    entries = (Entry(key, keys[key], 7 if key in leased else 0) for key in listed)
    return Page(tuple(entries), len(found) > limit)


def copy(source: Keys, target: Keys, limits: tuple[int, int], leased: frozenset[bytes]) -> int:
    """Copy everything, page by page; return the number of keys that were compared."""
    start, keys = b"\0", 0
    while True:
        there, here = page(source, start, limits[0], leased), page(target, start, limits[1])
        found = compare(there, here, leases=False, last_write=1)
        for change in found.changes:
            apply(target, change)
        keys += found.keys
        if found.following is None:
            return keys
        assert found.following > start
        start = found.following


def apply(target: Keys, change: Change) -> None:
    """Write it."""
    if change.value is None:
        del target[change.key]
    else:
        target[change.key] = change.value


NAMES = st.sampled_from([b"a", b"a\0", b"b", b"b/1", b"c", b"\xff", b"z\xff"])
SOME = st.dictionaries(NAMES, st.sampled_from([b"1", b"2", b""]))


@pytest.mark.exhaustive
@settings(max_examples=300, deadline=None)
@given(SOME, SOME, st.tuples(st.integers(1, 4), st.integers(1, 4)), st.frozensets(NAMES))
def test_whatever_was_there_the_keys_of_the_source_are(
    source: Keys, target: Keys, limits: tuple[int, int], leased: frozenset[bytes]
) -> None:
    wanted = {key: value for key, value in source.items() if key not in leased}
    progress = {PROGRESS_KEY: b"p"}
    target |= progress
    assert copy(source | {PROGRESS_KEY: b"its own"}, target, limits, leased) == len(wanted)
    assert target == wanted | progress
    before = dict(target)
    copy(source, target, limits, leased)
    assert target == before, "what is done twice changes nothing"


def test_a_comparison_counts_what_is_left_out() -> None:
    there = Page((Entry(b"a", b"1"), Entry(b"b", b"1", lease=5)))
    found = compare(there, Page(()), leases=False, last_write=0)
    assert (found.keys, found.leased, found.changes) == (1, 1, (Change(b"a", b"1"),))
    assert compare(there, Page(()), leases=True, last_write=0).leased == 0


@pytest.mark.parametrize(
    ("here", "stranger"),
    [
        (Entry(b"a", b"2", revision=9), b"a"),
        (Entry(b"x", b"2", revision=9), b"x"),
        (Entry(b"a", b"1", revision=9), None),
        (Entry(b"a", b"2", revision=8), None),
    ],
)
def test_what_somebody_else_wrote_here_is_named(here: Entry, stranger: bytes | None) -> None:
    there = Page((Entry(b"a", b"1"),))
    assert compare(there, Page((here,)), leases=False, last_write=8).stranger == stranger


def test_a_transaction_is_bounded_by_number_and_by_size() -> None:
    many = [Change(b"%04d" % n, b"") for n in range(MOST_CHANGES + 1)]
    assert [len(group) for group in split_changes(many)] == [MOST_CHANGES, 1]
    half = b"x" * (MOST_BYTES // 2)
    large = [Change(b"a", half), Change(b"b", half), Change(b"c", b"x" * MOST_BYTES * 2)]
    assert [len(group) for group in split_changes(large)] == [1, 1, 1]


def put(key: bytes, revision: int, value: bytes = b"v", lease: int = 0) -> Event:
    """A key that is written."""
    return Event(key, value, lease, revision)


def test_revisions_share_a_transaction_and_the_last_write_of_a_key_counts() -> None:
    events = (put(b"a", 5), put(b"b", 5), Event(b"a", None, 0, 6), put(b"a", 7, b"last"))
    (batch,) = plan_batches(events, 4, leases=False)
    assert batch == Batch((Change(b"a", b"last"), Change(b"b", b"v")), 7)


def test_a_revision_that_does_not_fit_is_here_with_its_last_part() -> None:
    whole = tuple(put(b"%04d" % n, 9) for n in range(MOST_CHANGES + 5))
    parts = list(plan_batches((put(b"a", 8), *whole), 7, leases=False))
    assert [(len(part.changes), part.revision) for part in parts] == [
        (1, 8),
        (MOST_CHANGES, 8),
        (5, 9),
    ]


def test_a_key_that_gets_a_lease_is_here_no_more_and_its_progress_is_told() -> None:
    (batch,) = plan_batches((put(b"a", 5, lease=3),), 4, leases=False)
    assert batch.changes == (Change(b"a", None),)
    (copied,) = plan_batches((put(b"a", 5, lease=3),), 4, leases=True)
    assert copied.changes == (Change(b"a", b"v"),)
    (own,) = plan_batches((put(PROGRESS_KEY, 5),), 4, leases=False)
    assert own == Batch((), 5)
    assert list(plan_batches((), 4, leases=False)) == []


def test_a_revision_in_fragments_waits_for_the_last() -> None:
    first, second, third = put(b"a", 5), put(b"b", 6), put(b"c", 6)
    assert split_events((), (first, second), whole=False) == ((first,), (second,))
    assert split_events((second,), (third,), whole=True) == ((second, third), ())
    assert split_events((), (), whole=False) == ((), ())


@pytest.mark.exhaustive
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.sampled_from([b"1", b"2", None]), st.booleans()), max_size=12),
    st.lists(st.integers(1, 4), max_size=12),
)
def test_events_in_any_responses_end_in_the_same_keys(
    written: list[tuple[bytes, bytes | None, bool]], sizes: list[int]
) -> None:
    revision = 1
    events: list[Event] = []
    for key, value, same in written:
        repeated = any(e.key == key for e in events if e.revision == revision)
        revision += 0 if same and events and not repeated else 1
        events.append(Event(key, value, 0, revision))
    wanted: Keys = {}
    for event in events:
        wanted.pop(event.key, None)
        if event.value is not None:
            wanted[event.key] = event.value
    target: Keys = {}
    applied, rest = 1, list(events)
    pending: tuple[Event, ...] = ()
    for size in [*sizes, len(events)]:
        response, rest = tuple(rest[:size]), rest[size:]
        complete, pending = split_events(pending, response, whole=not rest)
        for batch in plan_batches(complete, applied, leases=False):
            assert batch.revision >= applied
            applied = batch.revision
            for change in batch.changes:
                target.pop(change.key, None)
                if change.value is not None:
                    target[change.key] = change.value
    assert target == wanted
    assert applied == (events[-1].revision if events else 1)
