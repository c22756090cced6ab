"""The guard of a change of the issuer; see `guards`. It shares no judgement with the machine.

* cert-manager is asked for nothing that a member or a client would not trust.
* No CA goes from members, or from what clients get, whose certificates are shown or may be.
"""

from __future__ import annotations

from collections.abc import Iterable

from etcd_operator.core.actions import ApplyObject, IssueCertificate
from etcd_operator.core.certificates.peer_issuer_guard import needs_peer_certificate
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, Credential, Trusted
from etcd_operator.core.model.issuer_stage import ANNOTATION_ISSUER_STAGE, read_issuer_change
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.model.peer_issuer import (
    client_certificate_of_peers,
    server_certificate_of_peers,
)
from etcd_operator.core.model.snapshot import Snapshot


def refuse_untrusted_issuer(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """cert-manager writes over what the cluster's own CA has signed only if nobody is cut off.

    Over the certificate of members, if all members and clients trust the issuer's CA; over that of
    clients, which then trust the issuer's alone, if every member shows the issuer's.
    """
    naming, spec = snapshot.naming, action.manifest["spec"]
    own = snapshot.credentials.get(naming.client_authority)
    live = snapshot.credentials.get(spec["secretName"])
    if own is None or live is None or live.certificate is None:
        return None
    own_ids = {one.key_id for one in own.trusted}
    if live.certificate.issuer_key_id not in own_ids:
        return None
    running = [pod for pod in snapshot.pods if pod.running and pod.client_tls.tls]
    if live.name == naming.client_secret:
        if _find_issuer(snapshot, naming.server_secret) in own_ids:
            return "members are to show a certificate of the cluster's own CA"
        shown = [(pod, snapshot.presented.get((pod.ordinal, CLIENT_PORT))) for pod in running]
        own_ones = [pod.name for pod, signer in shown if not signer or signer in own_ids]
        return f"{own_ones[0]} may show a certificate of the cluster's own CA" if own_ones else None
    issuers = _list_told(snapshot) - own_ids
    if not issuers:
        return "members were told of no CA of an issuer"
    live_set = snapshot.statefulset
    of_now = live_set and read_issuer_change(live_set.body) in _read_stage(snapshot)
    known = [p for p in running if of_now and snapshot.is_current(p) and issuers <= {*p.trust}]
    deaf = [pod.name for pod in running if pod not in known]
    users = (naming.user_secret(user.name) for user in snapshot.spec.users)
    clients = (naming.client_secret, naming.operator_secret, *users)
    deaf += [f"Secret {one.name}" for one in find_deaf(snapshot, clients, issuers)]
    return f"{deaf[0]} does not trust the CA of the issuer yet" if deaf else None


def refuse_forgotten_issuer(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No file leaves out a CA for clients whose certificate a member, or a client, shows."""
    text = (action.manifest.get("data") or {}).get(CLIENT_TRUST_FILE)
    if text is None:
        return None  # nobody shows a certificate to clients any more
    gone = {one.key_id for one in _told_to_clients(snapshot) if one.pem.strip() not in text}
    naming = snapshot.naming
    shown = {signer for (_, port), signer in snapshot.presented.items() if port == CLIENT_PORT}
    shown |= {_find_issuer(snapshot, n) for n in (naming.server_secret, naming.client_secret)}
    if gone & shown:
        return "a certificate in use is signed by a CA that would be left out"
    own = snapshot.credentials.get(naming.client_authority)
    for one in own.trusted if own else ():
        text = text.replace(one.pem.strip(), "")
    issuing = _list_written(snapshot) & {naming.server_secret, naming.client_secret}
    left = own is None or bool(text.strip())
    return None if left or not issuing else "cert-manager may write what would not be trusted"


def refuse_disbelief(action: IssueCertificate, snapshot: Snapshot) -> str | None:
    """No client is given a certificate beside which the CA of what members show is missing."""
    naming, leaf = snapshot.naming, action.leaf
    if leaf.server or leaf.authority != naming.client_authority or not snapshot.pods:
        return None
    authority = snapshot.credentials.get(leaf.authority)
    known = {one.key_id for one in (*action.trusted, *(authority.trusted if authority else ()))}
    signer = _find_issuer(snapshot, naming.server_secret)
    shown = {s for (_, port), s in snapshot.presented.items() if s and port == CLIENT_PORT}
    believed = shown | ({signer} if signer in _list_told(snapshot) else set())
    return "a client would not trust what members show" if believed - known else None


def refuse_beside_issuer(action: IssueCertificate, snapshot: Snapshot) -> str | None:
    """Nothing is signed that cert-manager would write over, nor what its clients will not trust."""
    naming, secret = snapshot.naming, action.leaf.secret
    written = _list_written(snapshot)
    if secret in written:
        return "cert-manager writes this Secret"
    if secret == naming.server_secret and naming.client_secret in written:
        return "clients get a certificate that trusts the CA of an issuer alone"
    return None


def refuse_certificate_removal(name: str, snapshot: Snapshot) -> str | None:
    """A Certificate goes only if the spec, and what members show, does not need it any more."""
    naming = snapshot.naming
    if needs_peer_certificate(name, snapshot):
        return "spec.security.tls.peerIssuerRef asks for this Certificate"
    if name in (server_certificate_of_peers(naming), client_certificate_of_peers(naming)):
        return None
    issues = naming.issuer_stage.signs_clients or name != naming.client_certificate
    wanted = issues and issuer_of(snapshot.spec) is not None
    return "spec.security.tls.issuerRef asks for this Certificate" if wanted else None


def _read_stage(snapshot: Snapshot) -> tuple[str, ...]:
    """The number of the change that the gate has on record, as a Pod template has it."""
    number = snapshot.gate_annotations.get(ANNOTATION_ISSUER_STAGE, "").rpartition("-")[2]
    return ("", "0") if number in ("", "0") else (number,)


def _told_to_clients(snapshot: Snapshot) -> tuple[Trusted, ...]:
    return snapshot.gate_trust.get(CLIENT_TRUST_FILE, ())


def _list_told(snapshot: Snapshot) -> set[str]:
    """The CAs for clients that the gate has members trust."""
    return {one.key_id for one in _told_to_clients(snapshot)}


def find_deaf(snapshot: Snapshot, names: Iterable[str], ids: set[str]) -> list[Credential]:
    """The Secrets that do not have all of these in their ca.crt."""
    found = (snapshot.credentials.get(name) for name in names)
    return [one for one in found if one and not ids <= {t.key_id for t in one.trusted}]


def _list_written(snapshot: Snapshot) -> set[str]:
    """The Secrets that cert-manager writes by the live Certificates."""
    return {
        str((one.body.get("spec") or {}).get("secretName"))
        for (kind, _), one in snapshot.children.items()
        if kind == "Certificate" and one.owner_uid == snapshot.naming.uid
    }


def _find_issuer(snapshot: Snapshot, secret: str) -> str:
    live = snapshot.credentials.get(secret)
    return live.certificate.issuer_key_id if live and live.certificate else ""
