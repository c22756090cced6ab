"""The pace of alerts: times become shorter, thresholds stay."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from deploy.alerts import ALERTS
from deploy.alerts.alert import Alert
from deploy.alerts.pace import SHIPPED, Pace, read_seconds

FAST = Pace(wait=60, window=30, least_wait=4, least_window=20)


def at(pace: Pace, expression: str, wait: str = "15m") -> Alert:
    return pace.change(replace(ALERTS[0], expression=expression, wait=wait))


def test_as_shipped_nothing_changes() -> None:
    assert [SHIPPED.change(alert) for alert in ALERTS] == list(ALERTS)


@pytest.mark.parametrize(
    ("wait", "shorter"),
    [("15m", "15s"), ("2h", "120s"), ("1m", "4s"), ("0m", "0s"), ("2s", "2s")],
)
def test_waits(wait: str, shorter: str) -> None:
    assert at(FAST, "up", wait).wait == shorter


@pytest.mark.parametrize(
    ("expression", "faster"),
    [
        ("rate(a[1h]) > 5", "rate(a[120s]) > 5"),
        ("rate(a[5m]) / rate(b[15m])", "rate(a[20s]) / rate(b[30s])"),
        ("time() - max by (a) (b) > 300", "time() - max by (a) (b) > 5"),
        ("(a / b) > 2500", "(a / b) > 2500"),
    ],
)
def test_windows_and_ages(expression: str, faster: str) -> None:
    assert at(FAST, expression).expression == faster


def test_what_takes_days_takes_no_longer_than_the_most() -> None:
    bounded = replace(FAST, most_wait=30, most_window=40)
    made = at(bounded, "rate(a[6h]) > 5 or time() - max by (a) (b) > 691200", "6h")
    assert made.wait == "30s"
    assert made.expression == "rate(a[40s]) > 5 or time() - max by (a) (b) > 30"


def test_every_time_of_the_table_is_changed() -> None:
    for alert in ALERTS:
        fast = FAST.change(alert)
        assert not re.search(r"\[\d+[mh]\]", fast.expression), alert.name
        assert read_seconds(fast.wait) <= read_seconds(alert.wait)
        if "time() -" in alert.expression and ">" in alert.expression:
            assert fast.expression != alert.expression, alert.name


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="1d12h is no duration"):
        read_seconds("1d12h")
