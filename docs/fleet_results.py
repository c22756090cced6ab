"""The section on many clusters, made from the results of a run: `make bench-fleet`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from etcd_operator.json_types import Json

RESULTS: Final = Path(__file__).parent / "results" / "fleet.json"
PICTURE: Final = "results/fleet.svg"

# What each row of the table says, where a run has it, and in which unit.
ROWS: Final = (
    ("load average when it began", "load_average", ""),
    ("create: all Running", "create.seconds", "s"),
    ("processor time for each", "create.processor_ms_per_cluster", "ms"),
    ("at rest: operator, of a core", "rest.processor_percent.operator", "%"),
    ("API server", "rest.processor_percent.kube-apiserver", "%"),
    ("passes per second", "rest.passes_per_second", ""),
    ("processor time of a pass", "rest.processor_ms_per_pass", "ms"),
    ("longest time without a look", "rest.longest_without_a_look_seconds", "s"),
    ("resident memory", "rest.memory_mb.rss", "MB"),
    ("writes to the API server in a minute", "rest.api_writes", ""),
    ("connections to members", "rest.etcd_connections_open", ""),
    ("of these opened in a minute", "rest.etcd_connections_opened", ""),
    ("3 → 5: first write, median", "change.first_write_ms.p50", "ms"),
    ("the slowest", "change.first_write_ms.max", "ms"),
    ("additions that etcd refused, of 40", "change.adds_refused", ""),
    ("another leader: shown after, at most", "notice.leader_moved_seconds.max", "s"),
    ("a member hangs: shown after, at most", "notice.member_silent_seconds.max", "s"),
    ("restart: first cluster looked at", "restart.first_look_seconds", "s"),
    ("all looked at", "restart.all_looked_at_seconds", "s"),
    ("memory at most", "restart.memory_mb.peak", "MB"),
    ("storm: first write of a change, slowest", "storm.others.first_write_ms.max", "ms"),
    ("all well again", "storm.well_again_seconds", "s"),
    ("a tenth hangs: first write of a change, slowest", "hang.others.first_write_ms.max", "ms"),
)


def write_fleet() -> list[str]:
    """Return the lines of the section; none without a recorded run."""
    if not RESULTS.exists():
        return []
    found = json.loads(RESULTS.read_text())
    runs, machine = found["runs"], found["machine"]
    days = sorted(run["began"][:10] for run in runs)
    return [
        "## Many clusters\n",
        (
            f"`make bench-fleet`, last on {days[-1]}, on {machine['cores']} cores: clusters of "
            "three members, the operator as it ships, a real API server with its etcd and "
            "controllers, and nodes "
            "and members that one process simulates. All of them share the machine: compare "
            "processor time rather than seconds, and that only beside the load average: so many "
            "processes wanted these cores. Members take 20 writes a second. In the storm, a "
            "third of all Pods is not Ready for 10 s, while other clusters are scaled; then a "
            "member hangs in one cluster of ten.\n"
        ),
        f"![Processor time and memory of the operator by the number of clusters]({PICTURE})\n",
        f"| Clusters | {' | '.join(str(run['clusters']) for run in runs)} |",
        f"|---|{'---|' * len(runs)}",
        *(_write_row(title, path, unit, runs) for title, path, unit in ROWS),
        "",
    ]


def _write_row(title: str, path: str, unit: str, runs: list[Json]) -> str:
    cells = (find(run, path) for run in runs)
    shown = ("-" if cell is None else f"{cell:g} {unit}".rstrip() for cell in cells)
    return f"| {title} | {' | '.join(shown)} |"


def find(run: Json, path: str) -> float | None:
    """Return a figure of a run by the names that lead to it; None where it was not measured."""
    value: object = run
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int | float) else None
