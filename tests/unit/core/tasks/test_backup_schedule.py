"""When a backup is due, and which may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.core.tasks.backup.manifest import is_named_by, name_backup
from etcd_operator.core.tasks.backup.retention import StoredBackup, choose_expired, parse_age
from etcd_operator.core.tasks.backup.schedule import find_schedule_problem, last_time, next_time

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("schedule", "before", "after"),
    [
        ("0 2 * * *", datetime(2026, 3, 4, 2, tzinfo=UTC), datetime(2026, 3, 5, 2, tzinfo=UTC)),
        ("0 12 * * *", datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC)),
        ("@hourly", datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 4, 13, tzinfo=UTC)),
        ("@yearly", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_around_a_moment(schedule: str, before: datetime, after: datetime) -> None:
    assert find_schedule_problem(schedule) is None
    assert last_time(schedule, NOON, ZoneInfo("UTC")) == before
    assert next_time(schedule, NOON, ZoneInfo("UTC")) == after


def test_times_are_those_of_the_time_zone() -> None:
    assert next_time("0 2 * * *", NOON, BERLIN) == datetime(2026, 3, 5, 1, tzinfo=UTC)
    assert last_time("0 2 * * *", NOON, BERLIN) == datetime(2026, 3, 4, 1, tzinfo=UTC)


def test_a_backup_is_not_left_out_when_the_clock_jumps_ahead() -> None:
    """On 29 March 2026 there is no half past two in Berlin."""
    night = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = next_time("30 2 * * *", night, BERLIN)
    assert night < found < night + timedelta(hours=24)


@pytest.mark.parametrize("schedule", ["", "daily", "0 25 * * *", "* * * *", "61 * * * *"])
def test_what_is_no_schedule(schedule: str) -> None:
    assert find_schedule_problem(schedule)


def kept(*hours: int) -> list[StoredBackup]:
    """Backups so many hours old."""
    return [StoredBackup(f"b{hour}", NOON - timedelta(hours=hour)) for hour in hours]


@pytest.mark.parametrize(
    ("backups", "most", "age", "expired"),
    [
        (kept(0, 1, 2), None, None, []),
        (kept(2, 0, 1), 2, None, ["b2"]),
        (kept(0, 1, 2, 3), 1, None, ["b3", "b2", "b1"]),
        (kept(1, 30, 50), None, "1d", ["b50", "b30"]),
        (kept(100, 200), None, "1d", ["b200"]),  # the newest stays, however old it is
        (kept(1, 30, 50), 2, "10d", ["b50"]),
        ([], 1, "1d", []),
    ],
)
def test_what_expires(
    backups: list[StoredBackup], most: int | None, age: str | None, expired: list[str]
) -> None:
    found = choose_expired(backups, most, parse_age(age or ""), NOON)
    assert [one.name for one in found] == expired


@given(
    st.lists(st.integers(0, 5000), unique=True, min_size=1),
    st.none() | st.integers(1, 10),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=300)),
)
def test_the_newest_never_expires(
    hours: list[int], most: int | None, age: timedelta | None
) -> None:
    backups = kept(*hours)
    gone = choose_expired(backups, most, age, NOON)
    newest = max(backups, key=lambda one: one.taken)
    assert newest not in gone
    if most is not None:
        assert len(backups) - len(gone) <= max(most, 1)


@pytest.mark.parametrize("text", ["30", "d", "3y", "1.5d", "-1d"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="is not an age"):
        parse_age(text)


def test_names_sort_by_time_and_say_whose_they_are() -> None:
    early = name_backup(NOON, 1000, "0123456789", "job00000000")
    late = name_backup(NOON + timedelta(seconds=1), 999, "0123456789", "job00000000")
    assert early < late
    assert is_named_by(f"{early}.json", "0123456789")
    assert is_named_by(f"{early}.db.zst", "0123456789")
    assert not is_named_by(f"{early}.json", "another-uid")
    assert not is_named_by("notes.txt", "0123456789")
