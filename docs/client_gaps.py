"""The section on what clients feel, made from the results of a run: `make bench-clients`."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Final

from etcd_operator.json_types import Json

# What gRPC puts before the words of etcd, and which connection it was.
_WRAPPING: Final = re.compile(r"rpc error: code = \w+ desc = |read tcp \S+ ")
RESULTS: Final = Path(__file__).parent / "results" / "clients.json"


def write_client_gaps() -> list[str]:
    """Return the lines of the section; none without a recorded run."""
    if not RESULTS.exists():
        return []
    run = json.loads(RESULTS.read_text())
    rows = [_write_row(name, each) for name, each in run["changes"].items()]
    return [
        "## What clients feel\n",
        (
            f"`make bench-clients` of {run['began'][:10]}, on {run['machine']['cores']} cores with "
            f"a load average of {run['machine']['load_average']:.0f}: a kube-apiserver keeps its "
            "objects in an EtcdCluster with TLS, through the client Service, and "
            f"{run['writers']} objects of different resources are written through it all the "
            "time. It has a connection and a watch for each resource. The gap is the longest time "
            "without an acknowledged write of one of them; nothing that failed was repeated. "
            "Proposals that are dropped or time out belong to the change of leader, which a roll "
            "has one of: [decision 17](adr/0017-members-leave-the-service-first.md). `raft: "
            "stopped`, and what is reset in a scale-in, was written through a connection to a "
            "member that etcd removed just then: new connections lead to others before, and those "
            "that there are stay until it stops.\n"
        ),
        "| Change | Takes | Longest gap | Writes | Failed | Errors |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _write_row(name: str, runs: list[Json]) -> str:
    errors = Counter(_WRAPPING.sub("", error) for run in runs for error in run["errors"])
    cells = (
        name,
        " / ".join(f"{run['seconds']:.1f} s" for run in runs),
        " / ".join(f"{run['gap_seconds']:.2f} s" for run in runs),
        str(sum(run["writes"] for run in runs)),
        str(errors.total()),
        "; ".join(f"{count} x {error.replace('|', '/')}" for error, count in errors.items()) or "-",
    )
    return f"| {' | '.join(cells)} |"
