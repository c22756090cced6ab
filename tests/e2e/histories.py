"""What clients saw of a cluster, kept beside the report of a test: it cannot be asked for again."""

from __future__ import annotations

import json
from dataclasses import asdict

from tests.chaos.history import History
from tests.e2e.harness import REPORT


def keep_history(namespace: str, history: History) -> None:
    """Write the operations, what each watcher was told of, and the log that was read at the end."""
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / f"{namespace}.history.json").write_text(json.dumps(asdict(history)))
