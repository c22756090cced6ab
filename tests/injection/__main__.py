"""Disturb the operator at every boundary of every effect, on the local Kubernetes.

Every story runs undisturbed first; then in each mode, and has to end in the same objects. What came
of each is written down at once. With `--add` the record keeps what other modes and stories came to
in an earlier run, so that a long run can be made in parts.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from deploy.installer import install
from deploy.target import TargetError, find_target, provide_image
from tests.injection.boundaries import Mode
from tests.injection.record import Record
from tests.injection.session import (
    OUTPUT,
    Outcome,
    compare,
    defined_cert_manager,
    installed_operator_away,
    missed,
    tell,
)
from tests.injection.stories import build_stories
from tests.injection.story import Story


def read_options(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    names = [story.name for story in build_stories()]
    modes = [mode for mode in Mode if mode is not Mode.NOTHING]
    parser = argparse.ArgumentParser(prog="python -m tests.injection", description=__doc__)
    parser.add_argument("--modes", nargs="+", type=Mode, default=modes, help=f"of {modes}")
    parser.add_argument("--stories", nargs="+", choices=names, default=names)
    parser.add_argument("--share", type=float, default=1.0, help="of all boundaries")
    parser.add_argument("--seed", type=int, default=1, help="of a sample")
    parser.add_argument("--parallel", type=int, default=4, help="stories at a time")
    parser.add_argument("--add", action="store_true", help="to the record of an earlier run")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    return parser.parse_args(words)


def choose_runs(options: argparse.Namespace) -> list[tuple[Story, Mode]]:
    """What is run, in this order: every story undisturbed, then in each mode."""
    stories = [story for story in build_stories() if story.name in options.stories]
    return [(story, mode) for mode in (Mode.NOTHING, *options.modes) for story in stories]


def main(words: list[str]) -> int:
    """Run everything; returns the exit code."""
    options = read_options(words)
    runs, record = choose_runs(options), Record(OUTPUT / "results.json", options.share)
    if options.list:
        print("\n".join(f"{story.name} {mode}" for story, mode in runs))
        return 0
    if options.add:
        record.keep(runs)
    try:
        target = find_target("")
        install(target, provide_image(target, ""))
        with (
            installed_operator_away(target),
            defined_cert_manager(target),
            ThreadPoolExecutor(options.parallel) as pool,
        ):
            work = [pool.submit(tell, target, s, m, options.share, options.seed) for s, m in runs]
            outcomes = []
            for each in work:
                outcomes.append(each.result())
                judge(outcomes[-1:], references(outcomes), complete=options.share >= 1)
                _announce(outcomes[-1])
                record.write(outcomes)
    except TargetError as error:
        print(error, file=sys.stderr)
        return 1
    failed = [o for o in outcomes if o.failure]
    for outcome in failed:
        print(f"FAILED {outcome.story} {outcome.mode}: {outcome.failure}")
    total = sum(len(o.hits) for o in outcomes)
    print(f"{total} injections in {len(outcomes)} stories, {len(failed)} failed")
    print(f"written: {record.path}")
    return int(bool(failed))


def references(outcomes: list[Outcome]) -> dict[str, Outcome]:
    """The undisturbed run of each story."""
    return {o.story: o for o in outcomes if o.mode is Mode.NOTHING}


def judge(outcomes: list[Outcome], undisturbed: dict[str, Outcome], *, complete: bool) -> None:
    """Hold each disturbed story against the undisturbed one; what differs becomes its failure."""
    for outcome in outcomes:
        reference = undisturbed[outcome.story]
        if outcome.failure or outcome is reference:
            continue
        if reference.failure:
            outcome.failure = "the undisturbed run failed: there is nothing to compare with"
            continue
        outcome.failure = compare(reference, outcome)
        left_out = missed(outcome)
        if complete and left_out and not outcome.failure:
            outcome.failure = f"never disturbed: {left_out}"


def _announce(outcome: Outcome) -> None:
    verdict = outcome.failure or "converged"
    print(
        f"{outcome.story:8} {outcome.mode:8} {sum(outcome.effects.values()):4} effects "
        f"{len(outcome.hits):4} injections {outcome.seconds:6.1f} s  {verdict}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
