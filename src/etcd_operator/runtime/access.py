"""etcd's users and roles over gRPC: read now and then, changed one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from etcd_operator.core.users import Access, Change, Grant, Step
from etcd_operator.errors import EtcdUnreachable
from etcd_operator.runtime.clock import Clock
from etcd_operator.runtime.etcd import EtcdMemberClient
from etcd_operator.runtime.rpc import auth_pb2 as rpc

FRESH_SECONDS: Final = 60.0
CALL_SECONDS: Final = 3.0
REMEMBERED: Final = 10_000
MOST_NAMES: Final = 2_000


class AccessStore:
    """What etcd knew of users and roles when it was last asked. Raises EtcdError."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, Access]] = {}

    async def look(self, uid: str, client: EtcdMemberClient) -> Access:
        """Return what this cluster's etcd knows, at most a minute old."""
        known = self._known.get(uid)
        now = self._clock.monotonic()
        if known is None or now - known[0] > FRESH_SECONDS:
            known = now, await read_access(client)
            self._known[uid] = known
            while len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return known[1]

    async def change(self, uid: str, client: EtcdMemberClient, change: Change) -> None:
        """Take one step; whatever comes of it, etcd is asked again before the next pass."""
        self._known.pop(uid, None)
        method, request = _build_request(change)
        await client.call(f"Auth/{method}", request, timeout=CALL_SECONDS)


async def read_access(client: EtcdMemberClient) -> Access:
    """Ask a member for all users and roles."""

    async def ask(method: str, request: Any) -> Any:
        return await client.call(f"Auth/{method}", request, timeout=CALL_SECONDS)

    enabled = (await ask("AuthStatus", rpc.AuthStatusRequest())).enabled
    users = {}
    for name in _bound((await ask("UserList", rpc.AuthUserListRequest())).users):
        answer = await ask("UserGet", rpc.AuthUserGetRequest(name=name))
        users[name] = frozenset(answer.roles)
    roles = {}
    for name in _bound((await ask("RoleList", rpc.AuthRoleListRequest())).roles):
        answer = await ask("RoleGet", rpc.AuthRoleGetRequest(role=name))
        roles[name] = frozenset(_read_grant(one) for one in answer.perm)
    return Access(enabled, users, roles)


def _read_grant(permission: Any) -> Grant:
    try:
        kind = rpc.Permission.Type.Name(permission.permType)
    except ValueError as error:
        raise EtcdUnreachable(f"{permission.permType} is no kind of permission") from error
    return Grant(kind, permission.key, permission.range_end)


def _bound(names: Sequence[str]) -> Sequence[str]:
    """Raises EtcdUnreachable for more of them than a minute is enough to ask for."""
    if len(names) > MOST_NAMES:
        raise EtcdUnreachable(f"{len(names)} users or roles are more than can be looked after")
    return names


def _build_request(change: Change) -> tuple[str, Any]:
    subject, role = change.subject, change.role
    grant = change.grant or Grant("READ", b"")
    match change.step:
        case Step.ENABLE:
            return "AuthEnable", rpc.AuthEnableRequest()
        case Step.DISABLE:
            return "AuthDisable", rpc.AuthDisableRequest()
        case Step.ADD_USER:
            # They show a certificate: a password would be a second way in.
            options = rpc.UserAddOptions(no_password=True)
            return "UserAdd", rpc.AuthUserAddRequest(name=subject, options=options)
        case Step.DELETE_USER:
            return "UserDelete", rpc.AuthUserDeleteRequest(name=subject)
        case Step.GIVE_ROLE:
            return "UserGrantRole", rpc.AuthUserGrantRoleRequest(user=subject, role=role)
        case Step.TAKE_ROLE:
            return "UserRevokeRole", rpc.AuthUserRevokeRoleRequest(name=subject, role=role)
        case _:
            return _build_role_request(change.step, subject, grant)


def _build_role_request(step: Step, role: str, grant: Grant) -> tuple[str, Any]:
    match step:
        case Step.ADD_ROLE:
            return "RoleAdd", rpc.AuthRoleAddRequest(name=role)
        case Step.DELETE_ROLE:
            return "RoleDelete", rpc.AuthRoleDeleteRequest(role=role)
        case Step.GRANT:
            permission = rpc.Permission(
                permType=grant.kind, key=grant.key, range_end=grant.range_end
            )
            return "RoleGrantPermission", rpc.AuthRoleGrantPermissionRequest(
                name=role, perm=permission
            )
        case _:
            return "RoleRevokePermission", rpc.AuthRoleRevokePermissionRequest(
                role=role, key=grant.key, range_end=grant.range_end
            )
