"""Warnings about what the members of a cluster wait for: Pods that are missing or do not start.

Events are asked for only about what has been waited for some seconds: a StatefulSet while a Pod of
it is missing, a Pod that does not run or is not Ready, a claim without a volume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from etcd_operator.core.model.live_objects import Claim, ObjectWarning, Pod, PodProblem
from etcd_operator.core.model.naming import LABEL_CLUSTER_UID, MOST_MEMBERS, Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import verdicts
from etcd_operator.errors import KubeError
from etcd_operator.runtime.engine.warnings import WarningReader
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

# Most Pods exist, run, and have their disks within these seconds.
PATIENCE_SECONDS: Final = 5.0
# So long nobody has said a word: that is to be said too.
SILENCE_SECONDS: Final = 20.0
REMEMBERED: Final = 50_000

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Wait:
    """Since when something is waited for, and when this process saw it last, if it did."""

    since: float
    left: datetime | None = None


class ClusterWarnings:
    """Finds what Kubernetes has to say of Pods and claims that are waited for; never raises."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._reader = WarningReader(api, clock)
        self._clock = clock
        # By uid and ordinal: the Pods that were there, and what is waited for.
        self._seen: Latest[tuple[str, int], datetime] = Latest(REMEMBERED)
        self._waits: Latest[tuple[str, int], Wait] = Latest(REMEMBERED)
        # Why a Pod is missing of which no Event speaks, and when that was found.
        self._silences: Latest[tuple[str, int], tuple[float, PodProblem]] = Latest(REMEMBERED)

    async def look(self, snapshot: Snapshot, claims: Iterable[Claim]) -> tuple[ObjectWarning, ...]:
        """Return the warnings that stand, by ordinal."""
        if snapshot.cluster.deleting:
            return ()
        missing = await self._look_for_missing(snapshot)
        pods = [pod for pod in snapshot.pods if self._waits_for_pod(snapshot, pod)]
        unbound = [claim for claim in claims if self._waits_for_claim(claim)]
        if not pods and not unbound:
            return tuple(missing)  # of nearly all clusters, nearly always
        found = await asyncio.gather(
            *(self._look_at_pod(snapshot, pod) for pod in pods),
            *(self._look_at_claim(snapshot, claim) for claim in unbound),
        )
        told = [*missing, *(one for one in found if one)]
        return tuple(sorted(told, key=lambda one: one.ordinal))

    async def _look_for_missing(self, snapshot: Snapshot) -> list[ObjectWarning]:
        found: list[ObjectWarning] = []
        live = snapshot.statefulset
        if live is None or live.deleting or live.owner_uid != snapshot.naming.uid:
            return found
        start = int((live.body.get("spec", {}).get("ordinals") or {}).get("start") or 0)
        there = {pod.ordinal for pod in snapshot.pods}
        now = self._clock.now()
        # Whoever scales a StatefulSet may ask for two thousand million Pods.
        for ordinal in range(start, start + min(snapshot.replicas or 0, MOST_MEMBERS)):
            key = live.uid, ordinal
            if ordinal in there:
                self._seen[key] = now
                self._waits.pop(key, None)
                continue
            wait = self._wait(key, self._seen.get(key))
            if self._lasts(wait, PATIENCE_SECONDS):
                why = await self._find_why_missing(snapshot, ordinal, wait)
                found += [why] if why else []
        return found

    async def _find_why_missing(
        self, snapshot: Snapshot, ordinal: int, wait: Wait
    ) -> ObjectWarning | None:
        naming, live = snapshot.naming, snapshot.statefulset
        name = naming.member(ordinal)
        trouble = await self._reader.find(
            naming.namespace, live.uid if live else "", about=f"Pod {name} ", since=wait.left
        )
        if trouble is None and self._lasts(wait, SILENCE_SECONDS):
            trouble = await self._explain_silence(naming, ordinal)
        return ObjectWarning(f"Pod {name}", ordinal, trouble) if trouble else None

    async def _explain_silence(self, naming: Naming, ordinal: int) -> PodProblem:
        """Kubernetes does not say that a Pod of the name is there which it must not touch."""
        key, now = (naming.uid, ordinal), self._clock.monotonic()
        found, trouble = self._silences.get(key, (-SILENCE_SECONDS, None))
        if trouble is None or now - found >= SILENCE_SECONDS:
            why = await self._find_in_the_way(naming, ordinal)
            trouble = PodProblem(verdicts.POD_MISSING.name, why)
            self._silences[key] = (now, trouble)
        return trouble

    async def _find_in_the_way(self, naming: Naming, ordinal: int) -> str:
        name, statefulset = naming.member(ordinal), naming.statefulset
        try:
            await self._api.get(kube.PODS, naming.namespace, name)
        except KubeError:
            return (
                f"StatefulSet {statefulset} has not created it, and no Event says why: see "
                f"`kubectl describe statefulset {statefulset}`"
            )
        return (
            f"there is a Pod of this name without the labels of StatefulSet {statefulset}, which "
            "makes none beside it. If they were taken off, put back "
            f"`kubectl label pod {name} --overwrite {LABEL_CLUSTER_UID}={naming.uid}`; else delete "
            "that Pod"
        )

    def _waits_for_pod(self, snapshot: Snapshot, pod: Pod) -> bool:
        """A Pod that runs and is not Ready is waited for only where the others serve."""
        if pod.deleting:
            return False
        waits = not pod.running or (not pod.ready and snapshot.quorum_confirmed)
        if waits and not pod.problem:
            return True
        self._waits.pop((pod.uid, pod.ordinal), None)
        return False

    def _waits_for_claim(self, claim: Claim) -> bool:
        if claim.deleting:
            return False
        if not claim.bound or _waits_for_size(claim):
            return True
        self._waits.pop((claim.uid, claim.ordinal), None)
        return False

    async def _look_at_pod(self, snapshot: Snapshot, pod: Pod) -> ObjectWarning | None:
        wait = self._wait((pod.uid, pod.ordinal))
        if not self._lasts(wait, PATIENCE_SECONDS):
            return None
        since = pod.unready_since if pod.running else None
        trouble = await self._reader.find(snapshot.naming.namespace, pod.uid, since=since)
        if trouble is None and not pod.node and self._lasts(wait, SILENCE_SECONDS):
            trouble = PodProblem(
                verdicts.NOT_SCHEDULED.name,
                "no scheduler has looked at it; is there the one that it names?",
            )
        return ObjectWarning(f"Pod {pod.name}", pod.ordinal, trouble) if trouble else None

    async def _look_at_claim(self, snapshot: Snapshot, claim: Claim) -> ObjectWarning | None:
        if not self._lasts(self._wait((claim.uid, claim.ordinal)), PATIENCE_SECONDS):
            return None
        trouble = await self._reader.find(snapshot.naming.namespace, claim.uid)
        regarding = f"PersistentVolumeClaim {claim.name}"
        return ObjectWarning(regarding, claim.ordinal, trouble) if trouble else None

    def _wait(self, key: tuple[str, int], left: datetime | None = None) -> Wait:
        if key not in self._waits:
            self._waits[key] = Wait(self._clock.monotonic(), left)
        return self._waits[key]

    def _lasts(self, wait: Wait, seconds: float) -> bool:
        return self._clock.monotonic() - wait.since >= seconds


def _waits_for_size(claim: Claim) -> bool:
    if claim.capacity is None or claim.requested is None:
        return False
    return claim.capacity < claim.requested
