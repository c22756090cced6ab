"""The Kubernetes API, as narrow as the operator needs it.

Objects are plain JSON trees here and nowhere further in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

from etcd_operator.json_types import Json


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and where the API server serves it."""

    group: str
    version: str
    plural: str
    name: str

    @property
    def api_version(self) -> str:
        """As in a manifest: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The URL path of the collection (all namespaces without one), or of one object."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        tail = "".join(f"/{quote(part, safe=':')}" for part in (name, subresource) if part)
        return f"{root}{inside}/{self.plural}{tail}"


CLUSTERS: Final = Kind("etcd.etcd.io", "v1alpha1", "etcdclusters", "EtcdCluster")
BACKUPS: Final = Kind("etcd.etcd.io", "v1alpha1", "etcdbackups", "EtcdBackup")
RESTORES: Final = Kind("etcd.etcd.io", "v1alpha1", "etcdrestores", "EtcdRestore")
JOBS: Final = Kind("batch", "v1", "jobs", "Job")
PODS: Final = Kind("", "v1", "pods", "Pod")
SERVICES: Final = Kind("", "v1", "services", "Service")
SECRETS: Final = Kind("", "v1", "secrets", "Secret")
CONFIG_MAPS: Final = Kind("", "v1", "configmaps", "ConfigMap")
CLAIMS: Final = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
EVENTS: Final = Kind("", "v1", "events", "Event")
STATEFUL_SETS: Final = Kind("apps", "v1", "statefulsets", "StatefulSet")
DISRUPTION_BUDGETS: Final = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NETWORK_POLICIES: Final = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
CERTIFICATES: Final = Kind("cert-manager.io", "v1", "certificates", "Certificate")
ENDPOINT_SLICES: Final = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
NODES: Final = Kind("", "v1", "nodes", "Node")
VOLUMES: Final = Kind("", "v1", "persistentvolumes", "PersistentVolume")
LEASES: Final = Kind("coordination.k8s.io", "v1", "leases", "Lease")


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, and the object."""

    type: str
    object: Json


class KubeApi(Protocol):
    """Requests to an API server. Every method raises the errors of `errors`."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object; raises NotFound."""
        ...

    def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        """Yield the pages of a list, each a List object with items and resourceVersion."""
        ...

    def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield what happens after a resourceVersion until the server ends the watch.

        Raises Gone when the version is too old, KubeUnavailable for every broken or silent
        connection.
        """
        ...

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object; raises Conflict if it exists."""
        ...

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        """Apply server-side, taking over the fields in the manifest."""
        ...

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """Merge-patch an object; its metadata's uid and resourceVersion are preconditions."""
        ...

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        orphan: bool = False,
    ) -> Json:
        """Delete exactly the object with this uid; raises NotFound, Conflict if it is another.

        Returns the object if something (finalizers, a grace period) keeps it for now, else a
        Status object.
        """
        ...

    async def resize(
        self, namespace: str, name: str, *, resource_version: str, container: str, resources: Json
    ) -> Json:
        """Give a container of exactly the Pod of this version other CPU and memory.

        Raises Invalid if it cannot have them, and NotFound where Kubernetes has no such request.
        """
        ...

    async def evict(
        self, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        """Evict exactly the Pod with this uid; raises EvictionRefused, NotFound, Conflict."""
        ...
