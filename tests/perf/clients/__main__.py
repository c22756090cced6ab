"""Measure what clients of every kind feel of changes of their EtcdCluster.

Those that speak gRPC are measured together, and then etcd's JSON gateway with an EtcdCluster of its
own, since etcd serves its port otherwise where the gateway is on.

Needs the local Kubernetes (`make up`), whose Services this host reaches by their addresses.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.target import PROJECT, Target, TargetError, find_target
from tests.perf.__main__ import provide_operator
from tests.perf.clients.answers import Felt
from tests.perf.clients.apiserver import NotServing
from tests.perf.clients.changes import CHANGES, FROM, OVERLAP, SIZE, Change, ServedCluster
from tests.perf.clients.clients import Clients, with_gateway, without_gateway
from tests.perf.clients.load import RESOURCES
from tests.perf.machine import describe_machine, describe_software
from tests.perf.session import own_namespace

Runs = dict[str, dict[str, list[dict[str, object]]]]
OUTPUT: Final = PROJECT / "build" / "bench-clients"
# Before and after each change: what it left behind is felt later, such as a watch that ends.
REST_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Kind:
    """Clients that are measured together, and what their EtcdCluster has for them."""

    name: str
    clients: Callable[[ServedCluster, Path], contextlib.AbstractContextManager[Clients]]
    spec: dict[str, Any] = field(default_factory=dict)


KINDS: Final = (
    Kind("grpc", without_gateway),
    Kind("gateway", with_gateway, {"etcdConfig": {"enableGRPCGateway": True}}),
)


def read_options(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.clients", description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="repetitions, each on a new cluster")
    parser.add_argument("--only", default="", help="only changes whose names contain this")
    parser.add_argument(
        "--clients", choices=["", *(kind.name for kind in KINDS)], default="", help="only these"
    )
    parser.add_argument(
        "--as-installed", action="store_true", help="measure the operator that is there already"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the results")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Measure, tell and write it down; returns the exit code."""
    options = read_options(words)
    results: dict[str, Any] = {"began": datetime.now(UTC).isoformat(timespec="seconds")}
    felt: Runs = {}
    try:
        target = find_target("")
        provide_operator(target, installed=options.as_installed)
        for _ in range(options.repeat):
            for kind in KINDS:
                if options.clients in kind.name:
                    with own_namespace(target) as namespace:
                        _measure(target, namespace, kind, options.only, felt)
    except (TargetError, NotServing, AssertionError) as error:
        print(error, file=sys.stderr)
        if not felt:
            return 1
    options.output.mkdir(parents=True, exist_ok=True)
    results |= {
        "machine": describe_machine(),
        "software": describe_software(target),
        "writers": len(RESOURCES),
        "changes": felt,
    }
    path = options.output / "clients.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {path}")
    return 0


def _measure(target: Target, namespace: str, kind: Kind, only: str, felt: Runs) -> None:
    cluster = ServedCluster(target, namespace)
    storage = {"size": "1Gi", "storageClassName": "immediate"}
    security = {"tls": {"caOverlap": OVERLAP}}
    cluster.create(size=SIZE, version=FROM, storage=storage, security=security, **kind.spec)
    cluster.wait_running(SIZE)
    with (
        tempfile.TemporaryDirectory() as directory,
        kind.clients(cluster, Path(directory)) as clients,
    ):
        cluster.renew_clients = clients.renew
        for change in CHANGES:
            if only in change.name:
                seconds, by_client = _observe(change, cluster, clients)
                print(f"{change.name} ({seconds:.1f} s)", flush=True)
                for name, one in by_client.items():
                    runs = felt.setdefault(change.name, {}).setdefault(name, [])
                    runs.append(_record(seconds, one))
                    _say(name, one)


def _observe(
    change: Change, cluster: ServedCluster, clients: Clients
) -> tuple[float, dict[str, Felt]]:
    time.sleep(REST_SECONDS)
    began = time.monotonic()
    change.make(cluster)
    seconds = time.monotonic() - began
    time.sleep(REST_SECONDS)
    return seconds, clients.judge(began, time.monotonic())


def _record(seconds: float, felt: Felt) -> dict[str, object]:
    return {
        "seconds": round(seconds, 2),
        "gap_seconds": round(felt.gap, 3),
        "writes": felt.writes,
        "errors": list(felt.errors),
        "watch": list(felt.watch),
    }


def _say(name: str, felt: Felt) -> None:
    print(
        f"    {name:16} longest gap {felt.gap:5.2f} s, "
        f"{len(felt.errors)} of {felt.writes} writes failed",
        flush=True,
    )
    for error in (*felt.errors, *felt.watch):
        print(f"        {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
