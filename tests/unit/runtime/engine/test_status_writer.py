"""The status that is written, and whether it is."""

from __future__ import annotations

from typing import cast

import pytest

from etcd_operator.api.cluster import Condition, EtcdClusterStatus
from etcd_operator.runtime.engine.status_writer import StatusWriter
from etcd_operator.runtime.kubernetes.events import EventRecorder
from tests.builders.snapshots import formed
from tests.harnesses.reconciler import ReconcilerHarness


@pytest.fixture
def harness() -> ReconcilerHarness:
    return ReconcilerHarness(formed(3))


async def test_words_of_strangers_do_nothing_where_a_status_is_read(
    harness: ReconcilerHarness,
) -> None:
    """They are shown as what they can do no harm as, and not written again for being so."""
    hostile = Condition(type="Ready", status="False", message="\x1b]0;owned\x07")
    status = EtcdClusterStatus(message="said:\n\x1b[2J", conditions=[hostile])
    events = cast(EventRecorder, harness)
    writer = StatusWriter(harness.api, harness.caches.clusters, events)
    for _ in range(2):
        (cluster,) = harness.caches.clusters.values()
        assert await writer.write(cluster, status)
    (written,) = harness.written
    assert written["status"]["message"] == "said:  [2J"
    assert written["status"]["conditions"][0]["message"] == " ]0;owned "
