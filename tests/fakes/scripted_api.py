"""A KubeApi that answers as scripted, and remembers what was sent."""

from __future__ import annotations

from typing import Any

from etcd_operator.errors import Conflict, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.builders.snapshots import NAMING


class ScriptedApi:
    """Answers as told, and remembers what was sent."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.sent: list[tuple[str, Json]] = []
        self.delete_answer: Json = {}
        self.conflict = False
        self.refusals: list[Exception] = []
        self.left: Json = {}  # what an apply leaves to others

    async def get(self, kind: Kind, _namespace: str, name: str) -> Json:
        if (kind.name, name) not in self.objects:
            raise NotFound(f"{kind.name} {name} not found", 404)
        return self.objects[kind.name, name]

    async def delete(self, kind: Kind, _namespace: str, name: str, **preconditions: Any) -> Json:
        self.sent.append((f"delete {kind.name} {name}", preconditions))
        return self.delete_answer

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        self.sent.append((f"apply {kind.name}", manifest["metadata"]))
        if self.conflict:
            raise Conflict("exists", 409)
        if self.refusals:
            raise self.refusals.pop()
        metadata = {**manifest["metadata"], "uid": "u", "resourceVersion": "9"}
        return {**manifest, "metadata": metadata, **self.left}

    async def merge_patch(self, kind: Kind, _namespace: str, name: str, patch: Json) -> Json:
        self.sent.append((f"patch {kind.name}", patch))
        return raw(name, 10, "u")


def raw(name: str, version: int, uid: str = "uid-1", **labels: str) -> Json:
    """An object of the cluster as the API server answers with it."""
    metadata: Json = {
        "name": name,
        "namespace": NAMING.namespace,
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {**NAMING.labels(), **labels},
    }
    return {"metadata": metadata, "spec": {}, "status": {}}


def perform(api: ScriptedApi) -> tuple[ActionHandlers, Caches]:
    """The handlers of actions over this API server, and their caches."""
    typed: KubeApi = api  # type: ignore[assignment]  # only what these tests use
    caches = Caches(typed)
    clock = SystemClock()
    stores = CertificateSecrets(typed, clock), AuthCache(clock)
    return ActionHandlers(typed, caches, EtcdPool(), *stores), caches
