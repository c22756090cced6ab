"""Chart.yaml of each chart, with what Artifact Hub shows."""

from __future__ import annotations

from typing import Final

import yaml

from deploy.manifests import IMAGE
from etcd_operator import __version__
from etcd_operator.api.cluster import GROUP, VERSION
from etcd_operator.api.crd import DEFINITIONS
from etcd_operator.json_types import Json

# The rules of the CRDs use quantities, which the API server knows since then.
MINIMUM_KUBERNETES: Final = "1.29.0"
_DESCRIPTIONS: Final = {
    "etcd-operator": "Runs etcd clusters: creates, scales, upgrades, repairs, backs up, restores.",
    "etcd-cluster": "An etcd cluster of the etcd-operator, by values in the manner of Bitnami's.",
}


def describe_chart(name: str) -> Json:
    """Return Chart.yaml; the version of a chart is that of the operator."""
    operator = name == "etcd-operator"
    return {
        "apiVersion": "v2",
        "name": name,
        "description": _DESCRIPTIONS[name],
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": f">={MINIMUM_KUBERNETES}-0",
        "keywords": ["etcd", "operator", "database", "key-value"],
        "annotations": {
            "artifacthub.io/license": "Apache-2.0",
            "artifacthub.io/category": "database",
            "artifacthub.io/operator": str(operator).lower(),
            **(_describe_operator() if operator else {}),
        },
    }


def _describe_operator() -> dict[str, str]:
    kinds = [
        {
            "kind": kind.kind,
            "version": VERSION,
            "name": f"{kind.plural}.{GROUP}",
            "displayName": kind.kind,
            "description": kind.description,
        }
        for kind in DEFINITIONS
    ]
    images = [{"name": "etcd-operator", "image": IMAGE}]
    return {
        "artifacthub.io/operatorCapabilities": "Full Lifecycle",
        "artifacthub.io/crds": yaml.safe_dump(kinds, sort_keys=False),
        "artifacthub.io/images": yaml.safe_dump(images, sort_keys=False),
    }
