from __future__ import annotations

import pytest

from etcd_operator.plugin.version_paths import list_between, list_followers


@pytest.mark.parametrize(
    ("running", "by_steps", "at_once"),
    [
        ([], [], []),
        (["nonsense"], [], []),
        (["3.5.25"], ["3.5.x", "3.6.x", "3.7.x"], ["3.5.x"]),
        (["3.5.26"], ["3.5.x", "3.6.x", "3.7.x"], ["3.5.x", "3.6.x"]),
        (["3.6.1", "3.6.2"], ["3.5.x", "3.6.x", "3.7.x"], ["3.5.x", "3.6.x", "3.7.x"]),
        (["3.5.30", "3.6.2"], ["3.5.x", "3.6.x", "3.7.x"], ["3.5.x", "3.6.x"]),
        (["3.7.0"], ["3.6.x", "3.7.x", "3.8.x"], ["3.6.x", "3.7.x", "3.8.x"]),
        (["3.8.0"], ["3.8.x", "3.9.x"], ["3.8.x", "3.9.x"]),
    ],
)
def test_what_may_follow(running: list[str], by_steps: list[str], at_once: list[str]) -> None:
    assert list_followers(running, image=False) == by_steps
    assert list_followers(running, image=True) == at_once


@pytest.mark.parametrize(
    ("running", "to", "between"),
    [
        ([], "v3.7.3", []),
        (["3.5.35", "3.5.36"], "v3.6.16", []),
        (["3.5.35", "3.5.25"], "3.7.3", ["3.5.x", "3.6.x"]),
        (["3.5.35", "3.6.16"], "3.7.3", ["3.6.x"]),
        (["3.7.3"], "3.6.16", []),
    ],
)
def test_what_is_between(running: list[str], to: str, between: list[str]) -> None:
    assert list_between(running, to) == between
