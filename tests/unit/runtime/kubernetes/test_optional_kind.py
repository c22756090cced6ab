"""A kind of somebody else's project: its absence is no trouble, and its coming is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from etcd_operator.errors import Forbidden, KubeError, NotFound
from etcd_operator.runtime.kubernetes.api import CERTIFICATES
from etcd_operator.runtime.kubernetes.watch_cache import ABSENT_SECONDS, Cache
from tests.fakes.kubernetes import NO_FAULTS, ApiFaults, ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime


def missing() -> KubeError:
    return NotFound("the server could not find the requested resource", 404)


def forbidden() -> KubeError:
    return Forbidden("not yours", 403)


def serve(refusal: Callable[[], KubeError]) -> ApiServer:
    """An API server that has a Certificate, and does not show it."""
    server = ApiServer()
    server.put(CERTIFICATES, "db-server", namespace="team")
    server.change(ApiFaults(error=refusal))
    return server


def build(server: ApiServer, *, optional: bool) -> Cache[str]:
    api = InMemoryApi(server)
    return Cache(api, CERTIFICATES, lambda _: "it", lambda _: "db", optional=optional)


async def follow(cache: Cache[str], seconds: float) -> asyncio.Task[None]:
    task = asyncio.create_task(cache.run())
    await asyncio.sleep(seconds)
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("refusal", [missing, forbidden])
async def test_without_the_kind_nobody_waits_and_nothing_is_watched(
    refusal: Callable[[], KubeError],
) -> None:
    server = serve(refusal)
    cache = build(server, optional=True)
    task = await follow(cache, ABSENT_SECONDS * 3.5)
    assert cache.synced.is_set()
    assert not cache.served
    assert [request.verb for request in server.requests] == ["list"] * 4
    await end(task)


async def test_it_comes_and_goes() -> None:
    server = serve(missing)
    cache = build(server, optional=True)
    told: list[str] = []
    cache.subscribe(lambda _namespace, cluster: told.append(cluster))
    task = await follow(cache, 1)
    server.change(NO_FAULTS)
    await asyncio.sleep(ABSENT_SECONDS + 1)
    assert cache.served
    assert cache.get("team", "db-server") == "it"
    server.change(ApiFaults(error=missing))
    await asyncio.sleep(30)
    assert not cache.served
    assert len(cache) == 0
    assert told == ["db", "db"]
    await end(task)


async def test_a_kind_that_has_to_be_there_is_waited_for() -> None:
    server = serve(missing)
    cache = build(server, optional=False)
    task = await follow(cache, 60)
    assert not cache.synced.is_set()
    await end(task)
