"""Shared by all unit tests: readable failures, and no log lines among them.

It is the only one below `tests/unit`: beside one that counts in a folder alone, pytest looks up the
hooks of every test anew.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from etcd_operator.jobs import download, upload
from etcd_operator.jobs.io import files, open_store, secrets, store
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


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directories that the steps of a Job find, below one that goes away."""
    place = tmp_path / "spool"
    for directory in (place, tmp_path / "store", tmp_path / "secrets", tmp_path / "disk"):
        directory.mkdir()
    snapshot = str(place / "snapshot.db")
    for module in (upload, download):
        monkeypatch.setattr(module, "SNAPSHOT", snapshot)
    monkeypatch.setattr(files, "NOTES", place / "notes.json")
    for module in (store, open_store):
        monkeypatch.setattr(module, "STORE", str(tmp_path / "store"))
    monkeypatch.setattr(secrets, "SECRETS", str(tmp_path / "secrets"))
    return tmp_path
