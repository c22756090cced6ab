from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from etcd_operator.core.auth.state import OPERATOR_USER
from etcd_operator.json_types import Json
from etcd_operator.plugin.etcd_access import choose_login, choose_secret, has_client_tls
from etcd_operator.plugin.exits import PluginError
from etcd_operator.plugin.key_space import measure, split_prefix
from etcd_operator.runtime.kubernetes.api import CLUSTERS, SECRETS
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster

TLS: Json = {"tls": {}}
WEB: Json = {"name": "web", "roles": ["app"]}
ADMIN: Json = {"name": "admin", "roles": ["root"]}


def cluster_with(security: Json | None) -> Json:
    return {"metadata": {"name": "db"}, "spec": {"security": security}}


@pytest.mark.parametrize(
    ("security", "tls"),
    [
        (None, False),
        (TLS, True),
        ({"tls": {"enabled": False}}, False),
        ({"tls": {"clientTLSEnabled": False}}, False),
    ],
)
def test_whether_clients_speak_tls(security: Json | None, tls: bool) -> None:
    assert has_client_tls(cluster_with(security)) is tls


@pytest.mark.parametrize(("url", "tls"), [("http://a:2379", False), ("https://a:2379", True)])
def test_while_tls_is_turned_on_each_member_says_how_it_serves(url: str, tls: bool) -> None:
    cluster = {**cluster_with(TLS), "status": {"members": [{"name": "db-1", "clientURL": url}]}}
    assert has_client_tls(cluster, "db-1") is tls
    assert has_client_tls(cluster, "db-0"), "of which nothing is known yet"


@pytest.mark.parametrize(
    ("auth", "user", "secret"),
    [
        (None, "", "db-client-tls"),
        ({"enabled": False, "users": [ADMIN]}, "", "db-client-tls"),
        ({"users": [WEB, ADMIN]}, "", "db-user-admin"),
        ({"users": [WEB]}, "", "db-operator-tls"),
        ({"users": [WEB]}, "web", "db-user-web"),
    ],
)
def test_whose_certificate_is_used(auth: Json | None, user: str, secret: str) -> None:
    security = {**TLS, **({"auth": auth} if auth else {})}
    assert choose_secret(cluster_with(security), user) == secret


SECRET_WEB: Json = {**WEB, "passwordSecret": "web-password"}
SECRET_ADMIN: Json = {**ADMIN, "passwordSecret": "admin-password"}
ADOPTED: Json = {"mode": "Unmanaged", "rootPasswordSecret": "old"}


@pytest.mark.parametrize(
    ("auth", "user", "login"),
    [
        (None, "", None),
        ({"enabled": False, "users": [SECRET_ADMIN]}, "", None),
        ({"users": [SECRET_WEB, SECRET_ADMIN]}, "", ("admin", "admin-password")),
        ({"users": [SECRET_WEB]}, "", (OPERATOR_USER, "db-operator-password")),
        ({"users": [SECRET_WEB]}, "web", ("web", "web-password")),
        ({"users": [SECRET_WEB]}, "root", ("root", "db-root-password")),
        ({"rootPasswordSecret": "mine"}, "root", ("root", "mine")),
        (ADOPTED, "", ("root", "old")),
        (ADOPTED, "root", ("root", "old")),
    ],
)
def test_who_logs_in_without_tls(
    auth: Json | None, user: str, login: tuple[str, str] | None
) -> None:
    assert choose_login(cluster_with({"auth": auth} if auth else {}), user) == login


def test_nobody_logs_in_without_a_password() -> None:
    with pytest.raises(PluginError, match="no password of user web"):
        choose_login(cluster_with({"auth": {"users": [WEB]}}), "web")


def write_tool(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that say how they were called, and nothing else on PATH that could be meant."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    return folder


def said(tools: Path) -> str:
    return (tools.parent / "said").read_text()


def test_without_tls_etcdctl_runs_in_a_member(tools: Path) -> None:
    write_tool(tools, "kubectl", 'echo "$@" > $SAID')
    terminal = Terminal()
    put_cluster(terminal.server)
    ended = terminal.type("etcdctl", "db", "--context=c", "--", "get", "a", "--prefix")
    assert ended.code == 0
    assert said(tools) == (
        "--context=c --namespace=team exec --stdin db-0 --container=etcd -- etcdctl get a "
        "--prefix\n"
    )


def test_the_shell_keeps_what_is_typed_ahead_for_its_prompt(tools: Path) -> None:
    write_tool(tools, "kubectl", 'shift 7; echo "$@ from $(readlink /proc/$$/fd/0)" >> $SAID')
    terminal = Terminal()
    put_cluster(terminal.server)
    lines = "get a\n\nput 'a b' \"c\nmember list\nexit\nget b\n"
    before = os.dup(0)
    try:
        with (tools / "typed-ahead").open("w+") as file:
            os.dup2(file.fileno(), 0)
            ended = terminal.type("shell", "db", answer=lines)
    finally:
        os.dup2(before, 0)
        os.close(before)
    assert ended.code == 0
    assert "No closing quotation" in ended.out
    assert said(tools).splitlines() == ["get a from /dev/null", "member list from /dev/null"]


def test_a_failure_of_etcdctl_is_one_of_the_verb(tools: Path) -> None:
    write_tool(tools, "kubectl", "exit 3")
    terminal = Terminal()
    put_cluster(terminal.server)
    assert terminal.type("etcdctl", "db", "--", "get", "a").code == 1
    assert terminal.type("etcdctl", "db", "--member=db-9", "--", "get", "a").code == 3


def put_secured(terminal: Terminal) -> None:
    cluster = put_cluster(terminal.server)
    cluster["spec"]["security"] = TLS
    terminal.server.put(CLUSTERS, "db", cluster, NAMESPACE)
    files = {name: f"{name} of client" for name in ("ca.crt", "tls.crt", "tls.key")}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    terminal.server.put(SECRETS, "db-client-tls", {"data": data}, NAMESPACE)


FORWARDS = "echo 'Forwarding from 127.0.0.1:12345 -> 2379'; exec sleep 20"


def test_with_tls_etcdctl_runs_here_with_the_secret_of_a_client(tools: Path) -> None:
    write_tool(tools, "kubectl", FORWARDS)
    shows = 'echo $ETCDCTL_ENDPOINTS "$@" > $SAID; cat $ETCDCTL_KEY >> $SAID'
    write_tool(tools, "etcdctl", f"{shows}; stat -c %a $ETCDCTL_KEY >> $SAID")
    terminal = Terminal()
    put_secured(terminal)
    assert terminal.type("etcdctl", "db", "--", "get", "a").code == 0
    assert said(tools) == "https://127.0.0.1:12345 get a\ntls.key of client600\n"


def put_protected(terminal: Terminal) -> None:
    cluster = put_cluster(terminal.server)
    cluster["spec"]["security"] = {"auth": {"users": [SECRET_WEB]}}
    terminal.server.put(CLUSTERS, "db", cluster, NAMESPACE)
    data = {"password": base64.b64encode(b"sword fish").decode()}
    terminal.server.put(SECRETS, "web-password", {"data": data}, NAMESPACE)


def test_a_password_is_no_word_of_a_command(tools: Path) -> None:
    """Words of one that runs in a Pod may be in the API server's log."""
    write_tool(tools, "kubectl", f'echo "$@" > $SAID; {FORWARDS}')
    write_tool(tools, "etcdctl", 'echo "$ETCDCTL_USER" "$@" >> $SAID')
    terminal = Terminal()
    put_protected(terminal)
    assert terminal.type("etcdctl", "db", "--user=web", "--", "get", "a").code == 0
    forwarded, ran = said(tools).splitlines()
    assert "port-forward" in forwarded
    assert ran == "web:sword fish get a"


@pytest.mark.parametrize("data", [{}, {"password": ""}])
def test_a_secret_without_a_password_is_named(tools: Path, data: dict[str, str]) -> None:
    write_tool(tools, "kubectl", FORWARDS)
    write_tool(tools, "etcdctl", "exit 0")
    terminal = Terminal()
    put_protected(terminal)
    terminal.server.put(SECRETS, "web-password", {"data": data}, NAMESPACE)
    ended = terminal.type("etcdctl", "db", "--user=web", "--", "get", "a")
    assert ended.code == 1
    assert "Secret web-password has no password for user web" in ended.err


def test_connect_writes_a_password_for_its_owner_alone(tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "kubectl", "exit 1")
    terminal = Terminal()
    put_protected(terminal)
    env = tmp_path / "client" / "env"
    env.parent.mkdir()
    env.touch(mode=0o644)
    ended = terminal.type("connect", "db", f"--directory={env.parent}", "--user=web")
    assert ended.code == 6
    assert "fish" not in ended.out + ended.err
    assert "export ETCDCTL_USER='web:sword fish'\n" in env.read_text()
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_a_port_forward_that_is_refused_is_one_sentence(tools: Path) -> None:
    write_tool(tools, "kubectl", "echo 'pods is forbidden: jo cannot create' >&2; exit 1")
    write_tool(tools, "etcdctl", "exit 0")
    terminal = Terminal()
    put_secured(terminal)
    ended = terminal.type("etcdctl", "db", "--", "get", "a")
    told = "No port-forward to Pod db-0: pods is forbidden: jo cannot create\n"
    assert (ended.code, ended.err) == (5, told)


@pytest.mark.parametrize(
    ("missing", "said"), [("kubectl", "kubectl is"), ("etcdctl", "etcdctl is")]
)
def test_a_missing_program_is_one_sentence(
    tools: Path, missing: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"kubectl", "etcdctl"} - {missing}:
        write_tool(tools, name, FORWARDS)
    monkeypatch.setenv("PATH", str(tools))
    terminal = Terminal()
    put_secured(terminal)
    ended = terminal.type("etcdctl", "db", "--", "get", "a")
    assert ended.code == 10
    assert said in ended.err


def test_a_missing_right_for_the_secret_is_named(tools: Path) -> None:
    write_tool(tools, "kubectl", FORWARDS)
    write_tool(tools, "etcdctl", "exit 0")
    terminal = Terminal()
    put_secured(terminal)
    terminal.api.denied.add(("get", "secrets"))
    ended = terminal.type("etcdctl", "db", "--", "get", "a")
    assert ended.code == 5
    assert 'cannot get resource "secrets"' in ended.err


def test_a_snapshot_is_written_here_and_over_no_file(tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "kubectl", FORWARDS)
    write_tool(tools, "etcdctl", 'echo "$@" > $SAID; touch $3')
    terminal = Terminal()
    put_cluster(terminal.server)
    file = tmp_path / "a.db"
    assert terminal.type("snapshot", "save", "db", str(file)).code == 0
    assert said(tools) == f"snapshot save {file}\n"
    assert terminal.type("snapshot", "save", "db", str(file)).code == 2


def test_connect_writes_what_a_client_needs(tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "kubectl", "echo nothing is forwarded; exit 1")
    terminal = Terminal()
    put_secured(terminal)
    folder = tmp_path / "client"
    assert terminal.type("connect", "db", f"--directory={folder}", "--port=3379").code == 6
    lines = (folder / "env").read_text().splitlines()
    assert f"export ETCDCTL_CERT={folder / 'tls.crt'}" in lines
    assert "export ETCDCTL_ENDPOINTS=https://127.0.0.1:3379" in lines
    assert stat.S_IMODE((folder / "tls.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("key", "depth", "prefix"),
    [
        (b"/registry/pods/a", 1, b"/registry/"),
        (b"/registry/pods/a", 2, b"/registry/pods/"),
        (b"/registry/pods/a", 9, b"/registry/pods/"),
        (b"a/b", 1, b"a/"),
        (b"alone", 1, b""),
        (b"/alone", 1, b"/"),
    ],
)
def test_prefix_of_a_key(key: bytes, depth: int, prefix: bytes) -> None:
    assert split_prefix(key, depth) == prefix


async def test_prefixes_are_counted_and_their_size_is_estimated() -> None:
    store = {f"/a/{n}": "x" * 96 for n in range(10)} | {"/b/0": "y"}

    async def read(*words: str) -> str:
        prefix = words[1]
        found = {key: value for key, value in store.items() if key.startswith(prefix)}
        limit = next(int(w.partition("=")[2]) for w in words if w.startswith("--limit="))
        pairs: list[Any] = [
            {"key": base64.b64encode(k.encode()).decode()}
            | ({} if "--keys-only" in words else {"value": base64.b64encode(v.encode()).decode()})
            for k, v in list(found.items())[:limit]
        ]
        return json.dumps({"count": len(found), "kvs": pairs})

    view = await measure(read, 1, sample=3, most=100)
    assert view == {
        "keys": 11,
        "listed": 11,
        "prefixes": [
            {"prefix": "/a/", "keys": 10, "sampled": 3, "aboutBytes": 1000},
            {"prefix": "/b/", "keys": 1, "sampled": 1, "aboutBytes": 5},
        ],
    }
