"""Requests to the API server: members' objects, and the EtcdCluster itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Final, TypeVar

from etcd_operator.core.actions import (
    ApplyObject,
    DeleteObject,
    EvictPod,
    LabelPod,
    RecordRestore,
    RequestBackup,
    ScaleSource,
    SetFinalizer,
)
from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORED
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, ANNOTATION_WISH
from etcd_operator.core.model.naming import FINALIZER, LABEL_ROLE
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.drift import find_foreign
from etcd_operator.errors import Conflict, Invalid, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import KINDS, Caches
from etcd_operator.runtime.engine.handlers.addresses import AddressTurns, is_given_address
from etcd_operator.runtime.engine.handlers.table import Table
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi

Answer = TypeVar("Answer")

# A server-side apply with a resourceVersion is refused when the object exists with another one,
# and no object has this one: so it creates, and never takes over what somebody else created.
ONLY_CREATE: Final = "1"


class ObjectHandlers:
    """Carries out what is decided about objects of Kubernetes. Raises KubeError."""

    def __init__(self, api: KubeApi, caches: Caches) -> None:
        self._api = api
        self._caches = caches
        self._turns = AddressTurns()

    @property
    def table(self) -> Table:
        """The handler of each action."""
        return {
            SetFinalizer: self._set_finalizer,
            RecordRestore: self._record_restore,
            ApplyObject: self._apply,
            DeleteObject: self._delete,
            EvictPod: self._evict,
            LabelPod: self._label_pod,
            RequestBackup: self._request_backup,
            ScaleSource: self._scale_source,
        }

    # The EtcdCluster

    async def _set_finalizer(self, action: SetFinalizer, snapshot: Snapshot) -> None:
        cluster = snapshot.cluster
        others = [name for name in cluster.finalizers if name != FINALIZER]
        finalizers = [*others, FINALIZER] if action.present else others
        answer = await self._patch_cluster(action, snapshot, {"finalizers": finalizers})
        if cluster.deleting and not finalizers:
            # The last one held it: it is gone, though the answer shows it as it was at its end.
            self._caches.clusters.observe_deleted(cluster.namespace, cluster.name, cluster.uid)
        else:
            self._caches.observe(kube.CLUSTERS.name, answer)

    async def _record_restore(self, action: RecordRestore, snapshot: Snapshot) -> None:
        """Write the record; at its end the wish goes with it, in one write."""
        following = action.following
        annotations: Json = {ANNOTATION_RECORD: following.write() if following else None}
        if following is None:
            annotations[ANNOTATION_WISH] = None
        if action.undone:
            annotations[ANNOTATION_RESTORED] = None
        answer = await self._patch_cluster(action, snapshot, {"annotations": annotations})
        self._caches.observe(kube.CLUSTERS.name, answer)

    async def _patch_cluster(
        self, action: SetFinalizer | RecordRestore, snapshot: Snapshot, metadata: Json
    ) -> Json:
        fence = {"uid": action.uid, "resourceVersion": action.resource_version}
        naming, patch = snapshot.naming, {"metadata": {**fence, **metadata}}
        return await self._api.merge_patch(kube.CLUSTERS, naming.namespace, naming.name, patch)

    async def _request_backup(self, action: RequestBackup, snapshot: Snapshot) -> None:
        await self._api.create(kube.BACKUPS, snapshot.naming.namespace, action.manifest)

    async def _scale_source(self, action: ScaleSource, snapshot: Snapshot) -> None:
        """Scale somebody else's StatefulSet, if it is exactly as it was looked at."""
        fence = {"uid": action.uid, "resourceVersion": action.resource_version}
        patch = {"metadata": fence, "spec": {"replicas": action.replicas}}
        namespace = snapshot.naming.namespace
        await self._api.merge_patch(kube.STATEFUL_SETS, namespace, action.name, patch)

    # Objects that are rendered

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
        turn = self._turns.take() if is_given_address(action) else contextlib.nullcontext()
        async with turn:
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

    # Pods

    async def _evict(self, action: EvictPod, snapshot: Snapshot) -> None:
        namespace = snapshot.naming.namespace
        request = self._api.evict(
            namespace, action.name, uid=action.uid, grace_seconds=action.grace_seconds
        )
        with contextlib.suppress(NotFound):
            await self._or_refresh(action, snapshot, request)
        await self._caches.refresh(kube.PODS.name, namespace, action.name, action.uid)
        await asyncio.sleep(action.wait_seconds)

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
