"""Hit a cluster under load with faults, and check that its history is linearizable.

Needs the local Kubernetes (`make up`): processes, networks and disks are broken from this machine.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.installer import install
from deploy.target import PROJECT, TargetError, find_target, provide_image
from tests.chaos import report
from tests.chaos.changes import MINORS
from tests.chaos.faults import FAULTS, Fault, find_left_out
from tests.chaos.linearizability import provide_checker
from tests.chaos.run import run
from tests.perf.machine import describe_machine
from tests.perf.session import own_namespace

OUTPUT: Final = PROJECT / "build" / "chaos"


def read_options(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults strike")
    parser.add_argument("--seed", type=int, default=1, help="of schedule, targets and load")
    parser.add_argument("--version", choices=MINORS, default=MINORS[0], help="of etcd, at first")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--faults", nargs="+", choices=names, help="only these")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the results")
    return parser.parse_args(words)


def select(
    names: list[str] | None, nodes: int, *, secured: bool
) -> tuple[list[Fault], dict[str, str]]:
    """The faults that strike, and why the others that were asked for do not."""
    wanted = [fault for fault in FAULTS if not names or fault.name in names]
    left_out = find_left_out(wanted, nodes, secured=secured)
    for name, why in left_out.items():
        print(f"left out: {name}: {why}", flush=True)
    faults = [fault for fault in wanted if fault.name not in left_out]
    if not faults:
        raise TargetError("no fault is left that could strike here")
    return faults, left_out


def main(words: list[str]) -> int:
    """Run, tell, write down; returns the exit code."""
    options = read_options(words)
    try:
        target = find_target("")
        provide_checker()
        install(target, provide_image(target, ""))
        nodes = len(target.read("get", "nodes")["items"])
        faults, left_out = select(options.faults, nodes, secured=not options.plain)
        with own_namespace(target) as namespace:
            result = run(
                target,
                namespace,
                options.minutes,
                options.seed,
                faults,
                options.version,
                secured=not options.plain,
            )
        result.left_out = left_out
    except TargetError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(report.render(result)))
    facts = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
    }
    for path in report.write(result, facts, options.output):
        print(f"written: {path}")
    return int(bool(result.violations) or any(strike.failure for strike in result.strikes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
