"""What the API server makes of a write about certificates, told what to insist on.

The runtime says it in `runtime.pki.secrets` and `runtime.engine.handlers`; this is said once more
here, so that each part of it can be left out: what keeps a late pass from doing harm has to be
missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from etcd_operator.core.actions import (
    ApplyObject,
    CertificateAction,
    CopyCertificate,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.certificates.signers import signers_of
from etcd_operator.core.certificates.state import Credential
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.certificates import make_authority, make_leaf
from tests.builders.snapshots import after_kubernetes


class Lapse(Enum):
    """What keeps a late pass from doing harm, left out."""

    VERSION = "a Secret is written whatever became of it"
    CREATION = "a Secret is created in the place of one that exists"
    SIGNER = "whoever is the authority by then signs"
    GATE = "the gate is written whatever became of it"
    EDITION = "Secrets are believed although the gate speaks of other authorities"
    ORDER = "an authority was read before what it signed"


class Conflict(Exception):
    """Something is not as it was looked at."""


def secret_of(action: CertificateAction) -> str:
    """The Secret that an action writes."""
    return action.leaf.secret if isinstance(action, IssueCertificate) else action.secret


def apply(
    action: ApplyObject, live: Child | None, snapshot: Snapshot, lapse: Lapse | None
) -> Child:
    """The object after a server-side apply; raises Conflict."""
    version = "" if lapse is Lapse.GATE else action.resource_version
    _insist(live, action.uid, version)
    children = {(action.kind, action.name): live} if live else {}
    after = after_kubernetes(replace(snapshot, children=children), action)
    return after.children[action.kind, action.name]


def write(
    action: CertificateAction,
    known: Mapping[str, Credential],
    snapshot: Snapshot,
    lapse: Lapse | None,
) -> dict[str, Credential]:
    """The Secrets after one was written; raises Conflict. Every key made is one of its own."""
    name = secret_of(action)
    live = known.get(name)
    creates = lapse is Lapse.CREATION and not action.uid
    version = "" if lapse is Lapse.VERSION else action.resource_version
    _insist(None if creates else live, action.uid, version)
    uid = live.uid if live else f"new Secret-{name}"
    version = str(int(live.resource_version) + 1 if live else 1)
    one = _make(action, known, f"{uid}.{version}", snapshot, lapse)
    trusted = {trust.key_id: trust for trust in one.trusted}
    one = replace(
        one,
        uid=uid,
        resource_version=version,
        trusted=tuple(trusted[key_id] for key_id in sorted(trusted)),
    )
    return {**known, name: one}


def _insist(live: Child | Credential | None, uid: str, version: str) -> None:
    """What is to be created does not exist; what is to be changed is the one, as it was."""
    if (live.uid if live else "") != uid:
        raise Conflict(uid)
    if live and version and live.resource_version != version:
        raise Conflict(uid)


def _make(
    action: CertificateAction,
    known: Mapping[str, Credential],
    key_id: str,
    snapshot: Snapshot,
    lapse: Lapse | None,
) -> Credential:
    match action:
        case CopyCertificate(secret=name, sources=sources, trusted=trusted):
            server, client = (known[source] for source in sources)
            found = (one.certificate for one in (server, client))
            if tuple(one.key_id for one in found if one) != action.key_ids:
                raise Conflict(name)
            return replace(server, name=name, trusted=trusted, client=client.certificate)
        case IssueAuthority(secret=name, keep=keep, generation=generation):
            made = make_authority(key_id, name, snapshot, generation)
            before = known[name].certificate if name in known else None
            return replace(made, trusted=(*keep, *made.trusted), previous=before)
        case IssueCertificate(leaf=leaf, lifetime=lifetime, trusted=trusted):
            authority = known.get(leaf.authority)
            if authority is None or authority.certificate is None:
                raise Conflict(leaf.authority)
            signer = action.signer or authority.certificate.key_id
            if signer not in [one.key_id for one in signers_of(authority)]:
                if lapse is not Lapse.SIGNER:
                    raise Conflict(leaf.authority)
                signer = authority.certificate.key_id
            made = make_leaf(leaf, signer, snapshot.now, lifetime)
            return replace(made, trusted=(*trusted, *authority.trusted))
        case ShareTrust(secret=name, trusted=trusted):
            return replace(known[name], trusted=trusted, previous=None)
