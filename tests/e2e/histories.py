"""What clients saw of a cluster, kept beside the report of a test: it cannot be asked for again."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict

from tests.chaos.history import History, judge, prune
from tests.chaos.linearizability import check
from tests.e2e.harness import REPORT


def keep_history(namespace: str, history: History) -> None:
    """Write the operations, what each watcher was told of, and the log that was read at the end."""
    REPORT.mkdir(parents=True, exist_ok=True)
    (REPORT / f"{namespace}.history.json").write_text(json.dumps(asdict(history)))


def assert_served(namespace: str, history: History, *, longest_gap: float) -> int:
    """Assert that nothing was lost, and that no two writes are further apart, in seconds.

    Returns how many writes were acknowledged.
    """
    keep_history(namespace, history)
    assert judge(history) == []
    verdict = check(prune(history))
    assert not verdict.illegal
    assert not verdict.undecided
    writes = sorted(o.returned for o in history.operations if o.wrote)
    assert len(writes) > 100
    gaps = [after - earlier for earlier, after in itertools.pairwise(writes)]
    seconds = (writes[-1] - writes[0]) / 1e9
    print(f"{len(writes)} writes in {seconds:.0f} s, longest gap {max(gaps) / 1e9:.2f} s")
    assert max(gaps) / 1e9 < longest_gap
    return len(writes)
