"""Authentication that somebody enabled by hand: what etcd still tells, and how it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import httpx2
import pytest

from etcd_operator.core.auth.state import (
    Change,
    EtcdAuth,
    Listed,
    PasswordSecret,
    PasswordState,
    Step,
)
from etcd_operator.core.model.naming import CLIENT_PORT, Naming
from etcd_operator.core.objects.statefulset import READINESS_PATH
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.logins import Logins, log_in
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.etcd.processes import NAMING, Site, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

BY_HAND = (
    Change(Step.ADD_ROLE, "root"),
    Change(Step.ADD_USER, "root"),
    Change(Step.GIVE_ROLE, "root", role="root"),
    Change(Step.ENABLE),
)


@pytest.mark.situation(
    "told",
    "members require authentication",
    "they do not count as unavailable",
)
async def test_a_member_that_wants_a_user_is_known_from_one_that_is_away(site: Site) -> None:
    await formed(site, 1)
    client = site.client(0)
    access = AuthCache(SystemClock())
    for change in BY_HAND:
        await access.change("uid", client, change)

    calls = (
        client.status(),
        client.member_list(linearizable=True),
        client.member_list(linearizable=False),
        client.add_learner(site.peer_url(1)),
        client.remove_member(1),
        client.defragment(),
        client.hash_kv(),
    )
    for call in calls:
        with pytest.raises(EtcdRefused) as refused:
            await call
        assert refused.value.refusal is Refusal.AUTHENTICATION, refused.value

    async with httpx2.AsyncClient(trust_env=False) as kubelet:
        answer = await kubelet.get(f"http://{site.address(0)}:{CLIENT_PORT}{READINESS_PATH}")
    assert answer.status_code == 200, "its Pod stays Ready: that tells that a majority serves"


async def test_of_users_that_others_create_only_the_names_are_read(site: Site) -> None:
    await formed(site, 1)
    client = site.client(0)
    access = AuthCache(SystemClock())
    others = (Change(Step.ADD_USER, "tenant"), Change(Step.ADD_ROLE, "of-tenant"))
    for change in (*BY_HAND[:3], *others):
        await access.change("uid", client, change)

    listed = Listed(frozenset(("root", "web")), frozenset(("app",)))
    some = await access.look("uid", client, listed)
    assert (some.users, some.roles) == ({"root": frozenset(("root",))}, {})
    everything = await access.look("uid", client)
    assert set(everything.users) == {"root", "tenant"}, "what was asked before is no answer now"
    assert set(everything.roles) == {"root", "of-tenant"}


class Passwords:
    """The Secret of web, and what is in it."""

    def __init__(self) -> None:
        self.text = "first"
        self.secret = PasswordSecret("web-password", "u", "1")

    def change(self, text: str) -> PasswordSecret:
        """Somebody writes another password into the Secret."""
        version = str(int(self.secret.resource_version) + 1)
        self.text, self.secret = text, replace(self.secret, resource_version=version)
        return self.secret

    async def reveal(self, naming: Naming, secret: PasswordSecret) -> str:
        """As the operator reads it."""
        assert naming == NAMING
        assert secret == self.secret
        return self.text


async def test_a_user_logs_in_by_its_password_and_not_by_the_one_of_before(site: Site) -> None:
    """etcd compares no passwords while authentication is disabled."""
    await formed(site, 1)
    client, passwords = site.client(0), Passwords()
    access, logins = AuthCache(SystemClock()), Logins(cast(PasswordSecrets, passwords))
    root = (*BY_HAND[:1], Change(Step.ADD_USER, "root", secret=passwords.secret), BY_HAND[2])
    for change in root:
        await access.change("uid", client, change, "of-root")
    add = Change(Step.ADD_USER, "web", secret=passwords.secret)
    await access.change("uid", client, add, passwords.text)
    await access.change("uid", client, Change(Step.ADD_USER, "plain"))

    rotated = Change(Step.SET_LOGIN, "web", secret=passwords.change("second"))
    await access.change("uid", client, rotated, passwords.text)
    await access.change("uid", client, Change(Step.ENABLE))
    assert await log_in(client, "web", "second") is PasswordState.WANTED
    assert await log_in(client, "web", "first") is PasswordState.OTHER
    assert await log_in(client, "plain", "anything") is PasswordState.NONE

    known = EtcdAuth(True, {"web": frozenset(), "plain": frozenset()}, {}, revision=7)
    wanted = {"web": passwords.secret, "plain": None, "absent": None}
    told = {"web": PasswordState.WANTED, "plain": PasswordState.NONE}
    assert await logins.look(NAMING, client, known, wanted) == told
    assert await logins.look(NAMING, client, replace(known, enabled=False), wanted) == {}
    # The Secret changes: the login is made anew, and etcd has the password of before.
    wanted["web"] = passwords.change("third")
    told["web"] = PasswordState.OTHER
    assert await logins.look(NAMING, client, known, wanted) == told
    # A user that the spec gives no password to has one.
    wanted["web"] = None
    assert (await logins.look(NAMING, client, known, wanted))["web"] is PasswordState.OTHER


async def test_a_user_without_a_password_is_created_anew_to_have_one(site: Site) -> None:
    """etcd takes a password for such a user, says that all is well, and forgets it."""
    await formed(site, 1)
    client, secret = site.client(0), PasswordSecret("web-password", "u", "1")
    access = AuthCache(SystemClock())
    root = (*BY_HAND[:1], Change(Step.ADD_USER, "root", secret=secret), BY_HAND[2])
    for change in (*root, *(Change(Step.ADD_USER, name) for name in ("web", "other"))):
        await access.change("uid", client, change, "of-root")
    before = await access.look("uid", client)
    await access.change("uid", client, Change(Step.SET_LOGIN, "other", secret=secret), "lost")
    await access.change("uid", client, Change(Step.RECREATE_USER, "web", secret=secret), "kept")
    after = await access.look("uid", client)
    assert after.revision > before.revision, "so the operator looks again at all logins"
    assert after.users["web"] == frozenset()
    await access.change("uid", client, Change(Step.ENABLE))
    assert await log_in(client, "other", "lost") is PasswordState.NONE
    assert await log_in(client, "web", "kept") is PasswordState.WANTED
