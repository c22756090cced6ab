"""Compute resources of containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from etcd_operator.api.model import Model
from etcd_operator.api.quantity import Quantity


class Resources(Model):
    """Compute resources of each etcd container."""

    requests: Mapping[str, Quantity] | None = Field(None, description="Requests of the container.")
    limits: Mapping[str, Quantity] | None = Field(None, description="Limits of the container.")


def check_resources(path: str, resources: Resources | None) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with resources at this path: the field, and a sentence."""
    if resources is None:
        return
    limits = resources.limits or {}
    for resource, amount in (resources.requests or {}).items():
        if resource in limits and amount > limits[resource]:
            field = f"{path}.requests.{resource}"
            said = f"{field} {amount} is above its limit {limits[resource]}"
            yield field, f"{said}: lower it or raise the limit."
