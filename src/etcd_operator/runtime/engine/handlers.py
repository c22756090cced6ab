"""Carry out actions: one handler per kind of action, no judgement.

Every handler sends the action's preconditions along, so that acting on an old view is refused by
the server. What the API server answers goes into the caches at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import Any, Final, TypeVar, assert_never

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    ChangeAuth,
    Compact,
    Defragment,
    DeleteObject,
    DisarmAlarm,
    EtcdAction,
    EvictPod,
    IssueAuthority,
    IssueCertificate,
    LabelPod,
    MaintenanceAction,
    MembershipAction,
    MoveLeader,
    PromoteMember,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RemoveMember,
    RequestBackup,
    ResizeClaim,
    RestoreReclaimPolicy,
    RetainVolume,
    SetDowngrade,
    SetFinalizer,
    ShareTrust,
    VolumeAction,
)
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, ANNOTATION_WISH
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import FINALIZER, LABEL_ROLE
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.drift import find_foreign
from etcd_operator.errors import (
    Conflict,
    EtcdRefused,
    EtcdUnreachable,
    Invalid,
    KubeError,
    NotFound,
    Refusal,
)
from etcd_operator.runtime.engine.caches import KINDS, Caches
from etcd_operator.runtime.engine.volumes import VolumeHandlers
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.defragmentation import Defragmenter
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.secrets import CertificateSecrets

Json = dict[str, Any]
Answer = TypeVar("Answer")

# A server-side apply with a resourceVersion is refused when the object exists with another one,
# and no object has this one: so it creates, and never takes over what somebody else created.
ONLY_CREATE: Final = "1"


class ActionHandlers:
    """Carries out actions on one Kubernetes cluster and the etcd members in it."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        etcd: EtcdPool,
        credentials: CertificateSecrets,
        access: AuthCache,
    ) -> None:
        self._api = api
        self._caches = caches
        self._etcd = etcd
        self._credentials = credentials
        self._access = access
        self._defragmenter = Defragmenter()
        self._volumes = VolumeHandlers(api, caches)

    async def perform(self, action: Action, snapshot: Snapshot) -> None:
        """Carry out one action, looked at in this snapshot.

        Raises KubeError or EtcdError; after EtcdUnreachable it is unknown whether it took effect.
        """
        match action:
            case SetFinalizer() | RecordRestore():
                await self._mark_cluster(action, snapshot)
            case (
                QuarantineDisk()
                | RetainVolume()
                | RebindVolume()
                | RestoreReclaimPolicy()
                | ResizeClaim()
            ):
                await self._change_disk(action, snapshot)
            case ApplyObject() | RequestBackup():
                await self._make(action, snapshot)
            case DeleteObject() | EvictPod():
                await self._remove_object(action, snapshot)
            case LabelPod():
                await self._label_pod(action, snapshot)
            case IssueAuthority() | IssueCertificate() | ShareTrust():
                await self._credentials.write(action, snapshot.naming)
            case ChangeAuth(change=change):
                client = await self._choose_member(action, snapshot)
                await self._access.change(snapshot.naming.uid, client, change)
            case AddLearner() | PromoteMember() | RemoveMember() | MoveLeader():
                await self._change_membership(action, snapshot)
            case Compact() | Defragment() | DisarmAlarm() | SetDowngrade():
                await self._maintain(action, snapshot)
            case _:
                assert_never(action)

    async def _set_finalizer(self, action: SetFinalizer, snapshot: Snapshot) -> None:
        cluster = snapshot.cluster
        others = [name for name in cluster.finalizers if name != FINALIZER]
        finalizers = [*others, FINALIZER] if action.present else others
        metadata = {
            "uid": action.uid,
            "resourceVersion": action.resource_version,
            "finalizers": finalizers,
        }
        answer = await self._api.merge_patch(
            kube.CLUSTERS, cluster.namespace, cluster.name, {"metadata": metadata}
        )
        if cluster.deleting and not finalizers:
            # The last one held it: it is gone, though the answer shows it as it was at its end.
            self._caches.clusters.observe_deleted(cluster.namespace, cluster.name, cluster.uid)
        else:
            self._caches.observe(kube.CLUSTERS.name, answer)

    async def _make(self, action: ApplyObject | RequestBackup, snapshot: Snapshot) -> None:
        if isinstance(action, RequestBackup):
            await self._api.create(kube.BACKUPS, snapshot.naming.namespace, action.manifest)
        else:
            await self._apply(action, snapshot)

    async def _apply(self, action: ApplyObject, snapshot: Snapshot) -> None:
        """Apply a manifest, and remove what others put where only ours may be.

        An apply leaves that to its owner. Where it contradicts ours, such as a second source of a
        volume, the API server refuses both together: then it is removed first.
        """
        try:
            answer = await self._request_apply(action, snapshot, action.resource_version)
        except Invalid:
            live = snapshot.child(action.kind, action.name)
            foreign = find_foreign(action.manifest, live.body) if live and action.uid else {}
            if live is None or not foreign:
                raise
            removed = await self._remove(action, live.body["metadata"], foreign)
            self._caches.observe(action.kind, removed)
            version = removed["metadata"]["resourceVersion"]
            answer = await self._request_apply(action, snapshot, version)
        if foreign := find_foreign(action.manifest, answer):
            answer = await self._remove(action, answer["metadata"], foreign)
        self._caches.observe(action.kind, answer)

    async def _request_apply(self, action: ApplyObject, snapshot: Snapshot, version: str) -> Json:
        manifest = {**action.manifest, "metadata": {**action.manifest["metadata"]}}
        if action.uid:
            manifest["metadata"]["uid"] = action.uid
        if version or not action.uid:
            manifest["metadata"]["resourceVersion"] = version or ONLY_CREATE
        request = self._api.apply(KINDS[action.kind], manifest)
        return await self._or_refresh(action, snapshot, request)

    async def _remove(self, action: ApplyObject, metadata: Json, foreign: Json) -> Json:
        """Remove what somebody else put beside ours from exactly the object that was looked at."""
        fence = {key: metadata[key] for key in ("uid", "resourceVersion")}
        patch = {**foreign, "metadata": {**foreign.get("metadata", {}), **fence}}
        kind, namespace = KINDS[action.kind], metadata["namespace"]
        return await self._api.merge_patch(kind, namespace, action.name, patch)

    async def _delete(self, action: DeleteObject, snapshot: Snapshot) -> None:
        namespace = snapshot.naming.namespace
        request = self._api.delete(
            KINDS[action.kind],
            namespace,
            action.name,
            uid=action.uid,
            resource_version=action.resource_version or None,
            grace_seconds=action.grace_seconds,
            orphan=action.orphan,
        )
        with contextlib.suppress(NotFound):
            await self._or_refresh(action, snapshot, request)
        # The answer may be the object as it was at its very end, which looks like one that is
        # still there: only a new look tells.
        await self._caches.refresh(action.kind, namespace, action.name, action.uid)

    async def _evict(self, action: EvictPod, snapshot: Snapshot) -> None:
        namespace = snapshot.naming.namespace
        request = self._api.evict(namespace, action.name, uid=action.uid)
        with contextlib.suppress(NotFound):
            await self._or_refresh(action, snapshot, request)
        await self._caches.refresh(kube.PODS.name, namespace, action.name, action.uid)

    async def _remove_object(self, action: DeleteObject | EvictPod, snapshot: Snapshot) -> None:
        if isinstance(action, EvictPod):
            await self._evict(action, snapshot)
        else:
            await self._delete(action, snapshot)

    async def _or_refresh(
        self,
        action: ApplyObject | DeleteObject | EvictPod,
        snapshot: Snapshot,
        request: Awaitable[Answer],
    ) -> Answer:
        """Await a request; on a conflict what we know is old, so read the object again."""
        try:
            return await request
        except Conflict:
            kind = kube.PODS.name if isinstance(action, EvictPod) else action.kind
            with contextlib.suppress(KubeError):
                await self._caches.refresh(kind, snapshot.naming.namespace, action.name, action.uid)
            raise

    async def _record_restore(self, action: RecordRestore, snapshot: Snapshot) -> None:
        """Write the record; at its end the wish goes with it, in one write."""
        cluster, following = snapshot.cluster, action.following
        annotations: Json = {ANNOTATION_RECORD: following.write() if following else None}
        if following is None:
            annotations[ANNOTATION_WISH] = None
        if action.undone:
            annotations[ANNOTATION_RESTORED] = None
        metadata = {
            "uid": action.uid,
            "resourceVersion": action.resource_version,
            "annotations": annotations,
        }
        answer = await self._api.merge_patch(
            kube.CLUSTERS, cluster.namespace, cluster.name, {"metadata": metadata}
        )
        self._caches.observe(kube.CLUSTERS.name, answer)

    async def _mark_cluster(self, action: SetFinalizer | RecordRestore, snapshot: Snapshot) -> None:
        if isinstance(action, SetFinalizer):
            await self._set_finalizer(action, snapshot)
        else:
            await self._record_restore(action, snapshot)

    async def _change_disk(self, action: VolumeAction | ResizeClaim, snapshot: Snapshot) -> None:
        if isinstance(action, ResizeClaim):
            await self._resize_claim(action, snapshot)
        else:
            await self._volumes.perform(action, snapshot)

    async def _resize_claim(self, action: ResizeClaim, snapshot: Snapshot) -> None:
        answer = await self._api.merge_patch(
            kube.CLAIMS,
            snapshot.naming.namespace,
            action.name,
            {
                "metadata": {"uid": action.uid},
                "spec": {"resources": {"requests": {"storage": action.size}}},
            },
        )
        self._caches.observe(kube.CLAIMS.name, answer)

    async def _label_pod(self, action: LabelPod, snapshot: Snapshot) -> None:
        labels = dict(snapshot.naming.selector) if action.lost else {}
        labels |= {LABEL_ROLE: action.role} if action.role else {}
        answer = await self._api.merge_patch(
            kube.PODS,
            snapshot.naming.namespace,
            action.name,
            {"metadata": {"uid": action.uid, "labels": labels}},
        )
        self._caches.observe(kube.PODS.name, answer)

    async def _maintain(self, action: MaintenanceAction, snapshot: Snapshot) -> None:
        match action:
            case Defragment(ordinal=ordinal):
                pod = snapshot.seat(ordinal).pod
                if pod is None:
                    raise EtcdUnreachable("the member has no Pod")
                client = await self._etcd.client(address_of(pod))
                await self._defragmenter.defragment(snapshot.naming.uid, pod.name, client)
            case Compact(revision=revision):
                await (await self._choose_member(action, snapshot)).compact(revision)
            case DisarmAlarm(alarm=alarm, member_id=member_id):
                await (await self._choose_member(action, snapshot)).disarm(alarm, member_id)
            case SetDowngrade(target=""):
                await (await self._choose_member(action, snapshot)).cancel_downgrade()
            case SetDowngrade(target=target):
                await (await self._choose_member(action, snapshot)).enable_downgrade(target)

    async def _change_membership(self, action: MembershipAction, snapshot: Snapshot) -> None:
        """Ask one after the other while they say that the cluster is not healthy.

        Each says so by what it has seen itself. A message to a Pod that is gone may fail late, when
        its successor was reached already: then it takes that one for away until it starts anew.
        """
        refused: EtcdRefused | None = None
        for pod in self._find_serving(action, snapshot):
            try:
                await self._request(action, await self._etcd.client(address_of(pod)))
            except EtcdRefused as error:
                if error.refusal is not Refusal.UNHEALTHY_CLUSTER:
                    raise
                refused = refused or error
            else:
                return
        if refused:
            raise refused

    async def _request(self, action: MembershipAction, client: EtcdMemberClient) -> None:
        match action:
            case AddLearner(peer_url=peer_url):
                await client.add_learner(peer_url)
            case PromoteMember(member_id=member_id):
                await client.promote_member(member_id)
            case RemoveMember(member_id=member_id):
                await client.remove_member(member_id)
            case MoveLeader(to_id=to_id):
                await client.move_leader(to_id)

    async def _choose_member(
        self, action: EtcdAction | ChangeAuth, snapshot: Snapshot
    ) -> EtcdMemberClient:
        first, *_ = self._find_serving(action, snapshot)
        return await self._etcd.client(address_of(first))

    def _find_serving(self, action: EtcdAction | ChangeAuth, snapshot: Snapshot) -> list[Pod]:
        """The leader, then the other voters that serve, and never the member that is to go.

        The leader knows best who is connected; any other would have to forward the request. Raises
        EtcdUnreachable if nobody serves.
        """
        leaving = action.member_id if isinstance(action, RemoveMember) else None
        cluster_id = action.cluster_id
        serving: list[tuple[bool, int, Pod]] = []
        for seat in snapshot.seats():
            if seat.member is None or seat.pod is None or seat.member.is_learner:
                continue
            if seat.serves(cluster_id) and seat.member.id != leaving:
                serving.append((seat.member.id != snapshot.leader_id, seat.ordinal, seat.pod))
        if not serving:
            raise EtcdUnreachable("no voter that could be asked answers")
        return [pod for *_, pod in sorted(serving, key=lambda each: each[:2])]
