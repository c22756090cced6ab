"""Which fields of our objects are ours alone: what others add there is taken back.

Everywhere else it stays: labels and annotations, sidecars with their volumes, scheduling, ports,
environment that etcd does not read. Places are paths without the items of lists, such as
`spec.template.spec.containers.env`.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.mount_paths import overlap
from etcd_operator.json_types import Json

POD: Final = "spec.template.spec"
CONTAINER: Final = f"{POD}.containers"

# Lists whose items are told apart by fields, as the API server merges them. All others are one
# value. Of the items that others added, those stay that `is_foreign_item` does not name.
KEYED_LISTS: Final[dict[str, tuple[str, ...]]] = {
    "metadata.ownerReferences": ("uid",),
    "spec.ports": ("port", "protocol"),
    CONTAINER: ("name",),
    f"{CONTAINER}.env": ("name",),
    f"{CONTAINER}.ports": ("containerPort", "protocol"),
    f"{CONTAINER}.volumeMounts": ("mountPath",),
    f"{POD}.initContainers": ("name",),
    f"{POD}.hostAliases": ("ip",),
    f"{POD}.volumes": ("name",),
    f"{POD}.imagePullSecrets": ("name",),
    f"{POD}.topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}

# Nothing may be beside ours at these places and below: another selector, a second source of a
# volume or a variable, another kind of probe. Two of a kind the API server refuses as a whole.
_EXACT: Final[dict[str, tuple[str, ...]]] = {
    "ConfigMap": ("data",),
    "NetworkPolicy": ("spec",),
    "PodDisruptionBudget": ("spec",),
    "Service": ("spec.selector",),
    "StatefulSet": (
        "spec.updateStrategy",
        "spec.persistentVolumeClaimRetentionPolicy",
        f"{POD}.volumes",
        f"{POD}.securityContext.seccompProfile",
        f"{CONTAINER}.env",
        f"{CONTAINER}.volumeMounts",
        f"{CONTAINER}.livenessProbe",
        f"{CONTAINER}.readinessProbe",
        f"{CONTAINER}.securityContext.capabilities",
    ),
}

# What the API server itself adds there, in a StatefulSet.
_DEFAULTED: Final = frozenset(
    {
        "apiVersion",
        "defaultMode",
        "divisor",
        "expirationSeconds",
        "failureThreshold",
        "initialDelaySeconds",
        "path",
        "periodSeconds",
        "scheme",
        "service",
        "successThreshold",
        "terminationGracePeriodSeconds",
        "timeoutSeconds",
    }
)

# Single fields that only we may set: they change which Pods there are, what etcd reads, when it
# is stopped, or as whom it writes.
_FIELDS: Final[dict[str, dict[str, frozenset[str]]]] = {
    "ConfigMap": {"": frozenset({"binaryData"})},
    "Service": {"spec": frozenset({"externalName"})},
    "StatefulSet": {
        "spec": frozenset({"ordinals"}),
        POD: frozenset({"hostNetwork", "nodeName", "schedulingGates"}),
        CONTAINER: frozenset(
            {"envFrom", "lifecycle", "startupProbe", "volumeDevices", "workingDir"}
        ),
        f"{CONTAINER}.ports": frozenset({"hostIP", "hostPort"}),
        f"{CONTAINER}.securityContext": frozenset({"privileged", "runAsGroup", "runAsUser"}),
    },
}

OWN_DOMAIN: Final = "etcd.etcd.io/"
_TEMPLATE_METADATA: Final = ("spec.template.metadata.labels", "spec.template.metadata.annotations")
_BINARIES: Final = "/usr/local/bin"


def is_exact(kind: str, place: str) -> bool:
    """Whether only ours may be at this place and below."""
    return any(place == own or place.startswith(f"{own}.") for own in _EXACT.get(kind, ()))


def is_foreign_field(kind: str, place: str, name: str) -> bool:
    """Whether a field that we do not set must not be set by others in a mapping at this place."""
    if is_exact(kind, place):
        return kind != "StatefulSet" or name not in _DEFAULTED
    if place in _TEMPLATE_METADATA:
        return name.startswith(OWN_DOMAIN)
    return name in _FIELDS.get(kind, {}).get(place, ())


def is_foreign_item(place: str, item: Json, ours: list[Json]) -> bool:
    """Whether an item that others added to a keyed list must go."""
    if place == f"{CONTAINER}.env":
        return str(item.get("name", "")).startswith("ETCD_")
    if place == f"{CONTAINER}.volumeMounts":
        path = str(item.get("mountPath", ""))
        return any(overlap(path, own) for own in (_BINARIES, *(m["mountPath"] for m in ours)))
    return False
