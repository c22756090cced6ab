"""Measure the operator with many clusters: `python -m tests.perf.fleet --clusters 50 200`.

The operator's process, the API server, its etcd and the controllers are real; nodes and members are
simulated by one process. Each number of clusters has a control plane of its own, on loopback: run
it where the ports 2379, 12378 to 12380, 16443 and 18081 are free, as a network namespace has them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.target import PROJECT
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from tests.perf.fleet.clusters import PORT, Clusters
from tests.perf.fleet.control_plane import ControlPlane, NotStarted
from tests.perf.fleet.phases import PHASES, bring_back, measure_pace, wait_ready
from tests.perf.fleet.plot import draw
from tests.perf.machine import describe_commit, describe_machine

NUMBERS: Final = (50, 200)
OUTPUT: Final = PROJECT / "build" / "bench-fleet"


def read_options(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.fleet", description=__doc__)
    parser.add_argument("--clusters", type=int, nargs="+", default=NUMBERS, help="how many")
    parser.add_argument(
        "--phases", nargs="+", choices=PHASES, default=list(PHASES), help="create comes always"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the results")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Measure, tell and write it down; returns the exit code."""
    options = read_options(words)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options.output.mkdir(parents=True, exist_ok=True)
    for count in options.clusters:
        try:
            with tempfile.TemporaryDirectory(prefix="fleet-") as directory:
                run = asyncio.run(measure(count, options.phases, Path(directory)))
        except NotStarted as error:
            print(error, file=sys.stderr)
            return 1
        for path in keep(run, options.output):
            print(f"written: {path}")
    return 0


def keep(run: Json, directory: Path) -> list[Path]:
    """Write a run beside those of other numbers of clusters, and the picture of all."""
    numbers, picture = directory / "fleet.json", directory / "fleet.svg"
    before = json.loads(numbers.read_text())["runs"] if numbers.exists() else []
    others = [other for other in before if other["clusters"] != run["clusters"]]
    runs = sorted([*others, run], key=lambda each: int(each["clusters"]))
    machine = describe_machine()
    del machine["load_average"]  # each run has its own
    numbers.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n")
    draw(runs, picture)
    return [numbers, picture]


async def measure(count: int, phases: list[str], directory: Path) -> Json:
    """Measure one number of clusters."""
    plane = ControlPlane(directory)
    run: Json = {
        "clusters": count,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": describe_commit(),
        "load_average": round(os.getloadavg()[0], 1),
        "pace_ms": measure_pace(),
    }
    try:
        _say(f"{count} clusters: starting the control plane")
        await asyncio.to_thread(plane.up)
        os.environ["KUBECONFIG"] = str(plane.kubeconfig)
        clusters = Clusters(plane, LightkubeApi.from_environment(), count)
        plane.start_operator(PORT)
        following = asyncio.create_task(clusters.follow())
        await wait_ready()
        for name, phase in PHASES.items():
            if name == "create" or name in phases:
                _say(f"{count} clusters: {name}")
                run[name] = await phase(clusters)
                _say(json.dumps(run[name]))
                await bring_back(clusters)
        following.cancel()
    finally:
        plane.down()
    return run


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
