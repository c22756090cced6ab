"""Accounts of etcd that the operator logs in with, where members serve clients plain text.

A user of its own does its work: nobody else changes that password, so another one for root keeps
nobody out, and a backup or a restore that is under way least of all. etcd lets nobody turn
authentication on without a user root. It is the second way in, as long as its password is known:
whichever of the two is let in sets the other one right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etcd_operator.api.cluster import EtcdCluster, EtcdClusterSpec
from etcd_operator.core.auth.state import OPERATOR_USER, PasswordState
from etcd_operator.core.certificates.wanted import OPERATOR_NAME
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Account:
    """A user of etcd, and the Secret with its password.

    `made`: the operator creates the Secret if it does not exist, and gives the user its password.
    """

    user: str
    secret: str
    made: bool = True


def find_accounts(
    spec: EtcdClusterSpec, naming: Naming, pods: Iterable[Pod] = ()
) -> tuple[Account, ...]:
    """Return the accounts to log in with, in the order in which they are tried.

    None where all members know the operator by its certificate. On the way to TLS alone, members
    that serve plain text as well are left by the operator's own user last.
    """
    auth, plain = spec.auth, spec.client_tls_mode.plain
    if auth is None:
        return ()
    if auth.mode == "Unmanaged":
        secret = auth.root_password_secret
        return (Account(OPERATOR_NAME, secret, made=False),) if plain and secret else ()
    own = Account(OPERATOR_USER, naming.operator_password)
    if plain:
        secret = auth.root_password_secret or naming.root_password
        return own, Account(OPERATOR_NAME, secret)
    return (own,) if any(pod.client_tls.plain for pod in pods) else ()


def find_account_of_jobs(cluster: EtcdCluster) -> Account | None:
    """Return the account that Jobs log in with; None where they show a certificate, or nothing."""
    naming = Naming(cluster.namespace, cluster.name, cluster.uid)
    return next(iter(find_accounts(cluster.spec, naming)), None)


def find_foreign_secrets(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the Secrets of the operator's names for passwords that belong to somebody else.

    Who wrote one would know the password; a Secret that the spec names may be anybody's.
    """
    naming, auth = snapshot.naming, snapshot.spec.auth
    own = {naming.operator_password, naming.root_password}
    own -= {auth.root_password_secret if auth else None}
    wanted = {account.secret for account in find_accounts(snapshot.spec, naming, snapshot.pods)}
    found = (snapshot.passwords[name] for name in own & wanted if name in snapshot.passwords)
    return tuple(sorted(one.name for one in found if one.owner_uid != naming.uid))


def find_login_obstacle(snapshot: Snapshot) -> str:
    """Return why the operator could not log in at members without TLS, in a sentence; else ''."""
    auth, known = snapshot.cluster.spec.auth, snapshot.access
    if auth is None or auth.mode == "Unmanaged":
        return ""
    if known is None:
        return "No member has told yet which users etcd has."
    if not known.enabled:
        return ""
    secret = snapshot.naming.operator_password
    if known.passwords.get(OPERATOR_USER) is not PasswordState.WANTED:
        return f"etcd has no user {OPERATOR_USER} with the password in Secret {secret} yet."
    if "root" not in known.users.get(OPERATOR_USER, ()):
        return f"etcd's user {OPERATOR_USER} does not have the role root yet."
    return ""
