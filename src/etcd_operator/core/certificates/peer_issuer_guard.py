"""The guard of certificates between members that an issuer signs; see `guards`.

* Nothing is mounted whose CA a member that runs does not trust, unless that CA signed before; nor
  what the CA that comes with it does not verify.
* No CA goes from whom members trust, whose certificates a member shows or may show.
"""

from __future__ import annotations

from etcd_operator.core.actions import ApplyObject, CopyCertificate, IssueCertificate
from etcd_operator.core.certificates.state import PEER_TRUST_FILE
from etcd_operator.core.model.naming import ANNOTATION_TLS, PEER_PORT
from etcd_operator.core.model.peer_issuer import (
    PeerIssuer,
    client_certificate_of_peers,
    mark_peer_trust,
    read_peer_issuer,
    server_certificate_of_peers,
    server_secret_of_peers,
    wants_peer_issuer,
)
from etcd_operator.core.model.snapshot import Snapshot


def refuse_copy(action: CopyCertificate, snapshot: Snapshot) -> str | None:
    """Every member that runs trusts the CA, by a Pod of now; or what it shows is of that CA."""
    found = [snapshot.credentials.get(name) for name in action.sources]
    seen = [one.certificate for one in found if one and one.certificate]
    if [one.key_id for one in seen] != list(action.key_ids):
        return "the certificates are not those that were read"
    live = snapshot.credentials.get(snapshot.naming.peer_secret)
    if action.secret != snapshot.naming.peer_secret:
        return "no member shows what is in this Secret to others"
    if strange := [one.name for one in found if one and not one.is_verified_by(one.trusted)]:
        return f"no CA in Secret {strange[0]} verifies its certificate"
    mounted = live.certificate.issuer_key_id if live and live.certificate else ""
    if {one.issuer_key_id for one in seen} == {mounted}:
        return None
    wanted = mark_peer_trust(t.key_id for one in found if one for t in one.trusted)
    running = [pod for pod in snapshot.pods if pod.running and pod.peer_tls]
    deaf = [p.name for p in running if not (snapshot.is_current(p) and {*wanted} <= {*p.trust})]
    return f"{deaf[0]} does not trust the CA of the issuer yet" if deaf else None


def refuse_forgotten_peer_ca(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No file leaves out whom a member shows, or was not seen to show: its CA or common name.

    Nor does one let in everybody who has a certificate of an issuer.
    """
    annotations = (action.manifest.get("metadata") or {}).get("annotations") or {}
    before, after = (
        read_peer_issuer(noted.get(ANNOTATION_TLS, "").split(","))
        for noted in (snapshot.gate_annotations, annotations)
    )
    text = (action.manifest.get("data") or {}).get(PEER_TRUST_FILE)
    if text is None or not (before or after):
        return None  # without an issuer, `certificate` judges every change of trust
    told = snapshot.gate_trust.get(PEER_TRUST_FILE, ())
    gone = {one.key_id for one in told if one.pem.strip() not in text}
    own = snapshot.credentials.get(snapshot.naming.peer_authority)
    own_ids = {one.key_id for one in own.trusted} if own else set()
    if not after and {one.key_id for one in told} - gone - own_ids:
        return "members would let in whoever has a certificate of the issuer"
    narrows = after is PeerIssuer.ALONE and before is not after
    return _refuse_forgotten(gone, own_ids if narrows else set(), snapshot)


def _refuse_forgotten(gone: set[str], unnamed: set[str], snapshot: Snapshot) -> str | None:
    """Nobody shows what these have signed; of the second ones the common name is let in no more."""
    running = [pod for pod in snapshot.pods if pod.running and pod.peer_tls]
    if not running or not (gone or unnamed):
        return None
    shown = {p.name: snapshot.presented.get((p.ordinal, PEER_PORT), "") for p in running}
    if unseen := [name for name, signer in shown.items() if not signer]:
        return f"{unseen[0]} may show a certificate of a CA that would be left out"
    live = snapshot.credentials.get(snapshot.naming.peer_secret)
    mounted = [live.certificate.issuer_key_id] if live and live.certificate else []
    for signer in {*shown.values(), *mounted}:
        if signer in unnamed or gone & _find_roots(snapshot, signer):
            return "a certificate between members is signed by a CA that would be left out"
    return None


def refuse_own_signer(action: IssueCertificate, snapshot: Snapshot) -> str | None:
    """Nothing is signed for members while those that start trust the CA of an issuer alone."""
    words = snapshot.gate_annotations.get(ANNOTATION_TLS, "").split(",")
    alone = read_peer_issuer(words) is PeerIssuer.ALONE and snapshot.pods
    of_peers = action.leaf.secret == snapshot.naming.peer_secret
    return "members trust the CA of an issuer alone" if alone and of_peers else None


def _find_roots(snapshot: Snapshot, signer: str) -> set[str]:
    """Who has to be trusted for what this one has signed: it, or those above it."""
    told = {one.key_id for one in snapshot.gate_trust.get(PEER_TRUST_FILE, ())}
    issued = snapshot.credentials.get(server_secret_of_peers(snapshot.naming))
    by_issuer = issued and issued.certificate and issued.certificate.issuer_key_id == signer
    if issued and by_issuer:
        return {one.key_id for one in issued.trusted}
    return {signer} if signer in told else told


def needs_peer_certificate(name: str, snapshot: Snapshot) -> bool:
    """Whether a Certificate is of what members show to each other, and goes on being issued."""
    naming = snapshot.naming
    if name not in (server_certificate_of_peers(naming), client_certificate_of_peers(naming)):
        return False
    return wants_peer_issuer(snapshot.spec) or naming.peer_issuer.signs
