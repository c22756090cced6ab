from pathlib import Path
from string import Template

import pytest
import yaml

from local.places import MANIFESTS

VALUES = {"dns_service": "10.97.0.10", "coredns_image": "example/coredns:v1"}


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.yaml")), ids=lambda path: path.name)
def test_manifests_are_complete_once_filled_in(path: Path) -> None:
    text = Template(path.read_text()).substitute(VALUES)
    for document in yaml.safe_load_all(text):
        assert document["apiVersion"]
        assert document["kind"]
        assert document["metadata"]["name"]
