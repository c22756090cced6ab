"""Secrets with the certificates of members that are taken over, read while they are.

Of their keys that of the certificate for the operator is kept in memory, and no other.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.bootstrap import Source
from etcd_operator.core.certificates.state import Credential
from etcd_operator.core.model.naming import Naming
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.fresh_secrets import FreshSecrets
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.secrets import read_credential, read_identity
from etcd_operator.runtime.process.clock import Clock

FRESH_SECONDS: Final = 10.0


class SourceSecrets:
    """What a person has handed over for a take-over. Raises KubeError."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._known = FreshSecrets(api, clock, FRESH_SECONDS, _read)

    async def look(
        self, naming: Naming, source: Source
    ) -> tuple[dict[str, Credential], Identity | None]:
        """Return those of its Secrets that exist, and as whom its members know the operator."""
        client = source.client_certificate_secret
        names = [name for name in (client, source.peer_ca_secret) if name]
        found = await self._known.look(naming, names) if names else {}
        identity = found[client][1] if client in found else None
        return {name: credential for name, (credential, _) in found.items()}, identity


def _read(secret: Json) -> tuple[Credential, Identity | None]:
    credential = read_credential(secret)
    shown = credential.certificate
    signs = shown is not None and shown.authority
    return credential, None if signs else read_identity(secret, credential)
