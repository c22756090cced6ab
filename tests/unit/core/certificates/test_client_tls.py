"""Members on the way from plain text to TLS and back: what they serve, and what waits for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, ChangeAuth
from etcd_operator.core.auth.diff import find_changes
from etcd_operator.core.auth.state import Change, EtcdAuth, PasswordSecret, Step
from etcd_operator.core.certificates.client_tls import find_next_mode
from etcd_operator.core.certificates.rule import (
    manage_certificates,
    refuse_tls_switch,
    wait_for_client_certificates,
)
from etcd_operator.core.connections.wanted import wanted_connections
from etcd_operator.core.model.client_tls import find_common_mode, read_gate_mode, speaks_tls
from etcd_operator.core.model.parse import observe_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.status.report import report
from tests.builders.certificates import issue_all, secured, with_tls
from tests.builders.snapshots import CLUSTER_ID, NAMING, UID, formed, silent, with_members
from tests.builders.snapshots import pod as build_pod

OFF, PERMISSIVE, STRICT = ClientTls
BOTH: dict[str, Any] = {"clientTLSMode": "Permissive", "peerTLSEnabled": False}
ALONE: dict[str, Any] = {"peerTLSEnabled": False}


def serving(snapshot: Snapshot, *modes: ClientTls) -> Snapshot:
    """The same cluster, whose members serve so, by their Pods and by what they advertise."""
    pods = [replace(p, client_tls=m) for p, m in zip(snapshot.pods, modes, strict=True)]
    members = (
        replace(m, client_urls=NAMING.advertised_urls(o, modes[o]))
        for o, m in enumerate(snapshot.members)
    )
    return replace(with_members(snapshot, *members), pods=tuple(pods))


def to_both() -> Snapshot:
    """A cluster in plain text whose spec has just become Permissive, its certificates issued."""
    return issue_all(with_tls(formed(3), **BOTH))


def gate_of(snapshot: Snapshot) -> ApplyObject:
    """The write of the gate that is planned."""
    (found,) = (
        a for a in plan(snapshot).actions if isinstance(a, ApplyObject) and a.kind == "ConfigMap"
    )
    return found


@pytest.mark.parametrize(
    ("record", "mode"),
    [
        ("", OFF),
        ("none", OFF),
        ("peer", OFF),
        ("client,peer", STRICT),
        ("client,permissive,peer", PERMISSIVE),
    ],
)
def test_the_gate_says_how_members_serve(record: str, mode: ClientTls) -> None:
    assert read_gate_mode(record) is mode


@pytest.mark.parametrize(
    ("volumes", "annotations", "mode"),
    [
        ([], {}, OFF),
        ([], {"etcd.etcd.io/client-tls": "Permissive"}, OFF),
        ([{"name": "server-tls"}], {}, STRICT),
        ([{"name": "server-tls"}], {"etcd.etcd.io/client-tls": "Permissive"}, PERMISSIVE),
    ],
)
def test_a_pod_says_what_it_was_made_for(
    volumes: list[Any], annotations: dict[str, str], mode: ClientTls
) -> None:
    metadata = {"name": "db-0", "uid": UID, "annotations": annotations}
    assert observe_pod({"metadata": metadata, "spec": {"volumes": volumes}}).client_tls is mode


@pytest.mark.parametrize(
    ("made_for", "gate", "tls"),
    [
        (OFF, PERMISSIVE, False),
        (PERMISSIVE, PERMISSIVE, True),
        (PERMISSIVE, STRICT, True),
        (PERMISSIVE, OFF, False),
        (PERMISSIVE, None, True),
        (STRICT, PERMISSIVE, True),
    ],
)
def test_a_member_is_spoken_with_as_it_may_serve(
    made_for: ClientTls, gate: ClientTls | None, tls: bool
) -> None:
    assert speaks_tls(build_pod(0, client_tls=made_for), gate) is tls


def test_certificates_come_before_anything_else() -> None:
    scene = with_tls(formed(3), **BOTH)
    made = plan(scene)
    assert made.rule == manage_certificates.__name__
    assert made.snapshot.rendered_spec.client_tls_mode is OFF


def test_members_with_tls_between_them_alone_do_not_hold_certificates_of_clients_up() -> None:
    """They trust no authority for clients yet, and nobody asks them for one."""
    scene = with_tls(secured(3, clientTLSEnabled=False), clientTLSMode="Permissive")
    issued = issue_all(scene)
    assert plan(issued).snapshot.rendered_spec.client_tls_mode is PERMISSIVE


def test_then_the_files_serve_both_and_the_pods_are_told_apart() -> None:
    actions = [a for a in plan(to_both()).actions if isinstance(a, ApplyObject)]
    written = {a.kind: a.manifest for a in actions}
    text = written["ConfigMap"]["data"]["db-0.yaml"]
    host = NAMING.host(0)
    assert 'listen-client-urls: "http://0.0.0.0:2379,https://0.0.0.0:2379"' in text
    assert f'advertise-client-urls: "http://{host}:2379,https://{host}:2379"' in text
    assert "listen-client-http-urls" not in text, "with that etcd would serve TLS alone"
    assert "enable-grpc-gateway: true" in text, "who has no TLS keeps it"
    annotations = written["ConfigMap"]["metadata"]["annotations"]
    assert annotations["etcd.etcd.io/tls"] == "client,permissive"
    template = written["StatefulSet"]["spec"]["template"]
    assert template["metadata"]["annotations"]["etcd.etcd.io/client-tls"] == "Permissive"
    probe = template["spec"]["containers"][0]["readinessProbe"]["httpGet"]
    assert probe["port"] == 2381, "the same with the file of the next phase"


def test_nothing_begins_without_a_quorum() -> None:
    scene = silent(to_both(), 1, 2)
    assert find_next_mode(scene) is OFF


def test_members_wait_for_a_certificate_of_the_users_own() -> None:
    scene = issue_all(with_tls(formed(3), **BOTH, certificateSecret="mine"))
    made = plan(scene)
    assert made.rule == wait_for_client_certificates.__name__
    assert made.decision.reason is attention.CERTIFICATE_UNUSABLE
    assert made.decision.message == (
        "Members go on with plain text alone until they can serve TLS: Secret mine, named by "
        "spec.security.tls.certificateSecret, does not exist: create it in this namespace."
    )
    assert made.snapshot.rendered_spec.client_tls_mode is OFF


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (formed(3), with_tls(formed(3), **ALONE)),
        (secured(3, **ALONE), with_tls(secured(3, **ALONE), **ALONE, clientTLSEnabled=False)),
    ],
    ids=["to TLS", "to plain text"],
)
def test_a_step_over_the_phase_is_refused(before: Snapshot, after: Snapshot) -> None:
    made = plan(replace(after, children=before.children))
    assert (made.rule, made.decision.reason) == (
        refuse_tls_switch.__name__,
        attention.TLS_NEEDS_PERMISSIVE,
    )
    assert made.actions == ()
    assert "set spec.security.tls.clientTLSMode to Permissive" in made.decision.message


@pytest.mark.parametrize("slow", ["its Pod", "its process"])
def test_tls_alone_waits_for_members_that_serve_plain_text_alone(slow: str) -> None:
    scene = serving(with_tls(secured(3, **BOTH), **ALONE), PERMISSIVE, PERMISSIVE, PERMISSIVE)
    assert find_next_mode(scene) is STRICT
    if slow == "its Pod":
        scene = serving(scene, PERMISSIVE, OFF, PERMISSIVE)
    else:
        members = list(scene.members)
        members[1] = replace(members[1], client_urls=NAMING.advertised_urls(1, OFF))
        scene = with_members(scene, *members)
    assert find_next_mode(scene) is PERMISSIVE


@pytest.mark.parametrize(
    ("slow", "why"),
    [
        (OFF, "db-1 serves plain text alone, and others would serve TLS alone"),
        (PERMISSIVE, None),
    ],
)
def test_the_guard_keeps_tls_alone_back(slow: ClientTls, why: str | None) -> None:
    scene = serving(issue_all(with_tls(secured(3, **BOTH), **ALONE)), *[PERMISSIVE] * 3)
    action = gate_of(scene)
    assert guards.refuse(action, serving(scene, PERMISSIVE, slow, PERMISSIVE)) == why


def test_the_guard_keeps_plain_text_alone_back() -> None:
    scene = serving(
        with_tls(secured(3, **BOTH), **ALONE, clientTLSEnabled=False), *[PERMISSIVE] * 3
    )
    action = gate_of(scene)
    assert guards.refuse(action, scene) is None
    slow = serving(scene, PERMISSIVE, STRICT, PERMISSIVE)
    assert guards.refuse(action, slow) == (
        "db-1 serves TLS alone, and others would serve plain text alone"
    )


@pytest.mark.parametrize(
    ("modes", "common", "urls"),
    [
        ((OFF, OFF, PERMISSIVE), "Off", ["http", "http", "https"]),
        ((PERMISSIVE, PERMISSIVE, PERMISSIVE), "Permissive", ["https", "https", "https"]),
        ((PERMISSIVE, STRICT, PERMISSIVE), "Strict", ["https", "https", "https"]),
    ],
)
def test_the_status_says_what_all_members_serve_and_where_each_does(
    modes: tuple[ClientTls, ...], common: str, urls: list[str]
) -> None:
    scene = serving(secured(3, **BOTH), *modes)
    status = report(scene, plan(scene).decision)
    assert status.client_tls is not None
    assert status.client_tls.value == common
    assert [m.client_url.partition(":")[0] for m in status.members] == urls


def test_connection_secrets_tell_tls_when_every_member_serves_it() -> None:
    scene = secured(3, **BOTH)
    spec = scene.cluster.spec.model_copy(update={"connection_secrets": True})
    scene = replace(scene, cluster=replace(scene.cluster, spec=spec))
    (early,) = wanted_connections(serving(scene, OFF, PERMISSIVE, PERMISSIVE))
    assert (early.uri[:5], early.certificate) == ("http:", None)
    (told,) = wanted_connections(serving(scene, *[PERMISSIVE] * 3))
    assert told.uri.startswith("https:")
    assert told.certificate is not None


def test_a_member_that_read_the_file_of_another_phase_is_started_again() -> None:
    """Its container had started again in its Pod, and the template is as it was."""
    scene = serving(secured(3, **BOTH), *[PERMISSIVE] * 3)
    members = list(scene.members)
    members[1] = replace(members[1], client_urls=NAMING.advertised_urls(1, STRICT))
    gate = scene.children["ConfigMap", "db-config"]
    children = {**scene.children, ("ConfigMap", "db-config"): replace(gate, written=scene.now)}
    scene = replace(with_members(scene, *members), children=children)
    assert find_common_mode(scene) is STRICT
    made = plan(scene)
    assert made.decision.reason is routine.ROLLING_UPDATE
    assert "db-1" in made.decision.message


def test_authentication_waits_for_members_that_do_not_know_the_operator() -> None:
    scene = secured(3, **BOTH)
    security = {"tls": BOTH, "auth": {}}
    spec = type(scene.cluster.spec).model_validate(
        {**scene.cluster.spec.model_dump(by_alias=True), "security": security}
    )
    scene = replace(scene, cluster=replace(scene.cluster, spec=spec), access=EtcdAuth(False))
    early = serving(scene, OFF, PERMISSIVE, PERMISSIVE)
    assert find_changes(early) == ()
    enable = ChangeAuth(Change(Step.ENABLE), CLUSTER_ID)
    assert "would not let the operator in" in (guards.refuse(enable, early) or "")
    assert guards.refuse(enable, serving(scene, *[PERMISSIVE] * 3)) is None
    names = (NAMING.operator_password, NAMING.root_password)
    late = replace(early, passwords={name: PasswordSecret(name, "u", "1") for name in names})
    assert Change(Step.ENABLE) in find_changes(late)
    assert guards.refuse(enable, late) is None
