"""The index of EtcdBackups by EtcdCluster: it says what a walk through all of them would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api.backup import EtcdBackup
from etcd_operator.api.parse_backup import parse_backup
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.task_index import ClusterIndex
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.watch_cache import Cache, own_name
from tests.fakes.kubernetes import InMemoryApi

NAMES = ("a", "b", "c")
CLUSTERS = ("db", "cache")


def raw_backup(name: str, cluster: str, version: int) -> Json:
    """An EtcdBackup as a watch brings it."""
    metadata = {"namespace": "team", "name": name, "uid": f"uid-{name}"}
    return {
        "metadata": {**metadata, "resourceVersion": str(version)},
        "spec": {"clusterName": cluster, "storage": {"pvc": {"claimName": "backups"}}},
    }


def make_cache() -> Cache[EtcdBackup]:
    """An empty cache."""
    return Cache(InMemoryApi(), kube.BACKUPS, parse_backup, own_name)


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from((*CLUSTERS, ""))), min_size=1, max_size=20
    )
)
def test_it_follows_the_cache(changes: list[tuple[str, str]]) -> None:
    """A backup is made, comes to be of another cluster, or (without one) is deleted."""
    cache = make_cache()
    index = ClusterIndex(cache)
    for version, (name, cluster) in enumerate(changes, start=1):
        if cluster:
            cache.observe(raw_backup(name, cluster, 2 * version))
        else:
            cache.observe_deleted("team", name, f"uid-{name}")
        for wanted in CLUSTERS:
            walked = [one for one in cache.values() if one.cluster_key == ("team", wanted)]
            assert index.find(("team", wanted)) == sorted(walked, key=lambda one: one.name)


def test_nothing_is_kept_of_clusters_without_any() -> None:
    cache = make_cache()
    index = ClusterIndex(cache)
    cache.observe(raw_backup("a", "db", 1))
    cache.observe_deleted("team", "a", "uid-a")
    assert index.find_keys(("team", "db")) == []
    assert index._by_cluster == {}
