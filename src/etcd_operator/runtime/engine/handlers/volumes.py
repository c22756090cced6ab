"""Requests about disks: a volume that is set aside is kept before its claim may go."""

from __future__ import annotations

import contextlib

from etcd_operator.api.disk import name_attributes_field
from etcd_operator.core.actions import (
    ChangeClaimAttributes,
    QuarantineDisk,
    RebindVolume,
    ResizeClaim,
    RestoreReclaimPolicy,
    RetainVolume,
)
from etcd_operator.core.model.naming import (
    ANNOTATION_QUARANTINED,
    ANNOTATION_RECLAIM,
    is_wal_claim,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.statefulset import render_claim
from etcd_operator.errors import Conflict, Forbidden, Invalid, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.table import Table
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi


class VolumeHandlers:
    """Carries out what is decided about PersistentVolumes and their claims. Raises KubeError."""

    def __init__(self, api: KubeApi, caches: Caches) -> None:
        self._api = api
        self._caches = caches

    @property
    def table(self) -> Table:
        """The handler of each action."""
        return {
            RetainVolume: self._retain,
            QuarantineDisk: self._quarantine,
            RebindVolume: self._rebind,
            RestoreReclaimPolicy: self._restore_policy,
            ResizeClaim: self._resize,
            ChangeClaimAttributes: self._change_attributes,
        }

    async def _retain(self, action: RetainVolume | QuarantineDisk, snapshot: Snapshot) -> None:
        """Set the reclaim policy; Conflict where a volume is not the one that was looked at."""
        namespace = snapshot.naming.namespace
        volume = await self._api.get(kube.VOLUMES, "", action.volume)
        if not _is_of(volume, namespace, action.name) or _claim_uid(volume) != action.uid:
            raise Conflict(f"PersistentVolume {action.volume} belongs to another claim", 409)
        known = _annotations(volume)
        # The second time it is Retain because of the first.
        policy = known.get(ANNOTATION_RECLAIM) or volume["spec"].get(
            "persistentVolumeReclaimPolicy", "Retain"
        )
        marks = {
            ANNOTATION_QUARANTINED: f"{namespace}/{action.name}",
            ANNOTATION_RECLAIM: policy,
        }
        await self._patch(volume, marks, {"persistentVolumeReclaimPolicy": "Retain"})

    async def _quarantine(self, action: QuarantineDisk, snapshot: Snapshot) -> None:
        namespace = snapshot.naming.namespace
        if action.volume:
            await self._retain(action, snapshot)
        with contextlib.suppress(NotFound):
            await self._api.delete(kube.CLAIMS, namespace, action.name, uid=action.uid)
        # The answer may be the claim as it was at its very end: only a new look tells.
        await self._caches.refresh(kube.CLAIMS.name, namespace, action.name, action.uid)

    async def _rebind(self, action: RebindVolume, snapshot: Snapshot) -> None:
        """Promise the volume to the claim of this name, then make that claim."""
        naming = snapshot.naming
        volume = await self._api.get(kube.VOLUMES, "", action.volume)
        if not _is_set_aside(volume, naming.namespace, action.name):
            raise Conflict(f"PersistentVolume {action.volume} was not set aside", 409)
        if _claim_uid(volume) == action.uid:
            await self._patch(volume, {}, {"claimRef": {"uid": None, "resourceVersion": None}})
        spec = volume["spec"]
        wal = is_wal_claim(action.name, naming.name)
        usual = render_claim(snapshot.spec, naming, wal=wal)["metadata"]
        # Kubernetes binds none of another VolumeAttributesClass than the volume has.
        attributes = {k: spec[k] for k in ("volumeAttributesClassName",) if spec.get(k)}
        manifest = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**usual, "name": action.name, "namespace": naming.namespace},
            "spec": {
                "accessModes": spec["accessModes"],
                "storageClassName": spec.get("storageClassName", ""),
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "volumeName": action.volume,
                "resources": {"requests": {"storage": spec["capacity"]["storage"]}},
                **attributes,
            },
        }
        try:
            answer = await self._api.create(kube.CLAIMS, naming.namespace, manifest)
        except Conflict:
            await self._caches.refresh(kube.CLAIMS.name, naming.namespace, action.name)
            raise
        self._caches.observe(kube.CLAIMS.name, answer)

    async def _restore_policy(self, action: RestoreReclaimPolicy, snapshot: Snapshot) -> None:
        """Give back the policy of before; a volume of which a person made use is left alone.

        So is one that was not set aside from this very claim: the name of the volume comes from a
        record that whoever may write the EtcdCluster may write, and may be another namespace's.
        """
        namespace = snapshot.naming.namespace
        try:
            volume = await self._api.get(kube.VOLUMES, "", action.volume)
        except (NotFound, Forbidden):
            return  # gone already; or who may not even look has never set it aside
        known = _annotations(volume)
        if not _is_set_aside(volume, namespace, action.name) or _claim_uid(volume) != action.uid:
            return
        marks = {ANNOTATION_QUARANTINED: None, ANNOTATION_RECLAIM: None}
        policy = known.get(ANNOTATION_RECLAIM, "Retain")
        await self._patch(volume, marks, {"persistentVolumeReclaimPolicy": policy})

    async def _resize(self, action: ResizeClaim, snapshot: Snapshot) -> None:
        patch = {
            "metadata": {"uid": action.uid},
            "spec": {"resources": {"requests": {"storage": str(action.size)}}},
        }
        namespace = snapshot.naming.namespace
        answer = await self._api.merge_patch(kube.CLAIMS, namespace, action.name, patch)
        self._caches.observe(kube.CLAIMS.name, answer)

    async def _change_attributes(self, action: ChangeClaimAttributes, snapshot: Snapshot) -> None:
        """Ask for another class; raises Invalid where Kubernetes drops the field."""
        wanted = {"volumeAttributesClassName": action.attributes_class}
        patch = {"metadata": {"uid": action.uid}, "spec": wanted}
        namespace = snapshot.naming.namespace
        answer = await self._api.merge_patch(kube.CLAIMS, namespace, action.name, patch)
        self._caches.observe(kube.CLAIMS.name, answer)
        if answer["spec"].get("volumeAttributesClassName") != action.attributes_class:
            field = name_attributes_field(wal=is_wal_claim(action.name, snapshot.naming.name))
            raise Invalid(
                f"PersistentVolumeClaim {action.name} has no VolumeAttributesClass here: "
                f"Kubernetes has them from 1.34 on. Remove {field}.",
                422,
            )

    async def _patch(self, volume: Json, marks: Json, spec: Json) -> None:
        """Change a volume exactly as it was looked at."""
        metadata = {"resourceVersion": volume["metadata"]["resourceVersion"], "annotations": marks}
        patch = {"metadata": metadata, "spec": spec}
        await self._api.merge_patch(kube.VOLUMES, "", volume["metadata"]["name"], patch)


def _claim_uid(volume: Json) -> str:
    return str((volume["spec"].get("claimRef") or {}).get("uid", ""))


def _is_of(volume: Json, namespace: str, claim: str) -> bool:
    """Whether a volume is promised to the claim of this namespace and name."""
    promised = volume["spec"].get("claimRef") or {}
    return (promised.get("namespace"), promised.get("name")) == (namespace, claim)


def _is_set_aside(volume: Json, namespace: str, claim: str) -> bool:
    """Whether a volume was set aside from this claim, and is nobody else's since."""
    marked = _annotations(volume).get(ANNOTATION_QUARANTINED) == f"{namespace}/{claim}"
    return marked and _is_of(volume, namespace, claim)


def _annotations(volume: Json) -> Json:
    return volume["metadata"].get("annotations") or {}
