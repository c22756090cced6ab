"""Which backups of one EtcdBackup may go. The newest good one never does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A whole backup in the store: its name, and when its snapshot was taken."""

    name: str
    taken: datetime


def parse_age(text: str) -> timedelta | None:
    """Return a duration such as `30d` or `12h`; None for none. Raises ValueError for another."""
    if not text:
        return None
    number, unit = text[:-1], text[-1]
    if unit not in _UNITS or not number.isdecimal():
        raise ValueError(f"{text} is not an age such as 12h or 30d")
    return timedelta(seconds=int(number) * _UNITS[unit])


def choose_expired(
    backups: Iterable[StoredBackup],
    max_backups: int | None,
    max_age: timedelta | None,
    now: datetime,
) -> tuple[StoredBackup, ...]:
    """Return the backups that go, oldest first; by time, never by name."""
    newest_first = sorted(backups, key=lambda kept: (kept.taken, kept.name), reverse=True)
    expired = [
        kept
        for place, kept in enumerate(newest_first)
        if place > 0
        and (
            (max_backups is not None and place >= max_backups)
            or (max_age is not None and now - kept.taken > max_age)
        )
    ]
    return tuple(reversed(expired))
