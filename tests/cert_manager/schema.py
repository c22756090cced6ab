"""The schema of cert-manager's Certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from etcd_operator.json_types import Json

DEFINITION: Final = Path(__file__).parent / "certificates.yaml"


def read_definition() -> Json:
    """The CustomResourceDefinition of Certificates."""
    definition: Json = yaml.safe_load(DEFINITION.read_text())
    return definition
