"""Addresses outside Kubernetes: which are known, what follows from them, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.certificates.wanted import server_names
from etcd_operator.core.model.addresses import advertises_otherwise, with_addresses
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from etcd_operator.core.status.report import report
from etcd_operator.json_types import Json
from etcd_operator.simulation.change import Change, change_spec, set_fields
from etcd_operator.simulation.predict import predict
from tests.builders.actions import briefs
from tests.builders.snapshots import (
    NAMING,
    NOW,
    UID,
    change_member,
    change_pod,
    formed,
    settled,
    with_spec,
)

BALANCED: Json = {"service": {"type": "LoadBalancer", "port": 443}}
ON_NODES: Json = {"service": {"type": "NodePort"}, "names": ["a.example.com", "b.example.com"]}
NAMES: Json = {"names": ["a.example.com", "10.0.0.1", "2001:db8::1"]}


def service(name: str, *ingress: Any, node_port: int = 0, owner: str = UID) -> Child:
    """A live Service, and what its load balancer says."""
    body = {
        "kind": "Service",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "ownerReferences": [{"uid": owner, "controller": True}],
        },
        "spec": {"ports": [{"port": 2379, **({"nodePort": node_port} if node_port else {})}]},
        "status": {"loadBalancer": {"ingress": list(ingress)}},
    }
    return observe_child("Service", body)


def exposed(addresses: Json, *services: Child, size: int = 3, **spec: Any) -> Snapshot:
    """A healthy cluster with these wishes, and Services as they are live."""
    snapshot = with_spec(formed(size), memberAddresses=addresses, **spec)
    children = {**snapshot.children, **{("Service", each.name): each for each in services}}
    return known(replace(snapshot, children=children))


def known(snapshot: Snapshot) -> Snapshot:
    """As a pass gathers it."""
    naming = with_addresses(snapshot.naming, snapshot.cluster.spec, snapshot.children)
    return replace(snapshot, naming=naming)


def urls(snapshot: Snapshot) -> list[str]:
    return [snapshot.naming.external_url(ordinal) for ordinal in range(3)]


@pytest.mark.parametrize(
    ("addresses", "services", "wanted"),
    [
        (NAMES, (), ["http://a.example.com:2379", "http://10.0.0.1:2379",
                     "http://[2001:db8::1]:2379"]),
        ({"names": ["a.example.com"], "port": 30000}, (), ["http://a.example.com:30000", "", ""]),
        (BALANCED, (), ["", "", ""]),
        (BALANCED, (service("db-0", {"ip": "192.0.2.1"}), service("db-1"),
                    service("db-2", {"hostname": "LB-2.example.com"})),
         ["http://192.0.2.1:443", "", "http://lb-2.example.com:443"]),
        (ON_NODES, (service("db-0", node_port=30001), service("db-1"),
                    service("db-2", node_port=30003)), ["http://a.example.com:30001", "", ""]),
        (BALANCED, (service("db-0", {"ip": "192.0.2.1"}, owner="somebody else"),), ["", "", ""]),
        (BALANCED, (service("db-0", {"hostname": "a b\nc"}, {"hostname": ""}, {},
                            {"ip": "192.0.2.256"}, {"ip": "192.0.2.9"}),), ["", "", ""]),
        (BALANCED, (service("db-0", {"hostname": "x" * 300}, {"ip": "192.0.2.9"}),),
         ["http://192.0.2.9:443", "", ""]),
    ],
)  # fmt: skip
def test_an_address_is_that_of_the_spec_or_of_the_service(
    addresses: Json, services: tuple[Child, ...], wanted: list[str]
) -> None:
    snapshot = exposed(addresses, *services)
    assert urls(snapshot) == wanted
    shown = report(snapshot, plan(snapshot).decision).members
    assert [member.external_url for member in shown] == wanted


def test_a_load_balancer_that_says_nothing_for_a_while_keeps_its_address() -> None:
    first = settled(exposed(BALANCED, service("db-0", {"ip": "192.0.2.1"})))
    silent = {**first.children, ("Service", "db-0"): service("db-0")}
    again = known(replace(first, children=silent))
    assert urls(again) == ["http://192.0.2.1:443", "", ""]
    assert urls(known(with_spec(again, memberAddresses=None))) == ["", "", ""]


def test_every_name_outside_is_in_the_server_certificate() -> None:
    client = service("db-client", {"hostname": "lb.example.com"})
    snapshot = exposed(
        {**BALANCED, "names": ["later.example.com"]}, client, service("db-1", {"ip": "192.0.2.1"}),
        service={"type": "LoadBalancer"}, security={"tls": {}},
    )  # fmt: skip
    names = server_names(snapshot.spec, snapshot.naming)
    assert {"lb.example.com", "192.0.2.1", "later.example.com"} <= set(names)
    inside = with_spec(snapshot, service={}, memberAddresses=None)
    assert "lb.example.com" not in server_names(inside.spec, known(inside).naming)


def test_each_member_has_a_service_while_that_is_asked_for() -> None:
    wanted = exposed(BALANCED)
    assert briefs(wanted) == ("apply Service db-0", "apply Service db-1", "apply Service db-2")
    made = settled(wanted)
    body = made.children["Service", "db-1"].body
    assert body["spec"]["type"] == "LoadBalancer"
    assert body["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert plan(made).actions == ()
    without = with_spec(made, memberAddresses=NAMES)
    gone = [a for a in plan(known(without)).actions if isinstance(a, DeleteObject)]
    assert [action.name for action in gone] == ["db-0", "db-1", "db-2"]
    assert all(guards.refuse(action, without) is None for action in gone)
    assert {guards.refuse(action, made) for action in gone} == {
        "spec.memberAddresses asks for this Service"
    }
    stopped = with_spec(made, size=0)
    assert not [a for a in plan(stopped).actions if isinstance(a, DeleteObject)]


def test_a_service_of_somebody_else_is_in_the_way_only_where_we_want_one() -> None:
    theirs = service("db-1", {"ip": "192.0.2.1"}, owner="somebody else")
    unasked = exposed(NAMES, theirs)
    assert plan(settled(unasked)).rule == "report_settled"
    assert plan(exposed(BALANCED, theirs)).decision.reason.name == "NameTaken"
    assert plan(exposed(BALANCED, theirs, size=1)).rule == "report_settled"


def started_before(snapshot: Snapshot) -> Snapshot:
    """The files of members have just been written, by which time the Pods were there."""
    snapshot = settled(snapshot)
    gate = snapshot.children["ConfigMap", NAMING.config_map]
    written = replace(gate, written=NOW - timedelta(minutes=1))
    children = {**snapshot.children, ("ConfigMap", NAMING.config_map): written}
    snapshot = replace(snapshot, children=children)
    for ordinal in range(3):
        snapshot = change_pod(snapshot, ordinal, created=NOW - timedelta(hours=1))
    return snapshot


def test_a_member_with_another_address_is_started_anew_once() -> None:
    first = {"names": NAMES["names"][:1]}
    snapshot = started_before(exposed(first))
    made = plan(snapshot)
    assert (made.rule, made.decision.reason) == ("roll", routine.ROLLING_UPDATE)
    assert briefs(snapshot) == ("lead 0>1", "evict db-0")
    assert [advertises_otherwise(snapshot, ordinal) for ordinal in range(3)] == [True, False, False]
    unwritten = known(with_spec(started_before(formed(3)), memberAddresses=first))
    assert not advertises_otherwise(unwritten, 0), "it would be started with the file of before"
    same_second = change_pod(snapshot, 0, created=NOW - timedelta(minutes=1))
    assert advertises_otherwise(same_second, 0)
    # Whatever it advertises then: the file is older than the process.
    assert plan(change_pod(snapshot, 0, created=NOW)).rule == "report_settled"
    told = (NAMING.client_url(0), "http://a.example.com:2379")
    assert plan(change_member(snapshot, 0, client_urls=told)).rule == "report_settled"


def test_a_member_without_its_address_is_started_anew_as_well() -> None:
    told = (NAMING.client_url(2), "http://c.example.com:2379")
    snapshot = started_before(change_member(formed(3), 2, client_urls=told))
    assert briefs(snapshot) == ("evict db-2",)


def test_another_type_of_service_restarts_nobody_and_a_name_one_after_the_other() -> None:
    snapshot = formed(3)
    raw = snapshot.cluster.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")

    def after(**fields: Any) -> Change:
        return Change(change_spec(snapshot.cluster, set_fields(raw, fields)))

    found = predict(snapshot, after(service={"type": "LoadBalancer"}))
    assert (found.ends, found.restarts) == ("settled", ())
    (step,) = found.steps
    assert step.sentence == "Updated Service db-client: the cluster has changed."
    named = predict(snapshot, after(memberAddresses=NAMES))
    assert (named.ends, named.restarts) == ("settled", ("db-2", "db-1", "db-0"))


def test_an_address_that_has_become_known_is_previewed_to_the_last_member() -> None:
    waiting = started_before(exposed(BALANCED, *(service(f"db-{o}") for o in range(3))))
    assert predict(waiting).restarts == ()
    told = {("Service", f"db-{o}"): service(f"db-{o}", {"ip": f"192.0.2.{o + 1}"})
            for o in range(3)}  # fmt: skip
    balanced = known(replace(waiting, children={**waiting.children, **told}))
    for seen in (balanced, started_before(balanced)):
        found = predict(seen)
        assert (found.ends, found.restarts) == ("settled", ("db-2", "db-1", "db-0"))
    one_younger = change_pod(started_before(balanced), 1, created=NOW)
    assert predict(one_younger).restarts == ("db-2", "db-0"), "it has read the file of now"


def test_the_services_of_members_that_leave_together_are_deleted_once() -> None:
    snapshot = settled(
        exposed(BALANCED, *(service(f"db-{o}", {"ip": "192.0.2.1"}) for o in range(3)))
    )
    raw = snapshot.cluster.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    found = predict(snapshot, Change(change_spec(snapshot.cluster, {**raw, "size": 1})))
    gone = [step.sentence for step in found.steps if step.sentence.startswith("Deleted Service")]
    assert len(gone) == 2
