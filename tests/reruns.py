"""Which tests were repeated: noted in the file that RERUN_REPORT names, one a line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # whoever starts levels does without it
    import pytest

REPORT: Final = "RERUN_REPORT"
# Set where only the tests run that have just failed.
SECOND_TRY: Final = "SECOND_TRY"


def note_rerun(report: pytest.TestReport) -> None:
    """Note a test that failed and is tried again; once, by the process that steers the others."""
    path, again = os.environ.get(REPORT), report.outcome == "rerun"  # type: ignore[comparison-overlap]  # an outcome of pytest-rerunfailures
    again = again or (SECOND_TRY in os.environ and report.when == "call" and report.passed)
    if path and again and "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(path).open("a") as file:
            file.write(f"{report.nodeid}\n")
