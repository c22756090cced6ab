"""The Secrets with passwords of users: looked at when a pass needs them, created, never kept.

No watch tells of Secrets, because the operator has no right to list them. That one has changed is
believed for half a minute; its password is read at the moment when it is used.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable
from typing import Final

from etcd_operator.core.actions import CreatePasswordSecret
from etcd_operator.core.auth.state import PasswordSecret
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.errors import Conflict
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.fresh_secrets import FreshSecrets, get_secret
from etcd_operator.runtime.process.clock import Clock

BASIC_AUTH: Final = "kubernetes.io/basic-auth"
FRESH_SECONDS: Final = 30.0
# bcrypt, with which etcd keeps passwords, looks at no more.
LONGEST_PASSWORD: Final = 72
_RANDOM_BYTES: Final = 24


class PasswordSecrets:
    """Reads and creates the Secrets with passwords of all clusters. Raises KubeError."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._known = FreshSecrets(api, clock, FRESH_SECONDS, lambda one: read_password(one)[0])

    async def look(self, naming: Naming, names: Iterable[str]) -> dict[str, PasswordSecret]:
        """Return those of these Secrets that exist, as they were half a minute ago or later."""
        return await self._known.look(naming, sorted(names))

    async def reveal(self, naming: Naming, secret: PasswordSecret) -> str:
        """Return the password in a Secret; raises Conflict if it has changed since."""
        live = await get_secret(self._api, naming.namespace, secret.name)
        now, password = read_password(live) if live else (None, "")
        if now != secret:
            self._known.forget(naming.uid)
            raise Conflict(f"Secret {secret.name} has changed", 409)
        return password

    async def create(self, action: CreatePasswordSecret, naming: Naming) -> None:
        """Create a Secret with a random password; raises Conflict if there is one."""
        made = build_object("v1", "Secret", action.secret, naming, {}, component="client")
        data = {"username": action.user, "password": secrets.token_urlsafe(_RANDOM_BYTES)}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        body = {**made, "type": BASIC_AUTH, "data": encoded}
        self._known.forget(naming.uid)
        await self._api.create(kube.SECRETS, naming.namespace, body)


def read_password(secret: Json) -> tuple[PasswordSecret, str]:
    """Return what is public of a Secret, and its password: empty if it cannot be used."""
    metadata = secret["metadata"]
    password, problem = _read(secret)
    version, owners = metadata.get("resourceVersion", ""), metadata.get("ownerReferences") or ()
    owner_uid = next((owner["uid"] for owner in owners if owner.get("controller")), "")
    return PasswordSecret(metadata["name"], metadata["uid"], version, problem, owner_uid), password


def _read(secret: Json) -> tuple[str, str]:
    if secret.get("type") != BASIC_AUTH:
        return "", f"its type is not {BASIC_AUTH}"
    try:
        text = (secret.get("data") or {}).get("password") or ""
        password = base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", "its password is not text"
    if not password:
        return "", "it has no password"
    if len(password.encode()) > LONGEST_PASSWORD:
        return "", f"its password is longer than {LONGEST_PASSWORD} bytes"
    return password, ""
