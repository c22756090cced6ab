"""Look at the members that an EtcdCluster takes over: live, and only while it does.

No watch tells of a StatefulSet of somebody else. Its Pods are reached at their addresses, as
members of the operator's own are, and nobody is asked who has not consented: an EtcdCluster could
name any. Members at listed endpoints say themselves, by a key, who may take them over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.api.bootstrap import KEY_CONSENT
from etcd_operator.core.auth.tokens import read_token_kind
from etcd_operator.core.model.address import join_port
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source, SourcePod, list_endpoints, observe_source
from etcd_operator.core.takeover.inspection import is_formed_anew, must_see_source
from etcd_operator.core.takeover.record import Stage
from etcd_operator.errors import EtcdError, EtcdRefused, NotFound, Refusal
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.member_answers import PROBE_SECONDS
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.etcd.raft_progress import read_active_peers
from etcd_operator.runtime.etcd.session import Login
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.source_secrets import SourceSecrets
from etcd_operator.runtime.process.clock import Clock

# More than one cluster has; what else the labels select is not looked at.
MOST_PODS: Final = 20


@dataclass(frozen=True, slots=True)
class Known:
    """How the old members know the operator; `tls`: only by a certificate.

    `of` is the uid of the EtcdCluster that names them.
    """

    identity: Identity | None
    login: Login | None
    tls: bool
    of: str


class SourceReader:
    """Reads the StatefulSet and asks its Pods, or asks at the endpoints. Raises KubeError."""

    def __init__(self, api: KubeApi, etcd: EtcdPool, clock: Clock) -> None:
        self._api = api
        self._etcd = etcd
        self._secrets = SourceSecrets(api, clock)

    async def add_source(self, snapshot: Snapshot, login: Login | None) -> Snapshot:
        """Return the snapshot with the old members, and with the member list if it has none.

        `login` is the user of the old members as which they are asked, if as any.
        """
        joins = snapshot.cluster.spec.joins
        if joins is None or not must_see_source(snapshot):
            return snapshot
        credentials, identity = await self._secrets.look(snapshot.naming, joins.source)
        snapshot = snapshot.evolve(source_credentials=credentials)
        tls = bool(joins.source.client_certificate_secret)
        known = Known(identity, login, tls, snapshot.naming.uid)
        name = joins.source.stateful_set
        if name is None:
            source = await self._ask_endpoints(snapshot, joins.source.addresses, known)
            return await self._add_members(snapshot.evolve(source=source))
        snapshot = await self._look_at_statefulset(snapshot, name, joins.source.client_port, known)
        return await self._add_members(snapshot)

    async def _add_members(self, snapshot: Snapshot) -> Snapshot:
        if snapshot.quorum_confirmed:
            return snapshot
        membership = await self._list_members(snapshot)
        return snapshot.evolve(membership=membership) if membership else snapshot

    async def _look_at_statefulset(
        self, snapshot: Snapshot, name: str, port: int, known: Known
    ) -> Snapshot:
        try:
            live = await self._api.get(kube.STATEFUL_SETS, snapshot.naming.namespace, name)
        except NotFound:
            source = Source(name, port, exists=False)
            pods = [pod async for pod in self._find_orphans(snapshot, port)]
        else:
            source = observe_source(live, port)
            if source.consent != snapshot.cluster.name and snapshot.take_over is None:
                return snapshot.evolve(source=source)
            pods = await self._find_pods(live, snapshot.naming.namespace, port)
        hosted = ((pod, _name_host(pod, snapshot.naming)) for pod in pods)
        answers = await asyncio.gather(*(self._ask(pod, host, known) for pod, host in hosted))
        return snapshot.evolve(source=replace(source, pods=tuple(answers)))

    async def _ask_endpoints(
        self, snapshot: Snapshot, addresses: tuple[str, ...], known: Known
    ) -> Source:
        """Ask at every endpoint; when members go, ask new ones for their peers."""
        source, record = list_endpoints(addresses), snapshot.take_over
        answers = await asyncio.gather(
            *(self._ask(pod, pod.address.rpartition(":")[0], known) for pod in source.pods)
        )
        named = f"{snapshot.naming.namespace}/{snapshot.cluster.name}".encode()
        pods = await asyncio.gather(*(self._read_consent(pod, named, known.of) for pod in answers))
        source = replace(source, pods=tuple(pods))
        if record is not None and record.stage is Stage.REMOVE:
            return replace(source, connected=await _find_connected(snapshot, record.size))
        return source

    async def _read_consent(self, pod: SourcePod, named: bytes, uid: str) -> SourcePod:
        """Ask every member for itself, at every pass: a name may lead to another one by now.

        What it has on its own disk is enough, for without a quorum it says nothing else.
        """
        value = None
        if pod.status:
            client = await self._etcd.client(pod.address, of=uid)
            with contextlib.suppress(EtcdError):
                value = await client.get(
                    KEY_CONSENT.encode(), serializable=True, timeout=PROBE_SECONDS
                )
        return replace(pod, allows=value == named)

    async def _find_pods(self, live: Json, namespace: str, port: int) -> list[SourcePod]:
        labels = live["spec"]["selector"].get("matchLabels") or {}
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        found: list[SourcePod] = []
        async for page in self._api.list_pages(kube.PODS, namespace, selector):
            found += _read_pods(page, live["metadata"], port)
        return sorted(found, key=lambda pod: pod.ordinal)[:MOST_PODS]

    async def _find_orphans(self, snapshot: Snapshot, port: int) -> AsyncIterator[SourcePod]:
        """Pods of members on record, whose StatefulSet was deleted and may have left them."""
        record = snapshot.take_over
        for ordinal in record.members if record else ():
            name = f"{record.source if record else ''}-{ordinal}"
            with contextlib.suppress(NotFound):
                found = await self._api.get(kube.PODS, snapshot.naming.namespace, name)
                yield _read_pod(found, ordinal, port)

    async def _ask(self, pod: SourcePod, host: str, known: Known) -> SourcePod:
        if not pod.address:
            return pod
        if known.tls and known.identity is None:
            return replace(pod, probe=Probe(None, "the Secret for that cannot be used"))
        address = pod.address
        tls = PeerTls(known.identity, host) if known.identity else None
        self._etcd.set_tls(address, tls, of=known.of)
        self._etcd.set_login(address, known.login, of=known.of)
        client = await self._etcd.client(address, of=known.of)
        try:
            pod = replace(pod, probe=Probe(await client.status(timeout=PROBE_SECONDS)))
            token = await client.find_token()
            return replace(pod, tokens=read_token_kind(token) if token else None)
        except EtcdRefused as error:
            return replace(pod, probe=Probe(None, str(error), asks_for_user=_asks_for_user(error)))
        except EtcdError as error:
            await self._etcd.discard(address, of=known.of)
            return replace(pod, probe=Probe(None, str(error)))

    async def _list_members(self, snapshot: Snapshot) -> MemberList | None:
        """The member list, confirmed by a quorum, as a voter of the recorded cluster has it."""
        source, recorded = snapshot.source, snapshot.recorded_cluster_id
        for pod in source.pods if source else ():
            status = pod.status
            if status is None or not pod.allows or not status.leader or status.is_learner:
                continue
            if recorded not in (None, status.cluster_id):
                continue
            client = await self._etcd.client(pod.address, of=snapshot.naming.uid)
            with contextlib.suppress(EtcdError):
                found = await client.member_list(linearizable=True, timeout=PROBE_SECONDS)
                if not is_formed_anew(found.members, snapshot):
                    return found
        return None


def _name_host(pod: SourcePod, naming: Naming) -> str:
    """The DNS name of a Pod, for which the certificate of its member has to be."""
    return f"{pod.name}.{pod.subdomain}.{naming.namespace}.svc.{naming.domain}"


def _asks_for_user(error: EtcdRefused) -> bool:
    return error.refusal is Refusal.AUTHENTICATION


async def _find_connected(snapshot: Snapshot, size: int) -> tuple[int, ...] | None:
    """The members to which a new one is connected as a peer; None if not all of them say it."""
    own = [seat.pod for seat in snapshot.seats() if seat.member and seat.pod]
    said = await asyncio.gather(*(read_active_peers(pod.address) for pod in own))
    told = [peers for peers in said if peers is not None]
    if len(told) < max(size, len(own)):
        return None
    return tuple(sorted(set().union(*told)))


def _read_pods(page: Json, statefulset: Json, port: int) -> Iterator[SourcePod]:
    """The Pods that the StatefulSet made: its labels may select others."""
    for item in page.get("items") or ():
        metadata = item["metadata"]
        owners = {owner.get("uid") for owner in metadata.get("ownerReferences") or ()}
        prefix, _, number = str(metadata["name"]).rpartition("-")
        mine = statefulset["uid"] in owners and prefix == statefulset["name"]
        if not mine or not number.isdecimal() or len(number) > 4:
            continue
        yield _read_pod(item, int(number), port)


def _read_pod(item: Json, ordinal: int, port: int) -> SourcePod:
    metadata, status = item["metadata"], item.get("status") or {}
    host = (status.get("podIP") or "") if status.get("phase") == "Running" else ""
    return SourcePod(
        name=metadata["name"],
        ordinal=ordinal,
        uid=metadata["uid"],
        address=join_port(host, port) if host else "",
        deleting="deletionTimestamp" in metadata,
        subdomain=str((item.get("spec") or {}).get("subdomain", "")),
    )
