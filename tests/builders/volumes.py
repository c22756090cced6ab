"""PersistentVolumes bound to nodes."""

from __future__ import annotations

from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.nodes import HOSTNAME


def bound_volume(*names: str, key: str = HOSTNAME) -> Json:
    """A volume that only these nodes can reach."""
    expressions = [{"key": key, "operator": "In", "values": list(names)}]
    terms = [{"matchExpressions": expressions}]
    affinity = {"required": {"nodeSelectorTerms": terms}}
    metadata = {"name": "v", "resourceVersion": "1"}
    promised = {"uid": "u", "namespace": "team", "name": "data-db-0"}
    return {"metadata": metadata, "spec": {"nodeAffinity": affinity, "claimRef": promised}}
