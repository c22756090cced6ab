"""Requests as the API server gets them, and its answers as the errors that callers know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from etcd_operator.api.duration import Duration
from etcd_operator.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    KubeUnavailable,
    NotFound,
)
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import CLUSTERS, CONFIG_MAPS, STATEFUL_SETS
from etcd_operator.runtime.kubernetes.client import LightkubeApi, translate_error
from tests.fakes.http_api import FakeApi, connect

Counted = list[tuple[str, str, int]]


@pytest.fixture
async def server() -> AsyncIterator[FakeApi]:
    """An API server without any fault."""
    async with FakeApi().serve() as running:
        yield running


@pytest.fixture
def counted() -> Counted:
    """Every request that was counted."""
    return []


@pytest.fixture
async def api(server: FakeApi, counted: Counted) -> AsyncIterator[LightkubeApi]:
    """A client of the server."""
    client = connect(server.url)
    api = LightkubeApi(client, lambda *request: counted.append(request), watch_idle_seconds=0.1)
    yield api
    await api.close()


def manifest(name: str = "db-config", **metadata: str) -> Json:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "team", **metadata},
        "data": {"a": "b"},
    }


def test_paths() -> None:
    assert CLUSTERS.path(None) == "/apis/etcd.etcd.io/v1alpha1/etcdclusters"
    assert CONFIG_MAPS.path("team", "x") == "/api/v1/namespaces/team/configmaps/x"
    assert (
        CLUSTERS.path("team", "db", "status")
        == "/apis/etcd.etcd.io/v1alpha1/namespaces/team/etcdclusters/db/status"
    )
    assert (STATEFUL_SETS.api_version, CONFIG_MAPS.api_version) == ("apps/v1", "v1")


async def test_apply_takes_over_the_fields_under_our_name(
    api: LightkubeApi, server: FakeApi
) -> None:
    answer = await api.apply(CONFIG_MAPS, manifest())
    (seen,) = server.requests
    assert seen.method == "PATCH"
    assert seen.path == "/api/v1/namespaces/team/configmaps/db-config"
    assert seen.content_type == "application/apply-patch+yaml"
    assert seen.query == {
        "fieldManager": "etcd-operator",
        "force": "true",
        "fieldValidation": "Strict",
    }
    assert seen.body == manifest()
    assert answer["metadata"]["uid"] == "u1"


async def test_an_apply_with_an_old_version_or_another_uid_is_a_conflict(
    api: LightkubeApi, server: FakeApi
) -> None:
    live = await api.apply(CONFIG_MAPS, manifest())
    for fence in ({"resourceVersion": "1"}, {"uid": "other"}):
        with pytest.raises(Conflict):
            await api.apply(CONFIG_MAPS, manifest(**fence))
    await api.apply(CONFIG_MAPS, manifest(uid=live["metadata"]["uid"]))


async def test_delete_names_the_object_exactly(api: LightkubeApi, server: FakeApi) -> None:
    server.write("a")
    with pytest.raises(Conflict):
        await api.delete(CONFIG_MAPS, "team", "a", uid="other")
    with pytest.raises(Conflict):
        await api.delete(CONFIG_MAPS, "team", "a", uid="u1", resource_version="1")
    answer = await api.delete(CONFIG_MAPS, "team", "a", uid="u1", grace_seconds=5)
    assert answer["status"] == "Success"
    seen = server.requests[-1]
    assert (seen.method, seen.path) == ("DELETE", "/api/v1/namespaces/team/configmaps/a")
    assert seen.body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u1"},
        "propagationPolicy": "Background",
        "gracePeriodSeconds": 5,
    }
    with pytest.raises(NotFound):
        await api.delete(CONFIG_MAPS, "team", "a", uid="u1")


async def test_merge_patch_carries_its_preconditions(api: LightkubeApi, server: FakeApi) -> None:
    server.write("a")
    with pytest.raises(Conflict):
        await api.merge_patch(CONFIG_MAPS, "team", "a", {"metadata": {"uid": "other"}})
    await api.merge_patch(CONFIG_MAPS, "team", "a", {"metadata": {"uid": "u1"}, "data": {"x": "y"}})
    seen = server.requests[-1]
    assert seen.content_type == "application/merge-patch+json"
    assert seen.query == {"fieldManager": "etcd-operator"}
    assert server.objects["team", "a"]["data"] == {"x": "y"}
    with pytest.raises(NotFound):
        await api.merge_patch(CONFIG_MAPS, "team", "b", {}, subresource="status")
    assert server.requests[-1].path.endswith("/configmaps/b/status")


async def test_create_and_get(api: LightkubeApi, server: FakeApi) -> None:
    with pytest.raises(NotFound):
        await api.get(CONFIG_MAPS, "team", "db-config")
    await api.create(CONFIG_MAPS, "team", manifest())
    with pytest.raises(Conflict) as caught:
        await api.create(CONFIG_MAPS, "team", manifest())
    assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")
    assert (await api.get(CONFIG_MAPS, "team", "db-config"))["data"] == {"a": "b"}


async def test_a_value_of_a_type_of_its_own_travels_as_its_text(
    api: LightkubeApi, server: FakeApi
) -> None:
    body = manifest()
    body["data"] = {"duration": Duration("90m")}
    answer = await api.create(CONFIG_MAPS, "team", body)
    assert answer["data"] == {"duration": "90m"}


async def test_pages_are_asked_for_until_the_last(api: LightkubeApi, server: FakeApi) -> None:
    for number in range(7):
        server.write(f"c{number}")
    pages = [page async for page in api.list_pages(CONFIG_MAPS, "team", "cluster=db")]
    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    assert {r.query["labelSelector"] for r in server.requests} == {"cluster=db"}


async def test_a_list_can_be_of_what_has_a_field(api: LightkubeApi, server: FakeApi) -> None:
    async for _ in api.list_pages(CONFIG_MAPS, "team", field_selector="involvedObject.uid=u1"):
        pass
    assert server.requests[0].query["fieldSelector"] == "involvedObject.uid=u1"
    assert "labelSelector" not in server.requests[0].query


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("429", KubeUnavailable, 429),
        ("500", KubeUnavailable, 500),
        ("503", KubeUnavailable, 503),
        ("gone", Gone, 410),
        ("drop", KubeUnavailable, 0),
        ("cut", KubeUnavailable, 0),
        ("garbage", KubeUnavailable, 200),
    ],
)
async def test_a_broken_write_is_one_of_our_errors(
    api: LightkubeApi,
    server: FakeApi,
    counted: Counted,
    fault: str,
    error: type[KubeError],
    status: int,
) -> None:
    server.break_next("write", fault)
    with pytest.raises(error) as caught:
        await api.apply(CONFIG_MAPS, manifest())
    assert caught.value.status == status
    assert counted == [("apply", "configmaps", status)]


async def test_how_long_to_wait_is_told(api: LightkubeApi, server: FakeApi) -> None:
    server.break_next("write", "429")
    with pytest.raises(KubeUnavailable) as caught:
        await api.apply(CONFIG_MAPS, manifest())
    assert caught.value.retry_after == 7.0


async def test_a_server_that_is_away(counted: Counted) -> None:
    async with FakeApi().serve() as server:
        url = server.url
    async with connect(url) as client:
        api = LightkubeApi(client, lambda *request: counted.append(request))
        with pytest.raises(KubeUnavailable):
            await api.get(CONFIG_MAPS, "team", "a")
        with pytest.raises(KubeUnavailable):
            await anext(api.watch(CONFIG_MAPS, None, "", "1"))
    assert counted == [("get", "configmaps", 0), ("watch", "configmaps", 0)]


async def test_watches_have_connections_of_their_own(server: FakeApi) -> None:
    """Else each request would look at all of them."""
    async with FakeApi().serve() as gone:
        nowhere = gone.url
    api = LightkubeApi(connect(server.url), watching=connect(nowhere))
    await api.apply(CONFIG_MAPS, manifest())
    with pytest.raises(KubeUnavailable):
        await anext(api.watch(CONFIG_MAPS, None, "", "1"))
    await api.close()


async def test_a_watch_asks_for_bookmarks_and_an_end(api: LightkubeApi, server: FakeApi) -> None:
    server.write("a")
    events = api.watch(CONFIG_MAPS, "team", "cluster=db", "100")
    assert (await anext(events)).type == "BOOKMARK"
    added = await anext(events)
    assert (added.type, added.object["metadata"]["name"]) == ("ADDED", "a")
    with pytest.raises(KubeUnavailable):  # nothing more comes: the idle time is over
        await anext(events)
    query = server.requests[-1].query
    assert query.pop("timeoutSeconds").isdecimal()
    assert query == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": "100",
        "labelSelector": "cluster=db",
    }


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("gone", Gone),
        ("error-410", Gone),
        ("error-500", KubeUnavailable),
        ("503", KubeUnavailable),
        ("garbage", KubeUnavailable),
        ("cut", KubeUnavailable),
        ("silent", KubeUnavailable),
    ],
)
async def test_a_broken_watch_is_one_of_our_errors(
    api: LightkubeApi, server: FakeApi, fault: str, error: type[KubeError]
) -> None:
    server.break_next("watch", fault)
    with pytest.raises(error):
        [event async for event in api.watch(CONFIG_MAPS, None, "", "100")]


async def test_a_watch_tells_how_long_the_server_asks_to_wait(
    api: LightkubeApi, server: FakeApi
) -> None:
    server.break_next("watch", "429")
    with pytest.raises(KubeUnavailable) as caught:
        await anext(api.watch(CONFIG_MAPS, None, "", "100"))
    assert caught.value.retry_after == 7


async def test_a_watch_that_the_server_ends_just_ends(api: LightkubeApi, server: FakeApi) -> None:
    server.break_next("watch", "end")
    assert [event async for event in api.watch(CONFIG_MAPS, None, "", "100")] == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, Invalid),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (408, KubeUnavailable),
        (429, KubeUnavailable),
        (504, KubeUnavailable),
    ],
)
def test_translation_of_every_code(code: int, error: type[KubeError]) -> None:
    body = b'{"kind":"Status","message":"spec.size is wrong","reason":"Because"}'
    made = translate_error(code, body)
    assert isinstance(made, KubeError)
    assert type(made) is error
    assert (str(made), made.status, made.reason) == ("spec.size is wrong", code, "Because")


@pytest.mark.parametrize("body", [b"<html>Bad gateway", b"[1]", b"", b"\xff\xfe"])
def test_a_proxys_page_is_quoted(body: bytes) -> None:
    made = translate_error(502, body)
    assert isinstance(made, KubeUnavailable)
    assert str(made) == body.decode(errors="replace")


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), ("", None), ("Wed, 21 Oct", None)])
def test_only_seconds_are_believed(header: str, seconds: float | None) -> None:
    made = translate_error(429, b"", header)
    assert isinstance(made, KubeUnavailable)
    assert made.retry_after == seconds


def test_the_uid_of_another_object_is_a_conflict() -> None:
    """As the API server answers a patch whose uid is that of an object that was replaced."""
    body = {
        "kind": "Status",
        "message": 'Pod "c-0" is invalid: metadata.uid: Invalid value: "u": field is immutable',
        "reason": "Invalid",
        "details": {"causes": [{"reason": "FieldValueInvalid", "field": "metadata.uid"}]},
    }
    made = translate_error(422, json.dumps(body).encode())
    assert isinstance(made, Conflict)
    for causes in ([{"field": "spec.size"}], [], None):
        body["details"] = {"causes": causes}
        assert isinstance(translate_error(422, json.dumps(body).encode()), Invalid)
    assert isinstance(translate_error(422, b"[1]"), Invalid)


def test_a_webhook_that_is_not_there_is_a_refusal() -> None:
    """Nothing was written, and what does not need it goes on; people are told which webhook."""
    said = 'Internal error occurred: failed calling webhook "mesh.example": connection refused'
    body = {"kind": "Status", "reason": "InternalError", "message": said}
    made = translate_error(500, json.dumps(body).encode())
    assert isinstance(made, Forbidden)
    assert str(made) == said


@pytest.mark.parametrize(
    "said",
    [
        "failed to create typed patch object (a/db): .spec.affinity.nonsense: field not declared",
        "failed to convert new object (a/db) to proper version: cannot convert float64 to int64",
    ],
)
def test_an_object_that_cannot_be_read_is_invalid_whatever_the_code(said: str) -> None:
    """As the API server answers an apply with a field that it does not know, or of another type."""
    made = translate_error(500, json.dumps({"kind": "Status", "message": said}).encode())
    assert isinstance(made, Invalid)
    assert str(made) == said
    elsewhere = json.dumps({"kind": "Status", "message": f"no answer of etcd: {said}"}).encode()
    assert isinstance(translate_error(500, elsewhere), KubeUnavailable)


@pytest.mark.parametrize("said", ["x" * 3_000_000, ["a", "list"], None])
def test_what_an_admission_webhook_says_is_cut(said: Any) -> None:
    made = translate_error(403, json.dumps({"kind": "Status", "message": said}).encode())
    assert isinstance(made, Forbidden)
    assert len(str(made)) <= 2000


async def test_requests_do_not_wait_for_the_watches_of_many_namespaces(
    server: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    api = LightkubeApi.from_environment()

    async def watch(number: int) -> None:
        async for _ in api.watch(CONFIG_MAPS, f"team-{number}", "", "100"):
            pass

    watches = [asyncio.create_task(watch(number)) for number in range(150)]
    try:
        async with asyncio.timeout(10):
            while len(server.requests) < len(watches):  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.01)
        assert await asyncio.wait_for(api.create(CONFIG_MAPS, "team", manifest()), 5)
    finally:
        for task in watches:
            task.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await api.close()
