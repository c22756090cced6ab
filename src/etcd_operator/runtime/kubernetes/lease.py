"""Lease election: one replica acts, the others wait.

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

LEASE_NAME: Final = "etcd-operator"
# Less than this is a rest of the arithmetic and no time to do anything in.
RESIDUE_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True)
class Terms:
    """Durations in seconds: others wait `lease`, we stop `renew_deadline` after a renewal."""

    lease: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0


class Election:
    """Holds the Lease while `work` runs."""

    def __init__(
        self,
        api: KubeApi,
        clock: Clock,
        namespace: str,
        identity: str,
        terms: Terms | None = None,
    ) -> None:
        self._api = api
        self._clock = clock
        self._namespace = namespace
        self._identity = identity
        self._terms = terms or Terms()
        self._seen: tuple[str, float] = ("", clock.monotonic())
        self._renewed = 0.0

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, then run `work` until it ends, is cancelled or the Lease is lost.

        Returns when the work ended or the Lease was lost; by then the work has stopped.
        """
        await self._acquire()
        log.info("leading", identity=self._identity)
        task = asyncio.ensure_future(work())
        renewal = asyncio.create_task(self._renew())
        try:
            await asyncio.wait({task, renewal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for running in (task, renewal):
                running.cancel()
            await asyncio.gather(task, renewal, return_exceptions=True)
            if not renewal.cancelled() and self._is_over():
                log.warning("lost the lease", identity=self._identity)
            else:
                await self._release()
        if not task.cancelled():
            task.result()

    def _time_left(self) -> float:
        return self._renewed + self._terms.renew_deadline - self._clock.monotonic()

    def _is_over(self) -> bool:
        return self._time_left() <= RESIDUE_SECONDS

    async def _acquire(self) -> None:
        while True:
            if await self._try(self._terms.renew_deadline):
                return
            await asyncio.sleep(self._terms.retry)

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
                done = await self._take()
        except (KubeError, TimeoutError) as error:
            log.debug("lease not written", error=str(error)[:200])
            return False
        if done:
            self._renewed = started
        return done

    async def _take(self) -> bool:
        try:
            lease = await self._api.get(LEASES, self._namespace, LEASE_NAME)
        except NotFound:
            await self._api.create(LEASES, self._namespace, self._fresh_lease())
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, self._clock.monotonic())
        expired = self._clock.monotonic() - self._seen[1] > float(
            spec.get("leaseDurationSeconds") or self._terms.lease
        )
        if holder not in ("", self._identity) and not expired:
            return False
        with contextlib.suppress(Conflict):
            await self._write(version, spec, self._identity, changed=holder != self._identity)
            return True
        return False

    async def _write(self, version: str, spec: Json, holder: str, *, changed: bool) -> None:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        patch: Json = {
            "holderIdentity": holder,
            "leaseDurationSeconds": max(1, round(self._terms.lease)),
            "renewTime": now,
        }
        if changed:
            patch["acquireTime"] = now
            patch["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        await self._api.merge_patch(
            LEASES,
            self._namespace,
            LEASE_NAME,
            {"metadata": {"resourceVersion": version}, "spec": patch},
        )

    def _fresh_lease(self) -> Json:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.name,
            "metadata": {"name": LEASE_NAME, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(self._terms.lease)),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        }

    async def _release(self) -> None:
        """Let the other replica take over at once; if that fails it waits out the lease."""
        with contextlib.suppress(KubeError, TimeoutError):
            async with asyncio.timeout(self._terms.retry):
                lease = await self._api.get(LEASES, self._namespace, LEASE_NAME)
                spec = lease.get("spec") or {}
                if spec.get("holderIdentity") == self._identity:
                    version = lease["metadata"]["resourceVersion"]
                    await self._write(version, spec, "", changed=False)
