"""What came of all stories, as docs/reliability.md reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from etcd_operator.json_types import Json
from tests.injection.boundaries import Mode
from tests.injection.session import Outcome
from tests.injection.story import Story


class Record:
    """One file; each write replaces it."""

    def __init__(self, path: Path, share: float) -> None:
        self.path = path
        self._share = share
        self._kept: list[Json] = []

    def keep(self, runs: Iterable[tuple[Story, Mode]]) -> None:
        """Keep what the file has of an earlier run, but for what is run again now."""
        if not self.path.exists():
            return
        again = {(story.name, str(mode)) for story, mode in runs}
        before: Json = json.loads(self.path.read_text())
        self._share = min(self._share, before["share"])
        self._kept = [
            {"began": before["began"], **one}
            for one in before["runs"]
            if (one["story"], one["mode"]) not in again
        ]

    def write(self, outcomes: Iterable[Outcome]) -> None:
        """Write what has come to an end, in the order of the modes."""
        order = [str(mode) for mode in Mode]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        runs = [*self._kept, *({**outcome.summary(), "began": now} for outcome in outcomes)]
        result = {
            "began": now,
            "share": self._share,
            "runs": sorted(runs, key=lambda one: (order.index(one["mode"]), one["story"])),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(result, indent=1) + "\n")
        draft.replace(self.path)
