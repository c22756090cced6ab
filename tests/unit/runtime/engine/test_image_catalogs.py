"""Image catalogs, as they are read: live, believed for a while, and for Jobs as well."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.image import Image
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.image_catalogs import FRESH_SECONDS, ImageCatalogs
from etcd_operator.runtime.kubernetes.api import CONFIG_MAPS
from tests.builders.snapshots import formed, with_spec
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

FIRST, SECOND = "registry.local/etcd:first", "registry.local/etcd:second"


def cluster(**spec: Json | str) -> EtcdCluster:
    """A cluster of v3.5.21 that names the catalog."""
    ref = {"name": "images"}
    return with_spec(formed(3, version="v3.5.21"), imageCatalogRef=ref, **spec).cluster


def config_map(image: str, namespace: str) -> Json:
    place = {"name": "images", "namespace": namespace}
    data = {"v3.5.21": image}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": data}


async def write(api: InMemoryApi, image: str) -> None:
    namespace = cluster().namespace
    await api.apply(CONFIG_MAPS, config_map(image, namespace))


async def test_a_catalog_is_believed_for_a_while() -> None:
    api = InMemoryApi(ApiServer())
    catalogs = ImageCatalogs(api, LoopClock())
    missing = await catalogs.look(cluster())
    assert missing is not None
    assert not missing.exists
    await write(api, FIRST)
    found = await catalogs.look(cluster())
    assert found is not None
    assert str(found.find(cluster().spec.version)) == FIRST
    await write(api, SECOND)
    assert await catalogs.look(cluster()) == found
    await asyncio.sleep(FRESH_SECONDS + 1)
    newer = await catalogs.look(cluster())
    assert newer is not None
    assert str(newer.find(cluster().spec.version)) == SECOND


async def test_who_names_an_image_or_no_catalog_has_nothing_read() -> None:
    catalogs = ImageCatalogs(InMemoryApi(ApiServer()), LoopClock())
    assert await catalogs.look(cluster(image=FIRST)) is None
    assert await catalogs.look(formed(3).cluster) is None


async def test_jobs_use_the_image_of_the_catalog_or_the_one_that_runs() -> None:
    api = InMemoryApi(ApiServer())
    catalogs = ImageCatalogs(api, LoopClock())
    wrong = await catalogs.with_image(cluster())
    assert wrong is not None
    assert wrong.flaws == (
        (
            "ConfigMap images, which spec.imageCatalogRef names, does not exist: create it, with "
            "the key v3.5.21."
        ),
    )
    kept = await catalogs.with_image(cluster(), Image(SECOND))
    assert kept is not None
    assert (str(kept.spec.etcd_image), kept.flaws) == (SECOND, ())
    await write(api, FIRST)
    found = await catalogs.with_image(cluster(), Image(SECOND))
    assert found == replace(cluster(), spec=found.spec) if found else None
    assert found is not None
    assert str(found.spec.etcd_image) == FIRST
    assert await catalogs.with_image(None) is None
