"""Measure what a kube-apiserver feels of changes of the EtcdCluster that it keeps its objects in.

Needs the local Kubernetes (`make up`), whose Services this host reaches by their addresses.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.target import PROJECT, Target, TargetError, find_target
from local.places import read_places
from tests.e2e.secured import SecuredCluster
from tests.perf.__main__ import provide_operator
from tests.perf.clients.apiserver import NotServing, client_apiserver
from tests.perf.clients.changes import CHANGES, FROM, SIZE, Change
from tests.perf.clients.load import RESOURCES, Felt, Load
from tests.perf.machine import describe_machine, describe_software
from tests.perf.session import own_namespace

OUTPUT: Final = PROJECT / "build" / "bench-clients"
# Before and after each change: what it left behind is felt later, such as a watch that ends.
REST_SECONDS: Final = 3.0


def read_options(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.clients", description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="repetitions, each on a new cluster")
    parser.add_argument("--only", default="", help="only changes whose names contain this")
    parser.add_argument(
        "--as-installed", action="store_true", help="measure the operator that is there already"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the results")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Measure, tell and write it down; returns the exit code."""
    options = read_options(words)
    felt: dict[str, list[dict[str, object]]] = {}
    try:
        target = find_target("")
        provide_operator(target, installed=options.as_installed)
        for _ in range(options.repeat):
            with own_namespace(target) as namespace:
                _measure(target, namespace, options.only, felt)
    except (TargetError, NotServing, AssertionError) as error:
        print(error, file=sys.stderr)
        if not felt:
            return 1
    options.output.mkdir(parents=True, exist_ok=True)
    results = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "software": describe_software(target),
        "writers": len(RESOURCES),
        "changes": felt,
    }
    path = options.output / "clients.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {path}")
    return 0


def _measure(
    target: Target, namespace: str, only: str, felt: dict[str, list[dict[str, object]]]
) -> None:
    cluster = SecuredCluster(target, namespace)
    storage = {"size": "1Gi", "storageClassName": "immediate"}
    cluster.create(size=SIZE, version=FROM, storage=storage, security={"tls": {}})
    cluster.wait_running(SIZE)
    with (
        tempfile.TemporaryDirectory() as directory,
        client_apiserver(cluster, read_places(os.environ), Path(directory)) as server,
    ):
        load = Load(server)
        load.start()
        try:
            for change in CHANGES:
                if only in change.name:
                    seconds, felt_now = _observe(change, cluster, load)
                    felt.setdefault(change.name, []).append(_record(seconds, felt_now))
                    _say(change.name, seconds, felt_now)
        finally:
            load.stop()


def _observe(change: Change, cluster: SecuredCluster, load: Load) -> tuple[float, Felt]:
    time.sleep(REST_SECONDS)
    began = time.monotonic()
    change.make(cluster)
    seconds = time.monotonic() - began
    time.sleep(REST_SECONDS)
    return seconds, load.judge(began, time.monotonic())


def _record(seconds: float, felt: Felt) -> dict[str, object]:
    return {
        "seconds": round(seconds, 2),
        "gap_seconds": round(felt.gap, 3),
        "writes": felt.writes,
        "errors": list(felt.errors),
    }


def _say(name: str, seconds: float, felt: Felt) -> None:
    print(
        f"{name:28} {seconds:6.1f} s, longest gap {felt.gap:5.2f} s, "
        f"{len(felt.errors)} of {felt.writes} writes failed",
        flush=True,
    )
    for error in felt.errors:
        print(f"    {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
