"""What a client felt, from the answers that it had, and how a page says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs import client_gaps
from tests.perf.clients.load import Answer, judge

ANSWERS = [
    Answer(0.9, 1.0),
    Answer(1.1, 1.2),
    Answer(1.3, 1.4, "refused"),
    Answer(1.7, 1.8),
    Answer(1.9, 2.1),
    Answer(2.2, 2.3, "later"),
]


def test_a_failed_write_ends_no_gap_and_is_kept() -> None:
    felt = judge(ANSWERS, began=1.05, ended=2.0)
    assert felt.gap == pytest.approx(0.6)
    assert felt.writes == 4
    assert felt.errors == ("refused",)


def test_the_page_says_the_words_of_etcd_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "rpc error: code = Unavailable desc = read tcp 10.0.0.1:1->10.0.0.2:2379: read: reset"
    rolls = [
        {"seconds": 40.0, "gap_seconds": 0.25, "writes": 900, "errors": []},
        {"seconds": 41.2, "gap_seconds": 0.5, "writes": 800, "errors": [error, error]},
    ]
    run = {
        "began": "2026-01-02T03:04:05+00:00",
        "machine": {"cores": 2, "load_average": 3.2},
        "writers": 5,
        "changes": {"roll": rolls},
    }
    results = tmp_path / "clients.json"
    results.write_text(json.dumps(run))
    monkeypatch.setattr(client_gaps, "RESULTS", results)
    rows = [line for line in client_gaps.write_client_gaps() if line.startswith("| roll")]
    assert rows == ["| roll | 40.0 s / 41.2 s | 0.25 s / 0.50 s | 1700 | 2 | 2 x read: reset |"]


def test_without_a_recorded_run_the_page_has_no_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_gaps, "RESULTS", tmp_path / "none.json")
    assert client_gaps.write_client_gaps() == []
