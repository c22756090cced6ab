"""A cluster whose user root has a password, and clients that know it or guess."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.auth.state import Change, PasswordSecret, Step
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.session import Login, UserPassword
from etcd_operator.runtime.process.clock import SystemClock
from tests.etcd.processes import Site, formed

PASSWORD: Final = "not-a-secret"
SECRET = PasswordSecret("root", "u", "1")
ROOT = (
    Change(Step.ADD_ROLE, "root"),
    Change(Step.ADD_USER, "root", secret=SECRET),
    Change(Step.GIVE_ROLE, "root", role="root"),
    Change(Step.ENABLE),
)


def knows(password: str) -> Login:
    """Somebody who says that this is root's password."""

    async def read() -> str:
        return password

    return Login((UserPassword("root", read),), password)


def log_in(site: Site, ordinal: int, login: Login) -> EtcdMemberClient:
    """The client of a member, as this user."""
    client = EtcdMemberClient(f"{site.address(ordinal)}:{CLIENT_PORT}", None, login)
    site.clients[ordinal] = client
    return client


async def protect(site: Site) -> None:
    """Form a cluster of one whose user root has a password."""
    await formed(site, 1)
    access = AuthCache(SystemClock())
    for change in ROOT:
        await access.change("uid", site.client(0), change, PASSWORD)
    await site.clients.pop(0).close()
