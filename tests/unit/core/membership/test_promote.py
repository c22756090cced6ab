"""When a learner gets its vote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.membership import promote as promote
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import routine
from tests.builders.actions import SAID, Fires, Passes
from tests.builders.snapshots import NOW, formed, growing, with_learner, with_spec


def unseen(snapshot: Snapshot, ordinal: int, **pod_changes: Any) -> Snapshot:
    """The leader says that this learner has joined; the kubelet has not said yet that it runs."""
    shown = {"running": False, "ready": False, **pod_changes}
    joined = with_learner(snapshot, ordinal, serves=True, **shown)
    return replace(joined, probes=snapshot.probes)


FIRES = (
    Fires(
        "a serving learner gets its vote, and its label after that",
        promote.promote,
        with_learner(growing(3, 5), 3, serves=True),
        routine.PROMOTING_LEARNER,
        "Learner db-3 is catching up.",
        Phase.SCALING,
        ("promote 3", "label db-3 voter"),
    ),
    Fires(
        "a new Pod that the kubelet does not show to run yet, once the leader says it joined",
        promote.promote,
        unseen(growing(3, 5), 3),
        routine.PROMOTING_LEARNER,
        SAID,
        Phase.SCALING,
        ("promote 3", "label db-3 voter"),
    ),
)

PASSES = (
    Passes("no learner", promote.promote, formed(3)),
    Passes("the learner does not serve yet", promote.promote, with_learner(growing(3, 5), 3)),
    Passes(
        "without it the others would be no majority, and nobody has seen it run",
        promote.promote,
        unseen(growing(1, 3), 1),
    ),
    Passes(
        "it joined long ago",
        promote.promote,
        unseen(growing(3, 5), 3, created=NOW - timedelta(seconds=10)),
    ),
    Passes("it ended since", promote.promote, unseen(growing(3, 5), 3, restarts=1)),
    Passes(
        "it runs, but does not answer",
        promote.promote,
        unseen(growing(3, 5), 3, running=True),
    ),
    Passes(
        "the learner is to go again",
        promote.promote,
        with_spec(with_learner(growing(3, 5), 3, serves=True), size=3),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()
