"""Break the planner on purpose and see whether a test notices: `python -m tests.model.mutants`.

A test that cannot fail is a defect. Each mutant spoils one rule, one guard or one judgement. It is
tried against the core's unit tests, and then in the scenarios of the model that it names. With
arguments, only the mutants are run whose names contain one of them. Exits with 1 if any survives.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final

from tests.model.mutant_loading import Finder, exchange
from tests.model.mutant_processes import Outcome, Work, run_in_processes
from tests.model.mutant_tests import (
    PROJECT,
    Collected,
    collect,
    find_explored,
    run_tests,
    write_noticed,
)
from tests.model.mutants_list import MUTANTS
from tests.model.mutation import Mutant

BY_UNIT, BY_MODEL, ENDLESS, SURVIVED = range(10, 14)
WORDS: Final = {
    BY_UNIT: "killed by unit tests",
    BY_MODEL: "killed by the model",
    ENDLESS: "killed: it does not end",
    SURVIVED: "SURVIVED",
}
# What is no fault of the planner, such as a mutant that does not apply.
BROKEN: Final = "COULD NOT BE RUN"


def try_mutant(mutant: Mutant, collected: Collected, model: bool) -> Outcome:
    """Try the mutant in a process of its own, and what noticed it in this one, without it."""
    work = partial(_try_loaded, mutant, collected, model)
    [(_, outcome)] = run_in_processes([(mutant.name, work)], 1)
    if outcome.code == -signal.SIGXCPU:
        return Outcome(ENDLESS, "")
    test = outcome.text.partition("\n")[0]
    if outcome.code == BY_UNIT and run_tests([i for i in collected.items if i.nodeid == test]):
        return Outcome(1, f"{test}\nit fails without the mutant as well")
    return outcome


def _try_loaded(mutant: Mutant, collected: Collected, model: bool) -> Outcome:
    """Put the mutant into the loaded function; into a new process where that is not enough.

    What was made on import, or for the parameters of tests, was made without the mutant: one that
    survives for that reason is imported in the place of its module.
    """
    if not exchange(mutant):
        return _try_in_new_process(mutant, model)
    outcome = _try(mutant, collected, model)
    if outcome.code == SURVIVED and f"{mutant.module}:{mutant.function}" in collected.early:
        return _try_in_new_process(mutant, model)
    return outcome


def _try(mutant: Mutant, collected: Collected, model: bool) -> Outcome:
    if not model and (failed := run_tests(collected.choose(mutant))):
        return Outcome(BY_UNIT, failed)
    from tests.model.probes import try_probe

    for name in mutant.probes:
        explored = find_explored(name)
        try:
            noticed = run_tests(collected.explored(explored)) if explored else try_probe(name)
        except Exception as error:  # noqa: BLE001 (a planner that breaks was noticed)
            noticed = f"{type(error).__name__}: {error}"
        if noticed is not None:
            return Outcome(BY_MODEL, f"{name}\n{noticed}")
    return Outcome(SURVIVED, "")


def _try_in_new_process(mutant: Mutant, model: bool) -> Outcome:
    command = [sys.executable, "-m", "tests.model.mutants", "--anew", mutant.name]
    done = subprocess.run(
        [*command, *(["--model"] if model else [])],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=PROJECT, check=False, text=True,
    )  # fmt: skip
    if done.returncode == -signal.SIGXCPU:
        return Outcome(ENDLESS, "")
    return Outcome(done.returncode, done.stdout.rpartition("\0")[2].strip())


def try_anew(mutant: Mutant, model: bool) -> Outcome:
    """Import the mutant in the place of its module and try it, in this process."""
    outcome = Outcome(BY_UNIT, "the tests cannot be collected")

    def act(collected: Collected) -> None:
        nonlocal outcome
        outcome = _try(mutant, collected, model)

    sys.meta_path.insert(0, Finder(mutant))
    collect(act, [mutant])
    return outcome


def try_all(mutants: list[Mutant], processes: int, model: bool) -> list[tuple[str, Outcome]]:
    """Try mutants in so many processes at a time and print what becomes of each."""
    outcomes: list[tuple[str, Outcome]] = []

    def works(collected: Collected) -> Iterator[Work]:
        for mutant in mutants:
            yield mutant.name, partial(try_mutant, mutant, collected, model)

    def act(collected: Collected) -> None:
        begun = time.monotonic()
        for name, outcome in run_in_processes(works(collected), processes):
            outcomes.append((name, outcome))
            if outcome.code == BY_UNIT:
                write_noticed(name, outcome.text.partition("\n")[0])
            left = (time.monotonic() - begun) * (len(mutants) / len(outcomes) - 1)
            _print(name, outcome, f"{len(outcomes)}/{len(mutants)}, {left / 60:.0f} min left")

    if not collect(act, mutants):
        raise SystemExit("The unit tests cannot be collected.")
    return outcomes


def _print(name: str, outcome: Outcome, progress: str) -> None:
    where, _, why = outcome.text.partition("\n")
    print(f"[{progress}] {WORDS.get(outcome.code, BROKEN)}: {name}")
    if where:
        print(f"    {where.rpartition('/')[2]}: {(why.splitlines() or [''])[0]}"[:160])
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run the mutants and print what became of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.mutants")
    parser.add_argument("words", nargs="*", help="only mutants whose names contain one of these")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", action="store_true", help="try the scenarios of the model only")
    parser.add_argument("--anew", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.anew:
        mutant = next(mutant for mutant in MUTANTS if mutant.name == options.anew)
        outcome = try_anew(mutant, options.model)
        print(f"\0{outcome.text}")
        return outcome.code
    chosen = [
        m
        for m in MUTANTS
        if (not options.words or any(word in m.name for word in options.words))
        and (m.probes or not options.model)
    ]
    begun = time.monotonic()
    outcomes = try_all(chosen, options.processes, options.model)
    return summarize(outcomes, time.monotonic() - begun)


def summarize(outcomes: list[tuple[str, Outcome]], seconds: float) -> int:
    """Print how many came to which end, and the names of those not killed; 1 if there are any."""
    times = Counter(WORDS.get(outcome.code, BROKEN) for _, outcome in outcomes)
    counts = ", ".join(f"{number} {word}" for word, number in times.items())
    print(f"{len(outcomes)} mutants in {seconds / 60:.1f} min: {counts}")
    killed = (BY_UNIT, BY_MODEL, ENDLESS)
    left = [name for name, outcome in outcomes if outcome.code not in killed]
    for name in left:
        print(f"  {name}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
