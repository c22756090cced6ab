"""TLS between members, turned on and off: real members, started from the files of each stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.certificates.state import PEER_TRUST_FILE
from etcd_operator.core.certificates.wanted import wanted_leaves
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.peer_stage import PeerMode
from etcd_operator.core.peer_tls.machine import BOTH, PLAIN, SECURE
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.builders.snapshots import raw_cluster
from tests.etcd.processes import NAMING, Site, eventually, formed

pytestmark = pytest.mark.timeout(180)

SIZE: Final = 3
NOW: Final = datetime.now(UTC)
LIFE: Final = timedelta(hours=1)
AUTHORITY: Final = make_authority("db-peer-ca", NOW)
TLS: Final = {"clientTLSEnabled": False}


def issue_peers(site: Site) -> None:
    """Write the certificates of members where their files name them."""
    spec = parse_cluster(raw_cluster({"version": site.version, "security": {"tls": TLS}})).spec
    (leaf,) = wanted_leaves(spec, NAMING)
    names = (*leaf.names, *(site.address(ordinal) for ordinal in range(SIZE)))
    made = {
        "tls": issue_certificate(AUTHORITY, leaf.common_name, NOW, LIFE, names=names, server=True),
        "client": issue_certificate(AUTHORITY, leaf.common_name, NOW, LIFE, server=False),
    }
    for name, pair in made.items():
        (site.root / f"{name}.crt").write_text(pair.certificate)
        (site.root / f"{name}.key").write_text(pair.key)
    (site.root / PEER_TRUST_FILE).write_text(AUTHORITY.certificate)


def turn_to(site: Site, mode: PeerMode) -> None:
    """Write the files of a mode."""
    site.stage = site.stage.to(mode)
    tls = {**TLS, "peerTLSEnabled": site.stage.has_certificates}
    raw = raw_cluster({"version": site.version, "security": {"tls": tls}})
    security = parse_cluster(raw).spec.security
    site.spec = site.spec.model_copy(update={"security": security})
    site.write(*[Gate.CLOSED] * SIZE)


async def restart(site: Site, ordinal: int) -> None:
    """One member reads its file of now; all of them serve each other's clients then."""
    await site.stop(ordinal)
    await site.start(ordinal)
    await assert_serving(site)


async def roll_to(site: Site, mode: PeerMode) -> None:
    """Write the files of a mode, and restart one member after the other."""
    turn_to(site, mode)
    for ordinal in range(SIZE):
        await restart(site, ordinal)


async def assert_serving(site: Site) -> None:
    """Each member takes writes: its way to the leader is open, and the leader's to a majority."""
    for ordinal in range(SIZE):
        await eventually(partial(site.client(ordinal).put, b"k", b"v"))


async def list_at(site: Site, schemes: tuple[str, ...]) -> MemberList:
    """List each member at URLs of these schemes; nobody restarts."""
    known = await site.confirmed(0)
    for ordinal in range(SIZE):
        host = f"//{site.address(ordinal)}:"
        member = next(m for m in known.members if host in m.peer_urls[0])
        both = (site.locate(url, ordinal) for url in NAMING.peer_urls(ordinal))
        urls = tuple(url for url in both if url.partition("://")[0] in schemes)
        await site.client(0).update_member(member.id, urls)
    await assert_serving(site)
    return await site.confirmed(0)


def schemes_of(listed: MemberList) -> set[tuple[str, ...]]:
    """The schemes at which members are listed."""
    return {tuple(url.partition("://")[0] for url in m.peer_urls) for m in listed.members}


async def replace_disk(site: Site, ordinal: int) -> None:
    """A member loses its disk, and joins while the others are listed at both URLs."""
    await site.stop(ordinal)
    known = await site.confirmed(0)
    lost = next(m for m in known.members if f"//{site.address(ordinal)}:" in m.peer_urls[0])
    await eventually(lambda: site.client(0).remove_member(lost.id))
    site.wipe(ordinal)
    url = site.peer_url(ordinal)
    added = await eventually(lambda: site.client(0).add_learner(url))
    others = tuple((o, NAMING.peer_urls(o)) for o in range(SIZE) if o != ordinal)
    gates = [Gate.JOIN if o == ordinal else Gate.CLOSED for o in range(SIZE)]
    site.write(*gates, peer_urls=others)
    await site.start(ordinal)
    await site.served(ordinal)
    await eventually(lambda: site.client(0).promote_member(added.id))
    site.write(*[Gate.CLOSED] * SIZE)


async def test_tls_between_members_is_turned_on_and_off_one_member_at_a_time(site: Site) -> None:
    await formed(site, SIZE)
    issue_peers(site)
    await roll_to(site, PeerMode.PREPARED)
    assert schemes_of(await list_at(site, BOTH)) == {BOTH}
    turn_to(site, PeerMode.ON)
    await restart(site, 2)
    await replace_disk(site, 1)
    await restart(site, 0)
    assert schemes_of(await list_at(site, SECURE)) == {SECURE}
    assert schemes_of(await list_at(site, BOTH)) == {BOTH}
    await roll_to(site, PeerMode.PREPARED)
    assert schemes_of(await list_at(site, PLAIN)) == {PLAIN}
    await roll_to(site, PeerMode.OFF)


async def test_a_member_that_recovers_alone_keeps_both_urls(site: Site) -> None:
    """It is forced to be a cluster of its own in the middle of the change."""
    await formed(site, SIZE)
    issue_peers(site)
    await roll_to(site, PeerMode.PREPARED)
    await list_at(site, BOTH)
    turn_to(site, PeerMode.ON)
    for ordinal in range(SIZE):
        await site.stop(ordinal)
    site.force(0)
    await site.start(0)
    assert schemes_of(await site.confirmed(0)) == {BOTH}
