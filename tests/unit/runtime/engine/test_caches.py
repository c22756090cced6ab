"""Live objects of all clusters as the caches keep them."""

from __future__ import annotations

import copy
from typing import cast

from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.kubernetes.api import KubeApi
from tests.builders.snapshots import NAMING, formed


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
