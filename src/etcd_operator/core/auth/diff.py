"""The steps from the users and roles that etcd knows to those that the spec asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.security import Auth, Permission
from etcd_operator.core.actions.kubernetes import CreatePasswordSecret
from etcd_operator.core.auth.state import (
    Change,
    EtcdAuth,
    Grant,
    Listed,
    PasswordSecret,
    PasswordState,
    Step,
)
from etcd_operator.core.certificates.wanted import OPERATOR_NAME
from etcd_operator.core.model.snapshot import Snapshot

# etcd's own name for the role that may do everything; it exists without being made.
ROOT_ROLE: Final = "root"


def wanted_auth(auth: Auth) -> EtcdAuth:
    """Users and roles that the spec asks for, the operator's own user included."""
    users = {user.name: frozenset(user.roles) for user in auth.users}
    roles = {
        role.name: frozenset(to_grant(permission) for permission in role.permissions)
        for role in auth.roles
    }
    return EtcdAuth(auth.enabled, {**users, OPERATOR_NAME: frozenset((ROOT_ROLE,))}, roles)


def find_listed(auth: Auth) -> Listed | None:
    """Users and roles that matter; None for all that etcd has."""
    wanted = wanted_auth(auth)
    if auth.mode == "Managed":
        return None
    return Listed(frozenset(wanted.users), frozenset(wanted.roles))


def to_grant(permission: Permission) -> Grant:
    """The range of a permission as etcd has it: from a key to the first one after the range."""
    key = permission.key.encode()
    end = (permission.range_end or "").encode()
    if permission.prefix:
        end = _end_of_prefix(key)
    return Grant(permission.type.upper(), key or b"\0", end)


def _end_of_prefix(key: bytes) -> bytes:
    """The first key after all that begin with this one; NUL stands for no end at all."""
    rest = key.rstrip(b"\xff")
    return rest[:-1] + bytes((rest[-1] + 1,)) if rest else b"\0"


def find_changes(snapshot: Snapshot) -> tuple[Change, ...]:
    """Return the steps from what etcd knows to what the spec asks for, in an order that is safe.

    Everything is there before anybody is asked for it, and nothing is deleted before that. Who asks
    must know the operator: authentication waits for members that serve plain text alone.
    """
    auth, known = snapshot.spec.auth, snapshot.access
    if auth is None or known is None or auth.mode == "Unmanaged":
        return ()
    wanted = wanted_auth(auth)
    if not wanted.enabled:
        return (Change(Step.DISABLE),) if known.enabled else ()
    if not known.enabled and any(pod.client_tls is ClientTls.OFF for pod in snapshot.pods):
        return ()
    deletions = _find_unlisted(known, wanted) if auth.mode == "Managed" else ()
    secrets = find_passwords(auth, snapshot.passwords)
    enable = () if known.enabled else (Change(Step.ENABLE),)
    users = _approach_users(known, wanted, secrets)
    return (*_approach_roles(known, wanted), *users, *enable, *deletions)


def find_missing_secrets(snapshot: Snapshot) -> tuple[CreatePasswordSecret, ...]:
    """Return the creations of Secrets that the spec names for passwords and that do not exist."""
    auth = snapshot.spec.auth
    if auth is None or not auth.enabled or auth.mode == "Unmanaged":
        return ()
    return tuple(
        CreatePasswordSecret(user.password_secret, user.name)
        for user in auth.users
        if user.password_secret and user.password_secret not in snapshot.passwords
    )


def find_passwords(
    auth: Auth, found: Mapping[str, PasswordSecret]
) -> Mapping[str, PasswordSecret | None]:
    """The Secret with the password of each listed user, None for one that is to have none.

    A user whose Secret is missing or cannot be used is left out: it stays as it is.
    """
    wanted: dict[str, PasswordSecret | None] = {}
    for user in auth.users:
        secret = found.get(user.password_secret) if user.password_secret else None
        if not user.password_secret or (secret and not secret.problem):
            wanted[user.name] = secret
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
        if user != OPERATOR_NAME:
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
    if has is PasswordState.NONE:
        return Step.RECREATE_USER if secret else None
    if secret is None:
        return Step.RECREATE_USER if has else None
    # Before authentication is enabled, etcd compares no password: it is set once more.
    unknown = has is None and not known.enabled
    return Step.SET_LOGIN if unknown or has is PasswordState.OTHER else None


def _find_unlisted(known: EtcdAuth, wanted: EtcdAuth) -> Iterator[Change]:
    yield from (
        Change(Step.DELETE_USER, user) for user in sorted(known.users.keys() - wanted.users.keys())
    )
    gone = known.roles.keys() - wanted.roles.keys() - {ROOT_ROLE}
    yield from (Change(Step.DELETE_ROLE, role) for role in sorted(gone))


def _in_order(grants: frozenset[Grant]) -> list[Grant]:
    return sorted(grants, key=lambda grant: (grant.key, grant.range_end, grant.kind))
