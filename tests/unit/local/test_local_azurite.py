"""Azurite and its libraries are those of the lock file, or there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from local.azurite import provide_azurite
from local.errors import LocalError

LOCK = Path("local/azurite/package-lock.json")


def test_every_package_is_pinned_by_a_digest_and_names_no_registry() -> None:
    text = LOCK.read_text()
    packages = json.loads(text)["packages"]
    assert packages.pop("")["dependencies"] == {"azurite": "3.35.0"}
    assert packages["node_modules/azurite"]["version"] == "3.35.0"
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert "resolved" not in text


def test_without_npm_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LocalError, match="Azurite is fetched with npm and runs on Node"):
        provide_azurite()
