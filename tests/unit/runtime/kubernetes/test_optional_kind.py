"""A kind of somebody else's project: its absence is no trouble, and its coming is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, cast

import pytest

from etcd_operator.errors import Forbidden, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import CERTIFICATES, KubeApi, WatchEvent
from etcd_operator.runtime.kubernetes.watch_cache import ABSENT_SECONDS, Cache

pytestmark = pytest.mark.looptime

CERTIFICATE: Final[Json] = {
    "metadata": {"namespace": "team", "name": "db-server", "uid": "u", "resourceVersion": "1"}
}


class Definitions:
    """An API server that may not have the kind; one watch lasts five seconds."""

    def __init__(self) -> None:
        self.refusal: KubeError | None = NotFound("the server could not find it", 404)
        self.lists = 0
        self.watches = 0

    async def list_pages(self, *_: object) -> AsyncIterator[Json]:
        self.lists += 1
        if self.refusal:
            raise self.refusal
        yield {"metadata": {"resourceVersion": "1"}, "items": [CERTIFICATE]}

    async def watch(self, *_: object) -> AsyncIterator[WatchEvent]:
        self.watches += 1
        if self.refusal:
            raise self.refusal
        await asyncio.sleep(5)
        return
        yield WatchEvent("BOOKMARK", {})


def build(api: Definitions, *, optional: bool) -> Cache[str]:
    return Cache(
        cast(KubeApi, api), CERTIFICATES, lambda _: "it", lambda _: "db", optional=optional
    )


async def follow(cache: Cache[str], seconds: float) -> asyncio.Task[None]:
    task = asyncio.create_task(cache.run())
    await asyncio.sleep(seconds)
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("refusal", [NotFound("no such kind", 404), Forbidden("not yours", 403)])
async def test_without_the_kind_nobody_waits_and_nothing_is_watched(refusal: KubeError) -> None:
    api = Definitions()
    api.refusal = refusal
    cache = build(api, optional=True)
    task = await follow(cache, ABSENT_SECONDS * 3.5)
    assert cache.synced.is_set()
    assert not cache.served
    assert api.lists == 4
    assert api.watches == 0
    await end(task)


async def test_it_comes_and_goes() -> None:
    api = Definitions()
    cache = build(api, optional=True)
    told: list[str] = []
    cache.subscribe(lambda _namespace, cluster: told.append(cluster))
    task = await follow(cache, 1)
    api.refusal = None
    await asyncio.sleep(ABSENT_SECONDS + 1)
    assert cache.served
    assert cache.get("team", "db-server") == "it"
    api.refusal = NotFound("no such kind any more", 404)
    await asyncio.sleep(30)
    assert not cache.served
    assert len(cache) == 0
    assert told == ["db", "db"]
    await end(task)


async def test_a_kind_that_has_to_be_there_is_waited_for() -> None:
    api = Definitions()
    cache = build(api, optional=False)
    task = await follow(cache, 60)
    assert not cache.synced.is_set()
    await end(task)
