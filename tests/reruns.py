"""Which tests were repeated: noted in the file that RERUN_REPORT names, one a line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

REPORT: Final = "RERUN_REPORT"


def note_rerun(report: pytest.TestReport) -> None:
    """Note a test that failed and is tried again; once, by the process that steers the others."""
    path = os.environ.get(REPORT)
    if path and report.outcome == "rerun" and "PYTEST_XDIST_WORKER" not in os.environ:  # type: ignore[comparison-overlap]  # an outcome of pytest-rerunfailures
        with Path(path).open("a") as file:
            file.write(f"{report.nodeid}\n")
