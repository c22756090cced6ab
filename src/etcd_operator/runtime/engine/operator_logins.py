"""As whom the operator asks members that serve plain text, with the token of the last login."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.auth.login import Account
from etcd_operator.core.auth.state import PasswordSecret
from etcd_operator.core.certificates.wanted import OPERATOR_NAME
from etcd_operator.core.model.naming import Naming
from etcd_operator.runtime.etcd.session import Login, UserPassword
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.process.latest import Latest

# Clusters whose members let the operator in by a password.
MOST_LOGINS: Final = 10_000


class OperatorLogins:
    """The login at each cluster. It is the same in each pass as long as the Secrets are the same.

    A token outlives them: with it, passwords that were lost are set anew.
    """

    def __init__(self, passwords: PasswordSecrets) -> None:
        self._passwords = passwords
        self._known: Latest[str, Login] = Latest(MOST_LOGINS)

    def find(
        self,
        naming: Naming,
        accounts: Iterable[Account],
        passwords: Mapping[str, PasswordSecret],
    ) -> Login | None:
        """Return the login with those of these accounts whose Secrets can be used."""
        found = [(one.user, passwords.get(one.secret)) for one in accounts]
        usable = [(user, secret) for user, secret in found if secret and not secret.problem]
        known = self._known.get(naming.uid)
        if not usable:
            return known if found else None
        if known is None or known.version != usable:
            users = [
                UserPassword(user, partial(self._passwords.reveal, naming, secret))
                for user, secret in usable
            ]
            known = Login(users, usable, known.token if known else "")
        self._known[naming.uid] = known
        return known


def find_source_accounts(cluster: EtcdCluster) -> tuple[Account, ...]:
    """Return as whom the members that are taken over are asked, if the spec says it."""
    secret = cluster.spec.source_password_secret
    return (Account(OPERATOR_NAME, secret, made=False),) if secret else ()
