"""What the templates of a StatefulSet say: the image, the version of etcd, the size of disks.

A tag need not say the version (a digest, a tag of a mirror). Then it is recorded on the
StatefulSet, in the same write as the template, and not in the template: a record must not roll a
Pod.
"""

from __future__ import annotations

from etcd_operator.api.image import Image
from etcd_operator.api.quantity import Quantity, read_quantity
from etcd_operator.api.release import Version
from etcd_operator.core.model.naming import (
    ANNOTATION_IMAGE_VERSION,
    DATA_TEMPLATE,
    SERVER_VOLUME,
    WAL_TEMPLATE,
)
from etcd_operator.json_types import Json


def read_image(statefulset: Json) -> Image:
    """Return the image of the container with etcd; empty without one."""
    template = (statefulset.get("spec") or {}).get("template") or {}
    containers = (template.get("spec") or {}).get("containers") or ()
    found = (str(c.get("image") or "") for c in containers if c.get("name") == "etcd")
    return Image(next(found, ""))


def read_resources(statefulset: Json) -> Json:
    """Return the compute resources of the container with etcd; empty without any."""
    template = (statefulset.get("spec") or {}).get("template") or {}
    containers = (template.get("spec") or {}).get("containers") or ()
    found = (c.get("resources") or {} for c in containers if c.get("name") == "etcd")
    return dict(next(found, {}))


def read_server_secret(statefulset: Json) -> str:
    """Return the Secret with the certificate that clients see; empty without one."""
    return read_server_certificate((statefulset.get("spec") or {}).get("template") or {})


def read_server_certificate(pod: Json) -> str:
    """Return the Secret with the certificate that a Pod, or what it is made from, shows clients."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    found = (v.get("secret") or {} for v in volumes if v.get("name") == SERVER_VOLUME)
    return str(next(found, {}).get("secretName") or "")


def read_disk_size(statefulset: Json, *, wal: bool = False) -> Quantity | None:
    """Return the size of disks to come, by the claim template; None without one."""
    spec = (find_claim_template(statefulset, wal=wal) or {}).get("spec") or {}
    return read_quantity(((spec.get("resources") or {}).get("requests") or {}).get("storage"))


def find_claim_template(statefulset: Json, *, wal: bool = False) -> Json | None:
    """Return the template of the disks with the data, or of those of write-ahead logs."""
    name = WAL_TEMPLATE if wal else DATA_TEMPLATE
    for template in (statefulset.get("spec") or {}).get("volumeClaimTemplates") or ():
        if (template.get("metadata") or {}).get("name") == name:
            return dict(template)
    return None


def has_wal_disk(pod: Json) -> bool:
    """Whether the write-ahead log of a Pod has a disk of its own."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return any(
        one.get("name") == WAL_TEMPLATE and "persistentVolumeClaim" in one for one in volumes
    )


def is_ephemeral(pod: Json) -> bool:
    """Whether a Pod, or what it is made from, keeps its data in itself: in an emptyDir."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return any(one.get("name") == "data" and "emptyDir" in one for one in volumes)


def read_version(statefulset: Json) -> Version:
    """Return the version that the template runs: as recorded, else the tag of its image.

    It is empty without one.
    """
    annotations = (statefulset.get("metadata") or {}).get("annotations") or {}
    recorded = annotations.get(ANNOTATION_IMAGE_VERSION)
    return Version(str(recorded)) if recorded else read_image(statefulset).version
