"""Medians leave failures out but never hide them, and a promise is judged by the median."""

from __future__ import annotations

import pytest

from tests.perf.samples import (
    REACTION,
    Row,
    Sample,
    Side,
    Spread,
    Usage,
    largest_resident,
    spread,
    summarise,
    summarise_costs,
)
from tests.perf.table import align, render_costs, render_memory, render_results, render_timelines
from tests.perf.verdicts import TARGETS, Target, find_missed, judge

INFINITE = float("inf")


def sample(
    seconds: float | None,
    step: str = "create 3",
    side: Side = Side.OURS,
    version: str = "v3.6.16",
    usage: Usage | None = None,
) -> Sample:
    """One sample."""
    moments = {REACTION: 0.02} if usage else {}
    return Sample(step, version, side, 1, seconds, moments=moments, usage=usage)


def even(seconds: float, failures: int = 0) -> Spread:
    """Five samples that all took as long."""
    return Spread(seconds, seconds, seconds, 5, failures)


def test_a_spread_is_of_the_samples_that_got_there() -> None:
    assert spread([sample(3.0), sample(1.0), sample(None), sample(2.0)]) == Spread(2, 1, 3, 4, 1)
    assert spread([]) is None
    assert spread([sample(None)]) == Spread(INFINITE, INFINITE, INFINITE, 1, 1)


def test_rows_are_in_the_order_of_the_steps_and_pair_the_sides() -> None:
    rows = summarise(
        [
            sample(1.0, "pod kill"),
            sample(3.0, version="v3.5.35"),
            sample(2.0, side=Side.FLOOR),
            sample(3.0),
        ]
    )
    assert [(row.step, row.version) for row in rows] == [
        ("create 3", "v3.5.35"),
        ("create 3", "v3.6.16"),
        ("pod kill", "v3.6.16"),
    ]
    assert [row.ratio for row in rows] == [None, 1.5, None]


def test_costs_are_medians_and_a_verb_that_was_not_used_counts_as_none() -> None:
    used = [Usage(0.1, 5, 50e6, {"apply": 4}), Usage(0.3, 5, 60e6, {"apply": 6, "patch": 2})]
    samples = [sample(1.0, usage=usage) for usage in used]
    (cost,) = summarise_costs([*samples, sample(1.0, side=Side.FLOOR)])
    assert cost.cpu_seconds == pytest.approx(0.2)
    assert cost.requests == {"apply": 5, "patch": 1}
    assert cost.reaction_seconds == pytest.approx(0.02)
    assert largest_resident(samples) == 60e6
    assert largest_resident([]) is None


@pytest.mark.parametrize(
    ("step", "version", "floor", "ours", "met"),
    [
        ("create 3", "v3.5.35", 2.0, 2.6, True),
        ("create 3", "v3.5.35", 2.0, 2.7, False),
        ("create 3", "v3.5.35", None, 2.0, None),
        ("create 3", "v3.5.35", INFINITE, 2.0, None),
        ("create 5", "v3.5.35", 2.0, 9.0, None),
        ("pod kill", "v3.6.16", 3.0, 4.0, True),
        ("pod kill", "v3.6.16", 3.0, 4.1, False),
        ("1 → 3", "v3.5.35", None, 7.0, True),
        ("1 → 3", "v3.6.16", None, 7.0, False),
        ("3 → 5", "v3.6.16", None, 4.1, False),
        ("3 → 5 at once", "v3.6.16", None, 60.0, None),
    ],
)
def test_targets(
    step: str, version: str, floor: float | None, ours: float, met: bool | None
) -> None:
    row = Row(step, version, None if floor is None else even(floor), even(ours))
    assert judge(row).met is met


def test_a_failed_sample_misses_the_target_whatever_the_median() -> None:
    assert judge(Row("5 → 3", "v3.6.16", None, even(1.0, failures=1))).met is False


def test_what_is_missed_is_named() -> None:
    kept = judge(Row("5 → 3", "v3.6.16", None, even(1.0)))
    missed = judge(Row("3 → 1", "v3.6.16", None, even(2.6)))
    unknown = judge(Row("create 3", "v3.6.16", None, even(1.2)))
    assert find_missed([kept, missed, unknown], 60e6) == [
        "3 → 1 on v3.6.16 (≤ 2.5 s)",
        "create 3 on v3.6.16 (≤ 1.3 x floor)",
    ]
    assert find_missed([kept], 60e6) == []
    assert find_missed([kept], 81e6) == ["operator memory (≤ 80 MB)"]
    assert find_missed([kept], None) == ["operator memory (≤ 80 MB)"]


def test_targets_read_as_people_write_them() -> None:
    assert [str(target) for target in TARGETS[:2]] == ["≤ 1.3 x floor", "≤ 4 s"]
    assert str(Target("pod kill", factor=1.0, seconds=1.0)) == "≤ floor + 1 s"


def test_the_result_table() -> None:
    rows = [
        Row("create 3", "v3.6.16", even(2.0), Spread(2.5, 2.4, 2.75, 5, 1)),
        Row("5 → 3", "v3.6.16", None, even(1.0)),
    ]
    lines = render_results([judge(row) for row in rows]).splitlines()
    assert lines[0].split() == [
        "step",
        "etcd",
        "floor",
        "ours",
        "min-max",
        "ratio",
        "target",
        "met",
    ]
    assert "2.50 (1 of 5 failed)" in lines[2]
    assert lines[2].endswith("2.40 - 2.75   1.25  ≤ 1.3 x floor  NO")
    assert lines[3].endswith("≤ 3.3 s        yes")


def test_the_other_tables() -> None:
    usage = Usage(0.123, 5, 50e6, {"apply": 4, "get": 0})
    costs = render_costs(summarise_costs([sample(1.0, usage=usage)]))
    assert costs.splitlines()[2].split() == [
        "create",
        "3",
        "v3.6.16",
        "123",
        "20",
        "4",
        "apply",
        "4",
    ]
    assert render_memory(50e6).endswith("50.0 MB at most, target ≤ 80 MB, met: yes")
    assert render_memory(90e6).endswith("met: NO")
    assert render_memory(None) == "operator memory: not measured"
    assert f"    20  {REACTION}" in render_timelines([sample(1.0, usage=usage)])


def test_numbers_stand_to_the_right() -> None:
    assert align([("a", "b"), ("xx", "1"), ("y", "22")]) == "a   b\n──  ──\nxx   1\ny   22"
