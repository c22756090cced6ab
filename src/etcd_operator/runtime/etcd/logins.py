"""Logins as the users of a spec: the only way to learn which password etcd has for a user.

A login costs the member a tenth of a second of its processor. etcd counts the changes of its users
and roles, so a login is repeated only after one of them, or when the Secret has changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret, PasswordState
from etcd_operator.core.model.naming import Naming
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.runtime.etcd.auth_cache import HASH_SECONDS
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.process.latest import Latest

REMEMBERED: Final = 10_000
_STATES: Final = {
    Refusal.LOGIN_FAILED: PasswordState.OTHER,
    Refusal.LOGIN_IMPOSSIBLE: PasswordState.NONE,
}
# A Secret, and the number of changes in etcd, for which the answer of before counts.
_Version = tuple[PasswordSecret | None, int]


class Logins:
    """What became of the last login as each user. Raises EtcdError and KubeError."""

    def __init__(self, passwords: PasswordSecrets) -> None:
        self._passwords = passwords
        self._known: Latest[str, dict[str, tuple[_Version, PasswordState]]] = Latest(REMEMBERED)

    async def look(
        self,
        naming: Naming,
        client: EtcdMemberClient,
        auth: EtcdAuth,
        wanted: Mapping[str, PasswordSecret | None],
    ) -> Mapping[str, PasswordState]:
        """Return whether users have the passwords of these Secrets, or any where that is None.

        Nothing is told while authentication is disabled: etcd compares no password then.
        """
        if not auth.enabled:
            return {}
        before = self._known.get(naming.uid) or {}
        known = {}
        for user, secret in wanted.items():
            version = secret, auth.revision
            if user not in auth.users:
                continue
            if user in before and before[user][0] == version:
                known[user] = before[user]
                continue
            # As good as none at all: etcd tells who has a password from who has none.
            guess = secrets.token_urlsafe()
            password = await self._passwords.reveal(naming, secret) if secret else guess
            known[user] = version, await log_in(client, user, password)
        self._known[naming.uid] = known
        return {user: state for user, (_, state) in known.items()}


async def log_in(client: EtcdMemberClient, user: str, password: str) -> PasswordState:
    """Log in as a user; the token that etcd gives is thrown away."""
    request = auth_pb2.AuthenticateRequest(name=user, password=password)
    try:
        await client.call("Auth/Authenticate", request, timeout=HASH_SECONDS)
    except EtcdRefused as error:
        if error.refusal not in _STATES:
            raise
        return _STATES[error.refusal]
    return PasswordState.WANTED
