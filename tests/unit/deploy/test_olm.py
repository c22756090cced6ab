"""The bundle for the Operator Lifecycle Manager says the same as the manifests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from deploy.manifests import LEASE_RULES, RULES, build_installation
from deploy.olm import build_bundle, build_service_version, main
from etcd_operator.api.crd import DEFINITIONS, build_crd
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.parse_backup import parse_backup, parse_restore
from etcd_operator.json_types import Json

PARSERS: dict[str, Callable[[Json], Any]] = {
    "EtcdCluster": parse_cluster,
    "EtcdBackup": parse_backup,
    "EtcdRestore": parse_restore,
}


def install_of(version: Json) -> Json:
    spec: Json = version["spec"]["install"]["spec"]
    return spec


def test_rights_are_those_of_the_manifests() -> None:
    install = install_of(build_service_version())
    (narrow,), (wide,) = install["permissions"], install["clusterPermissions"]
    assert {narrow["serviceAccountName"], wide["serviceAccountName"]} == {"etcd-operator"}
    given = [*narrow["rules"], *wide["rules"]]
    wanted = [*RULES, *LEASE_RULES]
    assert sorted(given, key=str) == sorted(wanted, key=str)
    assert {rule["resources"][0] for rule in wide["rules"]} == {"nodes", "persistentvolumes"}


def test_the_deployment_is_that_of_the_manifests_with_the_selected_namespaces() -> None:
    (deployment,) = (each for each in build_installation("i") if each["kind"] == "Deployment")
    (found,) = install_of(build_service_version("i"))["deployments"]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    path = container["env"].pop()["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.annotations['olm.targetNamespaces']"
    assert found == {"name": deployment["metadata"]["name"], "spec": deployment["spec"]}


def test_examples_can_be_applied() -> None:
    examples = json.loads(build_service_version()["metadata"]["annotations"]["alm-examples"])
    assert {each["kind"] for each in examples} == PARSERS.keys()
    for example in examples:
        metadata = {"namespace": "default", "uid": "1", **example["metadata"]}
        parsed = PARSERS[example["kind"]]({**example, "metadata": metadata})
        assert parsed.flaws == ()


def test_the_bundle_is_written_whole(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    bundle = build_bundle()
    for path, document in bundle.items():
        assert yaml.load((tmp_path / path).read_text(), yaml.CSafeLoader) == document
    for kind in DEFINITIONS:
        assert bundle[Path("manifests") / f"{kind.plural}.yaml"] == build_crd(kind)
