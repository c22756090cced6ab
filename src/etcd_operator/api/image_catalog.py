"""Image catalogs: ConfigMaps that say which image has which version of etcd.

A site without a way to public registries writes one, and clusters name it. Anybody who may write
ConfigMaps in the namespace writes it, so each image is checked as that of a spec is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import Field

from etcd_operator.api.image import IMAGE_REMEDY, Image
from etcd_operator.api.model import Model
from etcd_operator.api.release import Release, Version

# Of a ConfigMap, as Kubernetes has it; for Python and for CEL.
CONFIG_MAP_NAME: Final = "[a-z0-9]([-.a-z0-9]*[a-z0-9])?"
_KEY: Final = re.compile("v?3[.][0-9]{1,3}[.][0-9]{1,3}")
# Further ones are not read: 3.5 to 3.7 have less than a hundred releases.
MOST_IMAGES: Final = 500


class ImageCatalogRef(Model):
    """A ConfigMap in the namespace of the EtcdCluster."""

    name: str = Field(
        min_length=1,
        max_length=253,
        description="ConfigMap whose keys are versions, such as v3.6.16, and its values images.",
    )


@dataclass(frozen=True, slots=True)
class ImageCatalog:
    """A catalog as it was read: images by key, as they are written; `exists` if there is one."""

    name: str
    exists: bool = True
    images: Mapping[str, Image] = field(default_factory=dict)

    def find(self, version: Version) -> Image | None:
        """Return the image for a version; None where the catalog has none that can be used."""
        image = self._written(version)
        return image if image and not _find_flaw(image, version) else None

    def list_releases(self) -> list[Release]:
        """Return the versions that it has an image for that can be used, in no order."""
        keys = (Version(key) for key in self.images)
        return [key.release for key in keys if key.release and self.find(key)]

    def explain_missing(self, version: Version) -> str:
        """Return what the catalog lacks for a version, and the remedy; empty for nothing."""
        about = f"ConfigMap {self.name}, which spec.imageCatalogRef names,"
        if not self.exists:
            return f"{about} does not exist: create it, with the key {version.tag}."
        image = self._written(version)
        if not image:
            return f"{about} has no image for etcd {version.number}: add the key {version.tag}."
        flaw = _find_flaw(image, version)
        return f"{about} says {image} for etcd {version.number}, which is {flaw}." if flaw else ""

    def _written(self, version: Version) -> Image | None:
        return self.images.get(version.tag) or self.images.get(version.number)


def _find_flaw(image: Image, version: Version) -> str:
    if not image.is_whole:
        return IMAGE_REMEDY
    if image.tagged_number not in ("", version.number):
        return f"etcd {image.tagged_number} by its tag: correct it"
    return ""


def read_image_catalog(name: str, config_map: Mapping[str, Any] | None) -> ImageCatalog:
    """Read a ConfigMap, of which only keys that are versions count; None for one that is not."""
    if config_map is None:
        return ImageCatalog(name, exists=False)
    data = config_map.get("data") or {}
    keys = sorted(key for key in data if _KEY.fullmatch(key))[-MOST_IMAGES:]
    return ImageCatalog(name, images={key: Image.read(data[key]) for key in keys})


def check_catalog_ref(ref: ImageCatalogRef) -> str:
    """Return what is wrong with the name of a catalog; empty for nothing."""
    if re.fullmatch(CONFIG_MAP_NAME, ref.name):
        return ""
    return (
        f"spec.imageCatalogRef.name {ref.name} is not the name of a ConfigMap: name one of the "
        "namespace."
    )
