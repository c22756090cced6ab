"""Compute resources of containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from etcd_operator.api.model import Model
from etcd_operator.api.quantity import parse_quantity


class Resources(Model):
    """Compute resources of each etcd container."""

    requests: Mapping[str, str | int] | None = Field(
        None, description="Requests of the container.", json_schema_extra={"x-quantity": True}
    )
    limits: Mapping[str, str | int] | None = Field(
        None,
        description="Limits of the container.",
        json_schema_extra={"x-quantity": True},
    )


def check_resources(path: str, resources: Resources | None) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with resources at this path: the field, and a sentence."""
    if resources is None:
        return
    amounts = {}
    for kind in ("requests", "limits"):
        for resource, amount in (getattr(resources, kind) or {}).items():
            try:
                amounts[kind, resource] = parse_quantity(str(amount))
            except ValueError:
                field = f"{path}.{kind}.{resource}"
                yield field, f"{field} {amount} is not a quantity: use one such as 500m or 1Gi."
    for (kind, resource), amount in amounts.items():
        limit = amounts.get(("limits", resource))
        if kind == "requests" and limit is not None and amount > limit:
            field = f"{path}.requests.{resource}"
            yield field, f"{field} is above its limit: lower it or raise the limit."
