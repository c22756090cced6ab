"""As whom members without TLS are asked: as one of two users, with the token of before."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.auth.state import OPERATOR_USER
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.session import Login
from etcd_operator.runtime.kubernetes.api import SECRETS
from etcd_operator.runtime.pki.passwords import FRESH_SECONDS
from tests.builders.snapshots import NAMING, UID, raw_cluster
from tests.harnesses.gather import GathererHarness

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


async def test_nobody_logs_in_where_there_are_no_users() -> None:
    stage = Stage({"tls": {"enabled": False}})
    stage.keep(OWN, "1")
    assert await stage.find_login() is None
