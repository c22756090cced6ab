"""What was seen of alerts: one row for each alert of a fault, with the run that it is from.

Each fault has a file of its own in build/alerts, so that workers do not disturb each other.
`python -m tests.e2e.alert_record` takes them into docs/results/alerts.json: what was caused again
replaces what was known of that fault, and every row keeps its own date and commit.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from deploy.alerts import ALERTS
from deploy.alerts.pace import Pace, read_seconds
from deploy.target import PROJECT
from etcd_operator.json_types import Json
from tests.e2e.alert_faults import FAULTS

SEEN: Final = PROJECT / "build" / "alerts"
RECORD: Final = PROJECT / "docs" / "results" / "alerts.json"
# What waits 15 minutes waits seven seconds, and what waits hours half a minute.
FAST: Final = Pace(
    wait=120, window=30, least_wait=4, least_window=30, most_wait=30, most_window=120
)


class Times(NamedTuple):
    """Seconds from the fault until the alert was delivered, and from the remedy until its end."""

    fired: float
    cleared: float


def record(fault: str, times: Mapping[str, Times], seen: Path = SEEN) -> None:
    """Write the rows of a fault that has just been lived through."""
    waits = {alert.name: read_seconds(FAST.change(alert).wait) for alert in ALERTS}
    rows = [
        {
            "alert": alert,
            "fault": fault,
            "wait": waits[alert],
            "fired": round(took.fired, 1),
            "cleared": round(took.cleared, 1),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "commit": read_commit(),
        }
        for alert, took in times.items()
    ]
    seen.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", fault.lower()).strip("-")
    (seen / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(rows))


def read_commit() -> str:
    """Return the commit of the tree that was tested, with `+` for what was not committed."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def find_in_history(commit: str) -> str:
    """Return a commit that was tested, or the last before it that the history still has, and `+`.

    A commit that was rebased since is known to this repository alone.
    """
    base = _git("merge-base", commit.rstrip("+"), "HEAD")
    kept = _git("rev-parse", "--short=12", base)
    return kept + ("" if kept == commit else "+")


def _git(*words: str) -> str:
    command = ["git", "-C", str(PROJECT), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def merge(known: Iterable[Json], seen: Iterable[list[Json]], faults: Iterable[str]) -> list[Json]:
    """Return the rows of all faults that there still are, in their order; the seen ones count."""
    rows: dict[str, list[Json]] = {}
    for row in known:
        rows.setdefault(row["fault"], []).append(row)
    rows |= {new[0]["fault"]: new for new in seen}
    return [row for fault in faults for row in rows.get(fault, [])]


def main() -> None:
    """Take what was seen into the record."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else []
    seen = [
        [{**row, "commit": find_in_history(row["commit"])} for row in json.loads(path.read_text())]
        for path in sorted(SEEN.glob("*.json"))
    ]
    faults = [each.what for fault in FAULTS for each in fault.every]
    rows = merge(known, seen, faults)
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
