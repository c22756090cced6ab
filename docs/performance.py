"""The page about speed, made from the results of a run: `make performance` records them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from docs.client_gaps import write_client_gaps
from docs.fleet_results import write_fleet
from docs.footprint import write_footprint
from etcd_operator.json_types import Json

RESULTS: Final = Path(__file__).parent / "results" / "bench.json"
BACKUPS: Final = Path(__file__).parent / "results" / "bench-backup.json"
PICTURE: Final = "results/bench.svg"


def write_performance() -> str:
    """Return the page."""
    run = json.loads(RESULTS.read_text())
    machine, software = run["machine"], run["software"]
    missed = (
        "Every target was met." if not run["missed"] else f"Missed: {', '.join(run['missed'])}."
    )
    note = f" The run was {run['note']}." if run["note"] else ""
    parts = [
        "# Performance\n",
        (
            f"`make bench` of {run['began'][:10]}: {run['repeat']} repetitions on "
            f"{machine['cores']} cores, Kubernetes {software['kubernetes']} with its control plane "
            "on the same machine. The floor is a StatefulSet as a careful person writes it "
            "by hand: all members known from the beginning, started in parallel. Floor and "
            "operator take turns. The clock runs from the request until exactly N Pods are "
            "Ready, etcd has exactly N started voters, and a write through the client Service "
            f"commits.{note}\n"
        ),
        f"![Seconds of each step, floor beside operator]({PICTURE})\n",
        "| Step | etcd | Floor | Operator | Least and most | Ratio | Target | Met |",
        "|---|---|---|---|---|---|---|---|",
        *(_write_result(result) for result in run["results"]),
        "",
        (
            f"{missed} The operator's memory was {run['operator_resident_bytes'] / 1e6:.0f} MB at "
            "most. Members join one vote at a time, and etcd 3.5 accepts a second joiner only "
            "after the first was connected for 5 s: most of 1 → 3 there is that wait. A member "
            "that leaves is out of the client Service for a second before it stops, and stops half "
            "a second before it is removed, for the sake of its clients: most of 5 → 3 and 3 → 1 "
            "is that, by [decision 17](adr/0017-members-leave-the-service-first.md).\n"
        ),
        "## What a step costs the operator\n",
        "| Step | etcd | CPU | First write after | Requests to Kubernetes |",
        "|---|---|---|---|---|",
        *(_write_cost(cost) for cost in run["costs"]),
        "",
        "Medians. At rest the operator sends Kubernetes no request that writes, its Lease apart.\n",
        *write_client_gaps(),
        *write_fleet(),
        *(_write_backups(json.loads(BACKUPS.read_text())) if BACKUPS.exists() else ()),
        *write_footprint(),
    ]
    return "\n".join(parts)


def _write_result(result: Json) -> str:
    floor, ours = result["floor"], result["ours"]
    ratio = f"{ours['median'] / floor['median']:.2f}" if floor else "-"
    cells = (
        result["step"],
        result["version"],
        f"{floor['median']:.2f} s" if floor else "-",
        f"{ours['median']:.2f} s",
        f"{ours['low']:.2f} - {ours['high']:.2f} s",
        ratio,
        result["target"] or "-",
        {True: "yes", False: "**no**", None: "-"}[result["met"]],
    )
    return f"| {' | '.join(cells)} |"


def _write_cost(cost: Json) -> str:
    reaction = cost["reaction_seconds"]
    cells = (
        cost["step"],
        cost["version"],
        f"{cost['cpu_seconds'] * 1e3:.0f} ms",
        "-" if reaction is None else f"{reaction * 1e3:.0f} ms",
        f"{sum(cost['requests'].values()):g}",
    )
    return f"| {' | '.join(cells)} |"


def _write_backups(run: Json) -> list[str]:
    rows = [
        f"| {one['database_mebibytes']} MiB | {one['operation']} | {one['way']} | "
        f"{one['seconds']:.1f} s | {one['mebibytes_per_second']:.0f} MiB/s | "
        f"{'-' if one['speed'] is None else format(one['speed'], '.2f')} | "
        f"{one['memory_mebibytes']:.0f} MiB |"
        for one in run["results"]
    ]
    return [
        "## Backups and restores\n",
        (
            f"`make bench-backup` of {run['began'][:10]}, on the same machine: a real etcd "
            f"{run['etcd']} and a real S3 service on loopback, data that does not compress, the "
            "shortest of the rounds. Ours are the steps of the Job, without the trial restore; "
            "theirs are `etcdctl snapshot save` with an upload, and a download with `etcdutl "
            "snapshot restore`. Speed is compared with theirs; a backup is to reach "
            f"{run['least_speed']:g} of it.\n"
        ),
        "| Database | | Way | Time | Throughput | Speed | Largest memory of a process |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
