"""Clients by address: how a member is spoken with is nobody else's to say."""

from __future__ import annotations

from typing import Final

from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.etcd.session import Login, UserPassword
from etcd_operator.runtime.pki.identity import Identity

ADDRESS: Final = "10.0.0.1:2379"
TLS: Final = PeerTls(Identity("roots", "certificate", "key"), "db-0.db-peer.team.svc")


async def test_an_address_that_somebody_else_names_changes_nothing() -> None:
    """Its members' own cluster goes on with its certificates, and as its user."""

    async def read() -> str:
        return "password"

    login = Login((UserPassword("root", read),), "db")
    pool = EtcdPool()
    pool.set_tls(ADDRESS, TLS)
    pool.set_login(ADDRESS, login)
    own = await pool.client(ADDRESS)
    pool.set_tls(ADDRESS, None, of="stranger")
    pool.set_login(ADDRESS, None, of="stranger")
    theirs = await pool.client(ADDRESS, of="stranger")
    assert (theirs.introduction, theirs.login) == (None, None)
    await pool.discard(ADDRESS, of="stranger")
    assert await pool.client(ADDRESS) is own
    assert (own.introduction, own.login) == (TLS, login)
    await pool.close()


async def test_a_client_that_is_to_speak_otherwise_is_another() -> None:
    pool = EtcdPool()
    before = await pool.client(ADDRESS)
    pool.set_tls(ADDRESS, TLS)
    after = await pool.client(ADDRESS)
    assert after is not before
    assert after.introduction == TLS
    await pool.close()
