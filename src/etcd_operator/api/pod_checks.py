"""What is wrong with the additions to the members' Pods, each in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from etcd_operator.api.hosts import is_ip_address
from etcd_operator.api.mount_paths import PATH_REMEDY, is_plain, overlap
from etcd_operator.api.pod_template import (
    ETCD_VARIABLES,
    LEAST_PATIENCE_SECONDS,
    LIVENESS_FAILURES,
    LIVENESS_PERIOD,
    OWN_CONTAINER,
    OWN_PATHS,
    OWN_PORT_NAMES,
    OWN_PORTS,
    OWN_VARIABLE,
    OWN_VOLUMES,
    VOLUME_SOURCES,
    Container,
    EnvVar,
    PodTemplate,
    Volume,
    VolumeMount,
)
from etcd_operator.api.resources import check_resources

LABEL_FORM: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
VARIABLE_FORM: Final = "[-._a-zA-Z][-._a-zA-Z0-9]*"
LABEL_REMEDY: Final = "use lower-case letters, digits and dashes"
VARIABLE_REMEDY: Final = "use letters, digits, dashes, dots and underscores"
ETCD_REMEDY: Final = "set options of etcd in spec.etcdConfig"
VOLUME_REMEDY: Final = f"give it one of {', '.join(VOLUME_SOURCES[:-1])} or {VOLUME_SOURCES[-1]}"
MOUNT_REMEDY: Final = "name one of podTemplate.volumes"

_PATH: Final = "spec.podTemplate"

Flaw = tuple[str, str]


def check_pod_template(template: PodTemplate) -> Iterator[Flaw]:
    """Yield field and sentence of everything that is wrong with the additions to Pods."""
    yield from _check_env(f"{_PATH}.env", template.env or (), of_etcd=True)
    yield from _check_volumes(template.volumes or ())
    names = {volume.name for volume in template.volumes or ()}
    yield from _check_mounts(f"{_PATH}.volumeMounts", template.volume_mounts or (), names)
    for mount in template.volume_mounts or ():
        where = mount.mount_path
        if is_plain(where) and any(overlap(where, own) for own in OWN_PATHS):
            field = f"{_PATH}.volumeMounts.mountPath"
            yield field, f"{field} {where} hides files of the member: use another path."
    yield from _check_containers(template, names)
    yield from _check_resolver(template)
    yield from _check_liveness(template)


def _check_env(path: str, env: Iterable[EnvVar], *, of_etcd: bool) -> Iterator[Flaw]:
    field = f"{path}.name"
    for variable in env:
        name = variable.name[:100]
        if not re.fullmatch(VARIABLE_FORM, variable.name):
            yield field, f"{field} {name} is not the name of a variable: {VARIABLE_REMEDY}."
        elif of_etcd and (name.startswith(ETCD_VARIABLES) or name == OWN_VARIABLE):
            yield field, f"{field} {name} is set by the operator itself: {ETCD_REMEDY}."
        if variable.value is not None and variable.value_from is not None:
            yield path, f"{path} {name} has value and valueFrom: remove one of them."
    yield from _check_unique(field, [variable.name for variable in env])


def _check_unique(field: str, names: list[str]) -> Iterator[Flaw]:
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield field, f"{field} {name[:100]} is given more than once: remove all but one."


def _check_volumes(volumes: Iterable[Volume]) -> Iterator[Flaw]:
    field = f"{_PATH}.volumes"
    for volume in volumes:
        name = volume.name
        yield from _check_label(f"{field}.name", name)
        if name in OWN_VOLUMES:
            yield f"{field}.name", f"{field}.name {name} is the operator's own: use another name."
        given = volume.model_dump(exclude={"name"}, exclude_none=True)
        if len(given) != 1:
            yield field, f"{field} {name} has {len(given)} sources: {VOLUME_REMEDY}."
    yield from _check_unique(f"{field}.name", [volume.name for volume in volumes])


def _check_label(field: str, name: str) -> Iterator[Flaw]:
    if not re.fullmatch(LABEL_FORM, name):
        yield field, f"{field} {name[:100]} is not a name: {LABEL_REMEDY}."


def _check_mounts(path: str, mounts: Iterable[VolumeMount], names: set[str]) -> Iterator[Flaw]:
    for mount in mounts:
        if mount.name not in names:
            yield f"{path}.name", f"{path}.name {mount.name} is no such volume: {MOUNT_REMEDY}."
        where = mount.mount_path
        if not is_plain(where):
            field = f"{path}.mountPath"
            yield field, f"{field} {where[:100]} is not possible: {PATH_REMEDY}."
    yield from _check_unique(f"{path}.mountPath", [mount.mount_path for mount in mounts])


def _check_containers(template: PodTemplate, volumes: set[str]) -> Iterator[Flaw]:
    lists: tuple[tuple[str, tuple[Container, ...]], ...] = (
        ("initContainers", template.init_containers or ()),
        ("containers", template.containers or ()),
    )
    for kind, containers in lists:
        for container in containers:
            yield from _check_container(f"{_PATH}.{kind}", container, volumes)
    everyone = [container.name for _, containers in lists for container in containers]
    yield from _check_unique(f"{_PATH}.containers.name", everyone)


def _check_container(path: str, container: Container, volumes: set[str]) -> Iterator[Flaw]:
    field = f"{path}.name"
    yield from _check_label(field, container.name)
    if container.name == OWN_CONTAINER:
        yield field, f"{field} {OWN_CONTAINER} is the member itself: use another name."
    yield from _check_env(f"{path}.env", container.env or (), of_etcd=False)
    yield from _check_mounts(f"{path}.volumeMounts", container.volume_mounts or (), volumes)
    for port in container.ports or ():
        if port.container_port in OWN_PORTS or port.name in OWN_PORT_NAMES:
            shown = port.name if port.name in OWN_PORT_NAMES else port.container_port
            yield f"{path}.ports", f"{path}.ports {shown} is a port of etcd: use another one."
    yield from check_resources(f"{path}.resources", container.resources)


def _check_resolver(template: PodTemplate) -> Iterator[Flaw]:
    resolver = template.dns_config
    servers = (resolver.nameservers or ()) if resolver else ()
    if template.dns_policy == "None" and not servers:
        field = f"{_PATH}.dnsPolicy"
        yield field, f"{field} None needs name servers: name them in dnsConfig.nameservers."
    for server in servers:
        yield from _check_address(f"{_PATH}.dnsConfig.nameservers", server)
    for alias in template.host_aliases or ():
        yield from _check_address(f"{_PATH}.hostAliases.ip", alias.ip)
    yield from _check_unique(f"{_PATH}.hostAliases.ip", [a.ip for a in template.host_aliases or ()])


def check_host_aliases(template: PodTemplate, cluster: str) -> Iterator[Flaw]:
    """Yield the lines of /etc/hosts that would lead members of this cluster elsewhere.

    Only here: for a rule of the API server the comparison with the cluster's name costs too much.
    """
    field = f"{_PATH}.hostAliases.hostnames"
    for alias in template.host_aliases or ():
        for name in alias.hostnames or ():
            if f".{cluster}-peer." in f"{name}.":
                yield field, f"{field} {name} is the name of a member: remove it."


def _check_address(field: str, text: str) -> Iterator[Flaw]:
    if not is_ip_address(text):
        yield field, f"{field} {text[:100]} is not an IP address: use one such as 10.0.0.10."


def _check_liveness(template: PodTemplate) -> Iterator[Flaw]:
    probe = template.liveness_probe
    if probe is None:
        return
    period = probe.period_seconds or LIVENESS_PERIOD
    patience = period * (probe.failure_threshold or LIVENESS_FAILURES)
    if patience < LEAST_PATIENCE_SECONDS:
        field = f"{_PATH}.livenessProbe"
        said = f"{field} restarts a member that does not answer for {patience} s, as on a slow disk"
        remedy = f"make periodSeconds times failureThreshold {LEAST_PATIENCE_SECONDS} or more"
        yield field, f"{said}: {remedy}."
