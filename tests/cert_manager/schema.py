"""The schemas of cert-manager's Certificates, their requests and its Issuers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from deploy.target import Target
from etcd_operator.json_types import Json

_FOLDER: Final = Path(__file__).parent
DEFINITIONS: Final = tuple(
    _FOLDER / name for name in ("certificates.yaml", "certificate_requests.yaml", "issuers.yaml")
)


def read_definition() -> Json:
    """The CustomResourceDefinition of Certificates."""
    definition: Json = yaml.safe_load(DEFINITIONS[0].read_text())
    return definition


def read_names() -> list[str]:
    """The names of all CustomResourceDefinitions, such as certificates.cert-manager.io."""
    return [yaml.safe_load(path.read_text())["metadata"]["name"] for path in DEFINITIONS]


def define(target: Target) -> None:
    """Create all of them, as an installation of cert-manager does."""
    for path in DEFINITIONS:
        target.run("apply", f"--filename={path}")


def undefine(target: Target) -> None:
    """Take away those that are there."""
    target.run("delete", "crd", *read_names(), "--ignore-not-found")
