"""Requests for other CPU and memory of Pods that run."""

from __future__ import annotations

import contextlib
from typing import Final

from etcd_operator.api.parse import format_time
from etcd_operator.core.actions import ResizePod, SetPodRevision
from etcd_operator.core.model.naming import ANNOTATION_RESIZE, RESIZE_REFUSED
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import Invalid, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.table import Table
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi

# By this label the controller of StatefulSets knows the template of a Pod.
REVISION: Final = "controller-revision-hash"
CONTAINER: Final = "etcd"


class ResizeHandlers:
    """Carries out what is decided about the resources of Pods. Raises KubeError."""

    def __init__(self, api: KubeApi, caches: Caches) -> None:
        self._api = api
        self._caches = caches

    @property
    def table(self) -> Table:
        """The handler of each action."""
        return {ResizePod: self._resize, SetPodRevision: self._set_revision}

    async def _resize(self, action: ResizePod, snapshot: Snapshot) -> None:
        """Note what is asked for, then ask: cut off in between, the roll does it a minute later."""
        noted = await self._note(action, snapshot, f"{action.wanted} {format_time(action.at)}")
        try:
            answer = await self._api.resize(
                snapshot.naming.namespace,
                action.name,
                resource_version=noted["metadata"]["resourceVersion"],
                container=CONTAINER,
                resources=action.resources,
            )
        except (Invalid, NotFound):
            with contextlib.suppress(NotFound):
                await self._note(action, snapshot, f"{action.wanted} {RESIZE_REFUSED}")
        else:
            self._caches.observe(kube.PODS.name, answer)

    async def _note(self, action: ResizePod, snapshot: Snapshot, text: str) -> Json:
        return await self._patch(action, snapshot, {"annotations": {ANNOTATION_RESIZE: text}})

    async def _set_revision(self, action: SetPodRevision, snapshot: Snapshot) -> None:
        """Change the label, and remove the note: it is done."""
        labels, annotations = {REVISION: action.revision}, {ANNOTATION_RESIZE: None}
        metadata = {"labels": labels, "annotations": annotations}
        version = {"resourceVersion": action.resource_version}
        await self._patch(action, snapshot, {**metadata, **version})

    async def _patch(
        self, action: ResizePod | SetPodRevision, snapshot: Snapshot, metadata: Json
    ) -> Json:
        patch = {"metadata": {"uid": action.uid, **metadata}}
        namespace = snapshot.naming.namespace
        answer = await self._api.merge_patch(kube.PODS, namespace, action.name, patch)
        self._caches.observe(kube.PODS.name, answer)
        return answer
