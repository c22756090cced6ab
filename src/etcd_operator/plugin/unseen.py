"""What `plan` looks at besides the operator's last pass: what that pass had no need of.

Claims without the labels of a cluster are in no cache, and the Secrets that a changed spec names
were never read. Whether a certificate of the user's can be used is the operator's to say, for keys
are no business of a preview: one that exists is taken to be usable.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.state import Certificate, Credential, Trusted
from etcd_operator.core.certificates.wanted import users_secrets
from etcd_operator.core.model.naming import LABEL_CLUSTER_UID, is_wal_claim, ordinal_of_claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import Forbidden, NotFound
from etcd_operator.plugin.rights import Gaps
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes import api as kube

LASTS: Final = timedelta(days=365)


async def add_unseen(
    own: Session, snapshot: Snapshot, spec: EtcdClusterSpec
) -> tuple[Snapshot, tuple[str, ...]]:
    """Return the snapshot with what the cluster would meet with this spec, and what was assumed."""
    snapshot, without = await _add_claims(own, snapshot, spec)
    snapshot, assumed = await _add_secrets(own, snapshot, spec)
    return snapshot, (*without, *assumed)


async def _add_claims(
    own: Session, snapshot: Snapshot, spec: EtcdClusterSpec
) -> tuple[Snapshot, tuple[str, ...]]:
    if snapshot.unlabelled_claims:
        return snapshot, ()
    gaps, naming = Gaps(), snapshot.naming
    found = []
    for item in await gaps.list_or_none(own, kube.CLAIMS, naming.namespace):
        name, labels = item["metadata"]["name"], item["metadata"].get("labels") or {}
        ours = LABEL_CLUSTER_UID in labels or ordinal_of_claim(name, naming.name) is None
        second = is_wal_claim(name, naming.name)
        if not ours and (not second or spec.storage.wal):
            found.append(name)
    if gaps.sentences:
        why = gaps.sentences[0]
        return snapshot, (f"No claim of somebody else has the name of a member's disk: {why}.",)
    return replace(snapshot, unlabelled_claims=tuple(found)), ()


async def _add_secrets(
    own: Session, snapshot: Snapshot, spec: EtcdClusterSpec
) -> tuple[Snapshot, tuple[str, ...]]:
    tls = tls_of(spec)
    new = [name for name in users_secrets(spec, snapshot.naming)
           if name in (tls.certificate_secret, tls.ca_secret) and name not in snapshot.credentials
           ]  # fmt: skip
    there = [name for name in new if await _exists(own, snapshot, name)]
    if not there:
        return snapshot, ()
    made = {name: _assume(name, snapshot, spec) for name in there}
    names = " and ".join(there)
    return (
        replace(snapshot, credentials={**snapshot.credentials, **made}),
        (f"What is in Secret {names} can be used: it was not looked at.",),
    )


async def _exists(own: Session, snapshot: Snapshot, name: str) -> bool:
    """Whether a Secret is there, as far as the user may know."""
    try:
        await own.api.get(kube.SECRETS, snapshot.naming.namespace, name)
    except NotFound:
        return False
    except Forbidden:
        return True
    return True


def _assume(name: str, snapshot: Snapshot, spec: EtcdClusterSpec) -> Credential:
    """A Secret with a certificate for every member, which may be used by servers and clients."""
    hosts = tuple(snapshot.naming.host(ordinal) for ordinal in range(spec.size))
    until = snapshot.now + LASTS
    certificate = Certificate(
        name, f"{name}-ca", snapshot.now, until, names=hosts, server=True, client=True
    )
    authority = Trusted(f"{name}-ca", f"assumed authority of {name}", until, snapshot.now)
    return Credential(name, f"assumed-{name}", "", "1", certificate, (authority,))
