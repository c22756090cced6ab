"""etcd's users and roles over gRPC: read now and then, changed one step at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from etcd_operator.core.auth.state import Change, EtcdAuth, Grant, Listed, Step
from etcd_operator.errors import EtcdUnreachable
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

FRESH_SECONDS: Final = 60.0
CALL_SECONDS: Final = 3.0
# For calls that hash a password, which a member on a busy node does slowly: longer than it tries
# itself. Source: `ReqTimeout` in etcd's `server/config/config.go`, 7 s with the usual election.
HASH_SECONDS: Final = 10.0
REMEMBERED: Final = 10_000
MOST_NAMES: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What etcd answered, and what it was asked for."""

    at: float
    auth: EtcdAuth
    listed: Listed | None


class AuthCache:
    """Users and roles as etcd had them when it was last asked. Raises EtcdError."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: Latest[str, _Known] = Latest(REMEMBERED)

    async def look(
        self, uid: str, client: EtcdMemberClient, listed: Listed | None = None
    ) -> EtcdAuth:
        """Return what this cluster's etcd knows of those listed, or all: at most a minute old."""
        known = self._known.get(uid)
        now = self._clock.monotonic()
        if known is None or known.listed != listed or now - known.at > FRESH_SECONDS:
            known = _Known(now, await read_auth(client, listed), listed)
            self._known[uid] = known
        return known.auth

    async def change(
        self, uid: str, client: EtcdMemberClient, change: Change, password: str = ""
    ) -> None:
        """Take one step; whatever comes of it, etcd is asked again before the next pass.

        `password` is the one in the Secret of the change.
        """
        self._known.pop(uid, None)
        seconds = HASH_SECONDS if password else CALL_SECONDS
        for method, request in _build_requests(change, password):
            await client.call(f"Auth/{method}", request, timeout=seconds)


async def read_auth(client: EtcdMemberClient, listed: Listed | None = None) -> EtcdAuth:
    """Ask a member for users and roles: all, or of those listed the ones that exist."""

    async def ask(method: str, request: Any) -> Any:
        return await client.call(f"Auth/{method}", request, timeout=CALL_SECONDS)

    status = await ask("AuthStatus", auth_pb2.AuthStatusRequest())
    users = {}
    names = (await ask("UserList", auth_pb2.AuthUserListRequest())).users
    for name in _choose(names, listed.users if listed else None):
        answer = await ask("UserGet", auth_pb2.AuthUserGetRequest(name=name))
        users[name] = frozenset(answer.roles)
    roles = {}
    names = (await ask("RoleList", auth_pb2.AuthRoleListRequest())).roles
    for name in _choose(names, listed.roles if listed else None):
        answer = await ask("RoleGet", auth_pb2.AuthRoleGetRequest(role=name))
        roles[name] = frozenset(_read_grant(one) for one in answer.perm)
    return EtcdAuth(status.enabled, users, roles, revision=status.authRevision)


def _read_grant(permission: Any) -> Grant:
    try:
        kind = auth_pb2.Permission.Type.Name(permission.permType)
    except ValueError as error:
        raise EtcdUnreachable(f"{permission.permType} is no kind of permission") from error
    return Grant(kind, permission.key, permission.range_end)


def _choose(names: Sequence[str], listed: frozenset[str] | None) -> Sequence[str]:
    """Raises EtcdUnreachable for more of them than a minute is enough to ask for."""
    if listed is not None:
        return [name for name in names if name in listed]
    if len(names) > MOST_NAMES:
        raise EtcdUnreachable(f"{len(names)} users or roles are more than can be looked after")
    return names


def _build_requests(change: Change, password: str) -> Iterator[tuple[str, Any]]:
    match change.step:
        case Step.RECREATE_USER:
            # Whatever interrupts it: a user that is missing is created by the next pass.
            yield "UserDelete", auth_pb2.AuthUserDeleteRequest(name=change.subject)
            yield _build_user_request(change, password)
        case Step.ADD_USER | Step.SET_LOGIN:
            yield _build_user_request(change, password)
        case _:
            yield _build_request(change)


def _build_user_request(change: Change, password: str) -> tuple[str, Any]:
    user = change.subject
    if change.step is Step.SET_LOGIN:
        request = auth_pb2.AuthUserChangePasswordRequest(name=user, password=password)
        return "UserChangePassword", request
    if change.secret:
        return "UserAdd", auth_pb2.AuthUserAddRequest(name=user, password=password)
    # They show a certificate: a password would be a second way in.
    options = auth_pb2.UserAddOptions(no_password=True)
    return "UserAdd", auth_pb2.AuthUserAddRequest(name=user, options=options)


def _build_request(change: Change) -> tuple[str, Any]:
    subject, role = change.subject, change.role
    grant = change.grant or Grant("READ", b"")
    match change.step:
        case Step.ENABLE:
            return "AuthEnable", auth_pb2.AuthEnableRequest()
        case Step.DISABLE:
            return "AuthDisable", auth_pb2.AuthDisableRequest()
        case Step.DELETE_USER:
            return "UserDelete", auth_pb2.AuthUserDeleteRequest(name=subject)
        case Step.GIVE_ROLE:
            return "UserGrantRole", auth_pb2.AuthUserGrantRoleRequest(user=subject, role=role)
        case Step.TAKE_ROLE:
            return "UserRevokeRole", auth_pb2.AuthUserRevokeRoleRequest(name=subject, role=role)
        case _:
            return _build_role_request(change.step, subject, grant)


def _build_role_request(step: Step, role: str, grant: Grant) -> tuple[str, Any]:
    match step:
        case Step.ADD_ROLE:
            return "RoleAdd", auth_pb2.AuthRoleAddRequest(name=role)
        case Step.DELETE_ROLE:
            return "RoleDelete", auth_pb2.AuthRoleDeleteRequest(role=role)
        case Step.GRANT:
            permission = auth_pb2.Permission(
                permType=grant.kind, key=grant.key, range_end=grant.range_end
            )
            return "RoleGrantPermission", auth_pb2.AuthRoleGrantPermissionRequest(
                name=role, perm=permission
            )
        case _:
            return "RoleRevokePermission", auth_pb2.AuthRoleRevokePermissionRequest(
                role=role, key=grant.key, range_end=grant.range_end
            )
