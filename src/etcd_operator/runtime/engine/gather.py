"""Look at one cluster: caches for what Kubernetes has, the members themselves for what etcd has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.auth.diff import find_listed, find_passwords
from etcd_operator.core.auth.login import Account, find_accounts
from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret
from etcd_operator.core.bootstrap.rule import must_see_claims
from etcd_operator.core.certificates.shown import list_ports_to_see
from etcd_operator.core.certificates.state import Credential, join_bundle
from etcd_operator.core.certificates.wanted import used_secrets
from etcd_operator.core.connections.state import ConnectionSecret
from etcd_operator.core.connections.wanted import name_connections
from etcd_operator.core.model.addresses import with_addresses
from etcd_operator.core.model.aliases import is_alias
from etcd_operator.core.model.client_tls import find_gate_mode
from etcd_operator.core.model.issuer_record import with_stages
from etcd_operator.core.model.live_objects import Child, Claim, Pod
from etcd_operator.core.model.naming import (
    ANNOTATION_TRUST,
    LABEL_CLUSTER_UID,
    MOST_MEMBERS,
    ORPHAN,
    Naming,
    is_wal_claim,
    ordinal_of_claim,
)
from etcd_operator.core.model.peer_issuer import (
    client_certificate_of_peers,
    server_certificate_of_peers,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.unchanged import answer_as_before
from etcd_operator.core.quorum_loss.record import must_compare
from etcd_operator.core.reasons.condition_types import CERTIFICATES_VALID
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.storage.maintenance import is_about_to_defragment
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.cluster_warnings import ClusterWarnings
from etcd_operator.runtime.engine.image_catalogs import ImageCatalogs
from etcd_operator.runtime.engine.member_tls import introduce, read_gate_trust, speak_plainly
from etcd_operator.runtime.engine.mirror import JobsOf, MirrorReader, find_source_passwords
from etcd_operator.runtime.engine.nodes import NodeLookup
from etcd_operator.runtime.engine.operator_logins import OperatorLogins, find_source_accounts
from etcd_operator.runtime.engine.service_exits import ServiceExits
from etcd_operator.runtime.engine.source import SourceReader
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.hash_compare import Comparer
from etcd_operator.runtime.etcd.logins import Logins
from etcd_operator.runtime.etcd.member_answers import (
    MemberAnswers,
    add_defragmenting,
    add_raft_progress,
)
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.peer_certificate import find_signer
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import Clock


class Gatherer:
    """Takes snapshots. Raises KubeError when the API server has to be asked and does not answer."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        etcd: EtcdPool,
        clock: Clock,
        domain: str,
        credentials: CertificateSecrets,
        access: AuthCache,
        passwords: PasswordSecrets,
        connections: ConnectionSecrets,
        backups_of: Callable[[EtcdCluster], tuple[BackupState, ...]] = lambda _: (),
        own_namespace: str = "etcd-operator-system",
        mirror_jobs_of: JobsOf = lambda _: (),
    ) -> None:
        self._own_namespace = own_namespace
        self._backups_of = backups_of
        self._api = api
        self._caches = caches
        self._etcd = etcd
        self._members = MemberAnswers(etcd)
        self._source = SourceReader(api, etcd, clock)
        self._mirror = MirrorReader(etcd, mirror_jobs_of)
        self._clock = clock
        self._domain = domain
        self._hosts = NodeLookup(api, clock)
        self._comparer = Comparer(etcd, clock)
        self._warnings = ClusterWarnings(api, clock)
        self._exits = ServiceExits(api, clock)
        self._credentials = credentials
        self._access = access
        self._passwords = passwords
        self._connections = connections
        self._logins = Logins(passwords)
        self._catalogs = ImageCatalogs(api, clock)
        self._operator_logins = OperatorLogins(passwords)

    async def gather(self, cluster: EtcdCluster) -> Snapshot:
        """Return everything that is known about a cluster at this moment."""
        naming = Naming.of(cluster, self._domain)
        await self._refresh_strangers(cluster, naming)
        if cluster.deleting and ORPHAN not in cluster.finalizers:
            await self._refresh_owner(naming)
        snapshot = await self._look(cluster, naming)
        pods, probes = snapshot.pods, dict(snapshot.probes)
        membership = await self._members.list_members(pods, probes, snapshot.recorded_cluster_id)
        snapshot = snapshot.evolve(membership=membership, probes=probes)
        login = self._operator_logins.find(
            naming, find_source_accounts(cluster), snapshot.passwords
        )
        snapshot = await self._source.add_source(snapshot, login)
        snapshot = await self._mirror.add_mirror(snapshot)
        if must_compare(snapshot):
            snapshot = snapshot.evolve(probes=await add_raft_progress(pods, probes))
        compared = self._comparer.look(snapshot)
        snapshot = snapshot.evolve(compared=compared, claims=self._find_claims(cluster))
        unlabelled_claims = await self._look_for_claims(snapshot)
        if unlabelled_claims is not None:
            snapshot = snapshot.evolve(claims=self._find_claims(cluster))
        snapshot = snapshot.evolve(
            unlabelled_claims=unlabelled_claims,
            compacted=await self._members.find_compacted(snapshot),
            nodes=await self._hosts.find(pods, snapshot.claims),
            warnings=await self._warnings.look(snapshot, snapshot.claims),
            presented=await self._see_presented(snapshot),
            access=await self._read_auth(snapshot),
            out_of_service=await self._exits.look(naming, pods, cluster.spec.service.aliases),
        )
        if is_about_to_defragment(snapshot):
            snapshot = snapshot.evolve(probes=await add_defragmenting(pods, probes))
        return snapshot

    async def look_briefly(self, cluster: EtcdCluster, before: Snapshot) -> datetime | None:
        """Return the moment at which members answered as in a snapshot of before; None if not.

        Beside their answers only what watches keep current is compared. Nobody is asked for the
        member list: while every voter follows the same leader as before, a quorum goes on.
        """
        known = before.cluster, before.pods, before.children, before.claims, before.backups
        found = (
            cluster,
            self._find_pods(cluster),
            self._find_children(cluster, before.naming),
            self._find_claims(cluster),
            self._backups_of(cluster),
        )
        if found != known or before.source or before.mirror:
            return None
        probes = await self._members.probe(before.pods)
        now = self._clock.now()
        return now if answer_as_before(before, probes, now) else None

    def _find_pods(self, cluster: EtcdCluster) -> tuple[Pod, ...]:
        everybody = self._caches.pods.in_cluster(cluster.namespace, cluster.name)
        return tuple(pod for pod in everybody if pod.owner_uid == cluster.uid)

    async def _look(self, cluster: EtcdCluster, naming: Naming) -> Snapshot:
        """Return what the caches have, the Secrets, and the status that each member tells."""
        pods = self._find_pods(cluster)
        children = self._find_children(cluster, naming)
        naming = with_stages(naming, children, cluster.spec)
        naming = with_addresses(naming, cluster.spec, children)
        accounts = find_accounts(cluster.spec, naming, pods)
        passwords = await self._look_at_passwords(cluster, naming, accounts)
        login = self._operator_logins.find(naming, accounts, passwords)
        for pod in pods:
            self._etcd.set_login(address_of(pod), login)
        credentials = await self._look_at_credentials(cluster, naming, pods, children)
        probes = dict(await self._members.probe(pods))
        if silent := speak_plainly(self._etcd, pods, probes):
            probes |= await self._members.probe(silent)
        return Snapshot(
            cluster=cluster,
            naming=naming,
            now=self._clock.now(),
            children=children,
            pods=pods,
            probes=probes,
            credentials=credentials,
            passwords=passwords,
            connections=await self._look_at_connections(cluster, naming),
            gate_trust=read_gate_trust(children, naming),
            backups=self._backups_of(cluster),
            operator_namespace=self._own_namespace,
            cert_manager=self._caches.children["Certificate"].served,
            image_catalog=None if cluster.deleting else await self._catalogs.look(cluster),
        )

    async def _look_at_credentials(
        self,
        cluster: EtcdCluster,
        naming: Naming,
        pods: tuple[Pod, ...],
        children: Mapping[tuple[str, str], Child],
    ) -> Mapping[str, Credential]:
        """Read the Secrets of a cluster with TLS, and let the operator be known to its members."""
        names, gate = used_secrets(cluster.spec, naming), find_gate_mode(children, naming)
        shown = naming.client_tls
        if cluster.spec.auth and not shown and gate and gate.tls:
            # Until members have lost TLS they know the operator by it, and perhaps by nothing else.
            names, shown = (*names, naming.operator_secret), True
        if not names:
            introduce(self._etcd, naming, pods, gate, None)
            return {}
        # A deletion may wait for a backup, of a quorum that only who is known to it can ask, or
        # until members have left those that they joined.
        asks = cluster.spec.backup.before_deletion or cluster.spec.joins
        if cluster.deleting and not asks:
            return {}
        told = {one.type for one in cluster.status.conditions if one.status == "False"}
        force_refresh = not pods or CERTIFICATES_VALID in told or not all(p.ready for p in pods)
        found = await self._credentials.look(
            naming, names, force_refresh=force_refresh, revision_key=_revision_key(children)
        )
        identity = self._credentials.identity(naming) if shown else None
        introduce(self._etcd, naming, pods, gate, identity)
        return found

    async def _look_at_passwords(
        self, cluster: EtcdCluster, naming: Naming, accounts: Iterable[Account]
    ) -> Mapping[str, PasswordSecret]:
        """The Secrets with passwords of users, and at a deletion those of the operator's."""
        users = () if cluster.deleting else cluster.spec.users
        names = {user.password_secret for user in users if user.password_secret}
        names |= {account.secret for account in (*accounts, *find_source_accounts(cluster))}
        names |= find_source_passwords(cluster)
        return await self._passwords.look(naming, names) if names else {}

    async def _look_at_connections(
        self, cluster: EtcdCluster, naming: Naming
    ) -> Mapping[str, ConnectionSecret]:
        names = () if cluster.deleting else name_connections(cluster.spec, naming)
        return await self._connections.look(naming, names) if names else {}

    async def _read_auth(self, snapshot: Snapshot) -> EtcdAuth | None:
        """Ask a voter for users and roles, where the spec says something of them."""
        auth, live = snapshot.cluster.spec.auth, snapshot.membership
        if auth is None or auth.mode == "Unmanaged" or live is None or not live.linearizable:
            return None
        for seat in snapshot.seats():
            voter = seat.member and not seat.member.is_learner
            if voter and seat.pod and seat.serves(live.cluster_id):
                client = await self._etcd.client(address_of(seat.pod))
                with contextlib.suppress(EtcdError):
                    naming, listed = snapshot.naming, find_listed(auth)
                    known = await self._access.look(naming.uid, client, listed)
                    accounts = find_accounts(snapshot.cluster.spec, naming, snapshot.pods)
                    wanted = find_passwords(auth, snapshot.passwords, accounts)
                    states = await self._logins.look(naming, client, known, wanted)
                    return replace(known, passwords=states)
        return None

    async def _see_presented(self, snapshot: Snapshot) -> Mapping[tuple[int, int], str]:
        """See who signed what members show, if that is all that keeps an old authority trusted."""
        asked = [
            (pod, port, join_bundle(trusted))
            for port, trusted in list_ports_to_see(snapshot).items()
            for pod in snapshot.pods
            if pod.running
        ]
        if not asked:
            return {}
        signers = await asyncio.gather(
            *(
                find_signer(pod.address, port, snapshot.naming.host(pod.ordinal), roots)
                for pod, port, roots in asked
            )
        )
        return {
            (pod.ordinal, port): signer
            for (pod, port, _), signer in zip(asked, signers, strict=True)
        }

    def _find_children(self, cluster: EtcdCluster, naming: Naming) -> dict[tuple[str, str], Child]:
        services = self._caches.children["Service"]
        found = {
            (child.kind, child.name): child
            for child in services.in_cluster(naming.namespace, naming.name)
            if is_alias(child)
        }
        for kind, name in child_names(naming, cluster.spec.service.aliases):
            child = self._caches.children[kind].get(naming.namespace, name)
            if child is not None:
                found[kind, name] = child
        return found

    async def _refresh_strangers(self, cluster: EtcdCluster, naming: Naming) -> None:
        """Read objects again that no watch tells about, because they lack our label.

        An alias has a name that others may have used before: it is looked for until it is there.
        """
        aliases = () if cluster.deleting else cluster.spec.service.aliases
        for kind, name in child_names(naming, aliases):
            child = self._caches.children[kind].get(naming.namespace, name)
            if child is not None and not child.labelled:
                await self._caches.refresh(kind, naming.namespace, name, child.uid)
            elif child is None and kind == "Service" and name in aliases:
                await self._caches.refresh(kind, naming.namespace, name)

    async def _refresh_owner(self, naming: Naming) -> None:
        """Before anything is deleted: look whether the garbage collector left us the owner.

        It takes the owner from the objects before it takes its finalizer from the EtcdCluster, but
        the watches of two kinds tell in any order. One object is as good as all of them.
        """
        for kind, name in (
            ("StatefulSet", naming.statefulset),
            ("ConfigMap", naming.config_map),
            ("Service", naming.peer_service),
        ):
            child = self._caches.children[kind].get(naming.namespace, name)
            if child is not None and child.owner_uid == naming.uid:
                if not child.deleting:
                    await self._caches.refresh(kind, naming.namespace, name, child.uid)
                return

    def _find_claims(self, cluster: EtcdCluster) -> tuple[Claim, ...]:
        """Find the claims with names of members' disks; of a second one only where it counts."""
        found = self._caches.claims.in_cluster(cluster.namespace, cluster.name)
        wal = cluster.spec.storage.wal is not None
        return tuple(c for c in found if wal or not c.wal or c.owner_uid == cluster.uid)

    async def _look_for_claims(self, snapshot: Snapshot) -> tuple[str, ...] | None:
        """Look for disks under our members' names: an earlier life's, or ours and unseen yet.

        The StatefulSet was looked at before: what it has created by then is found. Ours go into
        the caches, the others are returned.
        """
        if not must_see_claims(snapshot):
            return None
        naming = snapshot.naming
        found = []
        async for page in self._api.list_pages(kube.CLAIMS, naming.namespace):
            for item in page.get("items") or ():
                metadata = item["metadata"]
                if ordinal_of_claim(metadata["name"], naming.name) is None:
                    continue
                second = is_wal_claim(metadata["name"], naming.name)
                if LABEL_CLUSTER_UID in (metadata.get("labels") or {}):
                    self._caches.observe(kube.CLAIMS.name, item)
                elif not second or snapshot.cluster.spec.storage.wal:
                    found.append(metadata["name"])
        return tuple(found)


def _revision_key(children: Mapping[tuple[str, str], Child]) -> str:
    """Key that changes when somebody else has written Secrets: cert-manager, or another operator.

    The first counts the editions of its certificates. The second writes an authority first and then
    into the gate who is trusted: so who knows the gate as it is never believes in authorities that
    are older, and never takes back there what another has written.
    """
    told = [
        f"{name} {(child.body.get('status') or {}).get('revision')}"
        for (kind, name), child in children.items()
        if kind == "Certificate"
    ]
    told += [
        f"{name} {child.annotations.get(ANNOTATION_TRUST)}"
        for (kind, name), child in children.items()
        if kind == "ConfigMap"
    ]
    return ", ".join(sorted(told))


def child_names(naming: Naming, aliases: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """Kind and name of every object that the operator renders for a cluster."""
    return (
        *(("Service", name) for name in aliases),
        ("StatefulSet", naming.statefulset),
        ("Service", naming.peer_service),
        ("Service", naming.client_service),
        *(("Service", naming.member(ordinal)) for ordinal in range(MOST_MEMBERS)),
        ("ConfigMap", naming.config_map),
        ("PodDisruptionBudget", naming.disruption_budget),
        ("NetworkPolicy", naming.network_policy),
        ("Certificate", naming.server_certificate),
        ("Certificate", naming.client_certificate),
        ("Certificate", server_certificate_of_peers(naming)),
        ("Certificate", client_certificate_of_peers(naming)),
    )
