"""Durations as Kubernetes and Go write them: `90s`, `5m`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

DURATION_FORM: Final = re.compile(
    r"(?=[0-9])(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?"
)


def parse_duration(text: str) -> timedelta:
    """Return the length of a duration in whole hours, minutes and seconds.

    Raises ValueError with a sentence if the text is not one.
    """
    found = DURATION_FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:80]!r} is not a duration such as 5m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
