"""The operator's counters are read as it exposes them, leases apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from etcd_operator.runtime.process.metrics import Metrics
from tests.perf.meter import Reading, difference, parse
from tests.perf.samples import Usage

READING = Reading("a", 10.0, True, 1.0, 50e6, Counter(apply=3, get=1))


def test_what_the_operator_exposes_is_understood() -> None:
    metrics = Metrics()
    metrics.leading.set(1)
    for verb, resource in (("apply", "services"), ("apply", "configmaps"), ("patch", "leases")):
        metrics.count_request(verb, resource, 200)
    reading = parse("a", metrics.expose().decode())
    assert reading.leads
    assert reading.requests == {"apply": 2}
    assert reading.resident_bytes > 1e6
    assert reading.cpu_seconds > 0


def test_a_page_without_the_counters_is_refused() -> None:
    with pytest.raises(KeyError):
        parse("a", "# nothing\n")


def test_usage_is_the_difference_of_two_readings() -> None:
    after = Reading("a", 15.0, True, 1.5, 60e6, Counter(apply=5, get=1, patch=1))
    assert difference(READING, after) == Usage(0.5, 5.0, 60e6, {"apply": 2, "patch": 1})


def test_readings_of_two_processes_have_no_difference() -> None:
    assert difference(READING, replace(READING, replica="b")) is None
    assert difference(None, READING) is None
    assert difference(READING, None) is None
