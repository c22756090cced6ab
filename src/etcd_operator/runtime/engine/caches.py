"""The caches of everything that concerns EtcdClusters, by kind.

Objects of members are found by the label that names their cluster's uid, and then by their whole
name: who copies a member's Pod or disk copies its labels. An object that carries
our name but not our label (somebody else's, or ours with the label edited away) is not seen by any
watch; whoever meets one stores it here, and it is read again before each pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.live_objects import Child, Claim, Pod
from etcd_operator.core.model.naming import (
    LABEL_CLUSTER,
    LABEL_CLUSTER_UID,
    cluster_of_pod,
    ordinal_of_claim,
)
from etcd_operator.core.model.parse import observe_child, observe_claim, observe_pod
from etcd_operator.core.model.user_ids import leave_out_user_ids
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.shared_parts import SharedParts
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from etcd_operator.runtime.kubernetes.watch_cache import Cache, CacheGroup, own_name

CHILD_KINDS: Final = (
    kube.STATEFUL_SETS,
    kube.SERVICES,
    kube.CONFIG_MAPS,
    kube.DISRUPTION_BUDGETS,
    kube.NETWORK_POLICIES,
    kube.CERTIFICATES,
)
KINDS: Final = {kind.name: kind for kind in (*CHILD_KINDS, kube.PODS, kube.CLAIMS, kube.CLUSTERS)}


# Nothing is decided by the status of these, and it is a third of them.
UNREAD_STATUS: Final = (kube.DISRUPTION_BUDGETS,)
# Of somebody else's project, which need not be installed.
OPTIONAL_KINDS: Final = (kube.CERTIFICATES,)


class Caches(CacheGroup):
    """All caches; each write of ours is stored at once, so that the next pass sees it."""

    def __init__(
        self, api: KubeApi, namespaces: tuple[str, ...] = (), *, assign_user_ids: bool = True
    ) -> None:
        parts = SharedParts()
        parse = _project_cluster(parts, assign_user_ids=assign_user_ids)
        self.clusters: Cache[EtcdCluster] = Cache(
            api, kube.CLUSTERS, parse, own_name, namespaces=namespaces
        )
        self.pods: Cache[Pod] = Cache(
            api,
            kube.PODS,
            observe_pod,
            _cluster_of_pod,
            namespaces=namespaces,
            label_selector=LABEL_CLUSTER_UID,
        )
        self.claims: Cache[Claim] = Cache(
            api,
            kube.CLAIMS,
            observe_claim,
            _cluster_of_claim,
            namespaces=namespaces,
            label_selector=LABEL_CLUSTER_UID,
        )
        self.children: dict[str, Cache[Child]] = {
            kind.name: Cache(
                api,
                kind,
                _project_child(kind, parts),
                _cluster_name,
                namespaces=namespaces,
                label_selector=LABEL_CLUSTER_UID,
                optional=kind in OPTIONAL_KINDS,
            )
            for kind in CHILD_KINDS
        }

    def __iter__(self) -> Iterator[Cache[Any]]:
        own: tuple[Cache[Any], ...] = (self.clusters, self.pods, self.claims)
        yield from (*own, *self.children.values())

    @property
    def roots(self) -> Cache[EtcdCluster]:
        """The objects that passes are made over."""
        return self.clusters

    def subscribe(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener(namespace, cluster)` whenever anything of a cluster changes."""
        for cache in self:
            cache.subscribe(listener)

    def observe(self, kind: str, item: Json) -> None:
        """Store the API server's answer to a write of ours."""
        self._cache(kind).observe(item)

    async def refresh(self, kind: str, namespace: str, name: str, uid: str = "") -> None:
        """Read one object again because the cache was shown to be behind; `uid` is what it had."""
        await self._cache(kind).refresh(namespace, name, uid)

    def _cache(self, kind: str) -> Cache[Any]:
        return next(cache for cache in self if cache.kind.name == kind)


def _cluster_name(item: Json) -> str:
    return str((item["metadata"].get("labels") or {}).get(LABEL_CLUSTER, ""))


def _cluster_of_pod(item: Json) -> str:
    """The cluster of a member's Pod, also without its label; none for a copy of one."""
    return cluster_of_pod(item["metadata"]["name"])


def _cluster_of_claim(item: Json) -> str:
    """The cluster of a member's disk; none for a copy of one, whose labels are the same."""
    cluster = _cluster_name(item)
    return cluster if ordinal_of_claim(item["metadata"]["name"], cluster) is not None else ""


def _project_cluster(parts: SharedParts, *, assign_user_ids: bool) -> Callable[[Json], EtcdCluster]:
    def project(item: Json) -> EtcdCluster:
        # Who wrote what is as large as all else.
        item["metadata"].pop("managedFields", None)
        parts.share_texts(item)
        cluster = parse_cluster(item)
        return cluster if assign_user_ids else leave_out_user_ids(cluster)

    return project


def _project_child(kind: Kind, parts: SharedParts) -> Callable[[Json], Child]:
    def project(item: Json) -> Child:
        managers = item["metadata"].pop("managedFields", ())
        if kind in UNREAD_STATUS:
            item.pop("status", None)
        parts.share_within(item)
        return observe_child(kind.name, item, managers)

    return project
