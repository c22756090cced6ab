"""Warnings of Kubernetes about one object: what its controllers say only in Events.

A Pod that quota, admission or a missing ServiceAccount refuses does not exist, so nothing but an
Event of its StatefulSet or Job says why; nor does a Pod say why its volume cannot be mounted.
Events are many and nobody watches them here: those of one object are listed, only while something
is waited for, and one page of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any, Final

from etcd_operator.api.parse import parse_time
from etcd_operator.core.live_objects import Trouble
from etcd_operator.errors import KubeError
from etcd_operator.runtime import kube
from etcd_operator.runtime.clock import Clock
from etcd_operator.runtime.kube import KubeApi

Json = dict[str, Any]

# How long an answer is believed: a pass over an object that waits comes every second.
BELIEVED_SECONDS: Final = 5.0
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


class WarningReader:
    """Finds the warning that stands about an object, if any; never raises.

    Without the right to list Events, or without an answer, there is none.
    """

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[Json, ...]]] = {}

    async def find(
        self, namespace: str, uid: str, *, about: str = "", since: datetime | None = None
    ) -> Trouble | None:
        """Return the newest warning about the object with this uid that no success has followed.

        Only Events whose message has `about` in it count, and only those that were not over before
        `since`.
        """
        events = [
            event
            for event in await self._recall(namespace, uid)
            if about in _message(event)
            and event.get("reason") not in WITHOUT_NEWS
            and (since is None or _time(event) >= since.replace(microsecond=0))
        ]
        newest = max(events, key=lambda event: (_time(event), _warns(event)), default=None)
        if newest is None or not _warns(newest):
            return None
        return Trouble(str(newest.get("reason") or "Warning"), _message(newest)[:MOST_CHARACTERS])

    async def _recall(self, namespace: str, uid: str) -> tuple[Json, ...]:
        now = self._clock.monotonic()
        self._known = {u: k for u, k in self._known.items() if now - k[0] < KEPT_SECONDS}
        asked, events = self._known.get(uid, (None, ()))
        if asked is None or now - asked >= BELIEVED_SECONDS:
            with contextlib.suppress(KubeError, TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    events = await self._list(namespace, uid)
            self._known[uid] = now, events
        return events

    async def _list(self, namespace: str, uid: str) -> tuple[Json, ...]:
        selector = f"involvedObject.uid={uid}"
        async for page in self._api.list_pages(kube.EVENTS, namespace, field_selector=selector):
            return tuple(page.get("items") or ())
        return ()


def _warns(event: Json) -> bool:
    return event.get("type") == "Warning"


def _message(event: Json) -> str:
    return str(event.get("message") or "")


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
