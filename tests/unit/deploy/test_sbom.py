"""The bill of materials has every locked package, and the version of the operator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.sbom import LOCKED, complete, main, read_pins
from etcd_operator import __version__
from etcd_operator.json_types import Json


def write_bill(pins: set[tuple[str, str]]) -> Json:
    return {
        "components": [{"name": name, "version": version} for name, version in pins],
        "metadata": {"component": {"name": "etcd-operator"}},
    }


def test_a_whole_bill_gets_the_version(tmp_path: Path) -> None:
    pins = read_pins(LOCKED.read_text())
    assert "obstore" in {name for name, _ in pins}
    path = tmp_path / "sbom.json"
    path.write_text(json.dumps(write_bill(pins)))
    assert main([str(path)]) == 0
    component = json.loads(path.read_text())["metadata"]["component"]
    assert component == {"name": "etcd-operator", "version": __version__}


@pytest.mark.parametrize("bill", [{("a", "1")}, {("a", "1"), ("b", "3")}, {("a", "1"), ("c", "2")}])
def test_a_bill_that_is_not_that_of_the_lock_file_is_refused(bill: set[tuple[str, str]]) -> None:
    pins = read_pins("a==1 \\\n    --hash=sha256:0\nb==2 ; python_version < '3.12' \\\n")
    assert pins == {("a", "1"), ("b", "2")}
    with pytest.raises(ValueError, match=r"operator\.txt differ in "):
        complete(write_bill(bill), pins)
