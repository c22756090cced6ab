"""Users of a cluster without TLS: the operator is let in whenever it ends, and Secrets change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import cast

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import ChangeAuth
from etcd_operator.core.auth.diff import find_changes, find_passwords
from etcd_operator.core.auth.login import find_accounts
from etcd_operator.core.auth.state import (
    OPERATOR_USER,
    Change,
    PasswordSecret,
    PasswordState,
    Step,
)
from etcd_operator.core.model.naming import CLIENT_PORT, Naming
from etcd_operator.errors import NO_PASSWORD, EtcdRefused, Refusal
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.logins import Logins, log_in
from etcd_operator.runtime.etcd.session import Login, UserPassword
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.builders.snapshots import CLUSTER_ID, UID, formed, with_spec
from tests.etcd.processes import Site
from tests.etcd.processes import formed as form

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

AUTH = {
    "roles": [{"name": "app", "permissions": [{"key": "/app/", "prefix": True}]}],
    "users": [{"name": "web", "roles": ["app"], "passwordSecret": "web-password"}],
}
SCENE = with_spec(formed(1), security={"auth": AUTH})
OWN, ROOT, WEB = SCENE.naming.operator_password, SCENE.naming.root_password, "web-password"


class Keys:
    """The Secrets with passwords."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[PasswordSecret, str]] = {}
        self._writes = 0
        for name in (OWN, ROOT, WEB):
            self.write(name)

    def write(self, name: str) -> str:
        """Somebody writes another password into a Secret, or it is created again."""
        self._writes += 1
        secret = PasswordSecret(name, f"uid-of-{name}", str(self._writes), owner_uid=UID)
        self.found[name] = secret, f"{name}-{self._writes}"
        return self.text(name)

    def text(self, name: str) -> str:
        """The password in a Secret."""
        return self.found[name][1]

    async def reveal(self, _: Naming, secret: PasswordSecret) -> str:
        """As the operator reads it."""
        now, text = self.found[secret.name]
        assert now == secret
        return text


class Operator:
    """One process of the operator: what it does about users, until it ends."""

    def __init__(self, site: Site, keys: Keys, token: str = "") -> None:
        self._keys = keys
        accounts = find_accounts(SCENE.cluster.spec, SCENE.naming)
        users = [UserPassword(one.user, self._reads(one.secret)) for one in accounts]
        self.login = Login(users, 1, token)
        self.client = EtcdMemberClient(f"{site.address(0)}:{CLIENT_PORT}", None, self.login)
        site.clients[0] = self.client
        self._access = AuthCache(SystemClock())
        self._logins = Logins(cast(PasswordSecrets, keys))

    def _reads(self, secret: str) -> Callable[[], Awaitable[str]]:
        async def read() -> str:
            return self._keys.text(secret)

        return read

    async def find_changes(self, *, enabled: bool = True) -> tuple[Change, ...]:
        """What a pass would do, of which no guard refuses anything."""
        self._access = AuthCache(SystemClock())
        scene = with_spec(SCENE, security={"auth": {**AUTH, "enabled": enabled}})
        auth, passwords = scene.cluster.spec.auth, {n: s for n, (s, _) in self._keys.found.items()}
        assert auth
        known = await self._access.look("uid", self.client)
        accounts = find_accounts(scene.cluster.spec, scene.naming)
        wanted = find_passwords(auth, passwords, accounts)
        states = await self._logins.look(scene.naming, self.client, known, wanted)
        scene = replace(scene, access=replace(known, passwords=states), passwords=passwords)
        changes = find_changes(scene)
        for change in changes:
            assert guards.refuse(ChangeAuth(change, CLUSTER_ID), scene) is None, change
        return changes

    async def make(self, changes: Iterable[Change]) -> None:
        """Take these steps."""
        for change in changes:
            secret = change.secret
            password = await self._keys.reveal(SCENE.naming, secret) if secret else ""
            await self._access.change("uid", self.client, change, password)

    async def settle(self, *, enabled: bool = True) -> None:
        """Make passes until nothing is left to do."""
        for _ in range(3):
            changes = await self.find_changes(enabled=enabled)
            if not changes:
                return
            await self.make(changes)
        raise AssertionError(changes)

    async def assert_let_in(self) -> None:
        """Each user has the password in its Secret, and nobody else is asked for nothing."""
        for user, secret in ((OPERATOR_USER, OWN), ("root", ROOT), ("web", WEB)):
            state = await log_in(self.client, user, self._keys.text(secret))
            assert state is PasswordState.WANTED, user


@pytest.mark.situation(
    "etcd",
    "without TLS, the operator ends while users are made, and a password is changed just then",
    "one of its two users is let in, and sets the password of the other one",
)
async def test_it_is_let_in_wherever_it_ends_while_users_are_made(site: Site) -> None:
    """And whichever Secret somebody changes just then."""
    await form(site, 1)
    keys = Keys()
    first = await Operator(site, keys).find_changes()
    assert first[-1] == Change(Step.ENABLE)
    made = [first.index(Change(Step.GIVE_ROLE, user, "root")) for user in (OPERATOR_USER, "root")]
    for done, changed in zip((0, *made, len(first) - 1, len(first)), (OWN, ROOT) * 3, strict=False):
        operator = Operator(site, keys)
        changes = await operator.find_changes()
        await operator.make(changes[:done])
        keys.write(changed)
        operator = Operator(site, keys)
        await operator.settle()
        await operator.assert_let_in()
        await operator.settle(enabled=False)


async def test_whichever_way_in_is_left_sets_the_other_right(site: Site) -> None:
    await form(site, 1)
    keys = Keys()
    await Operator(site, keys).settle()
    for changed in (ROOT, OWN, ROOT, OWN):
        before = keys.text(changed)
        keys.write(changed)
        operator = Operator(site, keys)
        await operator.settle()
        await operator.assert_let_in()
        user = "root" if changed == ROOT else OPERATOR_USER
        assert await log_in(operator.client, user, before) is PasswordState.OTHER


@pytest.mark.situation(
    "data",
    "without TLS, both Secrets with which the operator logs in are lost",
    "new passwords are set, as long as the running operator has a token of before",
)
async def test_with_both_lost_the_token_of_before_counts(site: Site) -> None:
    await form(site, 1)
    keys = Keys()
    operator = Operator(site, keys)
    await operator.settle()
    assert await operator.find_changes() == ()
    token = operator.login.token
    assert token
    keys.write(ROOT), keys.write(OWN)
    locked_out = Operator(site, keys)
    with pytest.raises(EtcdRefused) as refused:
        await locked_out.find_changes()
    assert refused.value.refusal is Refusal.AUTHENTICATION
    operator = Operator(site, keys, token)
    await operator.settle()
    await operator.assert_let_in()


async def test_a_root_without_a_password_keeps_nobody_out(site: Site) -> None:
    """As it is made where the operator shows a certificate."""
    await form(site, 1)
    keys = Keys()
    operator = Operator(site, keys)
    own = keys.found[OWN][0]
    await operator.make(
        (
            Change(Step.ADD_USER, "root"),
            Change(Step.ADD_USER, OPERATOR_USER, secret=own),
            *(Change(Step.GIVE_ROLE, user, "root") for user in ("root", OPERATOR_USER)),
            Change(Step.ENABLE),
        )
    )
    await operator.settle()
    assert await log_in(operator.client, "root", keys.text(ROOT)) is PasswordState.NONE
    await operator.settle(enabled=False)
    operator = Operator(site, keys)
    await operator.settle()
    await operator.assert_let_in()


async def test_a_root_without_a_password_alone_lets_nobody_in(site: Site) -> None:
    """As in a cluster restored from a backup of one with TLS: it is said which user that is."""
    await form(site, 1)
    keys = Keys()
    operator = Operator(site, keys)
    root = (Change(Step.ADD_USER, "root"), Change(Step.GIVE_ROLE, "root", "root"))
    await operator.make((*root, Change(Step.ENABLE)))
    with pytest.raises(EtcdRefused, match=NO_PASSWORD) as refused:
        await Operator(site, keys).find_changes()
    assert refused.value.refusal is Refusal.AUTHENTICATION
