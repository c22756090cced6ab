"""What this process does by itself is what kubectl would have done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from deploy import api_calls
from deploy.api_server import ApiError, ApiServer
from etcd_operator.json_types import Json
from etcd_operator.simulation.merge_patch import LAST_APPLIED

TEAM = "--namespace=team"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
OPTIONS = {"propagationPolicy": "Background"}


def describe(kind: str, plural: str, *short: str, scope: str = "Namespaced") -> Json:
    """A kind as discovery shows it."""
    names = {"resource": plural, "singularResource": kind.lower(), "shortNames": list(short)}
    return {**names, "responseKind": {"kind": kind}, "scope": scope}


def group(name: str, version: str, *kinds: Json) -> Json:
    """A group as discovery shows it."""
    return {"metadata": {"name": name}, "versions": [{"version": version, "resources": kinds}]}


CORE = group(
    "",
    "v1",
    describe("Pod", "pods", "po"),
    describe("Event", "events"),
    describe("Node", "nodes", scope="Cluster"),
)
OURS = group("etcd.etcd.io", "v1alpha1", describe("EtcdCluster", "etcdclusters", "etcd"))


class Server:
    """Answers requests, and keeps each with its parameters and its body."""

    def __init__(self, *groups: Json) -> None:
        self.groups = list(groups)
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[str, Iterator[Json]] = {}

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the API server does, or as this test said."""
        path = request.url.path
        if path in {"/api", "/apis"}:
            return httpx2.Response(200, json={"items": [CORE] if path == "/api" else self.groups})
        words = f"{request.method} {path}"
        body = json.loads(request.content) if request.content else None
        self.asked.append((words, str(request.url.params), body))
        found = next(self.answers.get(words, iter(())), None)
        if found is None:
            missing = {"reason": "NotFound", "message": f'"{path}" not found'}
            return httpx2.Response(404, json=missing)
        return httpx2.Response(int(found.get("code", 200)), json=found)

    def says(self, words: str, *answers: Json) -> None:
        """What it answers to a request, one after the other."""
        self.answers[words] = iter(answers)


def named(name: str, uid: str = "uid-1") -> Json:
    """An object."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": uid}}


@pytest.fixture
def server() -> Server:
    """An API server with the operator's kinds."""
    return Server(OURS)


@pytest.fixture
def api(server: Server) -> ApiServer:
    """The API server as this process calls it."""
    transport = httpx2.MockTransport(server.answer)
    return ApiServer(httpx2.Client(transport=transport, base_url="https://kubernetes"))


@pytest.fixture
def run(api: ApiServer) -> Callable[..., str | None]:
    """Carries out a command, if this process can."""
    return lambda *words: api_calls.run(api, api_calls.parse(words), 1.0)


@pytest.mark.parametrize(
    ("words", "path", "parameters"),
    [
        (("get", "etcd", "db", TEAM), "namespaces/team/etcdclusters/db", ""),
        (("get", "EtcdCluster", "db", TEAM), "namespaces/team/etcdclusters/db", ""),
        (("get", "etcdcluster/db", TEAM), "namespaces/team/etcdclusters/db", ""),
        ((TEAM, "get", "po", "--selector=a=b"), "namespaces/team/pods", "labelSelector=a%3Db"),
        (("get", "events", TEAM, "--field-selector=a=b"), "namespaces/team/events", "fieldSel"),
        (("get", "nodes"), "nodes", ""),
    ],
    ids=["short name", "kind", "with a slash", "labels", "fields", "no namespace"],
)
def test_what_is_read_is_what_kubectl_would_print(
    server: Server, api: ApiServer, words: tuple[str, ...], path: str, parameters: str
) -> None:
    root = "/apis/etcd.etcd.io/v1alpha1" if "etcd" in path else "/api/v1"
    item = {"metadata": {"name": "db", "managedFields": [{}]}}
    server.says(f"GET {root}/{path}", {"apiVersion": "v1", "kind": "PodList", "items": [item]})
    found = api_calls.read(api, api_calls.parse(words))
    assert found is not None
    assert found["items"] == [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db"}}]
    assert parameters in server.asked[0][1]


@pytest.mark.parametrize(
    "words",
    [
        ("get", "pods"),
        ("get", "pods", "--all-namespaces"),
        ("get", "pods", TEAM, "--sort-by=.metadata.name"),
        ("get", "pods,nodes", TEAM),
        ("get", "pods", "a", "b", TEAM),
        ("get", "unheard-of", "a", TEAM),
        ("delete", "pods", "a", TEAM),
    ],
)
def test_other_reads_are_left_to_kubectl(
    server: Server, api: ApiServer, words: tuple[str, ...]
) -> None:
    assert api_calls.read(api, api_calls.parse(words)) is None
    assert not server.asked


@pytest.mark.parametrize(
    "words",
    [
        ("get", "pods", TEAM),
        ("exec", "c-0", TEAM, "--", "etcdctl", "--endpoints=a"),
        ("delete", "pods", TEAM),
        ("delete", "pods", "--all", "a", TEAM),
        ("delete", "pods,nodes", "a", TEAM),
        ("delete", "pods", "a", TEAM, "--dry-run=server"),
        ("delete", "pods", "a"),
        ("patch", "pod", "a", TEAM, "--type=unheard-of", "--patch={}"),
        ("patch", "pod", "a", TEAM, "--patch-file=a"),
        ("scale", "etcd", "a", TEAM),
        ("scale", "etcd", "a", TEAM, "--replicas=3", "--current-replicas=1"),
        ("annotate", "pods", "a=b", TEAM),
        ("annotate", "pods", "a", "--all", "a=b", TEAM),
        ("label", "pod", "a", "a=b", TEAM, "--dry-run=server"),
        ("--help",),
    ],
)
def test_other_commands_are_left_to_kubectl(
    server: Server, run: Callable[..., str | None], words: tuple[str, ...]
) -> None:
    assert run(*words) is None
    assert not server.asked


def test_a_path_is_read_as_it_is(server: Server, run: Callable[..., str | None]) -> None:
    server.says("GET /healthz", {"a": 1}, {"a": 2})
    assert json.loads(run("get", "--raw", "/healthz") or "") == {"a": 1}
    assert json.loads(run("get", "--raw=/healthz") or "") == {"a": 2}


def test_a_kind_may_come_later(server: Server, run: Callable[..., str | None]) -> None:
    later, server.groups = server.groups, []
    assert run("delete", "etcd", "db", TEAM, "--wait=false", "--ignore-not-found") is None
    server.groups = later
    assert run("delete", "etcd", "db", TEAM, "--wait=false", "--ignore-not-found")


def test_a_refusal_reads_as_kubectl_prints_it(run: Callable[..., str | None]) -> None:
    with pytest.raises(ApiError, match=r'Error from server \(NotFound\): ".*/pods/a" not found'):
        run("delete", "pod", "a", TEAM)


def test_a_patch_is_of_the_type_that_was_asked_for(
    server: Server, run: Callable[..., str | None]
) -> None:
    server.says("PATCH /api/v1/namespaces/team/pods/a/status", named("a"))
    words = ("patch", "pod", "a", TEAM, "--subresource=status", "--type=merge")
    assert run(*words, '--patch={"status": {}}')
    assert server.asked[0][2] == {"status": {}}


def test_the_size_is_changed_by_the_subresource_for_it(
    server: Server, run: Callable[..., str | None]
) -> None:
    path = "/apis/etcd.etcd.io/v1alpha1/namespaces/team/etcdclusters/db/scale"
    server.says(f"PATCH {path}", named("db"))
    assert run("scale", "etcd/db", TEAM, "--replicas=3")
    assert server.asked == [(f"PATCH {path}", "fieldManager=kubectl", {"spec": {"replicas": 3}})]


@pytest.mark.parametrize(
    ("verb", "field"), [("annotate", "annotations"), ("label", "labels")], ids=["one", "other"]
)
def test_what_is_marked_keeps_its_other_marks(
    server: Server, run: Callable[..., str | None], verb: str, field: str
) -> None:
    path = "/api/v1/namespaces/team/pods/a"
    server.says(f"GET {path}", {"metadata": {"name": "a", field: {"x/y": "1", "old": "1"}}})
    server.says(f"PATCH {path}", named("a"))
    assert run(verb, "pod", "a", TEAM, "x/y=1", "z=a=b", "old-")
    words, parameters, body = server.asked[1]
    assert words == f"PATCH {path}"
    assert f"fieldManager=kubectl-{verb}" in parameters
    assert body == {"metadata": {field: {"x/y": "1", "z": "a=b", "old": None}}}


def test_another_value_is_put_in_its_place_only_where_that_is_asked_for(
    server: Server, run: Callable[..., str | None]
) -> None:
    path = "/api/v1/namespaces/team/pods"
    pods = [named("a"), {"metadata": {"name": "b", "annotations": {"x": "1"}}}]
    server.says(f"GET {path}", *[{"items": pods}] * 2)
    server.says(f"PATCH {path}/a", named("a"))
    server.says(f"PATCH {path}/b", named("b"))
    assert run("annotate", "pods", "--all", TEAM, "x=2") is None, "kubectl refuses it"
    assert len(server.asked) == 1, "nothing was changed"
    assert run("annotate", "pods", "--all", TEAM, "x=2", "--overwrite")
    assert [words for words, *_ in server.asked[2:]] == [f"PATCH {path}/a", f"PATCH {path}/b"]


def test_a_deletion_waits_for_the_end_of_that_very_object(
    server: Server, run: Callable[..., str | None]
) -> None:
    path = "/api/v1/namespaces/team/pods/a"
    server.says(f"DELETE {path}", named("a"))
    server.says(f"GET {path}", named("a"), named("a", "another"))
    assert run("delete", "pod", "a", TEAM) == 'pods "a" deleted\n'
    assert server.asked[0] == (f"DELETE {path}", "", OPTIONS)
    assert [words for words, *_ in server.asked[1:]] == [f"GET {path}"] * 2


def test_a_deletion_that_does_not_end_is_told(
    server: Server, run: Callable[..., str | None]
) -> None:
    path = "/api/v1/namespaces/team/pods/a"
    server.says(f"DELETE {path}", named("a"))
    server.says(f"GET {path}", *[named("a")] * 9)
    with pytest.raises(ApiError, match="timed out waiting"):
        run("delete", "pod", "a", TEAM, "--timeout=0.1s")


def test_all_are_deleted_that_are_there(server: Server, run: Callable[..., str | None]) -> None:
    path = "/api/v1/namespaces/team/pods"
    server.says(f"GET {path}", {"items": [named("a"), named("b")]})
    server.says(f"DELETE {path}/a", {"kind": "Status", "details": {"uid": "uid-1"}})
    words = ("delete", "pods", TEAM, "--selector=a=b", "--wait=false")
    assert run(*words) == 'pods "a" deleted\npods "b" deleted\n', "one of them has gone by itself"


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (("--cascade=orphan",), {"propagationPolicy": "Orphan"}),
        (("--grace-period=0",), {**OPTIONS, "gracePeriodSeconds": 1}),
        (("--grace-period=0", "--force"), {**OPTIONS, "gracePeriodSeconds": 0}),
        (("--force",), {**OPTIONS, "gracePeriodSeconds": 0}),
        (("--grace-period=30",), {**OPTIONS, "gracePeriodSeconds": 30}),
    ],
)
def test_flags_of_a_deletion_are_its_options(
    server: Server, run: Callable[..., str | None], flags: tuple[str, ...], options: Json
) -> None:
    server.says("DELETE /api/v1/namespaces/team/pods/a", named("a"))
    run("delete", "pod", "a", TEAM, "--wait=false", *flags)
    assert server.asked[0][2] == options


@pytest.mark.parametrize(
    ("namespace", "place"), [(None, "default"), ("team", "team")], ids=["none", "given"]
)
def test_a_manifest_is_applied_where_it_belongs(
    server: Server, api: ApiServer, namespace: str | None, place: str
) -> None:
    path = f"POST /api/v1/namespaces/{place}/pods"
    server.says(path, named("a"))
    assert api_calls.apply(api, POD, namespace)
    words, parameters, body = server.asked[1]
    assert words == path
    assert json.loads(body["metadata"]["annotations"][LAST_APPLIED]) == POD
    assert "fieldValidation=Strict" in parameters
    assert "dryRun" not in parameters


@pytest.mark.parametrize("there", [True, False], ids=["one that is there", "a new one"])
def test_a_dry_run_has_no_effect(server: Server, api: ApiServer, there: bool) -> None:
    path = "/api/v1/namespaces/default/pods"
    server.says(f"GET {path}/a", *[named("a")] * there)
    server.says(f"PATCH {path}/a", named("a"))
    server.says(f"POST {path}", named("a"))
    assert api_calls.apply(api, POD, None, dry_run=True)
    assert ["dryRun=All" in parameters for _, parameters, _ in server.asked] == [False, True]


def test_a_manifest_that_says_less_takes_away_what_only_it_said(
    server: Server, api: ApiServer
) -> None:
    path = "/api/v1/namespaces/default/pods/a"
    before = {**POD, "spec": {"kept": 1, "gone": {}, "inner": {"gone": 1}, "plain": 1}}
    live = {"metadata": {"annotations": {LAST_APPLIED: json.dumps(before)}}}
    server.says(f"GET {path}", live)
    server.says(f"PATCH {path}", live)
    assert api_calls.apply(api, {**POD, "spec": {"kept": 1, "inner": {}, "plain": {}}}, None)
    changes = {"kept": 1, "gone": None, "inner": {"gone": None}, "plain": {}}
    assert server.asked[1][2]["spec"] == changes


def test_a_manifest_of_no_known_kind_is_left_to_kubectl(api: ApiServer) -> None:
    manifest = {"apiVersion": "a/v1", "kind": "EtcdCluster", "metadata": {"name": "a"}}
    assert not api_calls.apply(api, manifest, None)
