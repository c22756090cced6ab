"""How a mirror is let in at its source: by a password, and by certificates."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcd_operator.core.mirror.progress import MirrorPhase
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.errors import TaskError
from etcd_operator.jobs.mirror import source as source_module
from etcd_operator.jobs.mirror.mirror import mirror_keys
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.etcd.mirrors import (
    has,
    mirroring,
    task,
    until,
    wait_for_phase,
)
from tests.etcd.passwords import PASSWORD, knows, log_in, protect
from tests.etcd.processes import Site, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]


async def test_a_user_reads_the_source_by_password(
    site: Site, target: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await protect(site)
    await formed(target, 1)
    old = log_in(site, 0, knows(PASSWORD))
    await old.put(b"a", b"1")
    place = tmp_path / "login"
    place.mkdir()
    monkeypatch.setattr(source_module, "SOURCE_LOGIN", str(place))
    (place / "username").write_text("root")
    with pytest.raises(TaskError, match="lacks username or password"):
        await mirror_keys(task(site, target))
    (place / "password").write_text(PASSWORD)
    async with mirroring(task(site, target)):
        await wait_for_phase(target, MirrorPhase.FOLLOWING)
        await old.put(b"b", b"2")
        await until(lambda: has(target.client(0), b"b"))


@contextlib.asynccontextmanager
async def serving_tls(site: Site, *, asks: bool) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """An etcd with TLS that may ask clients for certificates: its URL, and what opens it."""
    now, day = datetime.now(UTC), timedelta(days=1)
    authority = make_authority("old", now)
    names = [site.address(0)]
    server = issue_certificate(authority, "old", now, day, names=names, server=True)
    client = issue_certificate(authority, "mirror", now, day, server=False)
    files = {"ca.crt": authority.certificate, "s.crt": server.certificate, "s.key": server.key}
    for name, text in files.items():
        (site.root / name).write_text(text)
    url = f"https://{site.address(0)}:{CLIENT_PORT}"
    words = [f"--listen-client-urls={url}", f"--advertise-client-urls={url}"]
    words += [f"--listen-peer-urls=http://{site.address(0)}:2380"]
    words += [f"--data-dir={site.data(0)}", f"--cert-file={site.root}/s.crt"]
    words += [f"--key-file={site.root}/s.key"]
    if asks:
        words += ["--client-cert-auth", f"--trusted-ca-file={site.root}/ca.crt"]
    with (site.root / "log-0").open("ab") as log:
        site.processes[0] = await asyncio.create_subprocess_exec(
            site.binary, *words, stdout=log, stderr=log
        )
    known = {"ca.crt": authority.certificate}
    if asks:
        known |= {"tls.crt": client.certificate, "tls.key": client.key}
    yield url, known


@pytest.mark.parametrize("asks", [True, False], ids=["client certificate", "only its own"])
async def test_a_source_with_tls_is_read(
    site: Site, target: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    await formed(target, 1)
    place = tmp_path / "tls"
    place.mkdir()
    monkeypatch.setattr(source_module, "SOURCE_TLS", str(place))
    async with serving_tls(site, asks=asks) as (url, known):
        with pytest.raises(TaskError, match=r"has no ca\.crt"):
            await mirror_keys(task(site, target, endpoints=[url]))
        for name, text in known.items():
            (place / name).write_text(text)
        async with mirroring(task(site, target, endpoints=[url])):
            await wait_for_phase(target, MirrorPhase.FOLLOWING)
            keys = source_module.Source([url], b"").keys
            await keys.client.put(b"a", b"1")
            await keys.client.close()
            await until(lambda: has(target.client(0), b"a"))
