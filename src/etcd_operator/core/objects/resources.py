"""Compute resources of members and other containers."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.resources import Resources
from etcd_operator.json_types import Json

DEFAULT_RESOURCES: Final = Resources.model_validate(
    {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
)


def find_resources(spec: EtcdClusterSpec) -> Resources:
    """Return the compute resources of a member: those of the spec, if it names any."""
    wanted = spec.resources
    named = wanted is not None and (wanted.requests or wanted.limits)
    return wanted if wanted and named else DEFAULT_RESOURCES


def render_resources(resources: Resources) -> Json:
    """Render the compute resources of a container."""
    chosen = {"requests": resources.requests, "limits": resources.limits}
    return {
        key: {name: str(amount) for name, amount in amounts.items()}
        for key, amounts in chosen.items()
        if amounts
    }
