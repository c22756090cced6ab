"""Image catalogs: ConfigMaps of users, read when a pass needs one and believed for a while.

No watch tells of them, because they do not carry the label of an EtcdCluster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.image import Image
from etcd_operator.api.image_catalog import ImageCatalog, read_image_catalog
from etcd_operator.errors import NotFound
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

FRESH_SECONDS: Final = 30.0
REMEMBERED: Final = 1000
NO_IMAGE: Final = Image("")


class ImageCatalogs:
    """Reads the catalogs of all clusters, each at most half a minute old. Raises KubeError."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: Latest[tuple[str, str], tuple[float, ImageCatalog]] = Latest(REMEMBERED)

    async def look(self, cluster: EtcdCluster) -> ImageCatalog | None:
        """Return the catalog that decides about a cluster's image; None if none does.

        One without an image for the version is asked for again: somebody is about to add it.
        """
        ref = cluster.spec.image_catalog_ref
        if ref is None or not cluster.spec.names_by_catalog:
            return None
        key, now = (cluster.namespace, ref.name), self._clock.monotonic()
        at, known = self._known.get(key, (now, None))
        if known and now - at <= FRESH_SECONDS and known.find(cluster.spec.version):
            return known
        try:
            found = await self._api.get(kube.CONFIG_MAPS, *key)
        except NotFound:
            found = None
        catalog = read_image_catalog(ref.name, found)
        self._known[key] = (now, catalog)
        return catalog

    async def with_image(
        self, cluster: EtcdCluster | None, running: Image = NO_IMAGE
    ) -> EtcdCluster | None:
        """Return a cluster with the image for its Jobs, or with a flaw that says what is missing.

        It is that of the catalog, else the one that its members are `running`.
        """
        catalog = await self.look(cluster) if cluster else None
        if cluster is None or catalog is None:
            return cluster
        image = catalog.find(cluster.spec.version) or running
        if not image:
            flaw = catalog.explain_missing(cluster.spec.version)
            return replace(cluster, flaws=(*cluster.flaws, flaw))
        return replace(cluster, spec=cluster.spec.model_copy(update={"image": image}))
