"""TLS of each member towards the operator, and whom members trust, as the live gate has it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, PEER_TRUST_FILE, Trusted
from etcd_operator.core.model.client_tls import speaks_tls
from etcd_operator.core.model.live_objects import Child, Pod, Probe
from etcd_operator.core.model.naming import Naming
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.pki.identity import Identity


def introduce(
    etcd: EtcdPool,
    naming: Naming,
    pods: Iterable[Pod],
    gate: ClientTls | None,
    identity: Identity | None,
) -> None:
    """Say who the operator is to these Pods; not to one that is spoken with in plain text.

    Without TLS too: an address that is used again may have been that of another cluster's Pod.
    Whoever sees the certificate is not asked for a user's token as well.
    """
    for pod in pods:
        if not pod.address:
            continue
        shown = identity if speaks_tls(pod, gate) else None
        etcd.set_tls(address_of(pod), PeerTls(shown, naming.host(pod.ordinal)) if shown else None)
        if shown:
            etcd.set_login(address_of(pod), None)


def speak_plainly(
    etcd: EtcdPool, pods: Iterable[Pod], probes: Mapping[int, Probe]
) -> tuple[Pod, ...]:
    """Return the Pods that serve and do not answer with TLS; from now on they are asked without.

    A Pod that was made to serve both may have started its container again while the gate had plain
    text alone.
    """
    silent = tuple(
        pod
        for pod in pods
        if pod.client_tls is ClientTls.PERMISSIVE
        and pod.ready
        and (probe := probes.get(pod.ordinal))
        and not (probe.status or probe.asks_for_user)
    )
    for pod in silent:
        etcd.set_tls(address_of(pod), None)
    return silent


def read_gate_trust(
    children: Mapping[tuple[str, str], Child], naming: Naming
) -> dict[str, tuple[Trusted, ...]]:
    """Return the authorities that members trust, by file; what nobody can read is left out."""
    gate = children.get(("ConfigMap", naming.config_map))
    trust: dict[str, tuple[Trusted, ...]] = {}
    if gate is None or gate.owner_uid != naming.uid:
        return trust
    for file in (CLIENT_TRUST_FILE, PEER_TRUST_FILE):
        text = (gate.body.get("data") or {}).get(file)
        if text:
            from etcd_operator.runtime.pki.x509 import read_bundle

            with contextlib.suppress(ValueError):
                trust[file] = read_bundle(text)
    return trust
