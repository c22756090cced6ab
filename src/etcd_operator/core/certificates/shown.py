"""Ports at which members are to be seen, where the next step depends on what they show."""

from __future__ import annotations

from etcd_operator.core.certificates.client_trust import client_trust
from etcd_operator.core.certificates.issuer_machine import must_see_shown
from etcd_operator.core.certificates.machine import is_retirement_due
from etcd_operator.core.certificates.peer_trust import must_see_peers, peer_trust
from etcd_operator.core.certificates.state import PEER_TRUST_FILE, Trusted
from etcd_operator.core.certificates.wanted import port_of, wanted_authorities
from etcd_operator.core.model.naming import CLIENT_PORT, PEER_PORT
from etcd_operator.core.model.snapshot import Snapshot


def list_ports_to_see(snapshot: Snapshot) -> dict[int, tuple[Trusted, ...]]:
    """Return the ports, each with the CAs of which one has signed what is shown there."""
    ports: dict[int, tuple[Trusted, ...]] = {}
    for authority in wanted_authorities(snapshot):
        port = port_of(snapshot, authority)
        if port is not None and is_retirement_due(snapshot, authority):
            ports[port] = snapshot.credentials[authority].trusted
    if must_see_shown(snapshot):
        ports[CLIENT_PORT] = client_trust(snapshot)
    if must_see_peers(snapshot):
        ports[PEER_PORT] = (*snapshot.gate_trust.get(PEER_TRUST_FILE, ()), *peer_trust(snapshot))
    return ports
