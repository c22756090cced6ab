"""Measure the operator against a hand-written StatefulSet, by turns, in one run.

Needs the local Kubernetes (`make up`), whose Pods this host reaches by their addresses.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.installer import install, wait_for_operator
from deploy.target import PROJECT, Target, TargetError, find_target, provide_image
from tests.perf.machine import count_other_clusters, describe_machine, describe_software
from tests.perf.report import Report
from tests.perf.session import Measured, connect, measure, own_namespace

VERSIONS: Final = ("v3.5.35", "v3.6.16")
OUTPUT: Final = PROJECT / "build" / "bench"


def read_options(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of each step")
    parser.add_argument("--quick", action="store_true", help="one repetition")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument(
        "--timelines", action="store_true", help="print what was seen on the way of each step"
    )
    parser.add_argument(
        "--as-installed", action="store_true", help="measure the operator that is there already"
    )
    parser.add_argument("--versions", nargs="+", default=VERSIONS, help="versions of etcd")
    parser.add_argument("--minutes", type=float, default=45.0, help="the longest it may take")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the results")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Measure, tell and write it down; returns the exit code."""
    options = read_options(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = run(options)
    except TargetError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was made is removed", file=sys.stderr)
        return 130
    if not report.measured.samples:
        print("nothing was measured", file=sys.stderr)
        return 1
    report.print(timelines=options.timelines)
    for path in report.write(options.output):
        print(f"written: {path}")
    missed = report.missed()
    if missed:
        print(f"missed: {', '.join(missed)}")
    return int(options.check and bool(missed))


def run(options: argparse.Namespace) -> Report:
    """Provide the operator and a namespace, and measure."""
    target = find_target("")
    provide_operator(target, installed=options.as_installed)
    repeat = 1 if options.quick else options.repeat
    facts = describe(target, options.versions, repeat)
    with own_namespace(target) as namespace:
        measured = asyncio.run(_measure(target, namespace, options, repeat))
    return Report(measured, facts)


async def _measure(
    target: Target, namespace: str, options: argparse.Namespace, repeat: int
) -> Measured:
    return await measure(connect(target), namespace, options.versions, repeat, options.minutes)


def provide_operator(target: Target, *, installed: bool) -> None:
    """Install the operator of this tree, unless what is there is to be measured."""
    if not installed:
        install(target, provide_image(target, ""))
    wait_for_operator(target)


def describe(target: Target, versions: list[str], repeat: int) -> dict[str, Any]:
    """What the numbers are about."""
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "repeat": repeat,
        "etcd": list(versions),
        "machine": describe_machine(),
        "software": describe_software(target),
        "other_clusters": count_other_clusters(target),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
