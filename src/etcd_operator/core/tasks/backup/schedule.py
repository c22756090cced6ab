"""Times of a schedule, in the user's time zone: the five fields of cron, or a name like @daily."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

from cronsim import CronSim, CronSimError

_NAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def find_schedule_problem(schedule: str) -> str | None:
    """Return what is wrong with a schedule; None if it is one, and has a time to come."""
    try:
        CronSim(_spell_out(schedule), datetime(2000, 1, 1))  # noqa: DTZ001 (any moment will do)
    except CronSimError as error:
        return str(error)
    return None


def next_time(schedule: str, after: datetime, zone: tzinfo) -> datetime:
    """Return the first time of the schedule after a moment, in UTC as `after` is."""
    found = next(CronSim(_spell_out(schedule), after.astimezone(zone)))
    return found.astimezone(after.tzinfo)


def last_time(schedule: str, now: datetime, zone: tzinfo) -> datetime:
    """Return the latest time of the schedule that is not after `now`."""
    later = now.astimezone(zone) + timedelta(minutes=1)
    for found in CronSim(_spell_out(schedule), later, reverse=True):
        moment = found.astimezone(now.tzinfo)
        if moment <= now:
            return moment
    raise AssertionError("a schedule has no beginning")


def _spell_out(schedule: str) -> str:
    return _NAMES.get(schedule.strip(), schedule.strip())
