"""The Secrets with certificates: looked at when a pass needs them, and written.

No watch tells of Secrets, because the operator has no right to list them. What was read is believed
for a while: five minutes if nothing is missing, seconds if members do not answer. Of all keys only
that of the operator's own client certificate is kept in memory.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from etcd_operator.core.actions import (
    CertificateAction,
    CopyCertificate,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.actions.certificates import HandedOver
from etcd_operator.core.certificates.signers import signers_of
from etcd_operator.core.certificates.state import Certificate, Credential, Trusted, join_bundle
from etcd_operator.core.model.naming import (
    ANNOTATION_CA_GENERATION,
    LABEL_CLUSTER_UID,
    Naming,
)
from etcd_operator.core.model.numbers import LARGEST_REVISION, read_number
from etcd_operator.core.objects.metadata import build_object, build_owner_references
from etcd_operator.errors import Conflict, Invalid, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.fresh_secrets import REMEMBERED, get_secret
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

# What works on certificates is imported where that is done: its library takes a tenth of the memory
# of an operator whose clusters have none.
if TYPE_CHECKING:
    from etcd_operator.runtime.pki.x509 import KeyPair


FRESH_SECONDS: Final = 300.0
FORCED_REFRESH_SECONDS: Final = 10.0
# What cert-manager writes on a Secret, and takes as a sign that it need not issue it again.
CERT_MANAGERS: Final = tuple(
    f"cert-manager.io/{name}"
    for name in ("certificate-name", "issuer-name", "issuer-kind", "issuer-group")
)
# Where an authority's Secret keeps the certificate and the key of the one before.
PREVIOUS: Final = ("previous.crt", "previous.key")
# Names in a member's Secret of what it shows to others, and of what it dials them with.
PEER_FILES: Final = ("tls", "client")


@dataclass(slots=True)
class _Known:
    """Secrets of one cluster as they were last read."""

    at: float
    credentials: dict[str, Credential]
    identity: Identity | None = None
    revision_key: str = ""


class CertificateSecrets:
    """Reads and writes the Secrets of all clusters. Raises KubeError."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: Latest[str, _Known] = Latest(REMEMBERED)

    async def look(
        self,
        naming: Naming,
        names: tuple[str, ...],
        *,
        force_refresh: bool = False,
        revision_key: str = "",
    ) -> dict[str, Credential]:
        """Return those of these Secrets that exist, and no other that was read before.

        `force_refresh` reads them anew soon: something is wrong with members.
        Another `revision_key` than before tells that somebody has written one of them.
        """
        known = self._known.get(naming.uid)
        if (
            known is None
            or known.revision_key != revision_key
            or self._is_old(known, naming, names, force_refresh)
        ):
            known = await self._read(naming, names)
            known.revision_key = revision_key
        return {name: known.credentials[name] for name in names if name in known.credentials}

    def identity(self, naming: Naming) -> Identity | None:
        """The operator's identity towards a cluster; None without one."""
        known = self._known.get(naming.uid)
        return known.identity if known else None

    def forget(self, uid: str) -> None:
        """Believe nothing any more that was read of a cluster."""
        self._known.pop(uid, None)

    def _is_old(
        self, known: _Known, naming: Naming, names: tuple[str, ...], force_refresh: bool
    ) -> bool:
        for name in names:
            one = known.credentials.get(name)
            if one is None or one.problem or one.deleting or one.owner_uid not in ("", naming.uid):
                return True
        age = self._clock.monotonic() - known.at
        return age > (FORCED_REFRESH_SECONDS if force_refresh else FRESH_SECONDS)

    async def _read(self, naming: Naming, names: tuple[str, ...]) -> _Known:
        known = _Known(self._clock.monotonic(), {})
        signing = [n for n in names if n in (naming.client_authority, naming.peer_authority)]
        signed = [name for name in names if name not in signing]
        # Authorities last: one that was read before what it signed might not know who is trusted
        # there by now, and that would be taken back.
        for some in (signed, signing):
            secrets = await asyncio.gather(
                *(get_secret(self._api, naming.namespace, name) for name in some)
            )
            found = [secret for secret in secrets if secret]
            bundles = [_decode(secret).get("ca.crt", "") for secret in found]
            for secret in found:
                self._store(known, naming, secret, bundles)
        self._known[naming.uid] = known
        return known

    def _store(
        self, known: _Known, naming: Naming, secret: Json, bundles: Sequence[str] = ()
    ) -> None:
        credential = read_credential(secret)
        if _is_of_others(secret, naming):
            credential = with_verifying(credential, secret, bundles)
        known.credentials[credential.name] = credential
        if credential.name == naming.operator_secret:
            known.identity = read_identity(secret, credential) or known.identity

    async def write(self, action: CertificateAction, naming: Naming) -> None:
        """Carry out one action; raises Conflict if a Secret is not as it was looked at.

        One that is gone is read again as well, and with it all the others.
        """
        try:
            secret = await self._write(action, naming)
        except (Conflict, NotFound):
            self.forget(naming.uid)
            raise
        known = self._known.setdefault(naming.uid, _Known(self._clock.monotonic(), {}))
        self._store(known, naming, secret)

    async def _write(self, action: CertificateAction, naming: Naming) -> Json:
        match action:
            case IssueAuthority(secret=name):
                made = await self._make_authority(action, naming)
                return await self._put(naming, name, action, *made)
            case IssueCertificate(leaf=leaf):
                return await self._put(
                    naming, leaf.secret, action, await self._issue(action, naming)
                )
            case CopyCertificate(secret=name):
                return await self._put(naming, name, action, await self._copy(action, naming))
            case ShareTrust(secret=name, trusted=trusted):
                data: dict[str, str | None] = {"ca.crt": join_bundle(trusted)}
                if name in (naming.client_authority, naming.peer_authority):
                    # Who is trusted no more signs no more either.
                    data |= dict.fromkeys(PREVIOUS)
                return await self._put(naming, name, action, data)

    async def _make_authority(
        self, action: IssueAuthority, naming: Naming
    ) -> tuple[dict[str, str | None], dict[str, str]]:
        from etcd_operator.runtime.pki.x509 import make_authority, read_bundle

        if action.handed_over:
            pair = await self._take(action.handed_over, naming)
        else:
            pair = make_authority(f"{naming.namespace}/{action.secret}", self._clock.now())
        bundle = join_bundle((*action.keep, *read_bundle(pair.certificate)))
        annotations = {ANNOTATION_CA_GENERATION: str(action.generation)}
        before = await self._keep_key(action, naming) if action.uid else {}
        return {**before, **_pair(pair), "ca.crt": bundle}, annotations

    async def _take(self, handed: HandedOver, naming: Naming) -> KeyPair:
        """The authority that a person has handed over; raises Conflict if it is another one now."""
        from etcd_operator.runtime.pki.x509 import KeyPair

        secret = await self._api.get(kube.SECRETS, naming.namespace, handed.secret)
        live, data = read_credential(secret), _decode(secret)
        found = live.certificate
        if live.problem or found is None or (live.uid, found.key_id) != (handed.uid, handed.key_id):
            raise Conflict(f"Secret {handed.secret} has changed", 409)
        return KeyPair(data["tls.crt"], data["tls.key"])

    async def _copy(self, action: CopyCertificate, naming: Naming) -> dict[str, str | None]:
        """What cert-manager has issued; raises Conflict if it is not what was looked at."""
        copied: dict[str, str | None] = {"ca.crt": join_bundle(action.trusted)}
        for source, key_id, name in zip(action.sources, action.key_ids, PEER_FILES, strict=True):
            secret = await self._api.get(kube.SECRETS, naming.namespace, source)
            live, data = read_credential(secret), _decode(secret)
            if live.problem or live.certificate is None or live.certificate.key_id != key_id:
                raise Conflict(f"Secret {source} has changed", 409)
            copied |= {f"{name}.crt": data["tls.crt"], f"{name}.key": data["tls.key"]}
        return copied

    async def _keep_key(self, action: IssueAuthority, naming: Naming) -> dict[str, str]:
        """The key that has signed so far goes on until all trust the new one.

        One that cannot be used leaves the one before it where it is.
        """
        from etcd_operator.runtime.pki.x509 import KeyPair, find_certificate_problem

        secret = await self._api.get(kube.SECRETS, naming.namespace, action.secret)
        data = _decode(secret)
        pair = KeyPair(data.get("tls.crt", ""), data.get("tls.key", ""))
        if find_certificate_problem(pair):
            return {}
        return dict(zip(PREVIOUS, (pair.certificate, pair.key), strict=True))

    async def _issue(self, action: IssueCertificate, naming: Naming) -> dict[str, str | None]:
        from etcd_operator.runtime.pki.x509 import issue_certificate

        leaf = action.leaf
        secret = await self._api.get(kube.SECRETS, naming.namespace, leaf.authority)
        authority = read_credential(secret)
        if authority.owner_uid != naming.uid or not signers_of(authority):
            raise Invalid(f"Secret {leaf.authority} is no certificate authority of this cluster")
        signer, now = _find_signer(secret, authority, action.signer), self._clock.now()
        pair = issue_certificate(
            signer,
            leaf.common_name,
            now,
            action.lifetime,
            names=leaf.names,
            server=leaf.server,
            client=leaf.client,
        )
        bundle = join_bundle((*action.trusted, *authority.trusted))
        made: dict[str, str | None] = {**_pair(pair), "ca.crt": bundle}
        if leaf.client_certificate:
            other = issue_certificate(signer, leaf.common_name, now, action.lifetime, server=False)
            made |= {"client.crt": other.certificate, "client.key": other.key}
        return made

    async def _put(
        self,
        naming: Naming,
        name: str,
        action: CertificateAction,
        data: Mapping[str, str | None],
        annotations: dict[str, str] | None = None,
    ) -> Json:
        """Create the Secret, or change exactly the one that was looked at; None takes a key out."""
        encoded = {key: _encode(text) for key, text in data.items()}
        if not action.uid:
            made = build_object("v1", "Secret", name, naming, {}, annotations=annotations)
            body = {**made, "type": "kubernetes.io/tls", "data": encoded}
            return await self._api.create(kube.SECRETS, naming.namespace, body)
        metadata: Json = {"uid": action.uid, "resourceVersion": action.resource_version}
        given: dict[str, str | None] = {**dict(naming.inherited_annotations), **(annotations or {})}
        if isinstance(action, IssueCertificate):
            # The Secret may be one that cert-manager has written until now, and owns no more.
            given |= dict.fromkeys(CERT_MANAGERS)
            metadata["ownerReferences"] = build_owner_references(naming)
        if given:
            metadata["annotations"] = given
        if naming.inherited_labels:
            metadata["labels"] = dict(naming.inherited_labels)
        patch = {"metadata": metadata, "data": encoded}
        return await self._api.merge_patch(kube.SECRETS, naming.namespace, name, patch)


def _find_signer(secret: Json, authority: Credential, key_id: str) -> KeyPair:
    """The key of the authority that is to sign (empty: the newest); raises Conflict without it."""
    from etcd_operator.runtime.pki.x509 import KeyPair

    data, newest, previous = _decode(secret), authority.certificate, authority.previous
    if newest and key_id in ("", newest.key_id):
        return KeyPair(data["tls.crt"], data["tls.key"])
    if previous and key_id == previous.key_id:
        return KeyPair(*(data[key] for key in PREVIOUS))
    raise Conflict(f"Secret {authority.name} has changed", 409)


def _encode(text: str | None) -> str | None:
    return None if text is None else base64.b64encode(text.encode()).decode()


def _pair(pair: KeyPair) -> dict[str, str]:
    return {"tls.crt": pair.certificate, "tls.key": pair.key}


def _decode(secret: Json) -> dict[str, str]:
    decoded = {}
    for key, text in (secret.get("data") or {}).items():
        try:
            decoded[key] = base64.b64decode(text).decode()
        except (binascii.Error, UnicodeDecodeError):
            decoded[key] = ""
    return decoded


def read_identity(secret: Json, credential: Credential) -> Identity | None:
    """How the operator shows itself with a Secret, of which `credential` is what is public."""
    data = _decode(secret)
    if credential.problem or not {"ca.crt", "tls.crt", "tls.key"} <= data.keys():
        return None
    return Identity(data["ca.crt"], data["tls.crt"], data["tls.key"])


def read_credential(secret: Json) -> Credential:
    """Read what is public of a Secret; what cannot be used is its flaw."""
    from etcd_operator.runtime.pki.x509 import (
        KeyPair,
        find_certificate_problem,
        read_bundle,
        read_certificate,
    )

    metadata, data = secret["metadata"], _decode(secret)
    references = metadata.get("ownerReferences") or ()
    # cert-manager may own what it writes: that is not somebody else's cluster.
    owners = [o for o in references if o.get("controller") and o.get("kind") != "Certificate"]
    made_for = "" if owners else _read_requester(metadata)
    generation = (metadata.get("annotations") or {}).get(ANNOTATION_CA_GENERATION, "0")
    trusted: tuple[Trusted, ...] = ()
    flaw, certificate = "", None
    if "tls.crt" in data:
        flaw = find_certificate_problem(KeyPair(data["tls.crt"], data.get("tls.key", "")))
        certificate = None if flaw else read_certificate(data["tls.crt"])
    if "ca.crt" in data:
        try:
            trusted = read_bundle(data["ca.crt"])
        except ValueError as error:
            flaw = flaw or f"its ca.crt {error}"
    return Credential(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=owners[0]["uid"] if owners else made_for,
        resource_version=metadata.get("resourceVersion", ""),
        certificate=certificate,
        trusted=trusted,
        generation=read_number(generation, LARGEST_REVISION) or 0,
        deleting="deletionTimestamp" in metadata,
        problem=flaw,
        previous=_read_pair(data, PREVIOUS),
        client=_read_pair(data, ("client.crt", "client.key")),
    )


def _is_of_others(secret: Json, naming: Naming) -> bool:
    """Whether somebody else has signed what is in a Secret, as far as that says so."""
    metadata = secret["metadata"]
    owners = [one.get("uid") for one in metadata.get("ownerReferences") or ()]
    issued = CERT_MANAGERS[0] in (metadata.get("annotations") or {})
    return issued or naming.uid not in owners


def with_verifying(credential: Credential, secret: Json, bundles: Sequence[str]) -> Credential:
    """Return it with those CAs in these bundles that verify its certificate."""
    from etcd_operator.runtime.pki.chain import list_verifying

    if credential.certificate is None:
        return credential
    found = list_verifying(_decode(secret).get("tls.crt", ""), bundles)
    return replace(credential, verified_by=found)


def _read_requester(metadata: Json) -> str:
    """The uid of the EtcdCluster that had cert-manager write a Secret; empty if none did."""
    written = CERT_MANAGERS[0] in (metadata.get("annotations") or {})
    return str((metadata.get("labels") or {}).get(LABEL_CLUSTER_UID, "")) if written else ""


def _read_pair(data: Mapping[str, str], files: tuple[str, str]) -> Certificate | None:
    """A certificate beside that of the Secret, if its key is there and can be used."""
    from etcd_operator.runtime.pki.x509 import KeyPair, find_certificate_problem, read_certificate

    pair = KeyPair(*(data.get(key, "") for key in files))
    return None if find_certificate_problem(pair) else read_certificate(pair.certificate)
