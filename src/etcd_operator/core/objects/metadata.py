"""The metadata that every rendered object shares, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT, Naming
from etcd_operator.json_types import Json


def build_object(
    api_version: str,
    kind: str,
    name: str,
    naming: Naming,
    body: Json,
    *,
    component: str = "database",
    annotations: Mapping[str, str] | None = None,
) -> Json:
    """Build a complete manifest, owned by the EtcdCluster and stamped with its own fingerprint."""
    manifest: Json = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": naming.namespace,
            "labels": naming.labels(component),
            "annotations": {**dict(naming.inherited_annotations), **(annotations or {})},
            "ownerReferences": build_owner_references(naming),
        },
        **body,
    }
    manifest["metadata"]["annotations"][ANNOTATION_FINGERPRINT] = fingerprint(manifest)
    return manifest


def build_owner_references(naming: Naming) -> list[Json]:
    """Build the ownerReferences of an object that belongs to the EtcdCluster."""
    owner = {
        "apiVersion": "etcd.etcd.io/v1alpha1",
        "kind": "EtcdCluster",
        "name": naming.name,
        "uid": naming.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return [owner]


def fingerprint(manifest: Json | list[Any]) -> str:
    """Return a short hash of a manifest's meaning: equal for equal content, whatever its order."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
