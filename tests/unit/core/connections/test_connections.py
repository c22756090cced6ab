"""Connection Secrets: which there are, what they say, and when they are written anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import WriteConnection
from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret, PasswordState
from etcd_operator.core.connections.content import KEYS, render_content
from etcd_operator.core.connections.state import Connection, ConnectionSecret, Source
from etcd_operator.core.connections.wanted import name_connections, refresh_connections
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from tests.builders.actions import briefs
from tests.builders.certificates import issue_all, secured, without_secret
from tests.builders.snapshots import UID, formed, new, settled, with_spec

PAGE: Final = Path(__file__).parents[4] / "docs" / "how-to" / "connect.md"
HOST = "db-client.team.svc"
USERS = [{"name": "web", "roles": [], "passwordSecret": "web-password"}, {"name": "ops"}]
PASSWORD = PasswordSecret("web-password", "u", "7")


def plain(**changes: Any) -> Snapshot:
    """A healthy cluster without TLS that wants connection Secrets."""
    return with_spec(settled(formed(3)), connectionSecrets=True, **changes)


def encrypted() -> Snapshot:
    """The same with TLS and users, all of it issued and as etcd has it."""
    security = {"tls": {}, "auth": {"users": USERS}}
    scene = with_spec(secured(), security=security)
    users = {"root": frozenset(("root",)), "web": frozenset[str](), "ops": frozenset[str]()}
    logins = {"web": PasswordState.WANTED, "ops": PasswordState.NONE}
    known = EtcdAuth(True, users, {}, logins)
    scene = issue_all(replace(scene, access=known, passwords={PASSWORD.name: PASSWORD}))
    return with_spec(scene, connectionSecrets=True)


def written(snapshot: Snapshot) -> Snapshot:
    """The same after the writes that are due."""
    made = {
        one.connection.secret: ConnectionSecret(
            one.connection.secret, f"uid-{one.connection.secret}", UID, "1",
            one.connection.fingerprint,
        )
        for one in refresh_connections(snapshot)
    }  # fmt: skip
    return replace(snapshot, connections={**snapshot.connections, **made})


def due(snapshot: Snapshot) -> dict[str, str]:
    """The Secrets that are written by the plan, each with the reason."""
    found = {a.connection.secret: a.why for a in refresh_connections(snapshot)}
    named = [a.connection.secret for a in plan(snapshot).actions if isinstance(a, WriteConnection)]
    assert named == list(found)
    return found


def test_nobody_gets_one_who_does_not_ask() -> None:
    assert briefs(settled(formed(3))) == ()
    assert refresh_connections(secured()) == ()


def test_a_cluster_without_tls_has_one_of_its_own() -> None:
    scene = plain()
    assert due(scene) == {"db-connection": "the spec asks for it"}
    assert due(written(scene)) == {}
    content = render_content(refresh_connections(scene)[0].connection, {}, "")
    members = ",".join(f"http://db-{n}.db-peer.team.svc.cluster.local:2379" for n in range(3))
    assert content == {
        "type": "etcd",
        "provider": "etcd-operator",
        "host": HOST,
        "port": "2379",
        "uri": f"http://{HOST}:2379",
        "endpoints": members,
        "ETCDCTL_ENDPOINTS": members,
    }


def test_each_user_has_one_with_its_certificate_and_its_password() -> None:
    scene = encrypted()
    names = ["db-connection", "db-connection-web", "db-connection-ops"]
    assert list(due(scene)) == names == list(name_connections(scene.spec, scene.naming))
    nobody, web, ops = (action.connection for action in refresh_connections(scene))
    holders = {one.secret: one.certificate and one.certificate.name for one in (nobody, web, ops)}
    assert holders == dict(zip(names, ("db-client-tls", "db-user-web", "db-user-ops"), strict=True))
    data = {"tls.crt": "CERT\n", "tls.key": "KEY\n", "ca.crt": "CA\n"}
    content = render_content(web, data, "secret")
    assert set(content) == set(KEYS)
    assert content["uri"] == f"https://{HOST}:2379"
    assert content["etcd-client.crt"] == content["tls.crt"] == "CERT\n"
    assert content["etcd-client.key"] == content["private-key"] == content["tls.key"] == "KEY\n"
    assert content["etcd-client-ca.crt"] == content["ca.crt"] == "CA\n"
    assert content["certificates"] == "CERT\nCA\n"
    assert content["ETCDCTL_USER"] == "web:secret"
    assert content["ETCDCTL_KEY"] == "/etc/etcd-connection/tls.key"
    without = render_content(ops, data, "")
    assert set(KEYS) - set(without) == {"password", "ETCDCTL_USER"}
    assert "username" not in render_content(nobody, data, "")


def renewed(scene: Snapshot) -> Snapshot:
    live = scene.credentials["db-user-web"]
    known = {**scene.credentials, live.name: replace(live, resource_version="99")}
    return replace(scene, credentials=known)


def tampered(scene: Snapshot) -> Snapshot:
    live = scene.connections["db-connection-web"]
    return replace(scene, connections={**scene.connections, live.name: replace(live, intact=False)})


CHANGED = "what it is made of has changed"
STALE = {
    "a certificate was renewed": (renewed, CHANGED),
    "a password was rotated": (
        lambda s: replace(s, passwords={PASSWORD.name: replace(PASSWORD, resource_version="8")}),
        CHANGED,
    ),
    "somebody wrote into it": (tampered, "somebody else had changed it"),
}


@pytest.mark.parametrize("what", STALE)
def test_it_is_kept_current_whatever_the_cluster_waits_for(what: str) -> None:
    change, why = STALE[what]
    scene = change(written(encrypted()))
    assert due(scene) == {"db-connection-web": why}
    blocked = with_spec(scene, size=4)
    assert plan(blocked).decision.reason.name == "InvalidSpec"
    assert [a.why for a in refresh_connections(blocked) if a.connection.user == "web"] == [why]
    assert refresh_connections(with_spec(scene, paused=True)) == ()


def test_it_names_the_members_of_another_size() -> None:
    scene = written(plain())
    assert due(with_spec(scene, size=5)) == {"db-connection": CHANGED}
    stopped = refresh_connections(with_spec(scene, size=0))
    assert stopped[0].connection.endpoints == (f"http://{HOST}:2379",)


def test_nothing_is_told_before_there_is_something_to_tell() -> None:
    scene = encrypted()
    assert "db-connection-web" not in due(without_secret(scene, "db-user-web"))
    unusable = {PASSWORD.name: replace(PASSWORD, problem="it has no password")}
    for passwords in ({}, unusable):
        names = {
            a.connection.secret for a in refresh_connections(replace(scene, passwords=passwords))
        }
        assert names == {"db-connection", "db-connection-ops"}


def test_a_secret_of_somebody_else_is_left_alone() -> None:
    scene = written(plain())
    live = scene.connections["db-connection"]
    foreign = replace(scene, connections={live.name: replace(live, owner_uid="x", sources="")})
    assert due(foreign) == {}
    status = report(foreign, plan(foreign).decision)
    assert status.binding is None
    told = {each.reason: each.message for each in status.conditions}
    assert told["ConnectionNameTaken"] == (
        "Secret db-connection exists and does not belong to this EtcdCluster, so no connection is "
        "written there: delete it, or set spec.connectionSecrets to false."
    )
    calm = report(scene, plan(scene).decision)
    assert "ConnectionNameTaken" not in {each.reason for each in calm.conditions}
    action = refresh_connections(plain())[0]
    assert guards.refuse(action, foreign) == "the Secret has another owner than the EtcdCluster"
    assert guards.refuse(action, scene) == "the Secret is not the one that was read"
    assert guards.refuse(replace(action, uid=live.uid), scene) is None
    unasked = with_spec(scene, connectionSecrets=False)
    assert (
        guards.refuse(replace(action, uid=live.uid), unasked) == "spec.connectionSecrets is not set"
    )


def test_no_connection_of_an_encrypted_cluster_is_without_a_certificate() -> None:
    scene = encrypted()
    action = refresh_connections(scene)[0]
    bare = replace(action, connection=replace(action.connection, certificate=None))
    assert guards.refuse(action, scene) is None
    assert guards.refuse(bare, scene) == "clients need a certificate, and there is none yet"


def test_the_status_names_it_for_service_bindings() -> None:
    before, after = plain(), written(plain())
    assert report(before, plan(before).decision).binding is None
    binding = report(after, plan(after).decision).binding
    assert binding
    assert binding.name == "db-connection"


def test_a_new_cluster_is_told_of_at_once() -> None:
    assert "connection db-connection" in briefs(new(3, connectionSecrets=True))


FACTS = (
    Connection("s", "other", "h", "uri", ("e",)),
    Connection("s", "u", "other", "uri", ("e",)),
    Connection("s", "u", "h", "other", ("e",)),
    Connection("s", "u", "h", "uri", ("e", "f")),
    Connection("s", "u", "h", "uri", ("e",), Source("a", "1", "1")),
    Connection("s", "u", "h", "uri", ("e",), Source("a", "2", "1")),
    Connection("s", "u", "h", "uri", ("e",), Source("a", "1", "2")),
    Connection("s", "u", "h", "uri", ("e",), None, Source("a", "1", "1")),
)


def test_every_fact_is_part_of_the_fingerprint() -> None:
    prints = {one.fingerprint for one in (*FACTS, Connection("s", "u", "h", "uri", ("e",)))}
    assert len(prints) == len(FACTS) + 1


def test_the_recipes_name_files_that_are_in_the_secret() -> None:
    folders = "/etc/etcd-connection|/var/lib/etcd-secrets"
    named = set(re.findall(rf"(?:{folders})/([a-z.-]+)", PAGE.read_text()))
    assert {"tls.crt", "tls.key", "ca.crt", "etcd-client-ca.crt"} <= named <= set(KEYS)
