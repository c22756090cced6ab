"""Answers of the members of a cluster: status, member list, compacted revisions.

They are asked on every pass and all at the same time. They are reached by the addresses of their
Pods: a name would have to be resolved first, and may still be unknown to the resolver.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from etcd_operator.core.model.live_objects import Pod, Probe
from etcd_operator.core.model.members import NO_SPACE, MemberList, MemberStatus
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import EtcdError, EtcdRefused, Refusal
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.etcd.raft_progress import is_defragmenting, read_raft_progress
from etcd_operator.runtime.etcd.session import BegunCall

PROBE_SECONDS = 1.0
# Members asked for a list, confirmed by a quorum or their own, before there is none.
ASKED_FOR_LIST = 3


class MemberAnswers:
    """Asks the members of one cluster at a time. No answer is an answer: nothing is raised."""

    def __init__(self, etcd: EtcdPool) -> None:
        self._etcd = etcd

    async def probe(self, pods: Iterable[Pod]) -> dict[int, Probe]:
        """Ask every Pod that runs for the status of its member, all at the same time."""
        asked = [pod for pod in pods if pod.running and pod.address]
        clients = [await self._etcd.client(address_of(pod)) for pod in asked]
        begun = [client.begin_status(timeout=PROBE_SECONDS) for client in clients]
        heard = (self._hear(*pair) for pair in zip(clients, begun, strict=True))
        try:
            if any(client.login for client in clients):
                # Each may have to log in again, which without a quorum takes seconds.
                answers = await asyncio.gather(*heard)
            else:
                answers = [await each for each in heard]
        finally:
            for call in begun:
                call.cancel()
        return {pod.ordinal: answer for pod, answer in zip(asked, answers, strict=True)}

    async def _hear(self, client: EtcdMemberClient, begun: BegunCall) -> Probe:
        try:
            return Probe(await client.finish_status(begun))
        except EtcdRefused as error:
            return Probe(None, str(error), asks_for_user=_asks_for_user(error))
        except EtcdError as error:
            await self._etcd.discard(client.address)
            return Probe(None, str(error))

    async def list_members(
        self, pods: Iterable[Pod], probes: dict[int, Probe], recorded: int | None
    ) -> MemberList | None:
        """Ask for the member list, confirmed by a quorum if there is one.

        Who tells its status to everybody and the list only to users is noted in `probes`.
        """
        answering = [(pod, probes[pod.ordinal].status) for pod in pods if pod.ordinal in probes]
        ranked = sorted(
            ((pod, status) for pod, status in answering if status is not None),
            key=lambda pair: _rank(pair[1], recorded),
        )
        can_confirm = [pod for pod, s in ranked if s.leader and not s.is_learner]
        for pod in can_confirm[:ASKED_FOR_LIST]:
            confirmed = await self._ask_for_list(pod, probes, linearizable=True)
            if confirmed is not None:
                return confirmed
        voters = [pod for pod, status in ranked if not status.is_learner]
        for pod in voters[:ASKED_FOR_LIST]:
            own = await self._ask_for_list(pod, probes, linearizable=False)
            if own is not None:
                return own
        return None

    async def _ask_for_list(
        self, pod: Pod, probes: dict[int, Probe], *, linearizable: bool
    ) -> MemberList | None:
        client = await self._etcd.client(address_of(pod))
        try:
            return await client.member_list(linearizable=linearizable, timeout=PROBE_SECONDS)
        except EtcdError as error:
            if _asks_for_user(error):
                probe = probes[pod.ordinal]
                probes[pod.ordinal] = replace(probe, error=str(error), asks_for_user=True)
            return None

    async def find_compacted(self, snapshot: Snapshot) -> bool | None:
        """Ask whether history is left that could be removed, when the space is used up."""
        if not any(alarm == NO_SPACE for alarm, _ in snapshot.alarms):
            return None
        for seat in snapshot.seats():
            status = seat.probe.status if seat.probe else None
            if seat.pod and status and status.member_id == snapshot.leader_id:
                client = await self._etcd.client(address_of(seat.pod))
                try:
                    return await client.is_compacted(status.revision)
                except EtcdError:
                    return None
        return None


async def add_raft_progress(pods: Iterable[Pod], probes: Mapping[int, Probe]) -> dict[int, Probe]:
    """Ask those that run without an answer how far their data reaches, all at the same time."""
    silent = [pod for pod in pods if pod.ordinal in probes and probes[pod.ordinal].status is None]
    found = await asyncio.gather(*(read_raft_progress(pod.address) for pod in silent))
    said = {
        pod.ordinal: replace(probes[pod.ordinal], progress=progress)
        for pod, progress in zip(silent, found, strict=True)
    }
    return {**probes, **said}


async def add_defragmenting(pods: Iterable[Pod], probes: Mapping[int, Probe]) -> dict[int, Probe]:
    """Ask every member that was asked for its status whether it is being defragmented."""
    asked = [pod for pod in pods if pod.ordinal in probes]
    busy = await asyncio.gather(*(is_defragmenting(pod.address) for pod in asked))
    return {
        pod.ordinal: replace(probes[pod.ordinal], defragmenting=each)
        for pod, each in zip(asked, busy, strict=True)
    }


def _asks_for_user(error: EtcdError) -> bool:
    return isinstance(error, EtcdRefused) and error.refusal is Refusal.AUTHENTICATION


def _rank(status: MemberStatus, recorded: int | None) -> tuple[bool, bool, int]:
    """Members of the recorded cluster first, then the leader, then who has applied the most."""
    foreign = recorded is not None and status.cluster_id != recorded
    return foreign, status.leader != status.member_id, -status.raft_applied_index
