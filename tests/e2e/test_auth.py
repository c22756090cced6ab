"""etcd's own users and roles, declared in the spec, known by client certificates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.target import TargetError
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import SecuredCluster, read_secret

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PASSWORD = "ops-password"
CHANGED = "changed-by-hand"
AUTH: dict[str, Any] = {
    "roles": [{"name": "app", "permissions": [{"key": "/app/", "prefix": True}]}],
    "users": [
        {"name": "web", "roles": ["app"]},
        {"name": "ops", "roles": ["root"], "passwordSecret": PASSWORD},
    ],
}


def test_users_do_what_their_roles_allow_and_the_operator_goes_on(cluster: Cluster) -> None:
    web = SecuredCluster(cluster.target, cluster.namespace, mounted="c-user-web")
    web.create(size=1, version="v3.6.16", security={"tls": {}, "auth": AUTH})
    web.wait_running(1)
    web.start_client()
    wait_until("authentication is on", lambda: _is_on(web), 30)
    web.put("/app/key", "value")
    assert web.read_key("/app/key") == "value"
    with pytest.raises(TargetError, match="permission denied"):
        web.put("/other", "value")
    with pytest.raises(TargetError, match="permission denied"):
        web.etcdctl("user", "add", "intruder", "--no-password")
    _check_password(web)
    more = [{"name": "app", "permissions": [{"key": "/", "prefix": True}]}]
    web.patch(security={"tls": {}, "auth": {**AUTH, "roles": more}})
    wait_until("the role may do more", lambda: _can_put(web, "/other"), 30)
    web.scale(3)
    web.wait_running(3)
    web.patch(etcdConfig={"logLevel": "warn"}, version="v3.7.3")
    wait_until("all run 3.7", lambda: {m["version"] for m in web.status()["members"]} == {"3.7.3"})
    web.wait_running(3)
    assert web.read_key("/app/key") == "value"
    with pytest.raises(TargetError, match="auth cannot be removed"):
        web.patch(security={"auth": None})
    web.patch(security={"auth": {**AUTH, "enabled": False}})
    wait_until("authentication is off", lambda: _can_put(web, "anything"), 30)


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
