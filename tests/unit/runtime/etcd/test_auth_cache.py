"""Changes of etcd's users: a member may take its time for a password, as etcd itself does."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from etcd_operator.core.auth.state import Change, PasswordSecret, Step
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

SECRET = PasswordSecret("web-password", "u", "1")
# `ReqTimeout` of etcd, with the usual time for an election.
SLOWEST_SECONDS = 7.0


class SlowMember:
    """A member that answers as late as etcd allows, and knows which calls it answered."""

    def __init__(self) -> None:
        self.answered: list[str] = []

    async def call(self, method: str, _: Any, *, timeout: float) -> None:
        """One request."""
        async with asyncio.timeout(timeout):
            await asyncio.sleep(SLOWEST_SECONDS)
        self.answered.append(method)


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        (Step.ADD_USER, ["Auth/UserAdd"]),
        (Step.SET_LOGIN, ["Auth/UserChangePassword"]),
        (Step.RECREATE_USER, ["Auth/UserDelete", "Auth/UserAdd"]),
    ],
)
async def test_a_member_may_hash_a_password_as_long_as_etcd_allows(
    step: Step, calls: list[str]
) -> None:
    member = SlowMember()
    access = AuthCache(LoopClock())
    client = cast(EtcdMemberClient, member)
    await access.change("uid", client, Change(step, "web", secret=SECRET), "password")
    assert member.answered == calls


async def test_nobody_waits_so_long_for_what_costs_nothing() -> None:
    access = AuthCache(LoopClock())
    client = cast(EtcdMemberClient, SlowMember())
    with pytest.raises(TimeoutError):
        await access.change("uid", client, Change(Step.GIVE_ROLE, "web", "app"))
