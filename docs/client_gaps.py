"""The section on what clients feel, made from the results of a run: `make bench-clients`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from etcd_operator.json_types import Json

# The runs of each client, by its name, and those of each change.
Felt = dict[str, list[Json]]
Changes = dict[str, Felt]
# What gRPC puts before the words of etcd, and which connection it was.
_WRAPPING: Final = re.compile(r"rpc error: code = \w+ desc = |read tcp \S+ ")
_CLIENTS: Final = {
    "kube-apiserver": (
        "a kube-apiserver through the client Service, {writers} objects of different resources, "
        "each with a connection and a watch"
    ),
    "Go, Service": (
        "etcd's Go client through the client Service; beside its writes there is a watch, which "
        "has to see all of them, once and in order"
    ),
    "Go, members": "the same by the URLs of the members that there were first",
    "etcdctl": "a process of etcdctl every 0.2 s, whose start alone makes gaps of 0.3 s",
    "JSON gateway": (
        "etcd's JSON gateway through the client Service, by one connection, on a cluster of its "
        "own: with the gateway etcd serves the port for clients otherwise. The second time of a "
        "change is that of this cluster"
    ),
}
_ROTATION: Final = (
    " In the rotation clients take their Secret when it changes. A kube-apiserver reads its "
    "authorities once, so another one takes its place."
)
# By the timelines of three kills, of three members with etcd 3.7.3, at load averages of 25 to 40.
_KILLED: Final = (
    "When the leader is killed, the others elect one within 2 s. A write that a follower had sent "
    "on to it, or sends until the election, is lost, and etcd says so to the client after 7 s (5 s "
    "and two election timeouts). A client that was connected to the leader dials at once, and may "
    "be refused: the Service leads there for another second. gRPC waits for about a second before "
    "it dials again, and for longer from time to time. None of that can be set by the operator: a "
    "client that needs its answer sooner has to give writes a timeout, and to repeat them."
)
RESULTS: Final = Path(__file__).parent / "results" / "clients.json"


def write_client_gaps() -> list[str]:
    """Return the lines of the section; none without a recorded run."""
    if not RESULTS.exists():
        return []
    run = json.loads(RESULTS.read_text())
    changes: Changes = run["changes"]
    clients = list(dict.fromkeys(name for felt in changes.values() for name in felt))
    return [
        "## What clients feel\n",
        _introduce(run, clients),
        _write_cells("Change", "Takes", *clients),
        f"|---|---|{'---|' * len(clients)}",
        *(_write_gaps(change, felt, clients) for change, felt in changes.items()),
        "\nWhat failed, in all runs:\n",
        _write_cells("Change", "Client", "Failed", "Errors"),
        "|---|---|---|---|",
        *(
            _write_failures(change, client, runs)
            for change, felt in changes.items()
            for client, runs in felt.items()
            if _count_errors(runs)
        ),
        "",
    ]


def _introduce(run: Json, clients: Sequence[str]) -> str:
    machine, writers = run["machine"], run["writers"]
    wrote = (f"* {_CLIENTS[name].format(writers=writers)}\n" for name in clients)
    rotation = _ROTATION if "rotation of the authorities" in run["changes"] else ""
    return (
        f"`make bench-clients` of {run['began'][:10]}, on {machine['cores']} cores with a load "
        f"average of {machine['load_average']:.0f} at the end, with TLS. The gap is the longest "
        "time without an acknowledged write of a client; nothing that failed was repeated. Each "
        "writes one value after the other:\n\n"
        f"{''.join(wrote)}\n"
        "Proposals that are dropped or time out belong to the change of leader, which a roll has "
        "one of: [decision 17](adr/0017-members-leave-the-service-first.md). `raft: stopped`, "
        "`server stopped`, and what is reset in a scale-in, was written to a member that was "
        f"removed before it had sent its clients away.{rotation}\n\n{_KILLED}\n"
    )


def _write_gaps(change: str, felt: Felt, clients: Sequence[str]) -> str:
    cells = [
        " / ".join(f"{run['gap_seconds']:.2f}" for run in felt[client]) + " s"
        if client in felt
        else "-"
        for client in clients
    ]
    times = dict.fromkeys(f"{run['seconds']:.0f}" for runs in felt.values() for run in runs)
    return _write_cells(change, f"{', '.join(times)} s", *cells)


def _write_failures(change: str, client: str, runs: Sequence[Json]) -> str:
    failed = sum(len(run["errors"]) for run in runs)
    written = sum(run["writes"] for run in runs)
    errors = [
        f"{count} x {error.replace('|', '/')}" for error, count in _count_errors(runs).items()
    ]
    return _write_cells(change, client, f"{failed} of {written}", "; ".join(errors))


def _count_errors(runs: Sequence[Json]) -> Counter[str]:
    said = (error for run in runs for error in (*run["errors"], *run["watch"]))
    return Counter(_WRAPPING.sub("", error) for error in said)


def _write_cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
