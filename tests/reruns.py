"""Which tests were repeated, and why: noted in the file that RERUN_REPORT names, one a line."""

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


def note_rerun(report: pytest.TestReport) -> None:
    """Note a test that failed and is tried again; once, by the process that steers the others."""
    path, again = os.environ.get(REPORT), report.outcome == "rerun"  # type: ignore[comparison-overlap]  # an outcome of pytest-rerunfailures
    again = again or (SECOND_TRY in os.environ and report.when == "call" and report.passed)
    if path and again and "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(path).open("a") as file:
            file.write(f"{report.nodeid}{_describe_failure(report)}\n")


def _describe_failure(report: pytest.TestReport) -> str:
    """Where and how it failed, in one line; nothing where it has passed since, in another run."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return ""
    message = " ".join(str(crash.message).split())
    return f" ({report.when}: {message[:LONGEST]})"
