"""How members serve clients, while TLS for clients is turned on or off one member at a time.

A member serves as the file says that its process has read, and its Pod was made for: plain text
needs no mounted certificate, TLS does. The gate says what the files say now. See decision 22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.core.model.live_objects import Child, Pod
from etcd_operator.core.model.naming import ANNOTATION_TLS, Naming
from etcd_operator.core.model.snapshot import Snapshot

# Words of the gate's annotation: TLS for clients is on, and plain text is served beside it.
CLIENT: Final = "client"
PERMISSIVE: Final = "permissive"


def read_gate_mode(record: str) -> ClientTls:
    """Return how the gate has members serve clients, from its annotation about TLS."""
    words = record.split(",")
    if CLIENT not in words:
        return ClientTls.OFF
    return ClientTls.PERMISSIVE if PERMISSIVE in words else ClientTls.STRICT


def find_gate_mode(children: Mapping[tuple[str, str], Child], naming: Naming) -> ClientTls | None:
    """Return how the files of the live gate have members serve clients; None without a gate."""
    gate = children.get(("ConfigMap", naming.config_map))
    if gate is None or gate.owner_uid != naming.uid:
        return None
    return read_gate_mode(gate.annotations.get(ANNOTATION_TLS, ""))


def speaks_tls(pod: Pod, gate: ClientTls | None) -> bool:
    """Whether to speak TLS with a member: what it serves by its Pod and, if both, by the gate.

    A container that starts again in its Pod reads the gate of then. So a member of which both are
    expected may serve one of them; where it does not answer with TLS, plain text is tried.
    """
    if pod.client_tls is ClientTls.PERMISSIVE and gate is not None:
        return gate.tls
    return pod.client_tls.tls


def list_served(snapshot: Snapshot) -> tuple[frozenset[str], ...]:
    """Return the schemes that each member serves, by its Pod and by the URLs that it advertises.

    A member publishes its URLs when it starts, so they are of the file that its process has read.
    """
    served = [frozenset(pod.client_tls.schemes) for pod in snapshot.pods]
    for seat in snapshot.seats():
        if seat.member and seat.pod and seat.member.client_urls:
            served.append(frozenset(url.partition("://")[0] for url in seat.member.client_urls))
    return tuple(served)


def serves_alone(snapshot: Snapshot, mode: ClientTls) -> bool:
    """Whether some member serves clients in this mode and in no other."""
    return frozenset(mode.schemes) in list_served(snapshot)


def find_common_mode(snapshot: Snapshot) -> ClientTls | None:
    """Return what every member serves clients; None where members have nothing in common.

    Without any Pod the gate counts, else the spec.
    """
    served = list_served(snapshot)
    if not served:
        gate = find_gate_mode(snapshot.children, snapshot.naming)
        return gate or snapshot.spec.client_tls_mode
    common = frozenset.intersection(*served)
    return next((mode for mode in ClientTls if frozenset(mode.schemes) == common), None)
