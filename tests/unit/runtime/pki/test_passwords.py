"""Secrets with passwords: created once, read when they are used, never kept."""

from __future__ import annotations

import asyncio
import base64

import pytest

from etcd_operator.core.actions import CreatePasswordSecret
from etcd_operator.errors import Conflict
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import SECRETS
from etcd_operator.runtime.pki.passwords import (
    BASIC_AUTH,
    FRESH_SECONDS,
    LONGEST_PASSWORD,
    PasswordSecrets,
    read_password,
)
from tests.builders.snapshots import NAMING, UID
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

NAME = "web-password"
CREATION = CreatePasswordSecret(NAME, "web")


def encode(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.b64encode(raw).decode()


def secret(data: Json, kind: str = BASIC_AUTH) -> Json:
    """A Secret as the API server has it."""
    place = {"namespace": NAMING.namespace, "name": NAME, "uid": "u", "resourceVersion": "5"}
    return {"metadata": place, "type": kind, "data": data}


async def test_a_password_is_created_once_and_told_to_nobody_who_does_not_use_it() -> None:
    server = ApiServer()
    api = InMemoryApi(server)
    store = PasswordSecrets(api, LoopClock())
    assert await store.look(NAMING, [NAME]) == {}
    await store.create(CREATION, NAMING)
    made = await api.get(SECRETS, NAMING.namespace, NAME)
    assert made["type"] == BASIC_AUTH
    assert made["metadata"]["ownerReferences"][0]["uid"] == UID
    assert base64.b64decode(made["data"]["username"]) == b"web"
    found = (await store.look(NAMING, [NAME]))[NAME]
    assert not found.problem
    password = await store.reveal(NAMING, found)
    assert len(password) == 32
    assert encode(password) == made["data"]["password"]
    assert password not in repr(found) + repr(store.__dict__)
    with pytest.raises(Conflict):
        await store.create(CREATION, NAMING)
    other = PasswordSecrets(InMemoryApi(ApiServer()), LoopClock())
    await other.create(CREATION, NAMING)
    again = (await other.look(NAMING, [NAME]))[NAME]
    assert await other.reveal(NAMING, again) != password, "it is random"


async def test_a_change_is_seen_within_half_a_minute_and_never_used_unseen() -> None:
    api = InMemoryApi(ApiServer())
    store = PasswordSecrets(api, LoopClock())
    await store.create(CREATION, NAMING)
    before = (await store.look(NAMING, [NAME]))[NAME]
    change = {"metadata": {}, "data": {"password": encode("another")}}
    await api.merge_patch(SECRETS, NAMING.namespace, NAME, change)
    assert (await store.look(NAMING, [NAME]))[NAME] == before
    await asyncio.sleep(FRESH_SECONDS + 1)
    after = (await store.look(NAMING, [NAME]))[NAME]
    assert after.resource_version != before.resource_version
    with pytest.raises(Conflict, match=f"Secret {NAME} has changed"):
        await store.reveal(NAMING, before)
    assert await store.reveal(NAMING, after) == "another"


PROBLEMS = {
    "its type is not kubernetes.io/basic-auth": secret({"password": encode("a")}, "Opaque"),
    "it has no password": secret({"username": encode("web")}),
    "its password is not text": secret({"password": encode(b"\xff\xfe")}),
    f"its password is longer than {LONGEST_PASSWORD} bytes": secret({"password": encode("ä" * 37)}),
    "": secret({"password": encode("ä" * 36)}),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_what_cannot_be_a_password(problem: str) -> None:
    read, password = read_password(PROBLEMS[problem])
    assert read.problem == problem
    assert bool(password) == (not problem)


def test_a_secret_without_data_or_in_no_base64() -> None:
    for raw in (secret({}), {**secret({}), "data": None}):
        assert read_password(raw)[0].problem == "it has no password"
    assert read_password(secret({"password": "a"}))[0].problem == "its password is not text"
