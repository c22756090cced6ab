"""Warnings in Events: which one stands, and how often Kubernetes is asked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.errors import Forbidden, KubeError, KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.warnings import BELIEVED_LONGEST, BELIEVED_SECONDS, WarningReader
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime


LATER = "2026-01-01T00:01:00Z"
REFUSED = "create Pod db-0 in StatefulSet db failed error: pods is forbidden: exceeded quota"


def event(second: int, message: str = REFUSED, *, type: str = "Warning", **more: Any) -> Json:  # noqa: A002 (the field's name)
    """An Event that was last seen in this second of a minute."""
    stamp = f"2026-01-01T00:00:{second:02}Z"
    reason = "FailedCreate" if type == "Warning" else "SuccessfulCreate"
    return {"type": type, "reason": reason, "message": message, "lastTimestamp": stamp, **more}


def reader(*events: Json, error: KubeError | None = None) -> tuple[WarningReader, ApiServer]:
    """A reader, and what it asks."""
    server = ApiServer()
    server.warn("u1", *events)
    if error:
        server.change(ApiFaults(error=lambda: error))
    return WarningReader(InMemoryApi(server), LoopClock()), server


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((), None),
        ((event(1),), REFUSED),
        ((event(2, "newer"), event(1, "older")), "newer"),
        ((event(1), event(2, "created", type="Normal")), None),
        ((event(3), event(2, "created", type="Normal")), REFUSED),
        ((event(2, "created", type="Normal"), event(2)), REFUSED),
        ((event(1), event(2, type="Normal", reason="ExternalProvisioning")), REFUSED),
        ((event(1, "of db-1"), event(2, "of db-2")), "of db-2"),
        ((event(9, lastTimestamp=None, eventTime="2026-01-01T00:00:01.123456Z"),), REFUSED),
        (
            (event(8, "one"), event(0, "more", series={"lastObservedTime": LATER})),
            "more",
        ),
        ((event(1, lastTimestamp=None),), REFUSED),
    ],
)
async def test_the_newest_warning_stands_until_a_success(
    events: tuple[Json, ...], said: str | None
) -> None:
    warnings, api = reader(*events)
    found = await warnings.find("team", "u1")
    assert found == (PodProblem("FailedCreate", said) if said else None)
    assert api.asked == ["list Event team involvedObject.uid=u1"]


async def test_one_page_is_enough() -> None:
    warnings, api = reader(event(1), event(2, "on the next page"))
    api.page_size = 1
    assert await warnings.find("team", "u1") == PodProblem("FailedCreate", REFUSED)
    assert len(api.asked) == 1


async def test_a_warning_about_another_pod_of_the_same_object_does_not_count() -> None:
    warnings, _ = reader(event(1), event(2, "create Pod db-1 in StatefulSet db", type="Normal"))
    assert await warnings.find("team", "u1", about="Pod db-0 ") == PodProblem(
        "FailedCreate", REFUSED
    )
    assert await warnings.find("team", "u1", about="Pod db-2 ") is None


async def test_what_was_over_before_the_wait_began_does_not_count() -> None:
    warnings, _ = reader(event(10))
    for second, stands in ((9, True), (10, True), (11, False)):
        since = datetime(2026, 1, 1, 0, 0, second, 999_999, tzinfo=UTC)
        assert (await warnings.find("team", "u1", since=since) is not None) == stands


async def test_an_answer_is_believed_for_a_while() -> None:
    warnings, api = reader(event(1))
    for _ in range(2):
        await warnings.find("team", "u1")
    await warnings.find("team", "u2")
    assert len(api.asked) == 2
    await asyncio.sleep(BELIEVED_SECONDS)
    await warnings.find("team", "u1")
    assert len(api.asked) == 3


@pytest.mark.parametrize("error", [Forbidden("no right", 403), KubeUnavailable("503")])
async def test_without_an_answer_nothing_is_said(error: KubeError) -> None:
    warnings, _ = reader(error=error)
    assert await warnings.find("team", "u1") is None


async def test_a_long_message_is_cut() -> None:
    warnings, _ = reader(event(1, "x" * 5000))
    found = await warnings.find("team", "u1")
    assert found is not None
    assert len(found.message) == 1000


async def test_who_waits_for_long_is_asked_about_ever_more_seldom() -> None:
    """Each answer costs the API server a look at all Events of the namespace."""
    warnings, api = reader(event(1))
    for _ in range(120):
        await warnings.find("team", "u1")
        await asyncio.sleep(1)
    assert 6 <= len(api.asked) <= 9
    api.warn("u1", event(59, "news"))
    await asyncio.sleep(BELIEVED_LONGEST)
    assert await warnings.find("team", "u1") == PodProblem("FailedCreate", "news")
    before = len(api.asked)
    for _ in range(10):
        await warnings.find("team", "u1")
        await asyncio.sleep(1)
    assert len(api.asked) == before + 1, "after news there may be more"


async def test_of_events_no_more_is_kept_than_is_said() -> None:
    """Whoever may write Events may write five hundred of a megabyte each."""
    warnings, _ = reader(*(event(n % 60, "x" * 1_000_000) for n in range(40)))
    await warnings.find("team", "u1")
    assert len(repr(warnings._known)) < 40 * 1_500
