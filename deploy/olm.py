"""A bundle for the Operator Lifecycle Manager: `python -m deploy.olm DIRECTORY` writes it.

The ClusterServiceVersion is made of the same objects as `deploy/install.yaml`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.charts.metadata import MINIMUM_KUBERNETES
from deploy.manifests import CLUSTER_WIDE, IMAGE, LEASE_RULES, NAME, RULES, build_installation
from etcd_operator import __version__
from etcd_operator.api.cluster import GROUP, VERSION
from etcd_operator.api.crd import DEFINITIONS, build_crd
from etcd_operator.json_types import Json

CHANNEL: Final = "alpha"
SERVICE_VERSION: Final = f"{NAME}.v{__version__}"
_BUNDLE: Final = "operators.operatorframework.io.bundle"
_DESCRIPTION: Final = """\
Runs [etcd](https://etcd.io) clusters. You declare an `EtcdCluster`; the operator creates, scales,
upgrades, repairs, backs up and restores it, and writes into the status what it does and what it
waits for.
"""
_EXAMPLES: Final = (
    {"kind": "EtcdCluster", "name": "db", "spec": {"size": 3}},
    {
        "kind": "EtcdBackup",
        "name": "nightly",
        "spec": {
            "clusterName": "db",
            "schedule": "0 2 * * *",
            "storageType": "S3",
            "s3": {"bucket": "backups", "credentialsSecret": "s3"},
        },
    },
    {
        "kind": "EtcdRestore",
        "name": "restored",
        "spec": {"backupName": "nightly", "clusterName": "db-restored"},
    },
)


def build_bundle(image: str = IMAGE) -> dict[Path, Json]:
    """Return the documents of the bundle by their path in it."""
    manifests = Path("manifests")
    return {
        manifests / f"{NAME}.clusterserviceversion.yaml": build_service_version(image),
        **{manifests / f"{kind.plural}.yaml": build_crd(kind) for kind in DEFINITIONS},
        Path("metadata/annotations.yaml"): {"annotations": build_annotations()},
    }


def build_annotations() -> dict[str, str]:
    """Return what tells a catalog what the bundle is; the same as labels of its image."""
    return {
        f"{_BUNDLE}.mediatype.v1": "registry+v1",
        f"{_BUNDLE}.manifests.v1": "manifests/",
        f"{_BUNDLE}.metadata.v1": "metadata/",
        f"{_BUNDLE}.package.v1": NAME,
        f"{_BUNDLE}.channels.v1": CHANNEL,
        f"{_BUNDLE}.channel.default.v1": CHANNEL,
    }


def build_service_version(image: str = IMAGE) -> Json:
    """Return the ClusterServiceVersion."""
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": SERVICE_VERSION,
            "annotations": {
                "alm-examples": json.dumps([_build_example(each) for each in _EXAMPLES], indent=2),
                "capabilities": "Full Lifecycle",
                "categories": "Database",
                "containerImage": image,
                "description": "Runs etcd clusters on Kubernetes.",
            },
            "labels": {
                "operatorframework.io/arch.amd64": "supported",
                "operatorframework.io/arch.arm64": "supported",
            },
        },
        "spec": {
            "displayName": "etcd operator",
            "description": _DESCRIPTION,
            "keywords": ["etcd", "database", "key-value"],
            "maturity": "alpha",
            "version": __version__,
            "minKubeVersion": MINIMUM_KUBERNETES,
            "provider": {"name": "The etcd operator authors"},
            "links": [{"name": "etcd", "url": "https://etcd.io"}],
            "installModes": [
                {"type": mode, "supported": True}
                for mode in ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
            ],
            "customresourcedefinitions": {"owned": [_own(crd) for crd in _find("crd")]},
            "install": {"strategy": "deployment", "spec": _build_install(image)},
        },
    }


def _build_example(example: Json) -> Json:
    metadata = {"name": example["name"]}
    head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": example["kind"]}
    return {**head, "metadata": metadata, "spec": example["spec"]}


def _find(kind: str) -> list[Json]:
    names = {"crd": "CustomResourceDefinition", "deployment": "Deployment"}
    return [each for each in build_installation() if each["kind"] == names[kind]]


def _own(crd: Json) -> Json:
    (version,) = crd["spec"]["versions"]
    return {
        "kind": crd["spec"]["names"]["kind"],
        "name": crd["metadata"]["name"],
        "version": version["name"],
        "displayName": crd["spec"]["names"]["kind"],
        "description": version["schema"]["openAPIV3Schema"]["description"],
    }


def _build_install(image: str) -> Json:
    """Deployment and rights. `permissions` hold in the namespaces that an OperatorGroup selects."""
    wide = [rule for rule in RULES if rule["resources"][0] in CLUSTER_WIDE]
    narrow = [rule for rule in RULES if rule not in wide]
    return {
        "permissions": [{"serviceAccountName": NAME, "rules": [*narrow, *LEASE_RULES]}],
        "clusterPermissions": [{"serviceAccountName": NAME, "rules": wide}],
        "deployments": [{"name": NAME, "spec": _build_deployment(image)}],
    }


def _build_deployment(image: str) -> Json:
    (deployment,) = _find("deployment")
    spec: Json = deployment["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    container["image"] = image
    # The Operator Lifecycle Manager writes it there; empty for all namespaces.
    namespaces = {"fieldPath": "metadata.annotations['olm.targetNamespaces']"}
    container["env"].append({"name": "WATCH_NAMESPACES", "valueFrom": {"fieldRef": namespaces}})
    return spec


def main(words: list[str]) -> int:
    """Write the bundle into a directory."""
    directory = Path(words[0])
    for path, document in build_bundle().items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_dump(document))
    print(f"wrote the bundle {SERVICE_VERSION} to {directory}")
    return 0


def _dump(document: Any) -> str:
    return str(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, width=100))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
