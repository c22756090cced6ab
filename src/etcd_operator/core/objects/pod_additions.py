"""Additions to the members' Pods: containers, volumes, environment, name resolution, timings.

Containers beside etcd comply with the restricted Pod Security Standard, as the member itself does.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.model import Model
from etcd_operator.api.pod_template import Container, PodTemplate, ProbeTimings
from etcd_operator.core.objects.resources import render_resources
from etcd_operator.json_types import Json

_UNPRIVILEGED: Final[Json] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def render_all(given: tuple[Model, ...] | None) -> list[Json]:
    """Render items of a list as they are given."""
    return [_render(item) for item in given or ()]


def _render(given: Model) -> Json:
    return given.model_dump(mode="json", by_alias=True, exclude_none=True)


# Who asks for what Kubernetes does anyway changes no Pod.
_DEFAULTS: Final = {"schedulerName": "default-scheduler", "dnsPolicy": "ClusterFirst"}


def render_containers(given: tuple[Container, ...] | None) -> list[Json]:
    """Render containers beside etcd."""
    return [_render_container(container) for container in given or ()]


def _render_container(container: Container) -> Json:
    context = _render(container.security_context) if container.security_context else {}
    made = {**_render(container), "securityContext": {**_UNPRIVILEGED, **context}}
    if container.resources:
        made["resources"] = render_resources(container.resources)
    return made


def render_placement(wishes: PodTemplate) -> Json:
    """Render what Pods of members and of Jobs have in common: scheduler, runtime, resolver."""
    resolver = wishes.dns_config
    fields = {
        "schedulerName": wishes.scheduler_name,
        "runtimeClassName": wishes.runtime_class_name,
        "hostAliases": render_all(wishes.host_aliases),
        "dnsPolicy": wishes.dns_policy,
        "dnsConfig": _render(resolver) if resolver else None,
    }
    return {name: value for name, value in fields.items() if value and value != _DEFAULTS.get(name)}


def render_timings(timings: ProbeTimings | None) -> Json:
    """Render the timings of a probe that are given."""
    return _render(timings) if timings else {}
