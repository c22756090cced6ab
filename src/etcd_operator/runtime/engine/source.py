"""Look at a StatefulSet that an EtcdCluster takes over: live, and only while it does.

No watch tells of it. Its Pods are reached at their addresses, as members of the operator's own are,
and nobody is asked who has not consented: an EtcdCluster could name any StatefulSet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.core.auth.tokens import read_token_kind
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.naming import Naming, join_port
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source, SourcePod, observe_source
from etcd_operator.core.takeover.inspection import must_see_source
from etcd_operator.errors import EtcdError, EtcdRefused, NotFound, Refusal
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.member_answers import PROBE_SECONDS
from etcd_operator.runtime.etcd.pool import EtcdPool
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
    """How members of the StatefulSet know the operator; `tls`: only by a certificate."""

    identity: Identity | None
    login: Login | None
    tls: bool


class SourceReader:
    """Reads the StatefulSet and asks its Pods. Raises KubeError."""

    def __init__(self, api: KubeApi, etcd: EtcdPool, clock: Clock) -> None:
        self._api = api
        self._etcd = etcd
        self._secrets = SourceSecrets(api, clock)

    async def add_source(self, snapshot: Snapshot, login: Login | None) -> Snapshot:
        """Return the snapshot with the StatefulSet, and with the member list if it has none.

        `login` is the user of the old members as which they are asked, if as any.
        """
        joins = snapshot.cluster.spec.joins
        if joins is None or not must_see_source(snapshot):
            return snapshot
        name, port = joins.source.stateful_set, joins.source.client_port
        credentials, identity = await self._secrets.look(snapshot.naming, joins.source)
        snapshot = snapshot.evolve(source_credentials=credentials)
        known = Known(identity, login, tls=bool(joins.source.client_certificate_secret))
        try:
            live = await self._api.get(kube.STATEFUL_SETS, snapshot.naming.namespace, name)
        except NotFound:
            source = Source(name, port, exists=False)
            pods = [pod async for pod in self._find_orphans(snapshot)]
        else:
            source = observe_source(live, port)
            if source.consent != snapshot.cluster.name and snapshot.take_over is None:
                return snapshot.evolve(source=source)
            pods = await self._find_pods(live, snapshot.naming.namespace)
        hosted = ((pod, _name_host(pod, snapshot.naming)) for pod in pods)
        answers = await asyncio.gather(*(self._ask(pod, host, port, known) for pod, host in hosted))
        snapshot = snapshot.evolve(source=replace(source, pods=tuple(answers)))
        if snapshot.quorum_confirmed:
            return snapshot
        membership = await self._list_members(snapshot)
        return snapshot.evolve(membership=membership) if membership else snapshot

    async def _find_pods(self, live: Json, namespace: str) -> list[SourcePod]:
        labels = live["spec"]["selector"].get("matchLabels") or {}
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        found: list[SourcePod] = []
        async for page in self._api.list_pages(kube.PODS, namespace, selector):
            found += _read_pods(page, live["metadata"])
        return sorted(found, key=lambda pod: pod.ordinal)[:MOST_PODS]

    async def _find_orphans(self, snapshot: Snapshot) -> AsyncIterator[SourcePod]:
        """Pods of members on record, whose StatefulSet was deleted and may have left them."""
        record = snapshot.take_over
        for ordinal in record.members if record else ():
            name = f"{record.source if record else ''}-{ordinal}"
            with contextlib.suppress(NotFound):
                found = await self._api.get(kube.PODS, snapshot.naming.namespace, name)
                yield _read_pod(found, ordinal)

    async def _ask(self, pod: SourcePod, host: str, port: int, known: Known) -> SourcePod:
        if not pod.address:
            return pod
        if known.tls and known.identity is None:
            return replace(pod, probe=Probe(None, "the Secret for that cannot be used"))
        address = join_port(pod.address, port)
        self._etcd.set_tls(address, PeerTls(known.identity, host) if known.identity else None)
        self._etcd.set_login(address, known.login)
        client = await self._etcd.client(address)
        try:
            pod = replace(pod, probe=Probe(await client.status(timeout=PROBE_SECONDS)))
            token = await client.find_token()
            return replace(pod, tokens=read_token_kind(token) if token else None)
        except EtcdRefused as error:
            return replace(pod, probe=Probe(None, str(error), asks_for_user=_asks_for_user(error)))
        except EtcdError as error:
            await self._etcd.discard(address)
            return replace(pod, probe=Probe(None, str(error)))

    async def _list_members(self, snapshot: Snapshot) -> MemberList | None:
        """The member list, confirmed by a quorum, as a voter of the recorded cluster has it."""
        source, recorded = snapshot.source, snapshot.recorded_cluster_id
        for pod in source.pods if source else ():
            status = pod.status
            if source is None or status is None or not status.leader or status.is_learner:
                continue
            if recorded not in (None, status.cluster_id):
                continue
            client = await self._etcd.client(join_port(pod.address, source.port))
            try:
                return await client.member_list(linearizable=True, timeout=PROBE_SECONDS)
            except EtcdError:
                continue
        return None


def _name_host(pod: SourcePod, naming: Naming) -> str:
    """The DNS name of a Pod, for which the certificate of its member has to be."""
    return f"{pod.name}.{pod.subdomain}.{naming.namespace}.svc.{naming.domain}"


def _asks_for_user(error: EtcdRefused) -> bool:
    return error.refusal is Refusal.AUTHENTICATION


def _read_pods(page: Json, statefulset: Json) -> Iterator[SourcePod]:
    """The Pods that the StatefulSet made: its labels may select others."""
    for item in page.get("items") or ():
        metadata = item["metadata"]
        owners = {owner.get("uid") for owner in metadata.get("ownerReferences") or ()}
        prefix, _, number = str(metadata["name"]).rpartition("-")
        mine = statefulset["uid"] in owners and prefix == statefulset["name"]
        if not mine or not number.isdecimal() or len(number) > 4:
            continue
        yield _read_pod(item, int(number))


def _read_pod(item: Json, ordinal: int) -> SourcePod:
    metadata, status = item["metadata"], item.get("status") or {}
    return SourcePod(
        name=metadata["name"],
        ordinal=ordinal,
        uid=metadata["uid"],
        address=(status.get("podIP") or "") if status.get("phase") == "Running" else "",
        deleting="deletionTimestamp" in metadata,
        subdomain=str((item.get("spec") or {}).get("subdomain", "")),
    )
