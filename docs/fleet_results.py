"""The section on many clusters, made from the results of a run: `make bench-fleet`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.controller import STEADY_SECONDS_PER_CLUSTER

RESULTS: Final = Path(__file__).parent / "results" / "fleet.json"
SHARED: Final = RESULTS.with_name("fleet-shared.json")
PASSES: Final = RESULTS.with_name("passes.json")
PICTURE: Final = "results/fleet.svg"

# What each row of the table says, where a run has it, and in which unit.
ROWS: Final = (
    ("load average when it began", "load_average", ""),
    ("create: all Running", "create.seconds", "s"),
    ("processor time for each", "create.processor_ms_per_cluster", "ms"),
    ("requests to the API server for each", "create.requests_per_cluster", ""),
    ("one that is created alone: Running after, median", "create.alone_seconds.p50", "s"),
    ("one that is created amid the others, median", "create.amid_seconds.p50", "s"),
    ("at rest: operator, of a core", "rest.processor_percent.operator", "%"),
    ("API server", "rest.processor_percent.kube-apiserver", "%"),
    ("passes per second", "rest.passes_per_second", ""),
    ("processor time of a pass", "rest.processor_ms_per_pass", "ms"),
    ("longest time without a look", "rest.longest_without_a_look_seconds", "s"),
    ("resident memory", "rest.memory_mb.rss", "MB"),
    ("writes to the API server in a minute", "rest.api_writes", ""),
    ("connections to members", "rest.etcd_connections_open", ""),
    ("of these opened in a minute", "rest.etcd_connections_opened", ""),
    ("3 → 5: the API server takes the change after, median", "change.request_ms.p50", "ms"),
    ("first write of the operator, median", "change.first_write_ms.p50", "ms"),
    ("the slowest", "change.first_write_ms.max", "ms"),
    ("additions that etcd refused, of 40", "change.adds_refused", ""),
    ("another leader: shown after, at most", "notice.leader_moved_seconds.max", "s"),
    ("a member hangs: shown after, at most", "notice.member_silent_seconds.max", "s"),
    ("restart: first cluster looked at", "restart.first_look_seconds", "s"),
    ("all looked at", "restart.all_looked_at_seconds", "s"),
    ("memory at most", "restart.memory_mb.peak", "MB"),
    (
        "another replica stands by: first look after a clean stop",
        "stand-by.stopped.first_look_seconds",
        "s",
    ),
    ("after a kill", "stand-by.killed.first_look_seconds", "s"),
    ("storm: the API server takes a change after, median", "storm.others.request_ms.p50", "ms"),
    ("first write of the operator, median", "storm.others.first_write_ms.p50", "ms"),
    ("the slowest", "storm.others.first_write_ms.max", "ms"),
    ("all well again", "storm.well_again_seconds", "s"),
    ("a tenth hangs: first write of a change, slowest", "hang.others.first_write_ms.max", "ms"),
    ("ten answer with nonsense: the same", "lie.others.first_write_ms.max", "ms"),
)

SHARED_ROWS: Final = (
    ("load average when it began", "load_average", ""),
    ("shards", "share.shards", ""),
    ("clusters of each replica", "share.clusters_each", ""),
    ("at rest: each replica, of a core", "share.rest.processor_percent", "%"),
    ("passes per second of each", "share.rest.passes_per_second", ""),
    ("resident memory of each", "share.rest.memory_mb", "MB"),
    ("one killed: all clusters looked at again after", "share.killed.all_looked_at_seconds", "s"),
    ("its shards held by the others after", "share.killed.all_shards_held_seconds", "s"),
    ("writes of each replica", "share.writes", ""),
    ("writes without the Lease of the shard", "share.writes_without_the_lease", ""),
)
MOST_PASSES: Final = round(1 / STEADY_SECONDS_PER_CLUSTER)
ON_PAPER: Final = 10_000


def write_fleet() -> list[str]:
    """Return the lines of the section; none without a recorded run."""
    if not RESULTS.exists():
        return []
    found = json.loads(RESULTS.read_text())
    runs, machine = found["runs"], found["machine"]
    return [
        "## Many clusters\n",
        (
            f"`make bench-fleet`, {_say_when(runs)}, on {machine['cores']} cores: clusters of "
            "three members, the operator as it ships, a real API server with its etcd and "
            "controllers, and nodes "
            "and members that one process simulates. All of them share the machine: compare "
            "processor time rather than seconds, and that only beside the load average: so many "
            "processes wanted these cores. Members speak plain text: a connection takes 27 KiB of "
            "the operator's memory then, and some 80 with TLS. They take 20 writes a second. "
            "In the storm, a third of all Pods is not Ready for 10 s, while other clusters are "
            "scaled; then a member hangs in one cluster of ten.\n"
        ),
        f"![Processor time and memory of the operator by the number of clusters]({PICTURE})\n",
        f"| Clusters | {' | '.join(str(run['clusters']) for run in runs)} |",
        f"|---|{'---|' * len(runs)}",
        *(_write_row(title, path, unit, runs) for title, path, unit in ROWS),
        "",
        *_write_shared(),
        *_write_on_paper(runs),
        *_write_passes(),
    ]


def _say_when(runs: list[Json]) -> str:
    """The days on which the numbers of clusters were measured."""
    days: dict[str, list[str]] = {}
    for run in runs:
        days.setdefault(run["began"][:10], []).append(str(run["clusters"]))
    if len(days) == 1:
        return f"on {next(iter(days))}"
    return " and ".join(f"on {day} ({', '.join(numbers)})" for day, numbers in sorted(days.items()))


def _write_shared() -> list[str]:
    """Three replicas beside each other; nothing without a run."""
    if not SHARED.exists():
        return []
    found = json.loads(SHARED.read_text())
    runs, machine = found["runs"], found["machine"]
    return [
        (
            "Three replicas [share the clusters](how-to/share-the-clusters.md), all on the same "
            f"{machine['cores']} cores ({machine['processor']}). One is killed while 20 clusters "
            "are scaled; looks and shards are counted from there. Who wrote is "
            "in the API server's audit log, by the certificate of each replica, and so is who "
            "last wrote the Lease of the cluster's shard before.\n"
        ),
        f"| Clusters | {' | '.join(str(run['clusters']) for run in runs)} |",
        f"|---|{'---|' * len(runs)}",
        *(_write_row(title, path, unit, runs) for title, path, unit in SHARED_ROWS),
        "",
    ]


def _write_passes() -> list[str]:
    """What a pass at rest costs in the operator itself; nothing without a run."""
    if not PASSES.exists():
        return []
    found = json.loads(PASSES.read_text())
    return [
        (
            f"`make bench-passes`, last on {found['began'][:10]}: a pass over a cluster of three "
            "at rest, without the calls to its members, which are most of its processor "
            "time. The floor is reading the JSON of the cluster's objects once.\n"
        ),
        "| Pass | Calls of functions | Times the floor |",
        "|---|---|---|",
        *(
            f"| {name} | {one['calls']} | {one['ratio_to_floor']:g} |"
            for name, one in found["passes"].items()
        ),
        "",
    ]


def _write_on_paper(runs: list[Json]) -> list[str]:
    """What follows for many more clusters; nothing where one number alone was measured."""
    known = [(r["clusters"], find(r, "rest.memory_mb.rss"), r) for r in runs]
    points = [(count, memory) for count, memory, _ in known if memory is not None]
    cost = find(runs[-1], "rest.processor_ms_per_pass") if runs else None
    if len(points) < 2 or cost is None:
        return []
    (few, less), (many, more) = points[0], points[-1]
    each = (more - less) / (many - few)
    return [
        (
            f"On paper, {ON_PAPER} clusters: one replica makes {MOST_PASSES} routine passes a "
            f"second, for {MOST_PASSES * cost / 10:.0f} % of a core, however many clusters there "
            f"are, and would look at each every {ON_PAPER / MOST_PASSES:.0f} s. Eight replicas "
            f"with 16 shards look every {ON_PAPER / MOST_PASSES / 8:.0f} s, for that part of a "
            f"core each. Memory grows by {each:.2f} MB with each cluster, connections to its "
            "members included, which only the replica has that works on it: less than "
            f"{each * ON_PAPER / 1000:.1f} GB for each replica. This was not measured.\n"
        )
    ]


def _write_row(title: str, path: str, unit: str, runs: list[Json]) -> str:
    shown = (_show(_look_up(run, path), unit) for run in runs)
    return f"| {title} | {' | '.join(shown)} |"


def _show(value: object, unit: str) -> str:
    """A figure, or one for each replica, with its unit."""
    each = list(value.values()) if isinstance(value, dict) else [value]
    figures = [f"{one:g}" for one in each if isinstance(one, int | float)]
    return f"{' / '.join(figures)} {unit}".rstrip() if figures else "-"


def find(run: Json, path: str) -> float | None:
    """Return a figure of a run by the names that lead to it; None where it was not measured."""
    value = _look_up(run, path)
    return value if isinstance(value, int | float) else None


def _look_up(run: Json, path: str) -> object:
    value: object = run
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
