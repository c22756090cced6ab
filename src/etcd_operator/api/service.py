"""The part of an EtcdCluster about its Services: where clients reach it, inside and outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from etcd_operator.api.hosts import LONGEST_NAME, HostName, is_ip_address
from etcd_operator.api.metadata import MOST_KEYS, AnnotationValue, check_metadata
from etcd_operator.api.model import Model

DEFAULT_PORT: Final = 2379
MOST_NAMES: Final = 9
MOST_ALIASES: Final = 4
# A label that begins with a letter, as names of Services are.
SERVICE_NAME: Final = "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
# What follows the name of the cluster in those of its own Services.
OWN_ENDS: Final = "client|peer|[0-9]+"
_LABEL: Final = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# The last label has a letter: else it would be an address that is none.
HOST_NAME: Final = rf"({_LABEL}[.])*[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
# The types whose Services have ports on nodes; the last has an address of its own besides.
WITH_NODE_PORTS: Final = ("NodePort", "LoadBalancer")


class ServiceTemplate(Model):
    """A Service for clients."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP", description="Type of the Service. A change restarts no member."
    )
    annotations: Mapping[str, AnnotationValue] | None = Field(
        None,
        max_length=MOST_KEYS,
        description="Annotations, e.g. those that a cloud's load balancer or external-dns reads.",
    )
    port: int = Field(DEFAULT_PORT, ge=1, le=65535, description="Port of the Service.")
    node_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port on the nodes, within Kubernetes' range; if unset, Kubernetes chooses.",
    )
    load_balancer_class: str | None = Field(
        None, max_length=317, description="Which load balancer; only with type LoadBalancer."
    )
    external_traffic_policy: Literal["Cluster", "Local"] = Field(
        "Cluster",
        description=(
            "With Local, a node leads to its own members only, and they see the addresses of "
            "clients; with types NodePort and LoadBalancer."
        ),
    )
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] = Field(
        "PreferDualStack",
        description="Whether the Service has addresses of IPv4 and IPv6; both where there are.",
    )
    ip_families: tuple[Literal["IPv4", "IPv6"], ...] = Field(
        (),
        max_length=2,
        description="IP families, the first of which cannot change; those of Kubernetes if empty.",
    )


class ClientService(ServiceTemplate):
    """The Service for clients, and further names of it."""

    aliases: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        (),
        max_length=MOST_ALIASES,
        description=(
            "Names of further Services that lead to the same members, such as the one that clients "
            "used before they were moved here. Each is created when no other Service has the name, "
            "at a take-over when the old members are gone. Their DNS names are in the server "
            "certificate at once. A change restarts no member."
        ),
    )


class MemberAddresses(Model):
    """How clients outside Kubernetes reach each member by itself."""

    names: tuple[HostName, ...] = Field(
        (),
        max_length=MOST_NAMES,
        description=(
            "DNS name or IP address of each member, by ordinal. If unset, the address that the "
            "load balancer of its Service has."
        ),
    )
    port: int = Field(
        DEFAULT_PORT,
        ge=1,
        le=65535,
        description="Port at these names; with `service` it is that of the member's Service.",
    )
    service: ServiceTemplate | None = Field(
        None, description="A Service for each member, called as its Pod."
    )


def check_member_addresses(addresses: MemberAddresses) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with addresses of members."""
    path = "spec.memberAddresses"
    for name in addresses.names:
        if not is_host(name):
            where = f"{path}.names"
            yield where, f"{where} {name[:100]} {HOST_REMEDY}."
    if len(set(addresses.names)) != len(addresses.names):
        yield f"{path}.names", f"{path}.names {NAMES_REMEDY}."
    if addresses.service is not None:
        yield from check_service(f"{path}.service", addresses.service)
        if addresses.service.node_port is not None:
            where = f"{path}.service.nodePort"
            yield where, f"{where} {addresses.service.node_port} {ONE_PORT_REMEDY}."


def is_host(text: str) -> bool:
    """Whether this is a DNS name in lower case, or an IP address."""
    is_name = len(text) <= LONGEST_NAME and re.fullmatch(HOST_NAME, text) is not None
    return is_name or is_ip_address(text)


def check_service(path: str, service: ServiceTemplate) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with the wishes for a Service."""
    yield from check_metadata(path, None, service.annotations)
    if service.node_port is not None and service.type not in WITH_NODE_PORTS:
        where = f"{path}.nodePort"
        yield where, f"{where} {service.node_port} {NODE_PORT_REMEDY}."
    if service.load_balancer_class is not None and service.type != "LoadBalancer":
        where = f"{path}.loadBalancerClass"
        yield where, f"{where} {service.load_balancer_class[:100]} {CLASS_REMEDY}."
    families = service.ip_families
    if len(set(families)) != len(families):
        yield f"{path}.ipFamilies", f"{path}.ipFamilies {TWICE_REMEDY}."
    if len(families) > 1 and service.ip_family_policy == "SingleStack":
        yield f"{path}.ipFamilies", f"{path}.ipFamilies {SINGLE_REMEDY}."


def check_aliases(name: str, aliases: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with aliases in the cluster `name`."""
    where = "spec.service.aliases"
    for alias in aliases:
        if not re.fullmatch(SERVICE_NAME, alias):
            yield where, f"{where} {alias[:100]} {ALIAS_REMEDY}."
        elif alias.startswith(f"{name}-") and re.fullmatch(OWN_ENDS, alias[len(name) + 1 :]):
            yield where, f"{where} {alias} {OWN_NAME_REMEDY}."
    if len(set(aliases)) != len(aliases):
        yield where, f"{where} {TWICE_NAMED_REMEDY}."


ALIAS_REMEDY: Final = (
    "is no name of a Service: use up to 63 lower-case letters, digits and dashes, beginning with a "
    "letter"
)
OWN_NAME_REMEDY: Final = "is a Service of the cluster anyway: remove it"
TWICE_NAMED_REMEDY: Final = "have the same name twice: name each once"
HOST_REMEDY: Final = "is no DNS name in lower case and no IP address: correct or remove it"
NAMES_REMEDY: Final = "have the same name twice: name each member by one of its own"
ONE_PORT_REMEDY: Final = (
    "would be one port for all members: remove it, Kubernetes chooses one for each"
)
NODE_PORT_REMEDY: Final = "is for types NodePort and LoadBalancer: remove it, or set type"
CLASS_REMEDY: Final = "is for type LoadBalancer: remove it, or set type"
TWICE_REMEDY: Final = "names one family twice: name each once"
SINGLE_REMEDY: Final = "names two families, and ipFamilyPolicy is SingleStack: name one"
