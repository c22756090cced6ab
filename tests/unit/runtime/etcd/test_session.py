# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""Calls with a token: when a new one is fetched, where, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from etcd_operator.errors import EtcdRefused, EtcdUnreachable, KubeUnavailable, Refusal
from etcd_operator.runtime.etcd.channel import EtcdChannel
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2
from etcd_operator.runtime.etcd.session import (
    LONGEST_TOKEN,
    PAUSE_SECONDS,
    Login,
    Session,
    UserPassword,
)

pytestmark = pytest.mark.looptime

REQUEST = auth_pb2.AuthStatusRequest()


class Member:
    """A member that answers who has one of its tokens."""

    def __init__(self, *tokens: str, refuses: Exception | None = None) -> None:
        self.address = "10.0.0.1:2379"
        self.known: set[str] = set()
        self.tokens = list(tokens)
        self.refuses = refuses
        self.logins: list[str] = []

    async def call(
        self, method: str, request: Any, answer: type[Any], timeout: float, token: str = ""
    ) -> Any:
        """As a channel."""
        if method == "Auth/Authenticate":
            self.logins.append(request.password)
            if self.refuses:
                raise self.refuses
            given = self.tokens.pop(0)
            self.known.add(given)
            return auth_pb2.AuthenticateResponse(token=given)
        if token not in self.known:
            raise EtcdRefused("etcdserver: invalid auth token", Refusal.AUTHENTICATION)
        return token

    def begin(
        self, method: str, request: Any, timeout: float, token: str = ""
    ) -> Callable[[type[Any]], Awaitable[Any]]:
        """As a channel."""
        return lambda answer: self.call(method, request, answer, timeout, token)

    async def finish(self, begun: Callable[[type[Any]], Awaitable[Any]], answer: type[Any]) -> Any:
        """As a channel."""
        return await begun(answer)

    def open(self, login: Login) -> Session:
        """A session at it."""
        return Session(cast(EtcdChannel, self), login)


async def reads() -> str:
    """The password."""
    return "secret"


def known() -> Login:
    """Somebody who knows it."""
    return Login((UserPassword("root", reads),), 1)


async def ask(session: Session) -> Any:
    """Make a call; the answer is the token that counted."""
    return await session.call("Auth/AuthStatus", REQUEST, auth_pb2.AuthStatusResponse, 1.0)


async def test_a_token_that_is_forgotten_is_replaced_once_a_while() -> None:
    member = Member("first", "second", "third")
    session = member.open(known())
    assert await ask(session) == "first"
    assert await ask(session) == "first"
    member.known.clear()
    with pytest.raises(EtcdRefused):
        await ask(session)
    await asyncio.sleep(PAUSE_SECONDS)
    assert await ask(session) == "second"
    assert member.logins == ["secret"] * 2


async def test_calls_at_the_same_time_log_in_once() -> None:
    member = Member("first", "second")
    session = member.open(known())
    assert await asyncio.gather(*(ask(session) for _ in range(3))) == ["first"] * 3


async def test_a_learner_is_asked_with_what_another_member_gave() -> None:
    voter, login = Member("first", "second"), known()
    learner = Member(refuses=EtcdUnreachable("rpc not supported for learner"))
    at_learner = learner.open(login)
    with pytest.raises(EtcdRefused):
        await ask(at_learner)
    await ask(voter.open(login))
    learner.known = voter.known
    assert await ask(at_learner) == "first"
    learner.known = {"second"}
    await asyncio.sleep(PAUSE_SECONDS)
    assert await ask(at_learner) == "second", "the one of before is unknown to it"


async def test_another_password_is_said_to_be_the_cause() -> None:
    member = Member(refuses=EtcdRefused("invalid user ID or password", Refusal.LOGIN_FAILED))
    with pytest.raises(EtcdRefused) as refused:
        await ask(member.open(known()))
    assert refused.value.refusal is Refusal.AUTHENTICATION
    assert "invalid user ID or password" in str(refused.value)


async def test_the_cause_stays_the_same_as_long_as_nobody_may_log_in() -> None:
    """Two sentences in turn would be another status in each pass."""
    member = Member(refuses=EtcdRefused("invalid user ID or password", Refusal.LOGIN_FAILED))
    session, said = member.open(known()), set()
    for _ in range(3):
        with pytest.raises(EtcdRefused) as refused:
            await ask(session)
        said.add(str(refused.value))
    assert said == {"invalid user ID or password"}
    assert member.logins == ["secret"]


async def test_nothing_is_sent_that_is_no_token() -> None:
    for token in ("x" * (LONGEST_TOKEN + 1), "", "a\nb", "ä"):
        with pytest.raises(EtcdRefused):
            await ask(Member(token).open(known()))


async def test_a_secret_that_cannot_be_read_is_no_refusal_of_the_password() -> None:
    member = Member("first")
    with pytest.raises(EtcdRefused) as refused:
        await ask(member.open(Login((UserPassword("root", fails),), 1)))
    assert "invalid auth token" in str(refused.value)
    assert member.logins == []


async def test_other_refusals_are_passed_on() -> None:
    login = known()

    class Full(Member):
        async def call(self, method: str, *_: Any) -> Any:
            raise EtcdRefused("etcdserver: too many learner members", Refusal.TOO_MANY_LEARNERS)

    member = Full()
    with pytest.raises(EtcdRefused):
        await ask(member.open(login))
    assert member.logins == []
    off = Member(refuses=EtcdRefused("etcdserver: authentication is not enabled"))
    assert await off.open(login).find_token() == ""


class Keeper(Member):
    """A member that lets in who has the password of its user."""

    def __init__(self, **passwords: str) -> None:
        super().__init__()
        self.passwords = passwords

    async def call(
        self, method: str, request: Any, answer: type[Any], timeout: float, token: str = ""
    ) -> Any:
        """As a channel."""
        if method == "Auth/Authenticate":
            if self.passwords.get(request.name) != request.password:
                raise EtcdRefused("invalid user ID or password", Refusal.LOGIN_FAILED)
            self.tokens.append(request.name)
        return await super().call(method, request, answer, timeout, token)


async def fails() -> str:
    """No password: the Secret has changed."""
    raise KubeUnavailable("no answer", 503)


@pytest.mark.parametrize("read", [reads, fails])
async def test_the_second_user_is_tried_where_the_first_is_not_let_in(
    read: Callable[[], Awaitable[str]],
) -> None:
    users = (UserPassword("first", read), UserPassword("second", reads))
    assert await ask(Keeper(second="secret").open(Login(users, 1))) == "second"
    with pytest.raises(EtcdRefused) as refused:
        await ask(Keeper(second="another").open(Login(users, 1)))
    assert refused.value.refusal is Refusal.AUTHENTICATION
    if read is reads:
        assert await ask(Keeper(first="secret").open(Login(users, 1))) == "first"


async def test_a_token_of_before_counts_although_no_password_does() -> None:
    member = Keeper()
    member.known.add("old")
    assert await ask(member.open(Login((UserPassword("root", reads),), 2, "old"))) == "old"
    assert member.logins == []
