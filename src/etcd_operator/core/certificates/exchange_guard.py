"""The guard of another certificate in the place of what members show; see `guards`."""

from __future__ import annotations

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.certificates.issuer_guard import find_deaf
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_server_secret


def refuse_unknown_certificate(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No member is made to show clients what the ca.crt that they get does not verify.

    It may be if what members show now is of no use to anybody.
    """
    naming, live = snapshot.naming, snapshot.statefulset
    now = read_server_secret(live.body) if live else ""
    to = read_server_secret(action.manifest)
    shown = snapshot.credentials.get(now)
    if to in ("", now, naming.server_secret) or shown is None or shown.problem:
        return None
    if shown.certificate is None or shown.certificate.not_after <= snapshot.now:
        return None
    authority = snapshot.credentials.get(tls_of(snapshot.cluster.spec).ca_secret or to)
    if authority is None or not authority.trusted:
        return "nothing tells the CA of the certificate"
    asked, own = snapshot.credentials.get(to), snapshot.credentials.get(naming.client_authority)
    if asked and not asked.is_verified_by((*authority.trusted, *(own.trusted if own else ()))):
        return "no CA that clients have verifies the certificate"
    users = (naming.user_secret(user.name) for user in snapshot.spec.users)
    clients = (naming.client_secret, naming.operator_secret, *users)
    deaf = find_deaf(snapshot, clients, {one.key_id for one in authority.trusted})
    return f"Secret {deaf[0].name} does not have the CA of the certificate" if deaf else None
