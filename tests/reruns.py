"""Which tests were repeated, why, and to what end: lines of the file that RERUN_REPORT names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # whoever starts levels does without it
    import pytest

REPORT: Final = "RERUN_REPORT"
# Set where only the tests run that have just failed.
SECOND_TRY: Final = "SECOND_TRY"
# Of what a failure says, in characters.
LONGEST: Final = 300
AGAIN: Final = "again"
FAILED: Final = "failed"


def note_rerun(report: pytest.TestReport) -> None:
    """Note a test that failed and is tried again, and one that fails for good.

    Once, by the process that steers the others.
    """
    path = os.environ.get(REPORT)
    if not path or "PYTEST_XDIST_WORKER" in os.environ:
        return
    again = report.outcome == "rerun"  # type: ignore[comparison-overlap]  # an outcome of pytest-rerunfailures
    again = again or (SECOND_TRY in os.environ and report.when == "call" and report.passed)
    if again or report.failed:
        word = AGAIN if again else FAILED
        with Path(path).open("a") as file:
            file.write(f"{word}\t{report.nodeid}\t{_describe_failure(report) if again else ''}\n")


def read_flaky(noted: str) -> list[str]:
    """Return the tests that failed and passed when they were repeated, each once, with why.

    One that was noted as repeated, and failed after that, is no flaky test.
    """
    flaky: dict[str, str] = {}
    for line in noted.splitlines():
        word, test, why = line.split("\t")
        if word == AGAIN:
            flaky.setdefault(test, f"{test}{why}")
        else:
            flaky.pop(test, None)
    return list(flaky.values())


def _describe_failure(report: pytest.TestReport) -> str:
    """Where and how it failed, in one line; nothing where it has passed since, in another run."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return ""
    message = " ".join(str(crash.message).split())
    return f" ({report.when}: {message[:LONGEST]})"
