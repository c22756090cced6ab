"""What follows from measured backups and restores."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.perf.backup_results import Row, Run, find_missed, find_speed, render_row, write_results


def rows(ours: float) -> list[Row]:
    """Backups that took etcd's tools 2 s at best, and ours so long."""
    slow = Run(9.0, 3.0, 50)
    return [
        Row(100, "backup", "etcd's tools", True, (Run(2.0, 1.5, 60), slow)),
        Row(100, "backup", "ours, plain", False, (slow, Run(ours, 1.0, 70))),
        Row(100, "restore", "etcd's tools", True, (Run(1.0, 1.5, 60),)),
        Row(100, "restore", "ours, plain", False, (Run(2.0, 1.5, 60),)),
    ]


def test_runs_follow_one_another() -> None:
    assert Run(1.0, 0.5, 70) + Run(2.0, 0.25, 60) == Run(3.0, 0.75, 70)


def test_the_shortest_round_is_judged() -> None:
    assert [find_speed(row, rows(2.5)) for row in rows(2.5)] == [None, 0.8, None, 0.5]
    assert find_missed(rows(2.5)) == []
    assert find_missed(rows(4.0)) == ["backup of 100 MiB, ours, plain: 0.50 x"]


def test_a_row_shows_what_was_measured() -> None:
    shown = render_row(rows(2.5)[1], rows(2.5))
    assert shown == (
        "| 100 MiB | backup | ours, plain | 2.50 s | 40 MiB/s | 0.80 x | 1.00 s | 70 MiB |"
    )


def test_every_number_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    write_results(rows(4.0), datetime(2026, 1, 2, tzinfo=UTC), {"etcd": "v3.6.16"}, path)
    found = json.loads(path.read_text())
    assert (found["began"], found["etcd"]) == ("2026-01-02T00:00:00+00:00", "v3.6.16")
    assert found["missed"] == ["backup of 100 MiB, ours, plain: 0.50 x"]
    assert [row["met"] for row in found["results"]] == [None, False, None, None]
    assert found["results"][1]["rounds"] == [9.0, 4.0]
