"""When the client Service has let go of a Pod: EndpointSlices, the grace, and the longest wait."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.errors import Forbidden
from etcd_operator.runtime.engine.service_exits import (
    GRACE_SECONDS,
    LONGEST_SECONDS,
    SERVICE_NAME,
    ServiceExits,
)
from etcd_operator.runtime.kubernetes.api import ENDPOINT_SLICES
from tests.builders.snapshots import NAMING, pod
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

PODS = (pod(0), pod(1), pod(2, role=ROLE_LEAVING))


class Harness:
    """A client Service whose EndpointSlice lists some Pods."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.exits = ServiceExits(InMemoryApi(self.server), LoopClock())
        self.list(0, 1, 2)

    def list(self, *ordinals: int) -> None:
        """Lead clients to these Pods."""
        endpoints = [{"targetRef": {"kind": "Pod", "uid": pod(o).uid}} for o in ordinals]
        labels = {SERVICE_NAME: NAMING.client_service}
        body = {"metadata": {"labels": labels}, "endpoints": endpoints}
        self.server.put(ENDPOINT_SLICES, "db-client-x", body, NAMING.namespace)

    async def look(self) -> frozenset[str]:
        """Look at the Pods."""
        return await self.exits.look(NAMING, PODS)


async def test_nobody_asks_while_no_pod_leaves() -> None:
    harness = Harness()
    assert await harness.exits.look(NAMING, PODS[:2]) == frozenset()
    assert harness.server.asked == []


async def test_a_slice_of_an_alias_leads_to_it_as_well() -> None:
    harness = Harness()
    harness.list(0, 1)
    endpoint = {"targetRef": {"kind": "Pod", "uid": pod(2).uid}}
    body = {"metadata": {"labels": {SERVICE_NAME: "old"}}, "endpoints": [endpoint]}
    harness.server.put(ENDPOINT_SLICES, "old-x", body, NAMING.namespace)
    assert await harness.exits.look(NAMING, PODS, ("old",)) == frozenset()
    await asyncio.sleep(GRACE_SECONDS + 0.1)
    assert await harness.exits.look(NAMING, PODS, ("old",)) == frozenset()
    await asyncio.sleep(GRACE_SECONDS)
    await harness.exits.look(NAMING, PODS)
    await asyncio.sleep(GRACE_SECONDS)
    assert await harness.exits.look(NAMING, PODS) == frozenset({pod(2).uid}), "it names none"


async def test_a_pod_is_out_when_no_slice_lists_it_and_the_grace_is_over() -> None:
    harness = Harness()
    assert await harness.look() == frozenset()
    await asyncio.sleep(3.0)
    assert await harness.look() == frozenset(), "the slice still leads to it"
    harness.list(0, 1)
    assert await harness.look() == frozenset(), "kube-proxies have yet to see that"
    await asyncio.sleep(GRACE_SECONDS - 0.1)
    assert await harness.look() == frozenset()
    await asyncio.sleep(0.1)
    assert await harness.look() == {PODS[2].uid}


async def test_once_it_was_seen_to_be_out_nobody_asks_again() -> None:
    harness = Harness()
    harness.list(0, 1)
    await harness.look()
    asked = len(harness.server.asked)
    await harness.look()
    assert len(harness.server.asked) == asked == 1


async def test_slices_that_never_change_are_not_waited_for_without_end() -> None:
    harness = Harness()
    await harness.look()
    await asyncio.sleep(LONGEST_SECONDS - 0.1)
    assert await harness.look() == frozenset()
    await asyncio.sleep(0.1)
    assert await harness.look() == {PODS[2].uid}


async def test_an_operator_that_may_not_look_waits_no_longer_than_that() -> None:
    harness = Harness()
    harness.list(0, 1)
    harness.server.change(ApiFaults(error=lambda: Forbidden("endpointslices", 403)))
    assert await harness.look() == frozenset()
    await asyncio.sleep(LONGEST_SECONDS)
    assert await harness.look() == {PODS[2].uid}


async def test_a_pod_that_came_back_meanwhile_is_waited_for_again() -> None:
    """The plan changed, so clients were led back to it, and changed again."""
    harness = Harness()
    harness.list(0, 1)
    await harness.look()
    await asyncio.sleep(GRACE_SECONDS)
    assert await harness.look() == {PODS[2].uid}
    await harness.exits.look(NAMING, (*PODS[:2], pod(2)))
    harness.list(0, 1, 2)
    assert await harness.look() == frozenset()
