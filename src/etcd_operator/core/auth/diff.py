"""The steps from the users and roles that etcd knows to those that the spec asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from etcd_operator.api.security import Auth, Permission
from etcd_operator.core.auth.state import Change, EtcdAuth, Grant, Listed, Step
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

    Everything is there before anybody is asked for it, and nothing is deleted before that.
    """
    security, known = snapshot.spec.security, snapshot.access
    if security is None or security.auth is None or known is None:
        return ()
    if security.auth.mode == "Unmanaged":
        return ()
    wanted = wanted_auth(security.auth)
    if not wanted.enabled:
        return (Change(Step.DISABLE),) if known.enabled else ()
    deletions = _find_unlisted(known, wanted) if security.auth.mode == "Managed" else ()
    return (*_approach(known, wanted), *deletions)


def _approach(known: EtcdAuth, wanted: EtcdAuth) -> Iterator[Change]:
    for role, grants in sorted(wanted.roles.items()):
        if role not in known.roles:
            yield Change(Step.ADD_ROLE, role)
        have = known.roles.get(role, frozenset())
        for grant in _in_order(have - grants):
            yield Change(Step.REVOKE, role, grant=grant)
        for grant in _in_order(grants - have):
            yield Change(Step.GRANT, role, grant=grant)
    for user, roles in sorted(wanted.users.items()):
        if user not in known.users:
            yield Change(Step.ADD_USER, user)
        have_roles = known.users.get(user, frozenset())
        yield from (Change(Step.GIVE_ROLE, user, role) for role in sorted(roles - have_roles))
        if user != OPERATOR_NAME:
            yield from (Change(Step.TAKE_ROLE, user, role) for role in sorted(have_roles - roles))
    if not known.enabled:
        yield Change(Step.ENABLE)


def _find_unlisted(known: EtcdAuth, wanted: EtcdAuth) -> Iterator[Change]:
    yield from (
        Change(Step.DELETE_USER, user) for user in sorted(known.users.keys() - wanted.users.keys())
    )
    gone = known.roles.keys() - wanted.roles.keys() - {ROOT_ROLE}
    yield from (Change(Step.DELETE_ROLE, role) for role in sorted(gone))


def _in_order(grants: frozenset[Grant]) -> list[Grant]:
    return sorted(grants, key=lambda grant: (grant.key, grant.range_end, grant.kind))
