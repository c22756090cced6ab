"""etcd's JSON gateway, with what the operator renders and issues for it."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE
from etcd_operator.core.certificates.wanted import OPERATOR_NAME, wanted_leaves
from etcd_operator.core.model.naming import CLIENT_PORT, METRICS_PORT, METRICS_TLS_PORT
from etcd_operator.core.objects.statefulset import READINESS_PATH
from etcd_operator.core.objects.tls import CONFIG_MOUNT, SERVER_MOUNT
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import auth_pb2 as auth_pb2
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate, make_authority
from tests.builders.snapshots import raw_cluster
from tests.etcd.processes import NAMING, Site, eventually

PUT = {"key": base64.b64encode(b"k").decode(), "value": base64.b64encode(b"v").decode()}
NOW = datetime.now(UTC)
LIFE = timedelta(hours=1)
AUTHORITY = make_authority("db-client-ca", NOW)
SECURE = replace(NAMING, client_tls=True)


def read_spec(version: str, **spec: Any) -> EtcdClusterSpec:
    """A spec as the user writes it."""
    return parse_cluster(raw_cluster({"version": version, **spec})).spec


async def put(site: Site, shown: KeyPair | None = None, **headers: str | None) -> httpx2.Response:
    """Write a key as a client that speaks JSON does."""
    return await post(site, "kv/put", PUT, shown, **headers)


async def post(
    site: Site, path: str, body: Json, shown: KeyPair | None = None, **headers: str | None
) -> httpx2.Response:
    """Make one request to the gateway."""
    trusted = ssl.create_default_context(cadata=AUTHORITY.certificate)
    if shown:
        place = site.root / "shown.pem"
        place.write_text(shown.certificate + shown.key)
        trusted.load_cert_chain(place)
    url = f"http{'s' * bool(shown)}://{site.address(0)}:{CLIENT_PORT}/v3/{path}"
    async with httpx2.AsyncClient(verify=trusted, trust_env=False) as client:
        for name, value in headers.items():
            if value is None:
                del client.headers[name]
            else:
                client.headers[name] = value
        return await client.post(url, json=body)


async def read_metrics(site: Site, shown: KeyPair | None) -> httpx2.Response:
    """Scrape the port with TLS, as somebody or as nobody."""
    trusted = ssl.create_default_context(cadata=AUTHORITY.certificate)
    if shown:
        place = site.root / "scraping.pem"
        place.write_text(shown.certificate + shown.key)
        trusted.load_cert_chain(place)
    async with httpx2.AsyncClient(verify=trusted, trust_env=False) as client:
        return await client.get(f"https://{site.address(0)}:{METRICS_TLS_PORT}/metrics")


def issue(name: str) -> KeyPair:
    """A client's certificate."""
    return issue_certificate(AUTHORITY, name, NOW, LIFE, server=False)


def secure(site: Site, tls: Mapping[str, bool] | None = None, **config: Any) -> None:
    """Give the one member the certificates that the operator would issue, and its file."""
    site.spec = read_spec(
        site.version, etcdConfig=config, security={"tls": {"peerTLSEnabled": False, **(tls or {})}}
    )
    (leaf,) = (one for one in wanted_leaves(site.spec, SECURE) if one.server)
    names = (*leaf.names, site.address(0))
    pair = issue_certificate(
        AUTHORITY, leaf.common_name, NOW, LIFE, names=names, server=True, client=leaf.client
    )
    texts = {
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
        CLIENT_TRUST_FILE: AUTHORITY.certificate,
    }
    for name, text in texts.items():
        (site.root / name).write_text(text)
    site.write(Gate.NEW)
    file = site.root / NAMING.config_key(0)
    text = file.read_text()
    for mount in (SERVER_MOUNT, CONFIG_MOUNT):
        text = text.replace(f"{mount}/", f"{site.root}/")
    file.write_text(text)


@pytest.fixture
async def root(site: Site) -> AsyncIterator[EtcdMemberClient]:
    """The operator's own client of a member with TLS."""
    pair = issue(OPERATOR_NAME)
    identity = Identity(AUTHORITY.certificate, pair.certificate, pair.key)
    address = f"{site.address(0)}:{CLIENT_PORT}"
    client = EtcdMemberClient(address, PeerTls(identity, site.address(0)))
    yield client
    await client.close()


@pytest.mark.parametrize(("wanted", "code"), [({}, 200), ({"enableGRPCGateway": False}, 404)])
async def test_in_plain_text_it_answers_unless_told_otherwise(
    site: Site, wanted: dict[str, bool], code: int
) -> None:
    site.spec = read_spec(site.version, etcdConfig=wanted)
    site.write(Gate.NEW)
    await site.start(0)
    await site.served(0)
    assert (await put(site)).status_code == code


async def test_with_tls_it_answers_where_it_is_asked_for(
    site: Site, root: EtcdMemberClient
) -> None:
    secure(site, enableGRPCGateway=True)
    await site.start(0)
    await eventually(lambda: root.put(b"k", b"v"))
    answer = await put(site, issue("client"))
    assert answer.status_code == 200
    assert answer.json()["header"]["revision"] == "3"


async def test_with_tls_it_is_off_else(site: Site, root: EtcdMemberClient) -> None:
    """It would fail with every request, and say so in etcd's log for ever.

    The port for clients speaks gRPC alone then, so that etcd ends gracefully.
    """
    secure(site)
    await site.start(0)
    await eventually(lambda: root.put(b"k", b"v"))
    with pytest.raises(httpx2.TransportError):
        await put(site, issue("client"))


async def test_metrics_with_tls_ask_for_a_certificate_and_probes_for_none(
    site: Site, root: EtcdMemberClient
) -> None:
    """Whoever wants metrics with TLS scrapes there: deploy/monitoring/pod-monitor-tls.yaml."""
    secure(site, {"metricsTLSEnabled": True})
    await site.start(0)
    await eventually(lambda: root.put(b"k", b"v"))
    answer = await read_metrics(site, issue("prometheus"))
    assert "etcd_server_has_leader 1" in answer.text
    with pytest.raises((httpx2.HTTPError, ssl.SSLError)):
        await read_metrics(site, None)
    async with httpx2.AsyncClient(trust_env=False) as kubelet:
        probed = await kubelet.get(f"http://{site.address(0)}:{METRICS_PORT}{READINESS_PATH}")
    assert probed.status_code == 200


async def test_a_user_logs_in_with_its_password_and_the_certificate_that_it_is_given(
    site: Site, root: EtcdMemberClient
) -> None:
    """What APISIX and Patroni need: a login, and a certificate that names nobody."""
    secure(site, enableGRPCGateway=True)
    await site.start(0)
    await eventually(lambda: root.put(b"k", b"v"))
    for user, password in (("root", ""), ("web", "secret")):
        options = auth_pb2.UserAddOptions(no_password=not password)
        request = auth_pb2.AuthUserAddRequest(name=user, password=password, options=options)
        await root.call("Auth/UserAdd", request, timeout=3)
        grant = auth_pb2.AuthUserGrantRoleRequest(user=user, role="root")
        await root.call("Auth/UserGrantRole", grant, timeout=3)
    await root.call("Auth/AuthEnable", auth_pb2.AuthEnableRequest(), timeout=3)
    users = [{"name": "web", "passwordSecret": "web-password"}]
    security = {"tls": {}, "auth": {"users": users}}
    spec = read_spec(site.version, etcdConfig={"enableGRPCGateway": True}, security=security)
    leaves = {leaf.secret: leaf.common_name for leaf in wanted_leaves(spec, SECURE)}
    shown = issue(leaves["db-user-web"])
    login = {"name": "web", "password": "secret"}
    for name, code in (("web", 400), (leaves["db-user-web"], 200)):
        assert (await post(site, "auth/authenticate", login, issue(name))).status_code == code
    token = (await post(site, "auth/authenticate", login, shown)).json()["token"]
    assert (await put(site, shown, Authorization=token)).status_code == 200
    assert (await put(site, shown)).status_code != 200, "the certificate alone lets nobody in"
    refused = await put(site, issue("web"), Authorization=token)
    assert refused.status_code == 400, "a common name is in the way"


async def test_the_certificate_of_the_server_is_nobody(site: Site, root: EtcdMemberClient) -> None:
    """etcd takes its common name for the user, where nobody says what answer they accept."""
    secure(site, enableGRPCGateway=True)
    await site.start(0)
    await eventually(lambda: root.put(b"k", b"v"))
    for user in ("root", "etcd"):
        options = auth_pb2.UserAddOptions(no_password=True)
        request = auth_pb2.AuthUserAddRequest(name=user, options=options)
        await root.call("Auth/UserAdd", request, timeout=3)
        grant = auth_pb2.AuthUserGrantRoleRequest(user=user, role="root")
        await root.call("Auth/UserGrantRole", grant, timeout=3)
    await root.call("Auth/AuthEnable", auth_pb2.AuthEnableRequest(), timeout=3)
    for name in ("client", "root", ""):
        for accept in ("*/*", None):
            answer = await put(site, issue(name), accept=accept)
            assert answer.status_code != 200, f"{name!r} with Accept {accept}: {answer.text}"
