"""The directories that the steps of a Job find, below one that goes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcd_operator.jobs import download, upload
from etcd_operator.jobs.io import files, open_store, secrets, store


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directories of a Job, below one that goes away."""
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
