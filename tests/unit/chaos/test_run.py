"""The arithmetic of a run: gaps, schedules, rows."""

from __future__ import annotations

import itertools
import random
import time
from typing import cast

import pytest

from deploy.target import Target, TargetError
from tests.chaos import run
from tests.chaos.__main__ import select
from tests.chaos.changes import MINORS, NO_IMAGE
from tests.chaos.faults import FAULTS, Fault, find_left_out
from tests.chaos.load import Load
from tests.chaos.report import summarise
from tests.chaos.run import Strike, choose_faults, longest_gap, schedule
from tests.chaos.site import Site
from tests.e2e.harness import Cluster


def test_the_longest_gap_counts_from_the_strike_to_the_end() -> None:
    assert longest_gap([0.5, 1.1, 1.2, 4.0, 9.0], begin=1.0, end=5.0) == 2.8
    assert longest_gap([], begin=1.0, end=5.0) == 4.0
    assert longest_gap([4.5], begin=1.0, end=5.0) == 3.5


def test_every_fault_strikes_once_before_any_strikes_again() -> None:
    faults = list(FAULTS)
    struck = list(itertools.islice(schedule(faults, random.Random(1)), 2 * len(faults)))
    assert struck[: len(faults)] == faults
    assert sorted(f.name for f in struck[len(faults) :]) == sorted(f.name for f in faults)


def test_faults_of_nodes_need_nodes() -> None:
    assert not [fault for fault in choose_faults(1, quick=False) if fault.nodes > 1]
    assert len(choose_faults(1, quick=True)) >= 4
    left_out = find_left_out(FAULTS, 1, secured=True)
    assert left_out["lose-node"] == "needs 3 nodes, there are 1"
    assert "lose-node" not in find_left_out(FAULTS, 3, secured=True)


def test_authorities_are_replaced_where_there_are_any() -> None:
    assert find_left_out(FAULTS, 3, secured=False)["authorities"] == "needs TLS"
    assert "authorities" not in find_left_out(FAULTS, 3, secured=True)


def test_other_minor_versions_without_an_image_are_wanted_legally() -> None:
    """The rules of the CRD let them follow: it is the missing image that stops the change."""
    for version, missing in NO_IMAGE.items():
        assert missing.rpartition(".")[0] == version.rpartition(".")[0]
    assert set(NO_IMAGE) == set(MINORS)


def test_what_this_machine_lacks_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lacking = Fault("late", "", FAULTS[0].strike, find_obstacle=lambda: "no sch_netem")
    assert find_left_out([lacking, FAULTS[0]], 1, secured=False) == {"late": "no sch_netem"}
    faults, left_out = select(["kill-leader", "cut-node"], 1, secured=False)
    assert [fault.name for fault in faults] == ["kill-leader"]
    assert left_out == {"cut-node": "needs 3 nodes, there are 1"}
    assert "left out: cut-node: needs 3 nodes" in capsys.readouterr().out
    with pytest.raises(TargetError, match="no fault is left"):
        select(["cut-node"], 1, secured=False)


def test_every_kind_of_fault_is_there() -> None:
    """What a cluster is to survive; the names are those of the table in docs/reliability.md."""
    kinds = {
        "a Pod is killed": "kill-pod",
        "a process is stopped": "pause-leader",
        "a disk is wiped": "wipe-disk",
        "a disk is full": "fill-disk",
        "one member is cut off": "cut-member",
        "the leader is cut off": "cut-leader",
        "a minority is cut off": "split",
        "the network is slow": "slow-network",
        "the network is narrow": "narrow-network",
        "packets are lost": "lossy-network",
        "a machine is too slow": "starve-leader",
        "a disk is too slow": "slow-disk",
        "a node is lost": "lose-node",
        "the operator's clock is wrong": "wrong-clock",
        "the API server restarts": "stop-api-server",
        "the spec changes meanwhile": "resize-kill",
        "a roll is paused": "roll-pause",
        "an upgrade is disturbed": "minor",
        "an upgrade is taken back": "minor-back",
        "a bad version is taken back": "no-image",
        "disks grow": "disks",
        "authorities change": "authorities",
    }
    names = [fault.name for fault in FAULTS]
    assert set(kinds.values()) <= set(names)
    assert len(names) == len(set(names))


def test_what_is_broken_is_mended_whatever_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = []

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    fault = Fault("held", "", lambda _site: lambda: mended.append("mended"), 5.0)
    site = Site(cast(Target, None), cast(Cluster, None), random.Random(1), 1, MINORS[0])
    with pytest.raises(KeyboardInterrupt):
        run.hit(site, fault, cast(Load, None), 0.0)
    assert mended == ["mended"]


def test_a_row_tells_how_many_survived_and_how_long_those_took() -> None:
    strikes = [
        Strike("resize", 0, gap=0.1, to_redundancy=2.0),
        Strike("resize", 9, size=5, gap=0.3, to_redundancy=4.0),
        Strike("resize", 20, failure="no quorum"),
    ]
    (row,) = summarise(strikes)
    assert (row["struck"], row["survived"]) == (3, 2)
    assert row["sizes"] == [3, 5]
    assert (row["gap"], row["gap_worst"]) == (0.2, 0.3)
    assert (row["to_redundancy"], row["to_redundancy_worst"]) == (3.0, 4.0)
