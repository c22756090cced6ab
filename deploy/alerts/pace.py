"""The pace of alerts: the same table with shorter times, to see in minutes what takes hours.

A threshold of an age (`time() - ... >`) is a time as well; every other threshold stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from deploy.alerts.alert import Alert

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_DURATION: Final = r"(\d+)([smh])"
_WINDOW: Final = re.compile(rf"\[{_DURATION}\]")
_AGE: Final = re.compile(r"(time\(\) - [^>]+ > )(\d+)")


@dataclass(frozen=True, slots=True)
class Pace:
    """By what the times of alerts are divided, and the least and most of each, in seconds.

    `window` is that of rates and changes, which need several scrapes. Without `most_` what takes
    hours or days would take minutes still.
    """

    wait: int = 1
    window: int = 1
    least_wait: int = 0
    least_window: int = 0
    most_wait: int | None = None
    most_window: int | None = None

    def change(self, alert: Alert) -> Alert:
        """Return the alert at this pace."""
        if self == SHIPPED:
            return alert
        wait = self._shorten_wait(read_seconds(alert.wait))
        expression = _WINDOW.sub(
            lambda found: f"[{self._shorten_window(found)}s]", alert.expression
        )
        expression = _AGE.sub(
            lambda found: f"{found[1]}{self._shorten_wait(int(found[2]))}", expression
        )
        return replace(alert, wait=f"{wait}s", expression=expression)

    def _shorten_wait(self, seconds: int) -> int:
        wait = max(seconds // self.wait, min(seconds, self.least_wait))
        return wait if self.most_wait is None else min(wait, self.most_wait)

    def _shorten_window(self, found: re.Match[str]) -> int:
        window = max(int(found[1]) * _UNITS[found[2]] // self.window, self.least_window)
        return window if self.most_window is None else min(window, self.most_window)


SHIPPED: Final = Pace()


def read_seconds(duration: str) -> int:
    """Return the seconds of a duration as Prometheus writes it; ValueError if it is none."""
    found = re.fullmatch(_DURATION, duration)
    if found is None:
        raise ValueError(f"{duration} is no duration such as 15m")
    return int(found[1]) * _UNITS[found[2]]
