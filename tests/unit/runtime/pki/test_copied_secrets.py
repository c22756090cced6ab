"""What cert-manager has issued for members, copied into the Secret that they mount."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from etcd_operator.core.actions import CopyCertificate
from etcd_operator.core.certificates.state import Trusted
from etcd_operator.errors import Conflict
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import SECRETS
from etcd_operator.runtime.pki.secrets import CertificateSecrets, read_credential
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate, make_authority, read_bundle
from tests.builders.certificates import SECURE
from tests.builders.snapshots import UID
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

NOW = datetime.now(UTC)
COMPANY = make_authority("company", NOW)
SOURCES = ("db-peer-issued-tls", "db-peer-dial-tls")


def put(api: ApiServer, name: str, *, server: bool) -> KeyPair:
    """cert-manager has written a Secret."""
    pair = issue_certificate(COMPANY, "db", NOW, timedelta(hours=1), server=server)
    files = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": COMPANY.certificate}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in files.items()}
    api.put(SECRETS, name, {"data": data}, SECURE.namespace)
    return pair


def live(api: ApiServer, name: str) -> Json:
    """A Secret as the server has it."""
    found: Json = api.objects["Secret", SECURE.namespace, name]
    return found


def copy_of(api: ApiServer) -> CopyCertificate:
    """The action, as it is decided about what is there."""
    found = [read_credential(live(api, name)).certificate for name in SOURCES]
    keys = tuple(one.key_id for one in found if one)
    trusted: tuple[Trusted, ...] = read_bundle(COMPANY.certificate)
    return CopyCertificate(SECURE.peer_secret, "", "", SOURCES, keys, trusted, "why")


async def test_both_pairs_go_into_the_secret_that_members_mount() -> None:
    api = ApiServer()
    store = CertificateSecrets(InMemoryApi(api), LoopClock())
    shown, dials = put(api, SOURCES[0], server=True), put(api, SOURCES[1], server=False)
    await store.write(copy_of(api), SECURE)
    made = live(api, SECURE.peer_secret)
    data = {key: base64.b64decode(text).decode() for key, text in made["data"].items()}
    assert (data["tls.crt"], data["tls.key"]) == (shown.certificate, shown.key)
    assert (data["client.crt"], data["client.key"]) == (dials.certificate, dials.key)
    credential = read_credential(made)
    assert credential.owner_uid == UID
    assert credential.client == read_credential(live(api, SOURCES[1])).certificate
    assert [one.key_id for one in credential.trusted] == [
        one.key_id for one in read_bundle(COMPANY.certificate)
    ]


async def test_what_was_issued_anew_meanwhile_is_not_copied() -> None:
    api = ApiServer()
    store = CertificateSecrets(InMemoryApi(api), LoopClock())
    for server, name in zip((True, False), SOURCES, strict=True):
        put(api, name, server=server)
    action = copy_of(api)
    del api.objects["Secret", SECURE.namespace, SOURCES[1]]
    put(api, SOURCES[1], server=False)
    with pytest.raises(Conflict, match="db-peer-dial-tls has changed"):
        await store.write(action, SECURE)
    assert ("Secret", SECURE.namespace, SECURE.peer_secret) not in api.objects
