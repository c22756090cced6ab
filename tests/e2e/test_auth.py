"""etcd's own users and roles, declared in the spec, known by client certificates."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.target import TargetError
from etcd_operator.core.auth.state import OPERATOR_USER
from local.places import read_places
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.name_server import ZONE, NameServer, name_server
from tests.e2e.previews import as_created, as_patched, as_previewed
from tests.e2e.secured import SecuredCluster, read_secret
from tests.perf.clients.apiserver import ClientApiServer, client_apiserver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]

PASSWORD = "ops-password"
CHANGED = "changed-by-hand"
CONNECTION = "c-connection-ops"
ADDRESS = "10.9.9.9"
RECORD = json.dumps({"host": ADDRESS, "ttl": 1})
AUTH: dict[str, Any] = {
    "roles": [{"name": "app", "permissions": [{"key": "/app/", "prefix": True}]}],
    "users": [
        {"name": "web", "roles": ["app"]},
        {"name": "ops", "roles": ["root"], "passwordSecret": PASSWORD},
    ],
}
# The same users while clients speak plain text: each is known by a password.
PLAIN: dict[str, Any] = {
    "tls": {"clientTLSEnabled": False},
    "auth": {
        **AUTH,
        "users": [{"passwordSecret": "web-password", **user} for user in AUTH["users"]],
    },
}


def test_users_do_what_their_roles_allow_and_the_operator_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    web = SecuredCluster(cluster.target, cluster.namespace, mounted="c-user-web")
    auth = {**PLAIN["auth"], "jwt": _sign_tokens(web, tmp_path)}
    spec = {"security": {**PLAIN, "auth": auth}, "connectionSecrets": True}
    with as_created(cluster, size=1, version="v3.6.16", **spec):
        cluster.wait_running(1)
        wait_until("authentication is on", lambda: _is_on(cluster), 30)
    _check_plain(cluster)
    _serve_clients(web, {"clientTLSMode": "Permissive"}, "Permissive")
    _serve_clients(web, {"clientTLSMode": "Strict"}, "Strict")
    with as_patched(web, security={"auth": AUTH}):
        web.start_client()
        wait_until("web has no password any more", lambda: _has_said(web, "without"), 60)
    web.put("/app/key", "value")
    assert web.read_key("/app/key") == "value"
    with pytest.raises(TargetError, match="permission denied"):
        web.put("/other", "value")
    with pytest.raises(TargetError, match="permission denied"):
        web.etcdctl("user", "add", "intruder", "--no-password")
    _check_password(web)
    more = [{"name": "app", "permissions": [{"key": "/", "prefix": True}]}]
    with as_patched(web, security={"auth": {"roles": more}}):
        wait_until("the role may do more", lambda: _can_put(web, "/other"), 30)
    _check_connections(web)
    with ExitStack() as stack:
        server = _start_apiserver(web, tmp_path, stack)
        names = _start_name_server(web, tmp_path, stack)
        with as_previewed(web, "size=3"):
            web.scale(3)
            web.wait_running(3)
        with as_patched(web, etcdConfig={"logLevel": "warn"}, version="v3.7.3"):
            wait_until("all run 3.7", lambda: _find_versions(web) == {"3.7.3"})
            web.wait_running(3)
        if server:
            wait_until("it writes after the roll", lambda: _write_object(server, "after"), 30)
            assert _list_objects(server) >= {"before", "after"}
    assert set(names.answers if names else ()) <= {ADDRESS}
    endpoints = read_secret(web, CONNECTION)["endpoints"].split(",")
    assert len(endpoints) == 3, "it follows the size"
    assert web.read_key("/app/key") == "value"
    with pytest.raises(TargetError, match="auth cannot be removed"):
        web.patch(security={"auth": None})
    with as_patched(web, security={"auth": {"enabled": False}}):
        wait_until("authentication is off", lambda: _can_put(web, "anything"), 30)


def _check_plain(cluster: Cluster) -> None:
    """Without TLS for clients, a password says who somebody is, and root's may change."""
    assert (
        "passwords and keys over the network in plain"
        in cluster.condition("SpecWarning")["message"]
    )
    with pytest.raises(TargetError, match="user name is empty"):
        cluster.etcdctl("put", "/app/key", "value")
    content = read_secret(cluster, "c-connection-web")
    assert content["uri"] == f"http://c-client.{cluster.namespace}.svc:2379"
    login = f"--user={content['ETCDCTL_USER']}"
    cluster.etcdctl(login, "put", "/app/key", "value", endpoint=content["uri"])
    with pytest.raises(TargetError, match="permission denied"):
        cluster.etcdctl(login, "put", "/other", "value")
    first = f"--user=root:{read_secret(cluster, 'c-root-password')['password']}"
    assert OPERATOR_USER in cluster.etcdctl(first, "user", "list")
    changed = json.dumps({"stringData": {"password": CHANGED}})
    cluster.kubectl("patch", "secret", "c-root-password", "--patch", changed)

    def is_root() -> bool:
        return OPERATOR_USER in cluster.etcdctl(f"--user=root:{CHANGED}", "user", "list")

    wait_until("root has the new password", is_root, 90)
    with pytest.raises(TargetError, match="invalid user ID or password"):
        cluster.etcdctl(first, "user", "list")


def _serve_clients(cluster: Cluster, tls: dict[str, Any], becomes: str) -> None:
    """Take a step on the way to TLS for clients; authentication stays on.

    A preview does not know why the Pod goes: for its template or for what its member advertises.
    """
    cluster.patch(security={"tls": {"clientTLSEnabled": True, **tls}})
    wait_until(f"clientTLS {becomes}", lambda: cluster.status()["clientTLS"] == becomes, 90)
    cluster.wait_running(1)


def _has_said(cluster: Cluster, how: str) -> bool:
    said = f"Created the user web anew, {how} a password."
    return said in [event["message"] for event in cluster.events("AuthSynced")]


def _sign_tokens(cluster: Cluster, directory: Path) -> dict[str, str]:
    """A key in a Secret, and the field by which members sign tokens with it."""
    key = directory / "jwt.key"
    made = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    key.write_bytes(made.private_bytes(serialization.Encoding.PEM, traditional, plain))
    cluster.kubectl("create", "secret", "generic", "jwt", f"--from-file={key}")
    return {"keySecret": "jwt", "signMethod": "ES256"}


def _check_password(cluster: SecuredCluster) -> None:
    """The password counts, not the certificate beside it, and only that in the Secret."""
    first = _log_in(read_secret(cluster, PASSWORD)["password"])
    cluster.etcdctl(first, "put", "/other", "value")
    changed = json.dumps({"stringData": {"password": CHANGED}})
    cluster.kubectl("patch", "secret", PASSWORD, "--patch", changed)
    wait_until("the new password counts", lambda: _is_let_in(cluster, _log_in(CHANGED)), 90)
    with pytest.raises(TargetError, match="invalid user ID or password"):
        cluster.etcdctl(first, "get", "/other")
    said = " ".join(event["message"] for event in cluster.events("AuthSynced"))
    assert f"Set the password of the user ops to that in Secret {PASSWORD}." in said
    assert CHANGED not in said


def _check_connections(cluster: SecuredCluster) -> None:
    """The Secrets for clients say what lets one in, and the status names that of the cluster."""
    assert cluster.status()["binding"] == {"name": "c-connection"}
    assert "password" not in read_secret(cluster, "c-connection")

    def follows() -> bool:
        return read_secret(cluster, CONNECTION)["password"] == CHANGED

    wait_until("the connection Secret has the new password", follows, 60)
    content = read_secret(cluster, CONNECTION)
    assert content["tls.crt"] == read_secret(cluster, "c-user-ops")["tls.crt"]
    assert content["uri"] == f"https://c-client.{cluster.namespace}.svc:2379"
    cluster.etcdctl(f"--user={content['ETCDCTL_USER']}", "get", "/other", endpoint=content["uri"])


def _start_apiserver(
    cluster: SecuredCluster, directory: Path, stack: ExitStack
) -> ClientApiServer | None:
    """A kube-apiserver that has only the connection Secret, where there is a program of it."""
    if not cluster.target.is_local:
        return None
    places = read_places(os.environ)
    server = stack.enter_context(client_apiserver(cluster, places, directory, CONNECTION))
    assert _write_object(server, "before")
    return server


def _start_name_server(
    cluster: SecuredCluster, directory: Path, stack: ExitStack
) -> NameServer | None:
    """A CoreDNS that has only the connection Secret, where there is a program of it."""
    if not cluster.target.is_local:
        return None
    cluster.etcdctl(_log_in(CHANGED), "put", "/skydns/local/skydns/web", RECORD)
    place = directory / "coredns"
    place.mkdir()
    server = stack.enter_context(name_server(cluster, read_places(os.environ), place, CONNECTION))
    wait_until("it has the record", lambda: server.resolve(f"web.{ZONE}") == ADDRESS, 20)
    stack.enter_context(server.asked_all_the_time(f"web.{ZONE}"))
    return server


def _write_object(server: ClientApiServer, name: str) -> bool:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    with server.connect() as client:
        answer = client.post("/api/v1/namespaces/default/configmaps", json=body)
        return answer.status_code in (httpx2.codes.CREATED, httpx2.codes.CONFLICT)


def _list_objects(server: ClientApiServer) -> set[str]:
    with server.connect() as client:
        found = client.get("/api/v1/namespaces/default/configmaps").raise_for_status().json()
        return {each["metadata"]["name"] for each in found["items"]}


def _find_versions(cluster: SecuredCluster) -> set[str]:
    return {member["version"] for member in cluster.status()["members"]}


def _log_in(password: str) -> str:
    return f"--user=ops:{password}"


def _is_let_in(cluster: SecuredCluster, login: str) -> bool:
    cluster.etcdctl(login, "get", "/other")
    return True


def _is_on(cluster: Cluster) -> bool:
    said = [event["message"] for event in cluster.events("AuthSynced")]
    return "Enabled authentication." in said


def _can_put(cluster: Cluster, key: str) -> bool:
    cluster.put(key, "value")
    return True
