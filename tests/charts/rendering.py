"""Charts as Helm renders them."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.target import PROJECT
from etcd_operator.json_types import Json
from local.helm import provide_helm

CHARTS = PROJECT / "deploy" / "helm"
# What Helm's own labels and annotations say, beside those of the manifests.
ADDED_LABELS = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
}
KEEP = {"helm.sh/resource-policy": "keep"}


class HelmError(Exception):
    """What Helm said when it refused."""


def run_helm(*words: str, stdin: str = "") -> str:
    """Run Helm without anybody's configuration; raises HelmError with what it said."""
    result = subprocess.run(
        [str(_helm()), *words], input=stdin, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise HelmError(result.stderr)
    return result.stdout


class _Strict(yaml.SafeLoader):
    """YAML whose mappings have each key once, as kustomize and Flux want what Helm renders."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping; raises ValueError for a key that is there twice."""
        made = super().construct_mapping(node, deep=deep)
        if len(made) != len(node.value):
            raise ValueError(f"a key is there twice:{node.start_mark}")
        return made


@cache
def _helm() -> Path:
    return provide_helm()


def render(chart: str, values: Json | None = None, namespace: str = "test") -> list[Json]:
    """Return the objects that a release named `r` would have."""
    words = ("template", "r", str(CHARTS / chart), f"--namespace={namespace}", "--values=-")
    text = run_helm(*words, stdin=json.dumps(values or {}))
    return [each for each in yaml.load_all(text, _Strict) if each]


def name_object(manifest: Json) -> tuple[str, str, str]:
    """The kind, the namespace and the name."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def without_helm(manifest: Json) -> Json:
    """The object without what Helm's conventions add to its metadata."""
    metadata = dict(manifest["metadata"])
    labels = {k: v for k, v in metadata.get("labels", {}).items() if k not in ADDED_LABELS}
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if KEEP.get(k) != v}
    for name, kept in (("labels", labels), ("annotations", annotations)):
        metadata.pop(name, None)
        metadata.update({name: kept} if kept else {})
    return {**manifest, "metadata": metadata}


def pick(manifests: list[Json], kind: str) -> Any:
    """The only object of a kind."""
    (found,) = (each for each in manifests if each["kind"] == kind)
    return found
