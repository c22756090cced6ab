"""An object that got past the API server's checks must stop nothing else."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api import parse
from etcd_operator.api.cluster import EtcdClusterSpec, EtcdClusterStatus, Phase
from etcd_operator.api.parse import LONGEST_SPEC, parse_cluster, parse_time
from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster


def test_a_complete_object() -> None:
    raw = raw_cluster(
        {"size": 5, "version": "3.6.4", "podTemplate": {"nodeSelector": {"disk": "nvme"}}},
        annotations={"a": "b"},
        creationTimestamp="2026-03-04T05:06:07Z",
    )
    cluster = parse_cluster(raw)
    assert (cluster.namespace, cluster.name, cluster.generation) == ("team", "db", 2)
    assert cluster.created == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert (cluster.deleting, cluster.flaws) == (False, ())
    assert cluster.spec.size == 5
    assert cluster.spec.pod_template is not None
    assert cluster.spec.pod_template.node_selector == {"disk": "nvme"}
    assert cluster.annotations == {"a": "b"}


def test_the_least_there_can_be() -> None:
    cluster = parse_cluster({"metadata": {"namespace": "n", "name": "db", "uid": "u"}})
    assert cluster.spec == EtcdClusterSpec()
    assert cluster.status == EtcdClusterStatus()
    assert (cluster.finalizers, cluster.created) == ((), None)


def test_deletion() -> None:
    assert parse_cluster(raw_cluster(deletionTimestamp="2026-03-04T05:06:07Z")).deleting


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"size": "many"}, "spec.size cannot be 'many': "),
        ({"storage": {"size": []}}, "spec.storage.size cannot be '[]': "),
        ({"storage": {"retentionPolicy": {"whenScaled": "Maybe"}}}, "whenScaled cannot be 'Maybe'"),
        ({"etcdConfig": {"electionTimeout": 10**6}}, "spec.etcdConfig.electionTimeout cannot be"),
        ({"resources": {"requests": ["cpu"]}}, "spec.resources.requests cannot be"),
        ({"repository": ""}, "spec.repository cannot be ''"),
        (
            {"recovery": {"memberReplacementDelay": "soon"}},
            "Delay cannot be 'soon': use a length of time such as 500ms, 5m or 1h30m.",
        ),
    ],
)
def test_what_cannot_be_understood_is_a_flaw_with_its_path(spec: Json, sentence: str) -> None:
    cluster = parse_cluster(raw_cluster(spec))
    (flaw,) = cluster.flaws
    assert sentence in flaw
    assert find_problems(cluster)[0].sentence == flaw


def test_what_can_be_understood_counts_beside_a_flaw() -> None:
    """Above all what is to become of the disks: the cluster may be deleted as it is."""
    spec = {
        "size": 5,
        "storage": {"size": [], "retentionPolicy": {"whenDeleted": "Retain"}},
        "podTemplate": {"tolerations": ["none"]},
        "recovery": {"quorumLoss": {"clusterID": "c1d"}},
    }
    cluster = parse_cluster(raw_cluster(spec))
    assert len(cluster.flaws) == 3
    assert (cluster.spec.size, str(cluster.spec.storage.size)) == (5, "10Gi")
    assert cluster.spec.storage.retention_policy.when_deleted == "Retain"
    assert cluster.spec.recovery.quorum_loss is None


def test_a_spec_that_is_no_object_is_a_flaw() -> None:
    assert parse_cluster({**raw_cluster(), "spec": ["size", 3]}).flaws


def test_unknown_fields_are_ignored() -> None:
    cluster = parse_cluster(raw_cluster({"size": 1, "backup": {"every": "1h"}}))
    assert (cluster.spec.size, cluster.flaws) == (1, ())


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Dancing", "clusterID": "c1d"},
        {"conditions": "none", "clusterID": "c1d"},
        {"members": [{"ready": True}], "clusterID": "c1d"},
    ],
)
def test_a_bad_status_keeps_the_fence(status: Json) -> None:
    """Everything else is read again from etcd; the cluster ID is what forbids a second life."""
    cluster = parse_cluster({**raw_cluster(), "status": status})
    assert cluster.status == EtcdClusterStatus(cluster_id="c1d")
    assert cluster.flaws == ()


def test_a_status_that_is_not_even_close() -> None:
    assert parse_cluster({**raw_cluster(), "status": {"clusterID": []}}).status.cluster_id == ""


def test_a_status_is_read_back_as_it_was_written() -> None:
    status = EtcdClusterStatus.model_validate(
        {
            "phase": "Running",
            "leaderID": "a0",
            "members": [{"name": "db-0", "peerURL": "http://x", "dbSize": 5, "role": "leader"}],
            "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 4}],
        }
    )
    written = status.model_dump(mode="json", by_alias=True)
    assert written["members"][0]["peerURL"] == "http://x"
    assert parse_cluster({**raw_cluster(), "status": written}).status == status
    assert status.phase is Phase.RUNNING


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["size", "version", "storage", "security", "resources", "podTemplate", "etcdConfig", "paused"]
)


@given(spec=st.dictionaries(FIELDS, JSON, max_size=4), status=st.dictionaries(st.text(), JSON))
def test_nothing_a_user_writes_raises(spec: Json, status: Json) -> None:
    find_problems(parse_cluster({**raw_cluster(spec), "status": status}))


def test_times() -> None:
    assert parse_time(None) is None
    assert parse_time("") is None
    assert parse_time("2026-03-04T05:06:07Z") == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_clusters_with_the_same_spec_have_one_in_common() -> None:
    raw = {"metadata": {"namespace": "team", "name": "db", "uid": "u"}, "spec": {"size": 5}}
    first, second = parse_cluster(copy.deepcopy(raw)), parse_cluster(copy.deepcopy(raw))
    assert first.spec is second.spec
    other = parse_cluster({**raw, "spec": {"size": 7}})
    assert (first.spec.size, other.spec.size) == (5, 7)


def test_a_spec_that_is_long_is_kept_for_its_own_cluster_alone() -> None:
    """Users write what they like, and what is kept for all stays when their clusters are gone."""
    labels = {"labels": {"team": "x" * LONGEST_SPEC}}
    raw = {
        "metadata": {"namespace": "team", "name": "db", "uid": "u"},
        "spec": {"size": 5, "podTemplate": labels},
    }
    before = parse._recall_spec.cache_info().currsize
    first, second = parse_cluster(raw), parse_cluster(copy.deepcopy(raw))
    assert first.spec == second.spec
    assert first.spec is not second.spec
    assert parse._recall_spec.cache_info().currsize == before
