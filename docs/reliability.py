"""The page about reliability, made from the results of runs: `make reliability` records them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from docs.situations import find_situations, write_situations
from etcd_operator.json_types import Json

RESULTS: Final = Path(__file__).parent / "results"
CHAOS: Final = RESULTS / "chaos.json"
INJECTION: Final = RESULTS / "injection.json"
TIMELINE: Final = "results/chaos.svg"

# Each invariant of ARCHITECTURE's table, and the tests that fail when it is broken.
INVARIANTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "no voter is removed or stopped if those left are no majority",
        (
            "tests/model/test_model.py",
            "tests/unit/core/guards/test_guards.py",
            "tests/unit/core/membership/test_scale.py",
            "tests/e2e/test_chaos.py",
        ),
    ),
    (
        "membership changes only on a list that a quorum confirmed",
        (
            "tests/unit/core/guards/test_guards.py",
            "tests/model/test_model.py",
            "tests/e2e/test_injection.py",
        ),
    ),
    (
        "no second cluster is bootstrapped, and no member rejoins without its data",
        ("tests/model/test_model.py", "tests/etcd/test_gate.py", "tests/e2e/test_disks.py"),
    ),
    (
        "a disk is deleted only when nothing in it is needed",
        (
            "tests/model/test_model.py",
            "tests/unit/core/guards/test_disks.py",
            "tests/e2e/test_disks.py",
        ),
    ),
    (
        "growing disks end no Pod and cost no claim",
        ("tests/model/test_model.py", "tests/unit/core/storage/test_grow_disks.py"),
    ),
    (
        "while authorities change nobody is refused, wherever the operator ends",
        ("tests/model/test_certificate_phases.py", "tests/unit/core/certificates/test_rule.py"),
    ),
    (
        "while an issuer comes or goes nobody is refused, wherever the operator ends",
        ("tests/model/test_issuer_phases.py", "tests/e2e/test_cert_manager.py"),
    ),
    (
        "members know each other while an issuer between them comes, goes or changes its CA",
        ("tests/model/test_peer_issuer_phases.py", "tests/e2e/test_cert_manager.py"),
    ),
    (
        "when members' data diverge, those that agree stay the majority",
        (
            "tests/model/test_model.py",
            "tests/unit/core/consistency/test_divergence.py",
            "tests/etcd/test_divergence.py",
        ),
    ),
    (
        "no acknowledged write is lost, no read is stale, watches tell all in order",
        ("tests/e2e/test_chaos.py", "tests/chaos/test_checker.py"),
    ),
    (
        "the operator may end anywhere, and goes on from there",
        (
            "tests/e2e/test_injection.py",
            "tests/unit/core/plan/test_prefix.py",
            "tests/model/test_model.py",
        ),
    ),
    (
        "an operator that acts on old data does no harm",
        (
            "tests/e2e/test_injection.py",
            "tests/unit/runtime/engine/test_handlers.py",
            "tests/model/test_model.py",
        ),
    ),
    (
        "a changed spec ends as a new cluster with that spec; an invalid one changes nothing",
        ("tests/e2e/test_transitions.py", "tests/e2e/test_bad_input.py"),
    ),
    (
        "the modelled world behaves as the real one",
        ("tests/e2e/test_injection.py", "tests/conformance/test_etcd_conforms.py"),
    ),
)
MODES: Final = {
    "kill": "the operator is killed before the request, and after its answer",
    "lost": "the request took effect, its answer was lost",
    "refused": "the request was answered with an error",
    "slow": "the answer took five seconds",
    "late": "the operator sleeps; the request went out after another life had taken over",
    "stale": "the request took effect, and no watch told of anything for three seconds",
}


def write_reliability() -> str:
    """Return the page."""
    parts = [
        "# Reliability\n",
        (
            "Faults and their outcome, and the tests of each invariant. The numbers are from the "
            "recorded runs named below; `make reliability` records new ones.\n"
        ),
        *_write_chaos(json.loads(CHAOS.read_text())),
        *_write_injection(json.loads(INJECTION.read_text())),
        *write_situations(find_situations()),
        *_write_invariants(),
    ]
    return "\n".join(parts)


def _write_chaos(run: Json) -> list[str]:
    counts, machine = run["counts"], run["machine"]
    rows = [
        f"| {row['what']} | {_sizes(row)} | {row['struck']} | {row['survived']} | "
        f"{_seconds(row, 'gap')} | {_seconds(row, 'to_redundancy')} |"
        for row in run["faults"]
    ]
    left_out = [f"{name} ({why})" for name, why in run.get("left_out", {}).items()]
    verdict = (
        "Every key's history is linearizable, both watchers saw every change once and in order, "
        "and no acknowledged write is missing."
        if not run["violations"]
        else f"**{len(run['violations'])} violations**, the first: {run['violations'][0]}."
    )
    return [
        "## Faults\n",
        (
            f"`make chaos` of {run['began'][:10]}: etcd {run['version']} at first, "
            f"{'with' if run.get('secured') else 'without'} TLS, {run['nodes']} node(s) on "
            f"{machine['cores']} cores, {run['minutes']:g} minutes, seed {run['seed']}. Six "
            "clients write, read and exchange through the client Service. The picture is shaded "
            "from each fault until every member serves again.\n"
        ),
        f"![Acknowledged writes per second under faults]({TIMELINE})\n",
        (
            f"**{counts['writes acknowledged']} writes acknowledged, {counts['lost']} lost.** "
            f"{counts['reads answered']} reads, {counts['outcomes unknown']} requests without an "
            f"answer, {counts['changes watched']} changes watched, {counts['keys checked']} keys "
            f"checked. {verdict}\n"
        ),
        "| Fault | Members | Struck | Survived | Longest pause of writes | All serve again after |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        (
            "Seconds are the median and, in brackets, the worst, from the start of the fault. They "
            "include the duration of a fault that lasts (a cut, a stop).\n"
        ),
        *([f"Left out on that machine: {', '.join(left_out)}.\n"] if left_out else []),
    ]


def _sizes(row: Json) -> str:
    return ", ".join(map(str, row.get("sizes", ()))) or "-"


def _seconds(row: Json, name: str) -> str:
    if row[name] is None:
        return "-"
    return f"{row[name]:.1f} s ({row[f'{name}_worst']:.1f} s)"


def _write_injection(run: Json) -> list[str]:
    rows = []
    for mode, what in MODES.items():
        ours = [one for one in run["runs"] if one["mode"] == mode]
        if not ours:
            rows.append(f"| {what} | 0 | - | not in this run | - |")
            continue
        injected = sum(one["injections"] for one in ours)
        well = sum(not one["failure"] for one in ours)
        longest = max(one["seconds"] for one in ours)
        rows.append(
            f"| {what} | {len(ours)} | {injected} | {well} of {len(ours)} | {longest:.0f} s |"
        )
    stories = sorted({one["story"] for one in run["runs"]})
    undisturbed = [one["seconds"] for one in run["runs"] if one["mode"] == "nothing"]
    # A long run is made in parts, each of its own day.
    days = sorted({one.get("began", run["began"])[:10] for one in run["runs"]})
    return [
        "## Every effect interrupted\n",
        (
            f"`make injection` of {' and '.join(days)}. An effect is a request that changes "
            "something in Kubernetes or in etcd. The real operator process is disturbed at each "
            "of them, once per place, while a cluster lives through a story "
            f"({', '.join(stories)}). After each step all that was written is read, etcd, "
            "Kubernetes and status agree, and the objects are those of an undisturbed run, which "
            f"took up to {max(undisturbed):.0f} s.\n"
        ),
        "| At each effect | Stories | Injections | Converged | Longest story |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _write_invariants() -> list[str]:
    rows = []
    for sentence, tests in INVARIANTS:
        links = ", ".join(f"[{Path(test).stem}](../{test})" for test in tests)
        rows.append(f"| {sentence} | {links} |")
    return [
        "## Invariants and their guards\n",
        (
            "Where each is held in the code: [Safety](../ARCHITECTURE.md#safety). `make mutants` "
            "breaks each rule and guard, and every one is noticed.\n"
        ),
        "| Invariant | Tests |",
        "|---|---|",
        *rows,
        "",
    ]
