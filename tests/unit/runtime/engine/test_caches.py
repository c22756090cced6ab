"""Live objects of all clusters as the caches keep them."""

from __future__ import annotations

import copy
import json
from typing import cast

from etcd_operator.core.model.live_objects import Claim, Pod
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.kubernetes.api import KubeApi
from tests.builders.snapshots import NAMING, formed
from tests.harnesses.operator_in_memory import claim_of, pod_of


def test_objects_of_two_clusters_have_their_equal_parts_in_common() -> None:
    caches = Caches(cast(KubeApi, None))
    live = formed(3).statefulset
    assert live is not None
    managed = [{"manager": "etcd-operator", "time": "2026-11-30T10:00:00Z"}]
    bodies = []
    for namespace in ("team", "other"):
        body: Json = copy.deepcopy(live.body)
        body["metadata"] |= {"namespace": namespace, "uid": namespace, "resourceVersion": "7"}
        bodies.append(copy.deepcopy(body))
        body["metadata"]["managedFields"] = copy.deepcopy(managed)
        caches.observe("StatefulSet", body)
    found = [caches.children["StatefulSet"].get(name, NAMING.name) for name in ("team", "other")]
    first, second = (child.body for child in found if child)
    assert [first, second] == bodies
    assert first["spec"] is second["spec"]
    assert first["metadata"]["uid"] == "team"


def test_two_clusters_have_their_equal_texts_in_common() -> None:
    caches = Caches(cast(KubeApi, None))
    for namespace in ("team", "other"):
        metadata = {"namespace": namespace, "name": "db", "uid": namespace, "resourceVersion": "7"}
        condition = {"type": "Ready", "status": "True", "message": f"All {2 + 1} are healthy."}
        body = {"metadata": metadata, "spec": {}, "status": {"conditions": [condition]}}
        caches.observe("EtcdCluster", body)
    found = [caches.clusters.get(namespace, "db") for namespace in ("team", "other")]
    first, second = (one.status.conditions[0] for one in found if one)
    assert first.message == "All 3 are healthy."
    assert first.message is second.message


def test_objects_of_one_cluster_have_the_texts_that_name_it_in_common() -> None:
    """Each is read from an answer of its own, and there are some twenty of each cluster."""
    caches = Caches(cast(KubeApi, None))
    snapshot = formed(3)
    for (kind, _), child in snapshot.children.items():
        caches.observe(kind, read(child.body, resourceVersion="7"))
    for ordinal in range(2):
        caches.observe("Pod", read(pod_of(ordinal), resourceVersion="7"))
        caches.observe("PersistentVolumeClaim", read(claim_of(ordinal), resourceVersion="7"))
    found: list[Pod | Claim] = [*caches.pods.values(), *caches.claims.values()]
    children = [child for cache in caches.children.values() for child in cache.values()]
    assert len(found) == 4
    assert len(children) > 3
    for owners in ([one.owner_uid for one in found], [one.owner_uid for one in children]):
        assert {*owners} == {NAMING.uid}
        assert len({id(owner) for owner in owners}) == 1
    places = [*caches.pods._entries, *caches.claims._entries]
    assert len({id(namespace) for namespace, _ in places}) == 1


def test_the_status_that_nobody_reads_is_not_kept() -> None:
    caches = Caches(cast(KubeApi, None))
    for (kind, _), child in formed(3).children.items():
        body = {**child.body, "status": {"observedGeneration": 1}}
        caches.observe(kind, read(body, resourceVersion="7"))
    kinds = {kind for kind, cache in caches.children.items() if len(cache)}
    kept = {
        kind
        for kind, cache in caches.children.items()
        for one in cache.values()
        if "status" in one.body
    }
    assert kinds - kept == {"PodDisruptionBudget"}


def read(body: Json, **metadata: str) -> Json:
    """An object as it is read: no text in it is another object's."""
    found: Json = json.loads(json.dumps(body))
    found["metadata"] = {"namespace": NAMING.namespace, "uid": "u", **found["metadata"], **metadata}
    return found
