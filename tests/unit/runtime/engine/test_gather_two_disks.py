"""Looking for the disks of write-ahead logs, where members have them."""

from __future__ import annotations

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.naming import LABEL_CLUSTER_UID
from etcd_operator.runtime.kubernetes.api import CLAIMS
from tests.builders.snapshots import NAMING, raw_cluster
from tests.harnesses.gather import GathererHarness, labelled, metadata

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("wanted", [False, True], ids=["one disk", "two disks"])
async def test_disks_of_logs_are_looked_up_where_members_have_them(wanted: bool) -> None:
    """Of whoever has one disk, a claim that is called so is none of the cluster's business."""
    harness = GathererHarness()
    if wanted:
        harness.cluster = parse_cluster(raw_cluster({"storage": {"wal": {}}}))
    name, later = NAMING.claim(0, wal=True), NAMING.claim(1, wal=True)
    harness.server.put(CLAIMS, name, {"metadata": metadata(name)}, NAMING.namespace)
    theirs = labelled("PersistentVolumeClaim", later)
    theirs["metadata"]["labels"][LABEL_CLUSTER_UID] = "an-earlier-one"
    harness.show(theirs)
    snapshot = await harness.gather()
    assert snapshot.unlabelled_claims == ((name,) if wanted else ())
    assert [claim.name for claim in snapshot.claims] == ([later] if wanted else [])
