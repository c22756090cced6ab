"""An issuer of certificates between members: real members go to it and back, and let others out."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.certificates.state import PEER_TRUST_FILE
from etcd_operator.core.model.naming import PEER_PORT
from etcd_operator.core.model.peer_issuer import (
    OWN_COMMON_NAME,
    PeerIssuer,
    issued_common_name,
)
from etcd_operator.core.model.peer_stage import PeerStage
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate, make_authority
from tests.builders.snapshots import raw_cluster
from tests.etcd.processes import NAMING, Site, eventually, formed

pytestmark = pytest.mark.timeout(180)

SIZE: Final = 3
NOW: Final = datetime.now(UTC)
LIFE: Final = timedelta(hours=1)
OWN: Final = make_authority("db-peer-ca", NOW)
COMPANY: Final = make_authority("company", NOW)


def secure(site: Site) -> None:
    """Have members speak TLS with each other from the beginning."""
    tls = {"clientTLSEnabled": False}
    raw = raw_cluster({"version": site.version, "security": {"tls": tls}})
    security = parse_cluster(raw).spec.security
    site.spec = site.spec.model_copy(update={"security": security})
    site.stage = PeerStage.of(tls=True)


def mount(site: Site, authority: KeyPair, common_name: str) -> None:
    """Write what members show and dial with, as the Secret that they mount has it."""
    names = [site.address(ordinal) for ordinal in range(SIZE)]
    made = {
        "tls": issue_certificate(authority, common_name, NOW, LIFE, names=names, server=True),
        "client": issue_certificate(authority, common_name, NOW, LIFE, server=False),
    }
    for name, pair in made.items():
        _write(site.root, name, pair)


def _write(root: Path, name: str, pair: KeyPair) -> None:
    for ending, text in (("crt", pair.certificate), ("key", pair.key)):
        new = root / f"{name}.{ending}.new"
        new.write_text(text)
        new.rename(root / f"{name}.{ending}")


async def roll_to(site: Site, phase: PeerIssuer, *trusted: KeyPair) -> None:
    """Write the files of a phase, and restart one member after the other."""
    site.peer_issuer = phase
    (site.root / PEER_TRUST_FILE).write_text("".join(one.certificate for one in trusted))
    site.write(*[Gate.CLOSED] * SIZE)
    for ordinal in range(SIZE):
        await restart(site, ordinal)


async def restart(site: Site, ordinal: int) -> None:
    """One member reads its files of now; all of them take writes then."""
    await site.stop(ordinal)
    await site.start(ordinal)
    for each in range(SIZE):
        await eventually(partial(site.client(each).put, b"k", b"v"))


async def is_let_in(site: Site, authority: KeyPair, common_name: str) -> bool:
    """Whether a member answers somebody with this certificate at the port of peers."""
    _write(
        site.root, "stranger", issue_certificate(authority, common_name, NOW, LIFE, server=False)
    )
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(site.root / "stranger.crt", site.root / "stranger.key")
    try:
        reader, writer = await asyncio.open_connection(site.address(0), PEER_PORT, ssl=context)
        writer.write(b"GET /version HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.transport.abort()
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.0 200")


async def test_members_go_to_an_issuer_and_back_and_let_nobody_else_in(site: Site) -> None:
    issued = issued_common_name(NAMING)
    secure(site)
    mount(site, OWN, OWN_COMMON_NAME)
    (site.root / PEER_TRUST_FILE).write_text(OWN.certificate)
    await formed(site, SIZE)
    assert await is_let_in(site, OWN, "anybody")
    await roll_to(site, PeerIssuer.TRUSTED, OWN, COMPANY)
    assert await is_let_in(site, COMPANY, issued)
    assert not await is_let_in(site, COMPANY, "another-peer.team.svc")
    mount(site, COMPANY, issued)
    await restart(site, 0)
    await roll_to(site, PeerIssuer.ALONE, COMPANY)
    assert await is_let_in(site, COMPANY, issued)
    for authority, name in ((COMPANY, "anybody"), (COMPANY, OWN_COMMON_NAME), (OWN, issued)):
        assert not await is_let_in(site, authority, name)
    await roll_to(site, PeerIssuer.SIGNS, OWN, COMPANY)
    mount(site, OWN, OWN_COMMON_NAME)
    await roll_to(site, PeerIssuer.OWN, OWN)
    assert not await is_let_in(site, COMPANY, issued)
