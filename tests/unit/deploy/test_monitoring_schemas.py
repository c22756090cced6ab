"""The Prometheus operator takes what is shipped for it: every field is of its schema."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.__main__ import MONITORING
from etcd_operator.json_types import Json
from tests.builders.schema import find_faults

# Written by `make generate`, as are those of the chart, which tests/charts compares with these.
FILES: Final = (
    "pod-monitors.yaml",
    "pod-monitor-tls.yaml",
    "prometheus-rule.yaml",
    "service-monitors.yaml",
)
CRDS: Final = Path(__file__).parents[2] / "monitoring" / "crds"
SHIPPED: Final[list[Json]] = [
    item
    for name in FILES
    for item in yaml.safe_load_all((MONITORING / name).read_text())
    if item["kind"] != "Service"
]
DEFINITIONS: Final[dict[str, Json]] = {
    definition["spec"]["names"]["kind"]: definition
    for definition in (
        yaml.load(path.read_text(), yaml.CSafeLoader) for path in CRDS.glob("*.yaml")
    )
}


def test_each_kind_is_shipped() -> None:
    assert {item["kind"] for item in SHIPPED} == set(DEFINITIONS)


@pytest.mark.parametrize(
    "item", SHIPPED, ids=lambda item: f"{item['kind']} {item['metadata']['name']}"
)
def test_what_is_shipped_is_of_the_schema(item: Json) -> None:
    assert find_faults(item, DEFINITIONS[item["kind"]]) == []


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("port", 8081, ".spec.podMetricsEndpoints.[0]port. is no string"),
        ("honourLabels", True, ".spec.podMetricsEndpoints.[0]honourLabels is unknown"),
        ("interval", "30 s", "does not match"),
    ],
)
def test_a_fault_would_be_noticed(field: str, value: Any, fault: str) -> None:
    monitor = copy.deepcopy(SHIPPED[0])
    monitor["spec"]["podMetricsEndpoints"][0][field] = value
    (said,) = find_faults(monitor, DEFINITIONS["PodMonitor"])
    assert fault in said
