"""Single faults, as far as they can be tried without a cluster."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from deploy.target import Target, TargetError
from tests.chaos import faults
from tests.chaos.changes import MINORS
from tests.chaos.faults import split
from tests.chaos.site import NARROW, SLOW, Site, find_missing_discipline, refuse_writes
from tests.chaos.wrong_clock import build_clock
from tests.e2e.harness import Cluster

# Writes a line to a file now and then, and says of each attempt what became of it.
WRITER = """
import sys, time
file = open(sys.argv[1], "ab", buffering=0)
while True:
    try:
        file.write(b"line")
        print("written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
    time.sleep(0.01)
"""


class Named:
    """A cluster of which only the name matters."""

    name = "c"


class Fixed(Site):
    """A site whose members' processes are numbers, 100 for the first."""

    def leader(self) -> str:
        return "c-1"

    def address(self, member: str) -> str:
        return f"10.0.0.{member[-1]}"

    def sandbox(self, member: str) -> int:
        return 100 + int(member[-1])


def build_site(size: int) -> Fixed:
    return Fixed(cast(Target, None), cast(Cluster, Named()), random.Random(1), 1, MINORS[0], size)


@pytest.mark.parametrize(("size", "few"), [(3, 1), (5, 2)])
def test_a_minority_with_the_leader_is_cut_off_from_the_rest(
    monkeypatch: pytest.MonkeyPatch, size: int, few: int
) -> None:
    cut: dict[int, tuple[str, ...]] = {}
    monkeypatch.setattr(faults, "filter_packets", lambda p, *rules: cut.__setitem__(p, rules))
    mend = split(build_site(size))
    assert len(cut) == few
    assert 101 in cut, "the leader"
    rest = [f"10.0.0.{o}" for o in range(size) if 100 + o not in cut]
    for rules in cut.values():
        assert len(rules) == 2 * (size - few)
        assert all(f"--source {address}" in rules for address in rest)
        assert all(f"--destination {address}" in rules for address in rest)
    mend()
    assert set(cut.values()) == {()}


UNKNOWN = "Error: Specified qdisc kind is unknown.\n"


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (0, "", ""),
        (2, UNKNOWN, "this kernel has no sch_netem"),
        (
            2,
            "RTNETLINK answers: Operation not permitted\n",
            "tc refuses it: RTNETLINK answers: Operation not permitted",
        ),
    ],
    ids=["there", "not there", "not allowed"],
)
def test_what_the_kernel_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, status: int, said: str, why: str
) -> None:
    asked: list[list[str]] = []

    def answer(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, status, "", said)

    monkeypatch.setattr(subprocess, "run", answer)
    assert find_missing_discipline(SLOW) == why
    assert asked[0][:2] == ["unshare", "--net"], "nobody else's network is touched"
    assert find_missing_discipline(NARROW) == why.replace("netem", "tbf")


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_missing_discipline(SLOW) == "unshare is not on this machine"


def start_writer(path: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def says(process: subprocess.Popen[str], wanted: str) -> bool:
    assert process.stdout is not None
    deadline = time.monotonic() + 10
    return any(wanted in line and time.monotonic() < deadline for line in process.stdout)


def test_writes_are_refused_to_whoever_comes_until_mended(tmp_path: Path) -> None:
    first = start_writer(tmp_path / "file")
    present = [first]

    def find() -> int:
        if not present:
            raise TargetError("no process")
        return present[0].pid

    try:
        assert says(first, "written")
        mend = refuse_writes(find)
        assert says(first, "File too large")
        present.clear()
        time.sleep(0.3)
        second = start_writer(tmp_path / "file")
        present.append(second)
        assert says(second, "File too large")
        mend()
        assert says(second, "written")
    finally:
        for process in (first, *present):
            process.kill()
            process.communicate()


@pytest.mark.parametrize("hours", [-2.0, 2.0])
def test_only_dates_are_wrong(hours: float) -> None:
    clock = build_clock(hours)()
    off = clock.now() - datetime.now(UTC)
    assert abs(off - timedelta(hours=hours)) < timedelta(seconds=5)
    assert abs(clock.monotonic() - time.monotonic()) < 5
