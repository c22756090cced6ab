"""Warnings of Kubernetes about one object: what its controllers say only in Events.

A Pod that quota, admission or a missing ServiceAccount refuses does not exist, so nothing but an
Event of its StatefulSet or Job says why; nor does a Pod say why its volume cannot be mounted.
Events are many and nobody watches them here: those of one object are listed, only while something
is waited for, and one page of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from etcd_operator.api.parse import parse_time
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock

# How long an answer is believed: a pass over an object that waits comes every second.
BELIEVED_SECONDS: Final = 5.0
# While nothing changes, the API server is asked ever more seldom, up to this: it has no index by
# object, and looks through all Events of the namespace each time.
BELIEVED_LONGEST: Final = 20.0
# How long the last answer stands after nobody asked any more.
KEPT_SECONDS: Final = 60.0
# What is nice to know holds up no pass.
ASK_SECONDS: Final = 2.0
MOST_CHARACTERS: Final = 1000
# Events of type Normal that come between two warnings, and say nothing of success.
WITHOUT_NEWS: Final = frozenset(
    {
        "ExternalProvisioning",
        "NotTriggerScaleUp",
        "Provisioning",
        "SandboxChanged",
        "WaitForFirstConsumer",
        "WaitForPodScheduled",
    }
)
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Event:
    """An Event of Kubernetes, cut: its message may have any size."""

    time: datetime
    warns: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the API server, its time, and for how many seconds it counts."""

    at: float
    events: tuple[_Event, ...] = ()
    believed: float = BELIEVED_SECONDS


class WarningReader:
    """Finds the warning that stands about an object, if any; never raises.

    Without the right to list Events, or without an answer, there is none.
    """

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, _Answer] = {}
        self._swept = clock.monotonic()

    async def find(
        self, namespace: str, uid: str, *, about: str = "", since: datetime | None = None
    ) -> PodProblem | None:
        """Return the newest warning about the object with this uid that no success has followed.

        Only Events whose message has `about` in it count, and only those that were not over before
        `since`.
        """
        events = [
            event
            for event in await self._recall(namespace, uid)
            if about in event.message
            and event.reason not in WITHOUT_NEWS
            and (since is None or event.time >= since.replace(microsecond=0))
        ]
        newest = max(events, key=lambda event: (event.time, event.warns), default=None)
        if newest is None or not newest.warns:
            return None
        return PodProblem(newest.reason or "Warning", newest.message)

    async def _recall(self, namespace: str, uid: str) -> tuple[_Event, ...]:
        now = self._clock.monotonic()
        self._sweep(now)
        known = self._known.get(uid)
        if known is not None and now - known.at < known.believed:
            return known.events
        events = known.events if known else ()
        with contextlib.suppress(KubeError, TimeoutError):
            async with asyncio.timeout(ASK_SECONDS):
                events = await self._list(namespace, uid)
        same = known is not None and events == known.events
        believed = min(known.believed * 2, BELIEVED_LONGEST) if known and same else BELIEVED_SECONDS
        self._known[uid] = _Answer(now, events, believed)
        return events

    def _sweep(self, now: float) -> None:
        """Forget what nobody has asked for any more, now and then."""
        if now - self._swept >= BELIEVED_SECONDS:
            self._known = {u: k for u, k in self._known.items() if now - k.at < KEPT_SECONDS}
            self._swept = now

    async def _list(self, namespace: str, uid: str) -> tuple[_Event, ...]:
        selector = f"involvedObject.uid={uid}"
        async for page in self._api.list_pages(kube.EVENTS, namespace, field_selector=selector):
            return tuple(_read(event) for event in page.get("items") or ())
        return ()


def _read(event: Json) -> _Event:
    return _Event(
        time=_time(event),
        warns=event.get("type") == "Warning",
        reason=str(event.get("reason") or "")[:MOST_CHARACTERS],
        message=str(event.get("message") or "")[:MOST_CHARACTERS],
    )


def _time(event: Json) -> datetime:
    """When it was last seen; who writes events.k8s.io has other fields for it."""
    said = (
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        (event.get("metadata") or {}).get("creationTimestamp"),
    )
    first = next((str(text) for text in said if text), "")
    return parse_time(first) or _BEFORE_ALL
