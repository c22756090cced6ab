"""Roster: which replicas are there, as each of them says on one object again and again.

The object is a Lease that nobody holds, with an annotation for each replica. A replica is there
while its annotation keeps changing, by the clock of who looks: wall clocks are never compared. The
roster says how many replicas share the work, and nothing of who does what.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from typing import Final

import structlog

from etcd_operator.errors import KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import LEASES, KubeApi
from etcd_operator.runtime.kubernetes.lease import Terms
from etcd_operator.runtime.process.clock import Clock

log = structlog.get_logger("roster")

PREFIX: Final = "replica.etcd.etcd.io/"
# What is longer, or more, was not written by replicas.
MOST_REPLICAS: Final = 32
MOST_CHARACTERS: Final = 400
# Entries that have not changed for so many lease times are removed by whoever sees them.
REMOVED_AFTER_LEASES: Final = 4


class Roster:
    """The replicas of one `group`: those that share the work in the same way."""

    def __init__(
        self,
        api: KubeApi,
        clock: Clock,
        namespace: str,
        name: str,
        identity: str,
        group: str,
        terms: Terms,
    ) -> None:
        self._api = api
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._group = group
        self._terms = terms
        self._key = PREFIX + hashlib.sha256(identity.encode()).hexdigest()[:16]
        # By annotation: its text, and since when it is the same.
        self._seen: dict[str, tuple[str, float]] = {}

    async def run(self) -> None:
        """Say that this replica is there until cancelled, and then that it goes."""
        try:
            while True:
                await self.enter()
                await asyncio.sleep(self._terms.retry / 2)
        finally:
            await self._leave()

    async def enter(self) -> None:
        """Say once that this replica is there, and note who else is."""
        text = f"{self._group} {self._identity} {self._clock.now().isoformat()}"
        annotations = {**dict.fromkeys(self._find_stale()), self._key: text}
        try:
            async with asyncio.timeout(self._terms.renew_deadline):
                self._note(await self._write(annotations))
        except (KubeError, TimeoutError) as error:
            log.debug("roster not written", error=str(error)[:200])

    def find_replicas(self) -> frozenset[str]:
        """Return the identities of the replicas that are there; this one always is."""
        now = self._clock.monotonic()
        fresh = (text for text, since in self._seen.values() if now - since <= self._terms.lease)
        words = (text.split(" ") for text in fresh)
        others = {each[1] for each in words if len(each) == 3 and each[0] == self._group}
        return frozenset({*others, self._identity})

    def _note(self, roster: Json) -> None:
        now = self._clock.monotonic()
        found = roster["metadata"].get("annotations") or {}
        entries = sorted((key, str(text)) for key, text in found.items() if key.startswith(PREFIX))
        before = self._seen
        self._seen = {
            key: before[key] if key in before and before[key][0] == text else (text, now)
            for key, text in entries[:MOST_REPLICAS]
            if len(text) <= MOST_CHARACTERS
        }

    def _find_stale(self) -> Iterator[str]:
        longest = REMOVED_AFTER_LEASES * self._terms.lease
        now = self._clock.monotonic()
        return (key for key, (_, since) in self._seen.items() if now - since > longest)

    async def _write(self, annotations: Json) -> Json:
        patch = {"metadata": {"annotations": annotations}}
        try:
            return await self._api.merge_patch(LEASES, self._namespace, self._name, patch)
        except NotFound:
            metadata = {
                "name": self._name,
                "namespace": self._namespace,
                "annotations": {key: text for key, text in annotations.items() if text},
            }
            body = {"apiVersion": LEASES.api_version, "kind": LEASES.name, "metadata": metadata}
            return await self._api.create(LEASES, self._namespace, body)

    async def _leave(self) -> None:
        """Let the others share anew at once; if that fails they find out in time."""
        with contextlib.suppress(KubeError, TimeoutError):
            async with asyncio.timeout(self._terms.retry):
                await self._write({self._key: None})
