"""Lease election: one replica holds a Lease and acts, the others wait.

Only monotonic time is measured, and from before the request that renewed the Lease: this replica
stops working before another may begin. A waiting replica takes over when it has seen no change of
the record for the whole lease by its own clock; wall clocks are never compared. The Lease keeps
two operators out of each other's way; what makes a late action harmless are the preconditions
that every destructive action carries.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from etcd_operator.errors import Conflict, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import LEASES, KubeApi
from etcd_operator.runtime.process.clock import Clock

log = structlog.get_logger("leader")

# Less than this is a rest of the arithmetic and no time to do anything in.
RESIDUE_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class Terms:
    """Durations in seconds: others wait `lease`, we stop `renew_deadline` after a renewal."""

    lease: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0


class Candidacy:
    """What a replica has to say about a Lease beside holding it; here: nothing."""

    def saw(self, lease: Json, at: float) -> None:
        """Note the Lease as it is, empty if there is none; the request began at this time."""

    def may_take(self) -> bool:
        """Whether to take the Lease if nobody holds it."""
        return True

    def annotate(self, lease: Json, *, taken: bool) -> Json:
        """Return annotations to write with a renewal of this Lease, or when it is `taken`."""
        del lease, taken
        return {}


class Election:
    """Holds a Lease while `work` runs."""

    def __init__(
        self,
        api: KubeApi,
        clock: Clock,
        namespace: str,
        identity: str,
        name: str,
        terms: Terms | None = None,
        candidacy: Candidacy | None = None,
    ) -> None:
        self._api = api
        self._clock = clock
        self._namespace = namespace
        self._identity = identity
        self._name = name
        self._terms = terms or Terms()
        self._candidacy = candidacy or Candidacy()
        self._seen: tuple[str, float] = ("", clock.monotonic())
        self._renewed = 0.0
        # As last read: who holds the Lease, and who did until it expired.
        self.holder = ""
        self.expired_holder = ""
        # Whether nobody holds it, and it is not for this replica to take.
        self._declined = False

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, then run `work` until it ends, is cancelled or the Lease is lost.

        Returns when the work ended or the Lease was lost; by then the work has stopped.
        """
        await self._acquire()
        log.info("leading", identity=self._identity, lease=self._name)
        task = asyncio.ensure_future(work())
        renewal = asyncio.create_task(self._renew())
        try:
            await asyncio.wait({task, renewal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for running in (task, renewal):
                running.cancel()
            await asyncio.gather(task, renewal, return_exceptions=True)
            if not renewal.cancelled() and self._is_over():
                log.warning("lost the lease", identity=self._identity, lease=self._name)
            else:
                await self._release()
        if not task.cancelled():
            task.result()

    async def look(self) -> None:
        """Read the Lease, without taking it; what cannot be read stays unknown."""
        started = self._clock.monotonic()
        with contextlib.suppress(KubeError, TimeoutError):
            async with asyncio.timeout(self._terms.renew_deadline):
                await self._read(started)

    def _time_left(self) -> float:
        return self._renewed + self._terms.renew_deadline - self._clock.monotonic()

    def _is_over(self) -> bool:
        return self._time_left() <= RESIDUE_SECONDS

    async def _acquire(self) -> None:
        while True:
            self._declined = False
            if await self._try(self._terms.renew_deadline):
                return
            # Whose turn it is, is known within a moment.
            await asyncio.sleep(self._terms.retry / 4 if self._declined else self._terms.retry)

    async def _renew(self) -> None:
        """Renew until the deadline has passed without success."""
        while not self._is_over():
            await asyncio.sleep(min(self._terms.retry, self._time_left()))
            if not self._is_over():
                await self._try(self._time_left())

    async def _try(self, seconds: float) -> bool:
        """Take or renew the Lease; a request that hangs is given up after so many seconds."""
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                done = await self._take(started)
        except (KubeError, TimeoutError) as error:
            log.debug("lease not written", error=str(error)[:200])
            return False
        if done:
            self._renewed = started
        return done

    async def _take(self, started: float) -> bool:
        lease = await self._read(started)
        if self.holder != self._identity:
            self._declined = not (self.holder or self._candidacy.may_take())
            if self.holder or self._declined:
                return False
        if not lease:
            created = await self._api.create(LEASES, self._namespace, self._fresh_lease())
            self._note(created, started)
            return True
        with contextlib.suppress(Conflict):
            await self._write(lease, self._identity, started)
            return True
        return False

    async def _read(self, started: float) -> Json:
        try:
            lease = await self._api.get(LEASES, self._namespace, self._name)
        except NotFound:
            lease = {}
        self._note(lease, started)
        return lease

    def _note(self, lease: Json, started: float) -> None:
        """Note who holds the Lease: a holder that has not renewed it for its time does not."""
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        version = lease["metadata"]["resourceVersion"] if lease else ""
        if version != self._seen[0]:
            self._seen = (version, self._clock.monotonic())
        expired = self._clock.monotonic() - self._seen[1] > float(
            spec.get("leaseDurationSeconds") or self._terms.lease
        )
        self.holder, self.expired_holder = ("", holder) if expired else (holder, "")
        self._candidacy.saw(lease, started)

    async def _write(self, lease: Json, holder: str, started: float) -> None:
        spec = lease.get("spec") or {}
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        patch: Json = {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(self._terms.lease)),
            "renewTime": now,
        }
        metadata: Json = {"resourceVersion": lease["metadata"]["resourceVersion"]}
        if holder:
            taken = holder != (spec.get("holderIdentity") or "")
            if annotations := self._candidacy.annotate(lease, taken=taken):
                metadata["annotations"] = annotations
            if taken:
                patch["acquireTime"] = now
                patch["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        body = {"metadata": metadata, "spec": patch}
        written = await self._api.merge_patch(LEASES, self._namespace, self._name, body)
        self._note(written, started)

    def _fresh_lease(self) -> Json:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata: Json = {"name": self._name, "namespace": self._namespace}
        if annotations := self._candidacy.annotate({}, taken=True):
            metadata["annotations"] = {key: text for key, text in annotations.items() if text}
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.name,
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(self._terms.lease)),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        }

    async def _release(self) -> None:
        """Let another replica take over at once; if that fails it waits out the lease."""
        with contextlib.suppress(KubeError, TimeoutError):
            async with asyncio.timeout(self._terms.retry):
                started = self._clock.monotonic()
                lease = await self._read(started)
                if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                    await self._write(lease, "", started)
