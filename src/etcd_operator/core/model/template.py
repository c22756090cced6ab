"""Image in the template of a StatefulSet, and the version of etcd that it is.

A tag need not say it (a digest, a tag of a mirror). Then it is recorded on the StatefulSet, in the
same write as the template, and not in the template: a record must not roll a Pod.
"""

from __future__ import annotations

from etcd_operator.core.model.naming import ANNOTATION_IMAGE_VERSION
from etcd_operator.json_types import Json


def read_image(statefulset: Json) -> str:
    """Return the image of the container with etcd; empty without one."""
    template = (statefulset.get("spec") or {}).get("template") or {}
    containers = (template.get("spec") or {}).get("containers") or ()
    return next((str(c.get("image") or "") for c in containers if c.get("name") == "etcd"), "")


def read_version(statefulset: Json) -> str:
    """Return the version that the template runs: as recorded, else the tag of its image."""
    annotations = (statefulset.get("metadata") or {}).get("annotations") or {}
    recorded = annotations.get(ANNOTATION_IMAGE_VERSION)
    return str(recorded) if recorded else read_image(statefulset).rpartition(":")[2]
