"""Index of EtcdBackups or EtcdRestores by the EtcdCluster that they are of.

Each pass over a cluster asks for its backups: going through those of all clusters would make every
pass longer with every cluster.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from etcd_operator.runtime.kubernetes.watch_cache import Cache, Key


class OfCluster(Protocol):
    """An object that names an EtcdCluster."""

    @property
    def cluster_key(self) -> Key:
        """Namespace and name of the EtcdCluster."""
        ...


T = TypeVar("T", bound=OfCluster)


class ClusterIndex(Generic[T]):
    """What a cache holds, by EtcdCluster; it follows the cache."""

    def __init__(self, cache: Cache[T]) -> None:
        self._cache = cache
        self._cluster_of: dict[Key, Key] = {}
        self._by_cluster: dict[Key, set[Key]] = {}
        cache.subscribe(self._note)

    def find(self, cluster: Key) -> list[T]:
        """Return the objects of one EtcdCluster, by namespace and name."""
        found = (self._cache.get(*key) for key in self.find_keys(cluster))
        return [one for one in found if one is not None]

    def find_keys(self, cluster: Key) -> list[Key]:
        """Return their namespaces and names, in order."""
        return sorted(self._by_cluster.get(cluster, ()))

    def _note(self, namespace: str, name: str) -> None:
        key, one = (namespace, name), self._cache.get(namespace, name)
        before = self._cluster_of.pop(key, None)
        if before is not None:
            self._by_cluster[before].discard(key)
            if not self._by_cluster[before]:
                del self._by_cluster[before]
        if one is not None:
            self._cluster_of[key] = one.cluster_key
            self._by_cluster.setdefault(one.cluster_key, set()).add(key)
