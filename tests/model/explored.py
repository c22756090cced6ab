"""A line for each scenario as it ends, and their sum, from whichever process explored it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.model.explore import Result
from tests.model.scenarios import SCENARIOS, WALKS

LEAST_TRANSITIONS = 200_000
EXPLORED = "explored"


def describe_result(
    result: Result, seconds: float, kind: str = ""
) -> tuple[str, int, int, int, float]:
    """What a test hands to the process that prints: name, states, transitions, depth, seconds."""
    name = f"{kind}{result.scenario.name}"
    return name, result.states, result.transitions, result.depth, seconds


@dataclass
class Explored:
    """What was explored so far, over all processes."""

    names: set[str] = field(default_factory=set)
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0

    def add(self, name: str, states: int, transitions: int, depth: int, seconds: float) -> None:
        """Count one scenario."""
        self.names.add(name)
        self.states += states
        self.transitions += transitions
        self.depth = max(self.depth, depth)
        self.seconds += seconds

    @property
    def is_complete(self) -> bool:
        """Whether every scenario of the level was explored, and not a part of them."""
        return {scenario.name for scenario in (*SCENARIOS, *WALKS)} <= self.names

    @property
    def is_too_small(self) -> bool:
        """Whether the whole level saw less than it must: then it proves little."""
        return self.is_complete and self.transitions < LEAST_TRANSITIONS


class Printer:
    """Prints the lines; the session fails if the whole level saw too little."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.explored = Explored()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print what a scenario has explored; called where the session is steered."""
        if report.when != "call":
            return
        for key, value in report.user_properties:
            if key == EXPLORED and isinstance(value, tuple | list):
                self.explored.add(*value)
                self._print(*value)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Print the sum, and judge it."""
        seen = self.explored
        if not seen.names:
            return
        self._print("total", seen.states, seen.transitions, seen.depth, seen.seconds)
        if seen.is_too_small:
            self._write(f"fewer than {LEAST_TRANSITIONS} transitions: the level proves too little")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _print(self, name: str, states: int, transitions: int, depth: int, seconds: float) -> None:
        self._write(
            f"{name:28} {states:8} states {transitions:9} transitions  "
            f"depth {depth:3} {seconds:6.1f} s"
        )

    def _write(self, line: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if isinstance(terminal, pytest.TerminalReporter):
            terminal.ensure_newline()
            terminal.write_line(f"  {line}")
