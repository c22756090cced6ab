"""Calls as a user of etcd that logs in with a password: where members know nobody by certificate.

etcd gives whoever logs in a token, and refuses every call without one. It forgets tokens: after a
while, when a member restarts, and at each change of users and roles. So a call that is refused for
that is made once more with a new token; it was not carried out before.

A login goes through the log of the cluster, so each member knows the token when it has applied it.
A learner lets nobody log in: what another member gave counts there too. Source: `Authenticate` in
etcd's `server/etcdserver/v3_server.go`, and `applierV3backend.Authenticate`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from etcd_operator.errors import EtcdError, EtcdRefused, EtcdUnreachable, KubeError, Refusal
from etcd_operator.runtime.etcd.channel import Begun, EtcdChannel, Request
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2

LOGIN_SECONDS: Final = 3.0
# Between two logins at one member. Each costs it a tenth of a second of its processor.
PAUSE_SECONDS: Final = 2.0
# Longer than any token of etcd; it is sent with every call.
LONGEST_TOKEN: Final = 4096
_WRONG_PASSWORD: Final = (Refusal.LOGIN_FAILED, Refusal.LOGIN_IMPOSSIBLE)


class EtcdPasswordUnread(EtcdUnreachable):
    """The Secret with a password cannot be read, or is another one than before."""


@dataclass(frozen=True, slots=True)
class UserPassword:
    """A user, and what returns its password when it is used; that raises KubeError."""

    user: str
    read: Callable[[], Awaitable[str]]


class Login:
    """Users to be at all members of one cluster, the first of whom is let in, and the newest token.

    `version` tells their passwords apart. A `token` of before counts as long as etcd says so.
    """

    def __init__(self, users: Sequence[UserPassword], version: object, token: str = "") -> None:
        self.version = version
        self.token = token
        self.names = tuple(each.user for each in users)
        self._users = users
        self._gave: EtcdChannel | None = None

    async def log_in(self, channel: EtcdChannel) -> str:
        """Log in at a member; return the token. Raises EtcdError's kinds."""
        *others, last = self._users
        for each in others:
            try:
                return await self._log_in_as(each, channel)
            except EtcdRefused as error:
                if error.refusal not in _WRONG_PASSWORD:
                    raise
            except EtcdPasswordUnread:
                continue
        return await self._log_in_as(last, channel)

    async def _log_in_as(self, who: UserPassword, channel: EtcdChannel) -> str:
        try:
            password = await who.read()
        except KubeError as error:
            said = f"{channel.address}: the password of user {who.user} cannot be read: {error}"
            raise EtcdPasswordUnread(said) from error
        request = auth_pb2.AuthenticateRequest(name=who.user, password=password)
        kind = auth_pb2.AuthenticateResponse
        answer = await channel.call("Auth/Authenticate", request, kind, LOGIN_SECONDS)
        token = str(answer.token)
        if not token.isascii() or not token.isprintable() or not 0 < len(token) <= LONGEST_TOKEN:
            raise EtcdUnreachable(f"{channel.address}: what it gives is no token")
        self.token, self._gave = token, channel
        return token

    async def log_in_elsewhere(self) -> str:
        """Log in where it was possible last; return the token."""
        if self._gave is None:
            raise EtcdUnreachable("no member has let the operator log in")
        return await self.log_in(self._gave)


@dataclass(frozen=True, slots=True)
class BegunCall:
    """A call under way to one member, and what it takes to make it once more."""

    method: str
    request: Request
    timeout: float
    token: str
    begun: Begun

    def cancel(self) -> None:
        """End it; one that has ended stays as it is."""
        self.begun.cancel()


class Session:
    """The calls to one member; `login` is None where members know the operator without one."""

    __slots__ = ("_channel", "_lock", "_login", "_may_log_in_at", "_refused", "_token")

    def __init__(self, channel: EtcdChannel, login: Login | None) -> None:
        self._channel = channel
        self._login = login
        self._token = ""
        self._may_log_in_at = 0.0
        # What the member said of the password, as long as nobody may try again.
        self._refused = ""
        self._lock: asyncio.Lock | None = None  # only where somebody logs in

    async def call(self, method: str, request: Request, answer: type[Any], timeout: float) -> Any:
        """Make one call, with a new token if the member knows that of before no more."""
        return await self.finish(self.begin(method, request, timeout), answer)

    def begin(self, method: str, request: Request, timeout: float) -> BegunCall:
        """Begin a call and do not wait for it."""
        token = self._token or (self._login.token if self._login else "")
        begun = self._channel.begin(method, request, timeout, token)
        return BegunCall(method, request, timeout, token, begun)

    async def finish(self, one: BegunCall, answer: type[Any]) -> Any:
        """Wait for the answer of a call, made once more if the member knows its token no more."""
        try:
            return await self._channel.finish(one.begun, answer)
        except EtcdRefused as error:
            if self._login is None or error.refusal is not Refusal.AUTHENTICATION:
                raise
            renewed = await self._renew(self._login, one.token)
            if not renewed:
                raise
        return await self._channel.call(one.method, one.request, answer, one.timeout, renewed)

    async def find_token(self) -> str:
        """Return a token of this member, for a call that is not made here; empty if it gives none.

        Raises EtcdRefused if the member does not accept the password.
        """
        if self._login is not None and not self._token:
            await self._renew(self._login, "")
        return self._token

    async def _renew(self, login: Login, used: str) -> str:
        """Return another token than the one that was refused, or nothing.

        Raises EtcdRefused if the member does not accept the password.
        """
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._token not in ("", used):
                return self._token
            if now < self._may_log_in_at:
                if self._refused:
                    raise EtcdRefused(self._refused, Refusal.AUTHENTICATION)
                return ""
            self._may_log_in_at, self._refused = now + PAUSE_SECONDS, ""
            try:
                self._token = await login.log_in(self._channel)
            except EtcdRefused as error:
                if error.refusal not in _WRONG_PASSWORD:
                    return ""
                self._refused = str(error)
                raise EtcdRefused(self._refused, Refusal.AUTHENTICATION) from error
            except EtcdError:
                self._token = await _borrow(login, used)
            return self._token


async def _borrow(login: Login, used: str) -> str:
    """The token that another member gave; nothing if none does."""
    if login.token not in ("", used):
        return login.token
    try:
        return await login.log_in_elsewhere()
    except EtcdError:
        return ""
