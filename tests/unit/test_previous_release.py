"""The release to upgrade from: as it is asked for, the newest tag before, or what a clone has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.previous_release import check_out, find_previous

WHO = ("-c", "user.name=a", "-c", "user.email=a@example.com")


def git(tree: Path, *words: str) -> str:
    command = ["git", *WHO, *words]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout


def commit(tree: Path, text: str) -> str:
    (tree / "file").write_text(text)
    git(tree, "add", "file")
    git(tree, "commit", "--quiet", "--message", text)
    return git(tree, "rev-parse", "HEAD").strip()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PREVIOUS", raising=False)
    git(tmp_path, "init", "--quiet")
    return tmp_path


def test_the_newest_tag_before_this_commit(tree: Path) -> None:
    for tag in ("v0.9.0", "v0.10.0"):
        commit(tree, tag)
        git(tree, "tag", tag)
    commit(tree, "v0.11.0")
    git(tree, "tag", "v0.11.0")
    assert find_previous(tree) == "v0.10.0", "a release does not come before itself"


def test_a_clone_without_history_has_its_oldest_commit(tree: Path) -> None:
    oldest = commit(tree, "one")
    assert find_previous(tree) == oldest
    commit(tree, "two")
    assert find_previous(tree) == oldest


def test_the_one_that_is_asked_for(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(tree, "one")
    wanted = commit(tree, "two")
    commit(tree, "three")
    monkeypatch.setenv("PREVIOUS", "HEAD~1")
    assert find_previous(tree) == wanted


@pytest.mark.exhaustive
def test_files_are_those_of_this_tree_at_that_time(tmp_path: Path) -> None:
    check_out("HEAD", tmp_path)
    assert (tmp_path / "Dockerfile").exists()
