"""The Secrets with passwords of users: looked at when a pass needs them, created, never kept.

No watch tells of Secrets, because the operator has no right to list them. That one has changed is
believed for half a minute; its password is read at the moment when it is used.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.actions import CreatePasswordSecret
from etcd_operator.core.auth.state import PasswordSecret
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.errors import Conflict, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

BASIC_AUTH: Final = "kubernetes.io/basic-auth"
FRESH_SECONDS: Final = 30.0
REMEMBERED: Final = 10_000
# bcrypt, with which etcd keeps passwords, looks at no more.
LONGEST_PASSWORD: Final = 72
_RANDOM_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class _Known:
    """Secrets of one cluster as they were last read."""

    at: float
    found: dict[str, PasswordSecret]


class PasswordSecrets:
    """Reads and creates the Secrets with passwords of all clusters. Raises KubeError."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: Latest[str, _Known] = Latest(REMEMBERED)

    async def look(self, naming: Naming, names: Iterable[str]) -> dict[str, PasswordSecret]:
        """Return those of these Secrets that exist, as they were half a minute ago or later."""
        wanted = sorted(names)
        known, now = self._known.get(naming.uid), self._clock.monotonic()
        if known is None or now - known.at > FRESH_SECONDS or not known.found.keys() >= set(wanted):
            read = await asyncio.gather(*(self._get(naming.namespace, name) for name in wanted))
            found = {s["metadata"]["name"]: read_password(s)[0] for s in read if s}
            known = self._known[naming.uid] = _Known(now, found)
        return {name: known.found[name] for name in wanted if name in known.found}

    async def reveal(self, naming: Naming, secret: PasswordSecret) -> str:
        """Return the password in a Secret; raises Conflict if it has changed since."""
        live = await self._get(naming.namespace, secret.name)
        now, password = read_password(live) if live else (None, "")
        if now != secret:
            self._known.pop(naming.uid, None)
            raise Conflict(f"Secret {secret.name} has changed", 409)
        return password

    async def create(self, action: CreatePasswordSecret, naming: Naming) -> None:
        """Create a Secret with a random password; raises Conflict if there is one."""
        made = build_object("v1", "Secret", action.secret, naming, {}, component="client")
        data = {"username": action.user, "password": secrets.token_urlsafe(_RANDOM_BYTES)}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        body = {**made, "type": BASIC_AUTH, "data": encoded}
        self._known.pop(naming.uid, None)
        await self._api.create(kube.SECRETS, naming.namespace, body)

    async def _get(self, namespace: str, name: str) -> Json | None:
        try:
            return await self._api.get(kube.SECRETS, namespace, name)
        except NotFound:
            return None


def read_password(secret: Json) -> tuple[PasswordSecret, str]:
    """Return what is public of a Secret, and its password: empty if it cannot be used."""
    metadata = secret["metadata"]
    password, problem = _read(secret)
    version = metadata.get("resourceVersion", "")
    return PasswordSecret(metadata["name"], metadata["uid"], version, problem), password


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
