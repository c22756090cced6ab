"""Following: requests that are counted later, and the collector of garbage while all is listed."""

from __future__ import annotations

import gc

import pytest

from etcd_operator.errors import KubeUnavailable
from etcd_operator.runtime.engine import following
from etcd_operator.runtime.engine.following import Requests


def test_requests_are_counted_once_there_is_something_that_counts() -> None:
    requests, counted = Requests(), []
    requests("list", "pods", 200)
    requests.count_by(lambda *request: counted.append(request))
    requests("list", "services", 503)
    assert counted == [("list", "pods", 200), ("list", "services", 503)]


async def test_the_collector_is_rarely_at_work_until_all_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would go through everything that was listed so far, again and again."""
    usual, during = gc.get_threshold(), []

    class Listing:
        async def wait_until_synced(self) -> None:
            during.append(gc.get_threshold())

    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.get_threshold()))
    await following.wait_until_listed(Listing(), Listing())
    assert during == [following.COLLECT_WHILE_LISTING] * 2
    assert frozen == [usual]


async def test_the_collector_is_at_work_again_where_nothing_could_be_listed() -> None:
    usual = gc.get_threshold()

    class Unreachable:
        async def wait_until_synced(self) -> None:
            raise KubeUnavailable("nobody answers", 503)

    with pytest.raises(KubeUnavailable):
        await following.wait_until_listed(Unreachable())
    assert gc.get_threshold() == usual
