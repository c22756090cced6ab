"""The faults of the alerts and the record of them: nothing is left out, nothing is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.alerts import ALERTS
from docs.alert_sources import SOURCES
from tests.e2e.alert_faults import FAULTS
from tests.e2e.alert_faults.fault import Fault
from tests.e2e.alert_record import (
    RECORD,
    Times,
    find_in_history,
    merge,
    read_commit,
    record,
)

NAMES = {alert.name for alert in ALERTS}
EVERY = [each for fault in FAULTS for each in fault.every]
each_fault = pytest.mark.parametrize("fault", EVERY, ids=lambda fault: fault.what)


def row(fault: str, date: str = "2026-01-01") -> dict[str, Any]:
    return {"alert": "EtcdNoSpace", "fault": fault, "date": date}


def test_each_alert_has_its_fault() -> None:
    assert {alert for fault in EVERY for alert in fault.alerts} == NAMES


@each_fault
def test_what_is_carried_out_is_of_an_alert_that_fires(fault: Fault) -> None:
    assert fault.carried_out
    assert set(fault.carried_out) <= set(fault.alerts)


def test_faults_have_names_of_their_own() -> None:
    assert len({fault.what for fault in EVERY}) == len(EVERY)


def test_what_was_seen_again_replaces_what_was_known_of_that_fault_alone() -> None:
    known = [row("b"), row("a"), row("gone")]
    assert merge(known, [[row("a", "2026-02-02")]], ["a", "b"]) == [
        row("a", "2026-02-02"),
        row("b"),
    ]


def test_a_fault_is_recorded_with_its_run(tmp_path: Path) -> None:
    record("A claim, deleted", {"EtcdNoSpace": Times(1.23, 4.56)}, tmp_path)
    (written,) = json.loads((tmp_path / "a-claim-deleted.json").read_text())
    assert (written["fired"], written["cleared"], written["wait"]) == (1.2, 4.6, 4)
    assert written["commit"]


def test_a_row_names_a_commit_that_the_history_has() -> None:
    tested = read_commit().rstrip("+")
    assert find_in_history(tested) == tested
    assert find_in_history(f"{tested}+") == f"{tested}+"


def test_the_record_is_of_faults_that_there_are() -> None:
    rows = json.loads(RECORD.read_text()) if RECORD.exists() else []
    alerts = {fault.what: fault.alerts for fault in EVERY}
    assert not [seen for seen in rows if seen["alert"] not in alerts[seen["fault"]]]


def test_alerts_of_others_have_one_here_or_the_reason_why_not() -> None:
    for source in SOURCES:
        for theirs in source.alerts:
            assert bool(theirs.ours) != bool(theirs.why), theirs.names
            assert set(theirs.ours) <= NAMES
