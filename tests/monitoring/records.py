"""What metrics a real etcd has, with their labels: `tests/monitoring/recorded`, by minor version.

The tests of dashboards and alerts compare with these files, and tests/etcd/test_metrics.py these
files with etcd. To record anew: `ETCD_BINARIES=… RECORD=1 pytest tests/etcd/test_metrics.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

RECORDED: Final = Path(__file__).parent / "recorded"
MINORS: Final = ("3.5", "3.6")
# The Go runtime's own metrics follow the version of Go.
KEPT: Final = ("etcd_", "grpc_", "process_")


def place_of(minor: str) -> Path:
    """The file of a minor version."""
    return RECORDED / f"etcd-{minor}.txt"


def read_record(minor: str) -> dict[str, frozenset[str]]:
    """Return the labels of each series that a minor version has, by its name."""
    lines = (line.split() for line in place_of(minor).read_text().splitlines())
    return {name: frozenset(labels) for name, *labels in lines}


def name_series(text: str) -> dict[str, frozenset[str]]:
    """Return the labels of each series of a scrape, by its name."""
    found: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(KEPT):
                found[sample.name] = found.get(sample.name, frozenset()) | frozenset(sample.labels)
    return found


def write_record(series: dict[str, frozenset[str]]) -> str:
    """Return the text of such a file."""
    return "".join(f"{' '.join([name, *sorted(series[name])])}\n" for name in sorted(series))
