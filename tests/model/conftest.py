"""The level prints what each scenario explored."""

from __future__ import annotations

import pytest

from tests.garbage import collect_rarely, leave_alone_what_stays
from tests.model.explored import Printer

collect_rarely()


def pytest_collection_finish() -> None:
    """Begin with the scenarios."""
    leave_alone_what_stays()


def pytest_configure(config: pytest.Config) -> None:
    """Print in the process that steers, not in those that it hands tests to."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Printer(config))
