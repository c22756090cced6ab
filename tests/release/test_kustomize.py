"""The base and the overlays, as kubectl's own kustomize renders them."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from deploy.manifests import build_installation, build_namespaced_installation
from deploy.monitoring_files import build_pod_monitors, build_prometheus_rule
from deploy.target import PROJECT
from etcd_operator.json_types import Json
from local import build
from local.places import read_places
from local.programs import kubernetes

KUSTOMIZE = PROJECT / "deploy" / "kustomize"
Objects = dict[tuple[str, str], Json]


def render(directory: str) -> Objects:
    kubectl = build.directory_of(kubernetes(), read_places(os.environ)) / "kubectl"
    result = subprocess.run(
        [str(kubectl), "kustomize", str(KUSTOMIZE / directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return by_name(list(yaml.safe_load_all(result.stdout)))


def by_name(manifests: list[Json]) -> Objects:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


@pytest.mark.parametrize(
    ("directory", "wanted"),
    [
        ("base", build_installation()),
        ("overlays/namespaced", build_namespaced_installation()),
        (
            "overlays/monitoring",
            [*build_installation(), *build_pod_monitors(), build_prometheus_rule()],
        ),
    ],
    ids=["base", "namespaced", "monitoring"],
)
def test_objects_are_those_of_the_manifests(directory: str, wanted: list[Json]) -> None:
    assert render(directory) == by_name(wanted)


def test_openshift_assigns_user_ids() -> None:
    rendered, base = render("overlays/openshift"), by_name(build_installation())
    changed = {name for name in base if rendered[name] != base[name]}
    assert changed == {("Deployment", "etcd-operator")}
    pod = rendered["Deployment", "etcd-operator"]["spec"]["template"]["spec"]
    assert pod["securityContext"].keys() == {"runAsNonRoot", "seccompProfile"}
    assert {"name": "ASSIGN_USER_IDS", "value": "false"} in pod["containers"][0]["env"]
