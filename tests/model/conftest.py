"""The level prints what each scenario explored."""

from __future__ import annotations

import pytest

from tests.model.explored import Printer


def pytest_configure(config: pytest.Config) -> None:
    """Print in the process that steers, not in those that it hands tests to."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Printer(config))
