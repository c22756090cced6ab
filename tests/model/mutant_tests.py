"""The core's unit tests, collected once: in which order a mutant meets them, and which one fails.

All of them are tried before a mutant survives. Those come first that noticed it the last time, then
those whose file is about its module.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

import pytest

from tests.model.mutation import SOURCES, Mutant

# A probe that is a file of tests, beside this one.
EXPLORED: Final = "explored: "
PROJECT: Final = Path(__file__).resolve().parents[2]
UNIT_TESTS: Final = PROJECT / "tests" / "unit" / "core"
# Which test noticed which mutant: by the name of the mutant, the ID of the test.
NOTICED: Final = PROJECT / "build" / "mutants" / "noticed.json"


@dataclass
class Collected:
    """The tests, and the functions that ran before the first of them: on import, in parameters."""

    items: list[pytest.Item]
    early: frozenset[str]

    def choose(self, mutant: Mutant) -> list[pytest.Item]:
        """The unit tests in the order in which a mutant is likely to be noticed."""
        noticed = read_noticed().get(mutant.name)
        units = [item for item in self.items if item.path.is_relative_to(UNIT_TESTS)]
        return sorted(
            units,
            key=lambda item: (item.nodeid != noticed, rank_file(item.path, mutant)),
        )

    def explored(self, files: Sequence[Path]) -> list[pytest.Item]:
        """The tests of the model in some files."""
        return [item for item in self.items if item.path in files]


def find_explored(name: str) -> list[Path]:
    """The tests of the model that the probe `explored: subject` names; none for other probes."""
    if not name.startswith(EXPLORED):
        return []
    return sorted(Path(__file__).parent.glob(f"test_{name.removeprefix(EXPLORED)}*.py"))


def rank_file(tests: Path, mutant: Mutant) -> tuple[int, int, str]:
    """The order of files of tests: by the words of a module in their paths, then in their text."""
    path = Path(mutant.module).with_suffix("")
    shared = _words(path.parts[1:]) & _words((tests.parent.name, tests.stem))
    function = mutant.function.rpartition(".")[2].lstrip("_")
    mentions = _read(tests).count(path.stem) + (_read(tests).count(function) if function else 0)
    return -len(shared), -mentions, tests.name


def _words(parts: Sequence[str]) -> set[str]:
    return {word for part in parts for word in part.split("_")}


def read_noticed() -> dict[str, str]:
    """Which test noticed which mutant the last time."""
    if not NOTICED.exists():
        return {}
    noticed: dict[str, str] = json.loads(NOTICED.read_text())
    return noticed


def write_noticed(mutant: str, test: str) -> None:
    """Remember which test noticed a mutant."""
    NOTICED.parent.mkdir(parents=True, exist_ok=True)
    NOTICED.write_text(json.dumps(read_noticed() | {mutant: test}, indent=1, sort_keys=True))


@cache
def _read(path: Path) -> str:
    return path.read_text()


@contextmanager
def _tracing(seen: set[CodeType]) -> Iterator[None]:
    """Note the code of every function that is called, until `sys.settrace` is called again."""

    def note(frame: FrameType, event: str, arg: object) -> None:
        seen.add(frame.f_code)

    sys.settrace(note)
    try:
        yield
    finally:
        sys.settrace(None)


def _names_of(codes: set[CodeType]) -> frozenset[str]:
    """The operator's functions among others, as `core/model/quorum.py:majority`."""
    folder = f"{SOURCES}/"
    return frozenset(
        f"{code.co_filename.removeprefix(folder)}:{code.co_qualname.partition('.<locals>')[0]}"
        for code in codes
        if code.co_filename.startswith(folder)
    )


@dataclass
class _Plugin:
    """Takes the place of pytest's loop over the tests."""

    action: Callable[[Collected], None]
    seen: set[CodeType]
    called: bool = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hand over the tests; nothing else is run."""
        sys.settrace(None)
        self.called = True
        self.action(Collected(session.items, _names_of(self.seen)))
        return True


def collect(action: Callable[[Collected], None], mutants: Sequence[Mutant]) -> bool:
    """Collect the tests for mutants and hand them over; whether they could be collected."""
    arguments = ["-q", "--no-header", "--capture=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    explored = {
        path for mutant in mutants for name in mutant.probes for path in find_explored(name)
    }
    seen: set[CodeType] = set()
    plugin = _Plugin(action, seen)
    with _tracing(seen):
        import tests.model.probes  # noqa: F401 (imported only now: with the mutant, and traced)

        pytest.main(
            [*arguments, "-o", "timeout=0", str(UNIT_TESTS), *map(str, sorted(explored))],
            plugins=[plugin],
        )
    return plugin.called


@dataclass(eq=False)  # a plugin of pytest is known by its identity
class _Watcher:
    """Remembers the first test that failed, and why."""

    failed: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of a test has ended: its setup, its call, or its teardown."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = str(getattr(crash, "message", report.longrepr))
            self.failed.append(f"{report.nodeid}\n{why}")


def run_tests(items: Sequence[pytest.Item]) -> str | None:
    """Run tests until one fails, and return its ID and why; in a process of its own."""
    watcher = _Watcher()
    for item, following in zip(items, [*items[1:], None], strict=True):
        if not item.config.pluginmanager.is_registered(watcher):
            item.config.pluginmanager.register(watcher)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if watcher.failed:
            return watcher.failed[0]
    return None
