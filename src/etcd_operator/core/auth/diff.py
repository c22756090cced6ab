"""The steps from the users and roles that etcd knows to those that the spec asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from etcd_operator.api.security import Auth, Permission
from etcd_operator.core.actions.kubernetes import CreatePasswordSecret
from etcd_operator.core.auth.login import Account, find_accounts
from etcd_operator.core.auth.state import (
    NUL,
    OPERATOR_USER,
    Change,
    EtcdAuth,
    Grant,
    Listed,
    PasswordSecret,
    PasswordState,
    Step,
    end_of_prefix,
)
from etcd_operator.core.certificates.wanted import OPERATOR_NAME
from etcd_operator.core.model.snapshot import Snapshot

# etcd's own name for the role that may do everything; it exists without being made.
ROOT_ROLE: Final = "root"
_OWN: Final = (OPERATOR_NAME, OPERATOR_USER)


def wanted_auth(auth: Auth, accounts: Iterable[Account] = ()) -> EtcdAuth:
    """Users and roles that the spec asks for, and those that the operator is, with all rights."""
    users = {user.name: frozenset(user.roles) for user in auth.users}
    roles = {
        role.name: frozenset(to_grant(permission) for permission in role.permissions)
        for role in auth.roles
    }
    own = {OPERATOR_NAME, *(account.user for account in accounts)}
    return EtcdAuth(auth.enabled, {**users, **dict.fromkeys(own, frozenset((ROOT_ROLE,)))}, roles)


def find_listed(auth: Auth) -> Listed | None:
    """Users and roles that matter; None for all that etcd has."""
    wanted = wanted_auth(auth)
    if auth.mode == "Managed":
        return None
    return Listed(frozenset((*wanted.users, OPERATOR_USER)), frozenset(wanted.roles))


def to_grant(permission: Permission) -> Grant:
    """The range of a permission as etcd has it: from a key to the first one after the range."""
    key = permission.key.encode()
    end = (permission.range_end or "").encode()
    if permission.prefix:
        end = end_of_prefix(key)
    return Grant(permission.type.upper(), key or NUL, end)


def find_changes(snapshot: Snapshot) -> tuple[Change, ...]:
    """Return the steps from what etcd knows to what the spec asks for, in an order that is safe.

    Everything is there before anybody is asked for it, and nothing is deleted before that. Who asks
    must know the operator: authentication waits until it could log in, where members need that.
    """
    auth, known = snapshot.spec.auth, snapshot.access
    if auth is None or known is None or auth.mode == "Unmanaged":
        return ()
    if not auth.enabled:
        return (Change(Step.DISABLE),) if known.enabled else ()
    if find_hindrances(snapshot):
        return ()
    accounts = find_accounts(snapshot.spec, snapshot.naming, snapshot.pods)
    secrets = find_passwords(auth, snapshot.passwords, accounts)
    wanted = wanted_auth(auth, [each for each in accounts if each.user in secrets])
    deletions = _find_unlisted(known, wanted) if auth.mode == "Managed" else ()
    left = _find_left(known, accounts)
    enable = () if known.enabled else (Change(Step.ENABLE),)
    users = _approach_users(known, wanted, secrets)
    return (*_approach_roles(known, wanted), *users, *enable, *deletions, *left)


def find_hindrances(snapshot: Snapshot) -> tuple[Account, ...]:
    """Return the accounts without a usable password that keep authentication from being enabled."""
    auth, known = snapshot.spec.auth, snapshot.access
    if auth is None or known is None or auth.mode == "Unmanaged":
        return ()
    if known.enabled or not auth.enabled:
        return ()
    accounts = find_accounts(snapshot.spec, snapshot.naming, snapshot.pods)
    usable = find_passwords(auth, snapshot.passwords, accounts)
    return tuple(account for account in accounts if account.user not in usable)


def find_missing_secrets(snapshot: Snapshot) -> tuple[CreatePasswordSecret, ...]:
    """Return the creations of Secrets that are wanted for passwords and that do not exist."""
    auth = snapshot.spec.auth
    if auth is None or auth.mode == "Unmanaged":
        return ()
    accounts = find_accounts(snapshot.spec, snapshot.naming, snapshot.pods)
    wanted = [(account.secret, account.user) for account in accounts]
    if auth.enabled:
        wanted += [(u.password_secret, u.name) for u in auth.users if u.password_secret]
    return tuple(
        CreatePasswordSecret(secret, user)
        for secret, user in wanted
        if secret not in snapshot.passwords
    )


def find_passwords(
    auth: Auth, found: Mapping[str, PasswordSecret], accounts: Iterable[Account] = ()
) -> Mapping[str, PasswordSecret | None]:
    """The Secret with the password of each user, None for a listed one that is to have none.

    A user whose Secret is missing or cannot be used is left out: it stays as it is.
    """
    named = {user.name: user.password_secret for user in auth.users}
    named |= {account.user: account.secret for account in accounts}
    wanted: dict[str, PasswordSecret | None] = {}
    for user, name in named.items():
        secret = found.get(name) if name else None
        if not name or (secret and not secret.problem):
            wanted[user] = secret
    return wanted


def _approach_roles(known: EtcdAuth, wanted: EtcdAuth) -> Iterator[Change]:
    for role, grants in sorted(wanted.roles.items()):
        if role not in known.roles:
            yield Change(Step.ADD_ROLE, role)
        have = known.roles.get(role, frozenset())
        for grant in _in_order(have - grants):
            yield Change(Step.REVOKE, role, grant=grant)
        for grant in _in_order(grants - have):
            yield Change(Step.GRANT, role, grant=grant)


def _approach_users(
    known: EtcdAuth, wanted: EtcdAuth, secrets: Mapping[str, PasswordSecret | None]
) -> Iterator[Change]:
    for user, roles in sorted(wanted.users.items()):
        step = _find_user_step(user, known, secrets)
        if step:
            yield Change(step, user, secret=secrets.get(user))
        anew = step in (Step.ADD_USER, Step.RECREATE_USER)
        have_roles = frozenset() if anew else known.users.get(user, frozenset())
        yield from (Change(Step.GIVE_ROLE, user, role) for role in sorted(roles - have_roles))
        if user not in _OWN:
            yield from (Change(Step.TAKE_ROLE, user, role) for role in sorted(have_roles - roles))


def _find_user_step(
    user: str, known: EtcdAuth, secrets: Mapping[str, PasswordSecret | None]
) -> Step | None:
    """The step for a user to be there, with its password or without one; None if it is."""
    if user not in known.users:
        return Step.ADD_USER
    if user not in secrets:
        return None
    secret, has = secrets[user], known.passwords.get(user)
    if user in _OWN and not known.enabled:
        return Step.RECREATE_USER  # it may have been created without a password
    if has is PasswordState.NONE and user == OPERATOR_NAME:
        return None  # etcd deletes root only while authentication is off
    if has is PasswordState.NONE:
        return Step.RECREATE_USER if secret else None
    if secret is None:
        return Step.RECREATE_USER if has else None
    # Before authentication is enabled, etcd compares no password: it is set once more.
    unknown = has is None and not known.enabled
    return Step.SET_LOGIN if unknown or has is PasswordState.OTHER else None


def _find_unlisted(known: EtcdAuth, wanted: EtcdAuth) -> Iterator[Change]:
    unlisted = known.users.keys() - wanted.users.keys() - {OPERATOR_USER}
    yield from (Change(Step.DELETE_USER, user) for user in sorted(unlisted))
    gone = known.roles.keys() - wanted.roles.keys() - {ROOT_ROLE}
    yield from (Change(Step.DELETE_ROLE, role) for role in sorted(gone))


def _find_left(known: EtcdAuth, accounts: tuple[Account, ...]) -> Iterator[Change]:
    """The operator's own user is needed no more when every member knows it by its certificate."""
    if not accounts and OPERATOR_USER in known.users:
        yield Change(Step.DELETE_USER, OPERATOR_USER)


def _in_order(grants: frozenset[Grant]) -> list[Grant]:
    return sorted(grants, key=lambda grant: (grant.key, grant.range_end, grant.kind))
