"""Addresses at which clients outside Kubernetes reach a cluster and each of its members.

They stand in the spec, or whoever provides load balancers writes them into the status of a Service.
What is written there is not the operator's: only names and addresses of a known form count, and of
many only the first. The address of a load balancer that says none for a while stays what it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.service import MemberAddresses, ServiceTemplate, is_host
from etcd_operator.core.model.address import Address
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import MOST_MEMBERS, Naming
from etcd_operator.core.model.snapshot import Snapshot

Children = Mapping[tuple[str, str], Child]
# Of the addresses that a load balancer says it has.
MOST_ADDRESSES: Final = 4
ADVERTISED: Final = "advertise-client-urls"


def with_addresses(naming: Naming, spec: EtcdClusterSpec, children: Children) -> Naming:
    """Return the names of a cluster with its addresses outside, as far as they are known."""
    service = _find(children, naming, naming.client_service)
    hosts = _read_hosts(service) if spec.service.type == "LoadBalancer" else ()
    wanted = spec.member_addresses
    if wanted is None:
        return replace(naming, service_hosts=hosts, member_addresses=())
    found = (_find_address(naming, wanted, children, o) for o in range(MOST_MEMBERS))
    return replace(naming, service_hosts=hosts, member_addresses=tuple(filter(None, found)))


def _find_address(
    naming: Naming, wanted: MemberAddresses, children: Children, ordinal: int
) -> Address | None:
    named = wanted.names[ordinal] if ordinal < len(wanted.names) else ""
    if wanted.service is None:
        return Address(ordinal, named, wanted.port) if named else None
    service = _find(children, naming, naming.member(ordinal))
    if service is None:
        return None
    told = _read_hosts(service) if wanted.service.type == "LoadBalancer" else ()
    host = named or next(iter(told), "")
    if not host and wanted.service.type == "LoadBalancer":
        return _recall(naming, children, ordinal)
    port = _read_port(service, wanted.service)
    return Address(ordinal, host, port) if host and port else None


def _find(children: Children, naming: Naming, name: str) -> Child | None:
    service = children.get(("Service", name))
    ours = service is not None and service.owner_uid == naming.uid and not service.deleting
    return service if ours else None


def _read_hosts(service: Child | None) -> tuple[str, ...]:
    """Read the addresses that a load balancer says it has."""
    status = (service.body.get("status") or {}) if service else {}
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    told = (str(each.get("ip") or each.get("hostname") or "") for each in ingress[:MOST_ADDRESSES])
    return tuple(dict.fromkeys(host for host in map(str.lower, told) if is_host(host)))


def _read_port(service: Child, wanted: ServiceTemplate) -> int:
    """Return the port of a Service outside; 0 while Kubernetes has not chosen it."""
    if wanted.type != "NodePort":
        return wanted.port
    ports = (service.body.get("spec") or {}).get("ports") or ()
    return next((int(each.get("nodePort") or 0) for each in ports), 0)


def _recall(naming: Naming, children: Children, ordinal: int) -> Address | None:
    """Return the address that a member's file has had so far."""
    for url in read_advertised(children, naming, ordinal):
        parts = urlsplit(url)
        if parts.hostname == naming.host(ordinal):
            continue
        if parts.hostname and parts.port and is_host(parts.hostname):
            return Address(ordinal, parts.hostname, parts.port)
    return None


def read_advertised(children: Children, naming: Naming, ordinal: int) -> tuple[str, ...]:
    """Return the client URLs that the live file of a member has it advertise."""
    gate = children.get(("ConfigMap", naming.config_map))
    if gate is None or gate.owner_uid != naming.uid:
        return ()
    text = str((gate.body.get("data") or {}).get(naming.config_key(ordinal), ""))
    for line in text.splitlines():
        key, _, value = line.partition(": ")
        if key == ADVERTISED:
            try:
                found = json.loads(value)
            except ValueError:
                return ()
            return tuple(found.split(",")) if isinstance(found, str) else ()
    return ()


def advertises_otherwise(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether a member was started with another address outside than its file has now.

    etcd publishes its client URLs when it starts. A Pod that is younger than the file has read it:
    what it advertises then is no reason to start it again, whatever that is.
    """
    seat, naming, gate = snapshot.seat(ordinal), snapshot.naming, snapshot.config_map
    if seat.member is None or seat.pod is None or gate is None:
        return False
    wanted = naming.advertised_urls(ordinal, snapshot.rendered_spec.client_tls_mode)
    told = seat.member.client_urls
    if not told or max(len(told), len(wanted)) == 1 or set(told) == set(wanted):
        return False
    if read_advertised(snapshot.children, naming, ordinal) != wanted:
        return False
    created, written = seat.pod.created, gate.written
    # Both are whole seconds.
    return created is not None and written is not None and created <= written


def wanted_services(snapshot: Snapshot) -> tuple[int, ...]:
    """The ordinals of members that are to have a Service; those of a stopped cluster keep it."""
    wanted = snapshot.spec.member_addresses
    if wanted is None or wanted.service is None:
        return ()
    last = max((seat.ordinal for seat in snapshot.seats()), default=-1)
    return tuple(range(max(snapshot.spec.size, snapshot.replicas or 0, last + 1)))
