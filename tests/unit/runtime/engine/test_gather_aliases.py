"""Looking for a Service under a further name, which may be somebody else's."""

from __future__ import annotations

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.naming import LABEL_COMPONENT
from etcd_operator.runtime.kubernetes.api import SERVICES
from tests.builders.snapshots import NAMING, raw_cluster
from tests.harnesses.gather import GathererHarness, labelled, metadata

pytestmark = pytest.mark.looptime


async def test_an_alias_is_looked_for_until_it_is_there() -> None:
    """The Service that had its name has no label of ours, and no watch tells when it goes."""
    harness = GathererHarness()
    theirs = {"metadata": metadata("old", version=6), "spec": {}}
    harness.server.put(SERVICES, "old", theirs, NAMING.namespace)
    unnamed = harness.cluster
    harness.cluster = parse_cluster(raw_cluster({"service": {"aliases": ["old"]}}))
    assert (await harness.gather()).child("Service", "old") is not None
    harness.server.store("DELETED", ("Service", NAMING.namespace, "old"), theirs)
    assert (await harness.gather()).child("Service", "old") is None
    mine = labelled("Service", "old") | {"metadata": metadata("old", "mine", version=20)}
    mine["metadata"]["labels"] = {
        **labelled("Service", "old")["metadata"]["labels"],
        LABEL_COMPONENT: "alias",
    }
    harness.show(mine)
    asked = read_services(harness)
    assert (await harness.gather()).child("Service", "old") is not None
    assert read_services(harness) == asked, "from then on watches tell of it"
    harness.cluster = unnamed
    assert (await harness.gather()).child("Service", "old") is not None, "that it can be deleted"


def read_services(harness: GathererHarness) -> list[str]:
    """The Services that were read."""
    return [request for request in harness.server.asked if request.startswith("get Service")]
