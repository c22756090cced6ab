"""Whom members trust between each other, and what cert-manager has issued for that.

While the cluster's own CA signs for members, they trust what its Secret has. With an issuer, the
bundle of the gate grows and shrinks by the phase on record; see `peer_issuer_machine`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etcd_operator.core.certificates.state import (
    PEER_TRUST_FILE,
    Certificate,
    Credential,
    Trusted,
    key_ids,
)
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import ANNOTATION_TRUST, PEER_PORT
from etcd_operator.core.model.peer_issuer import (
    PeerIssuer,
    client_secret_of_peers,
    issued_common_name,
    mark_peer_trust,
    server_secret_of_peers,
    wants_peer_issuer,
)
from etcd_operator.core.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class IssuedPeers:
    """What cert-manager has issued for members: what they show, and what they dial with.

    `trusted` is the CA of both: while one of them is of another CA, there is none of these.
    """

    server: Credential
    client: Credential
    trusted: tuple[Trusted, ...]

    @property
    def certificates(self) -> tuple[Certificate | None, Certificate | None]:
        """Both certificates."""
        return self.server.certificate, self.client.certificate


def find_issued_peers(snapshot: Snapshot) -> IssuedPeers | None:
    """Return what cert-manager has issued, if members can use it."""
    if find_peer_secret_problem(snapshot):
        return None
    server, client = (snapshot.credentials[name] for name in _issued_secrets(snapshot))
    return IssuedPeers(server, client, server.trusted)


def find_peer_secret_problem(snapshot: Snapshot) -> str:
    """Return what is wrong with the Secrets that cert-manager writes for members; empty if none."""
    held = [(name, snapshot.credentials.get(name)) for name in _issued_secrets(snapshot)]
    for name, live in held:
        if said := _judge(snapshot, live, server=name == server_secret_of_peers(snapshot.naming)):
            return f"Secret {name}, which cert-manager is to write, {said}"
    told = {key_ids(live.trusted) for _, live in held if live}
    if len(told) <= 1:
        return ""
    return (
        f"Secrets {' and '.join(name for name, _ in held)} are of different CAs: wait until "
        "cert-manager has issued both, and name an issuer with a CA of its own, which one of the "
        "type selfSigned has not."
    )


def _issued_secrets(snapshot: Snapshot) -> tuple[str, str]:
    return server_secret_of_peers(snapshot.naming), client_secret_of_peers(snapshot.naming)


def _judge(snapshot: Snapshot, live: Credential | None, *, server: bool) -> str:
    if live is None:
        return "does not exist yet."
    if live.problem:
        return f"cannot be used: {live.problem}."
    certificate, naming = live.certificate, snapshot.naming
    if certificate is None or not live.trusted:
        return "has no tls.crt or no ca.crt: use an issuer that writes both."
    if certificate.not_after <= snapshot.now:
        return "has a certificate that has expired: see why cert-manager does not renew it."
    if not live.is_verified_by(live.trusted):
        return (
            "has a certificate that no CA in its ca.crt has signed, so other members would refuse "
            "it: use an issuer that tells the CA by which it signs."
        )
    if certificate.common_name != issued_common_name(naming):
        return (
            f"has a certificate without the common name {issued_common_name(naming)}, by which "
            "members know each other: use an issuer that signs it."
        )
    if not (certificate.server if server else certificate.client):
        usage = "servers" if server else "clients"
        return f"has a certificate that is not for {usage}: use an issuer that signs that usage."
    host = f"*.{naming.peer_service}.{naming.namespace}.svc.{naming.domain}"
    if server and host not in certificate.names:
        return f"has a certificate that is not for {host}: use an issuer that signs that name."
    if not server and certificate.names:
        return (
            "has a certificate with names, which etcd would look up for each connection: use an "
            "issuer that adds none."
        )
    return ""


def peer_trust(snapshot: Snapshot) -> tuple[Trusted, ...]:
    """Authorities that members trust for members."""
    naming = snapshot.naming
    own = snapshot.credentials.get(naming.peer_authority)
    before = snapshot.gate_trust.get(PEER_TRUST_FILE, ())
    if naming.peer_issuer is PeerIssuer.OWN:
        return own.trusted if own else before
    issued = find_issued_peers(snapshot)
    theirs = issued.trusted if issued else ()
    alone = naming.peer_issuer is PeerIssuer.ALONE
    if alone and theirs and (not before or is_issued_shown(snapshot)):
        return theirs
    if not before:
        live = snapshot.credentials.get(naming.peer_secret)
        before = live.trusted if live else ()
    wanted = (*theirs, *(own.trusted if own and not alone else ()))
    if before and not is_rolled(snapshot):
        return before
    return tuple({one.key_id: one for one in (*before, *wanted)}.values())


def say_trust(snapshot: Snapshot, of_clients: tuple[Trusted, ...]) -> tuple[str, ...]:
    """What Pods say of whom they trust, for clients and between members."""
    of_peers = peer_trust(snapshot) if snapshot.rendered_spec.peer_tls else ()
    if snapshot.naming.peer_issuer is PeerIssuer.OWN:
        return key_ids((*of_clients, *of_peers))
    return (*key_ids(of_clients), *mark_peer_trust(key_ids(of_peers)))


def is_rolled(snapshot: Snapshot) -> bool:
    """Whether each Pod was made with whom the gate has members trust now.

    Nobody comes to be trusted before: of a CA that was trusted, forgotten, and is trusted again,
    the Pods of the first time would say that their processes trust it.
    """
    live, told = snapshot.statefulset, snapshot.gate_annotations.get(ANNOTATION_TRUST, "")
    if live is None:
        return not snapshot.pods
    template = (live.body.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    made_so = annotations.get(ANNOTATION_TRUST, "") == told
    return made_so and all(snapshot.is_current(pod) for pod in snapshot.pods)


def do_members_trust(snapshot: Snapshot, trusted: Iterable[Trusted]) -> bool:
    """Whether each member that runs was started with these CAs, and those to come will be."""
    ids = {one.key_id for one in trusted}
    told = set(key_ids(snapshot.gate_trust.get(PEER_TRUST_FILE, ())))
    wanted = {*mark_peer_trust(ids)}
    return (
        bool(ids)
        and (ids <= told or not snapshot.pods)
        and all(
            snapshot.is_current(pod) and wanted <= {*pod.trust} for pod in running_peers(snapshot)
        )
    )


def running_peers(snapshot: Snapshot) -> tuple[Pod, ...]:
    """The Pods of members that run and have a certificate for each other."""
    return tuple(pod for pod in snapshot.pods if pod.running and pod.peer_tls)


def is_copied(snapshot: Snapshot) -> bool:
    """Whether members mount what cert-manager has issued last."""
    issued, live = (
        find_issued_peers(snapshot),
        snapshot.credentials.get(snapshot.naming.peer_secret),
    )
    if issued is None or live is None or live.problem:
        return False
    return (live.certificate, live.client) == issued.certificates


def is_issued_shown(snapshot: Snapshot) -> bool:
    """Whether every member that runs shows what cert-manager has issued last, or as good."""
    live = snapshot.credentials.get(snapshot.naming.peer_secret)
    return is_copied(snapshot) and _do_all_show(snapshot, live)


def is_own_shown(snapshot: Snapshot) -> bool:
    """Whether every member that runs shows what the cluster's own CA has signed."""
    naming = snapshot.naming
    live, own = (snapshot.credentials.get(n) for n in (naming.peer_secret, naming.peer_authority))
    if own is None or live is None or live.certificate is None:
        return False
    signed = live.certificate.issuer_key_id in key_ids(own.trusted)
    return signed and _do_all_show(snapshot, live)


def _do_all_show(snapshot: Snapshot, live: Credential | None) -> bool:
    signer = live.certificate.issuer_key_id if live and live.certificate else ""
    shown = {snapshot.presented.get((p.ordinal, PEER_PORT), "") for p in running_peers(snapshot)}
    return bool(signer) and shown <= {signer}


def must_see_peers(snapshot: Snapshot) -> bool:
    """Whether the next step depends on what members show to each other."""
    phase = snapshot.naming.peer_issuer
    if phase is PeerIssuer.OWN:
        return False
    if phase is not PeerIssuer.ALONE:
        return wants_peer_issuer(snapshot.spec) == phase.signs
    issued, told = find_issued_peers(snapshot), snapshot.gate_trust.get(PEER_TRUST_FILE, ())
    return issued is not None and key_ids(told) != key_ids(issued.trusted)
