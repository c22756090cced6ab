"""Connection Secrets: looked at when a pass needs them, written from other Secrets, never kept."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Final

from etcd_operator.core.actions import WriteConnection
from etcd_operator.core.connections.content import KEYS, TYPE, render_content
from etcd_operator.core.connections.state import ConnectionSecret, Source
from etcd_operator.core.model.naming import (
    ANNOTATION_CONNECTION,
    ANNOTATION_CONTENT,
    Naming,
)
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.errors import Conflict
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.fresh_secrets import FreshSecrets, get_secret
from etcd_operator.runtime.process.clock import Clock

FRESH_SECONDS: Final = 300.0
SECRET_TYPE: Final = f"servicebinding.io/{TYPE}"
_CERTIFICATE_KEYS: Final = ("tls.crt", "tls.key", "ca.crt")


class ConnectionSecrets:
    """Reads and writes the connection Secrets of all clusters. Raises KubeError."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._known = FreshSecrets(api, clock, FRESH_SECONDS, read_connection)

    async def look(self, naming: Naming, names: tuple[str, ...]) -> dict[str, ConnectionSecret]:
        """Return those of these Secrets that exist, as they were five minutes ago or later."""
        return await self._known.look(naming, names)

    async def write(self, action: WriteConnection, naming: Naming) -> None:
        """Carry out one action; raises Conflict if a Secret is not as it was looked at."""
        self._known.forget(naming.uid)
        wanted = action.connection
        certificate = await self._read(naming, wanted.certificate)
        password = (await self._read(naming, wanted.password)).get("password", "")
        data: dict[str, str | None] = dict.fromkeys(KEYS)
        content = render_content(wanted, certificate, password)
        data |= {key: _encode(text) for key, text in content.items()}
        annotations = {
            ANNOTATION_CONNECTION: wanted.fingerprint,
            ANNOTATION_CONTENT: _hash({key: text for key, text in data.items() if text}),
        }
        await self._put(action, naming, data, annotations)

    async def _put(
        self,
        action: WriteConnection,
        naming: Naming,
        data: Mapping[str, str | None],
        annotations: dict[str, str],
    ) -> None:
        name = action.connection.secret
        if not action.uid:
            made = build_object(
                "v1", "Secret", name, naming, {}, component="client", annotations=annotations
            )
            present = {key: text for key, text in data.items() if text}
            body = {**made, "type": SECRET_TYPE, "data": present}
            await self._api.create(kube.SECRETS, naming.namespace, body)
            return
        metadata: Json = {"uid": action.uid, "resourceVersion": action.resource_version}
        metadata["annotations"] = {**dict(naming.inherited_annotations), **annotations}
        metadata["labels"] = naming.labels("client")
        patch = {"metadata": metadata, "data": data}
        await self._api.merge_patch(kube.SECRETS, naming.namespace, name, patch)

    async def _read(self, naming: Naming, source: Source | None) -> dict[str, str]:
        """Return what a connection takes from a Secret; raises Conflict if it has changed."""
        if source is None:
            return {}
        secret = await get_secret(self._api, naming.namespace, source.name)
        metadata = secret["metadata"] if secret else {}
        seen = metadata.get("uid"), metadata.get("resourceVersion", "")
        if secret is None or seen != (source.uid, source.resource_version):
            raise Conflict(f"Secret {source.name} has changed", 409)
        data = secret.get("data") or {}
        keys = [key for key in (*_CERTIFICATE_KEYS, "password") if key in data]
        return {key: base64.b64decode(data[key]).decode() for key in keys}


def read_connection(secret: Json) -> ConnectionSecret:
    """Return a Secret as it stands, without what it holds."""
    metadata, data = secret["metadata"], secret.get("data") or {}
    annotations = metadata.get("annotations") or {}
    owners = [o for o in metadata.get("ownerReferences") or () if o.get("controller")]
    known = {key: text for key, text in data.items() if key in KEYS}
    return ConnectionSecret(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=owners[0]["uid"] if owners else "",
        resource_version=metadata.get("resourceVersion", ""),
        sources=annotations.get(ANNOTATION_CONNECTION, ""),
        intact=annotations.get(ANNOTATION_CONTENT) == _hash(known),
        deleting="deletionTimestamp" in metadata,
    )


def _hash(data: Mapping[str, str | None]) -> str:
    """A hash of what was written: beside it in the Secret, and nowhere else."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
