"""Connection Secrets on an API server: made of other Secrets, by one write, never half."""

from __future__ import annotations

import asyncio
import base64

import pytest

from etcd_operator.core.actions import WriteConnection
from etcd_operator.core.connections.state import Connection, Source
from etcd_operator.errors import Conflict
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import SECRETS
from etcd_operator.runtime.pki.connections import FRESH_SECONDS, ConnectionSecrets
from tests.builders.snapshots import NAMING, UID
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

NAME = "db-connection-web"


def encode(data: dict[str, str]) -> Json:
    return {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}


class Place:
    """A namespace with the Secrets of a user."""

    def __init__(self) -> None:
        self.api = InMemoryApi(ApiServer())
        self.store = ConnectionSecrets(self.api, LoopClock())

    async def put(self, name: str, **data: str) -> Source:
        """Create a Secret."""
        written = {key.replace("_", "."): text for key, text in data.items()}
        body = {"metadata": {"name": name}, "data": encode(written)}
        made = await self.api.create(SECRETS, NAMING.namespace, body)
        return Source(name, made["metadata"]["uid"], made["metadata"]["resourceVersion"])

    async def change(self, name: str, **data: str | None) -> Json:
        """Somebody writes into a Secret."""
        encoded = {k.replace("_", "."): v and encode({"": v})[""] for k, v in data.items()}
        patch = {"metadata": {}, "data": encoded}
        return await self.api.merge_patch(SECRETS, NAMING.namespace, name, patch)

    async def read(self) -> dict[str, str]:
        """The content of the connection Secret."""
        data = (await self.api.get(SECRETS, NAMING.namespace, NAME))["data"]
        return {key: base64.b64decode(text).decode() for key, text in data.items() if text}


async def issued(place: Place) -> Connection:
    """What is to be told of a user with a certificate and a password."""
    certificate = await place.put("db-user-web", tls_crt="CERT", tls_key="KEY", ca_crt="CA")
    password = await place.put("web-password", password="pw")  # noqa: S106 (a fake one)
    return Connection(NAME, "web", "host", "https://host:2379", ("a", "b"), certificate, password)


async def test_it_is_written_whole_and_found_to_be_current() -> None:
    place = Place()
    wanted = await issued(place)
    assert await place.store.look(NAMING, (NAME,)) == {}
    await place.store.write(WriteConnection(wanted, "", "", ""), NAMING)
    made = await place.api.get(SECRETS, NAMING.namespace, NAME)
    assert made["type"] == "servicebinding.io/etcd"
    content = await place.read()
    assert (content["tls.key"], content["password"], content["ca.crt"]) == ("KEY", "pw", "CA")
    found = (await place.store.look(NAMING, (NAME,)))[NAME]
    assert (found.sources, found.intact, found.owner_uid) == (wanted.fingerprint, True, UID)
    assert "KEY" not in repr(found)
    with pytest.raises(Conflict):
        await place.store.write(WriteConnection(wanted, "", "", ""), NAMING)


async def test_a_source_that_changed_meanwhile_is_not_copied() -> None:
    place = Place()
    wanted = await issued(place)
    await place.change("db-user-web", tls_crt="NEW")
    with pytest.raises(Conflict, match="Secret db-user-web has changed"):
        await place.store.write(WriteConnection(wanted, "", "", ""), NAMING)


async def test_a_change_by_others_is_seen_and_taken_back() -> None:
    place = Place()
    wanted = await issued(place)
    await place.store.write(WriteConnection(wanted, "", "", ""), NAMING)
    await place.change(NAME, password="mine", note="kept")  # noqa: S106 (a fake one)
    await asyncio.sleep(FRESH_SECONDS + 1)
    found = (await place.store.look(NAMING, (NAME,)))[NAME]
    assert not found.intact
    again = WriteConnection(wanted, found.uid, found.resource_version, "")
    await place.store.write(again, NAMING)
    content = await place.read()
    assert (content["password"], content["note"]) == ("pw", "kept")
    assert (await place.store.look(NAMING, (NAME,)))[NAME].intact
    with pytest.raises(Conflict):
        await place.store.write(again, NAMING)


async def test_what_there_is_no_more_is_taken_out() -> None:
    place = Place()
    wanted = await issued(place)
    await place.store.write(WriteConnection(wanted, "", "", ""), NAMING)
    found = (await place.store.look(NAMING, (NAME,)))[NAME]
    bare = Connection(NAME, "web", "host", "https://host:2379", ("a",), wanted.certificate)
    await place.store.write(WriteConnection(bare, found.uid, found.resource_version, ""), NAMING)
    content = await place.read()
    assert "password" not in content
    assert "ETCDCTL_USER" not in content
    assert (await place.store.look(NAMING, (NAME,)))[NAME].intact
