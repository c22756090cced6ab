"""Shared by all unit tests: readable failures, and no log lines among them."""

from __future__ import annotations

import logging

import pytest
import structlog
from hypothesis import settings

from tests.garbage import collect_rarely, leave_alone_what_stays

pytest.register_assert_rewrite("tests.builders.actions", "tests.fakes.small_world")

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

# Enough to find what is wrong over time; a busy machine is no failure. Fewer for every save, where
# `make test-fast` names the profile.
settings.register_profile("unit", max_examples=40, deadline=None)
settings.register_profile("fast", max_examples=10, deadline=None)
settings.load_profile("unit")

collect_rarely()


def pytest_collection_finish() -> None:
    """Begin with the tests."""
    leave_alone_what_stays()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Virtual time goes on when there is nothing to do, and soon: 42 idle turns are usual."""
    if item.get_closest_marker("looptime"):
        item.add_marker(pytest.mark.looptime(noop_cycles=2))
