"""Break the planner on purpose and see whether the model notices: `python -m tests.model.mutants`.

A test that cannot fail is a defect. Each mutant spoils one rule, one guard or one judgement; the
exploration of a small scenario, or the guard's temptation, has to find it. With arguments, only
the mutants whose names contain one of them are run. Exits with 1 if any survives.
"""

from __future__ import annotations

import sys
import time

from tests.model.mutants_list import MUTANTS
from tests.model.mutation import BROKEN, KILLED, Mutant, run

# What every mutant imports as well, and none spoils.
import etcd_operator.api.validation  # noqa: F401  isort: skip


def probe(mutant: Mutant) -> str | None:
    """Try the mutant's probes in turn; return what noticed it. Imported late: with the mutant."""
    from tests.model.probes import try_probe

    for name in mutant.probes:
        noticed = try_probe(name)
        if noticed is not None:
            return f"{name}: {noticed}"
    return None


def main(names: list[str]) -> int:
    """Run the mutants and print what became of each."""
    chosen = [m for m in MUTANTS if not names or any(name in m.name for name in names)]
    alive = 0
    begun = time.monotonic()
    for mutant in chosen:
        code, text = run(mutant, probe)
        word = {KILLED: "killed", BROKEN: "does not apply"}.get(code, "SURVIVED")
        alive += code != KILLED
        print(f"{word:9} {mutant.name:46} {text.splitlines()[0][:110] if text else ''}", flush=True)
    seconds = time.monotonic() - begun
    print(f"{len(chosen) - alive} of {len(chosen)} mutants killed in {seconds:.0f} s")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
