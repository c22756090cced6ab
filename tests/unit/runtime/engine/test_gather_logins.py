"""As whom members without TLS are asked: as one of two users, with the token of before."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.auth.state import OPERATOR_USER
from etcd_operator.core.model.naming import (
    ANNOTATION_CLIENT_TLS,
    ANNOTATION_TLS,
    SERVER_VOLUME,
)
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.session import Login
from etcd_operator.runtime.kubernetes.api import SECRETS
from etcd_operator.runtime.pki.passwords import FRESH_SECONDS
from etcd_operator.runtime.pki.x509 import make_authority
from tests.builders.snapshots import NAMING, UID, raw_cluster
from tests.harnesses.gather import GathererHarness, labelled, pod

pytestmark = pytest.mark.looptime

OWN, ROOT = NAMING.operator_password, NAMING.root_password
ADDRESS = "10.0.0.1:2379"


class Stage(GathererHarness):
    """A cluster with users, in plain text unless its security says more."""

    def __init__(self, security: Json | None = None) -> None:
        super().__init__()
        self.cluster = parse_cluster(raw_cluster({"size": 1, "security": security or {"auth": {}}}))
        self.add(0, None)

    def keep(self, name: str, version: str, **changes: Any) -> None:
        """Store a Secret with a password."""
        data = {"password": base64.b64encode(version.encode()).decode()}
        owner = {"uid": UID, "controller": True}
        about = {"name": name, "uid": name, "resourceVersion": version, "ownerReferences": [owner]}
        kind = {"type": "kubernetes.io/basic-auth", **changes}
        self.server.put(SECRETS, name, {"metadata": about, "data": data, **kind}, NAMING.namespace)

    async def find_login(self) -> Login | None:
        """As whom its member is asked, by what the Secrets are now."""
        await asyncio.sleep(FRESH_SECONDS + 1)
        snapshot = await self.gather()
        assert {one.owner_uid for one in snapshot.passwords.values()} <= {UID}
        return self.etcd.logins[ADDRESS]


async def test_it_is_asked_as_the_operators_own_user_and_then_as_root() -> None:
    stage = Stage()
    assert await stage.find_login() is None, "there is no Secret yet"
    for name in (OWN, ROOT):
        stage.keep(name, "1")
    first = await stage.find_login()
    assert first
    assert first.names == (OPERATOR_USER, "root")
    assert await stage.find_login() is first, "and so is its token"
    stage.keep(OWN, "2", type="Opaque")
    second = await stage.find_login()
    assert second
    assert second.names == ("root",)


async def test_a_token_outlives_the_passwords_that_were_lost() -> None:
    stage = Stage()
    stage.keep(OWN, "1")
    first = await stage.find_login()
    assert first
    first.token = "counts"
    del stage.server.objects[SECRETS.name, NAMING.namespace, OWN]
    assert await stage.find_login() is first
    stage.keep(OWN, "2")
    second = await stage.find_login()
    assert second
    assert second is not first
    assert second.token == "counts"


@pytest.mark.parametrize("gate", ["client,permissive", "none"])
async def test_members_that_have_yet_to_lose_tls_know_the_operator_by_it(gate: str) -> None:
    stage = Stage()
    pair = make_authority("root", datetime.now(UTC))
    secret = {"ca.crt": pair.certificate, "tls.crt": pair.certificate, "tls.key": pair.key}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in secret.items()}
    about = {"name": NAMING.operator_secret, "uid": "o", "resourceVersion": "1"}
    body = {"metadata": about, "type": "kubernetes.io/tls", "data": data}
    stage.server.put(SECRETS, NAMING.operator_secret, body, NAMING.namespace)
    config = labelled("ConfigMap", NAMING.config_map)
    config["metadata"]["annotations"] = {ANNOTATION_TLS: gate}
    config["metadata"]["ownerReferences"] = [{"uid": UID, "controller": True}]
    stage.show(config)
    member = pod(0)
    member["metadata"]["resourceVersion"] = "6"
    member["spec"] = {"volumes": [{"name": SERVER_VOLUME}]}
    member["metadata"]["annotations"] = {ANNOTATION_CLIENT_TLS: "Permissive"}
    stage.show(member)
    await stage.gather()
    assert bool(stage.etcd.tls[ADDRESS]) == (gate != "none")


async def test_nobody_logs_in_where_there_are_no_users() -> None:
    stage = Stage({"tls": {"enabled": False}})
    stage.keep(OWN, "1")
    assert await stage.find_login() is None
