from __future__ import annotations

import pytest

from etcd_operator.plugin.version_paths import list_followers


@pytest.mark.parametrize(
    ("running", "follow"),
    [
        ([], []),
        (["nonsense"], []),
        (["3.5.25"], ["3.5.x"]),
        (["3.5.26"], ["3.5.x", "3.6.x"]),
        (["3.6.1", "3.6.2"], ["3.5.x", "3.6.x", "3.7.x"]),
        (["3.5.30", "3.6.2"], ["3.5.x", "3.6.x"]),
        (["3.7.0"], ["3.6.x", "3.7.x", "3.8.x"]),
        (["3.8.0"], ["3.8.x", "3.9.x"]),
    ],
)
def test_what_may_follow(running: list[str], follow: list[str]) -> None:
    assert list_followers(running) == follow
