"""Logins: made again when the Secret or etcd's users have changed, and not else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret, PasswordState
from etcd_operator.core.model.naming import Naming
from etcd_operator.errors import EtcdRefused, EtcdUnreachable, Refusal
from etcd_operator.runtime.etcd.auth_cache import HASH_SECONDS
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.logins import Logins
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from tests.builders.snapshots import NAMING

SECRET = PasswordSecret("web-password", "u", "1")
KNOWN = EtcdAuth(True, {"web": frozenset()}, {}, revision=7)


class Member:
    """A member that is asked for logins, and answers each as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []

    async def call(self, method: str, request: Any, *, timeout: float) -> None:
        """One request."""
        assert (method, timeout) == ("Auth/Authenticate", HASH_SECONDS)
        self.asked.append((request.name, request.password))
        if self.error:
            raise self.error


class Secrets:
    """The content of each Secret is its version."""

    async def reveal(self, naming: Naming, secret: PasswordSecret) -> str:
        """As the operator reads it."""
        assert naming == NAMING
        return f"password {secret.resource_version}"


class Stage:
    """Logins at one member."""

    def __init__(self) -> None:
        self.member = Member()
        self.logins = Logins(cast(PasswordSecrets, Secrets()))

    async def look(
        self, secret: PasswordSecret | None = SECRET, known: EtcdAuth = KNOWN
    ) -> PasswordState:
        """Ask for the login of web."""
        client = cast(EtcdMemberClient, self.member)
        return (await self.logins.look(NAMING, client, known, {"web": secret}))["web"]


async def test_a_login_counts_until_the_secret_or_the_users_change() -> None:
    stage = Stage()
    for _ in range(3):
        assert await stage.look() is PasswordState.WANTED
    assert stage.member.asked == [("web", "password 1")]
    rotated = PasswordSecret("web-password", "u", "2")
    stage.member.error = EtcdRefused("no", Refusal.LOGIN_FAILED)
    for _ in range(3):
        assert await stage.look(rotated) is PasswordState.OTHER
    assert stage.member.asked[1:] == [("web", "password 2")]
    changed = EtcdAuth(True, KNOWN.users, {}, revision=8)
    stage.member.error = None
    assert await stage.look(rotated, changed) is PasswordState.WANTED
    assert len(stage.member.asked) == 3


async def test_who_is_to_have_no_password_is_asked_for_one_that_nobody_knows() -> None:
    stage = Stage()
    stage.member.error = EtcdRefused("none", Refusal.LOGIN_IMPOSSIBLE)
    assert await stage.look(None) is PasswordState.NONE
    ((_, guess),) = stage.member.asked
    assert len(guess) > 30


async def test_what_is_no_answer_to_a_login_is_told_as_it_is() -> None:
    for error in (EtcdUnreachable("away"), EtcdRefused("else", Refusal.OTHER)):
        stage = Stage()
        stage.member.error = error
        with pytest.raises(type(error)):
            await stage.look()
        stage.member.error = None
        assert await stage.look() is PasswordState.WANTED, "nothing of it is kept"
