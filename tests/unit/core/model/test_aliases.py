"""Services under further names: made where the name is free, and never somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, DeleteObject
from etcd_operator.core.certificates.wanted import server_names
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.status.spec_warnings import find_spec_warnings
from tests.builders.actions import briefs
from tests.builders.snapshots import (
    NAMING,
    change_child,
    deleted,
    formed,
    settled,
    with_spec,
)

OLD = {"service": {"aliases": ["old"], "port": 2300}}


def with_service(snapshot: Snapshot, name: str, owner: str = "") -> Snapshot:
    """Somebody else's Service of this name is there."""
    owners = [{"uid": owner, "controller": True}] if owner else []
    metadata = {"name": name, "uid": "theirs", "ownerReferences": owners}
    live: Child = observe_child("Service", {"metadata": metadata, "spec": {}})
    return replace(snapshot, children={**snapshot.children, ("Service", name): live})


def named() -> Snapshot:
    """A healthy cluster that has had this alias for a while."""
    return settled(with_spec(formed(3), **OLD))


def test_an_alias_leads_where_the_client_service_does() -> None:
    wanted = with_spec(formed(3), **OLD)
    assert "apply Service old" in briefs(wanted)
    snapshot = named()
    alias, client = (snapshot.children["Service", n].body["spec"] for n in ("old", "db-client"))
    assert alias["selector"] == client["selector"]
    assert alias["ports"] == client["ports"]
    assert plan(snapshot).rule == "report_settled"
    assert plan(snapshot).actions == ()


@pytest.mark.parametrize("owner", ["", "another cluster"])
def test_a_service_of_somebody_else_is_left_alone_and_said(owner: str) -> None:
    snapshot = with_service(with_spec(formed(3), **OLD), "old", owner)
    assert [brief for brief in briefs(snapshot) if "old" in brief] == []
    assert plan(snapshot).rule == "report_settled", "it is in the way of nothing"
    (warning,) = find_spec_warnings(snapshot)
    assert warning.reason is verdicts.ALIAS_TAKEN
    assert "delete it, and one that leads to the members is created at once" in warning.message
    mine = named().children["Service", "old"]
    forced = ApplyObject("Service", "old", "theirs", "", "", mine.body)
    assert guards.refuse(forced, snapshot) is not None
    assert find_spec_warnings(named()) == []


def test_an_alias_goes_when_the_spec_does_not_name_it() -> None:
    snapshot = named()
    without = with_spec(snapshot, service={})
    (gone,) = (a for a in plan(without).actions if isinstance(a, DeleteObject))
    assert (gone.kind, gone.name) == ("Service", "old")
    assert guards.refuse(gone, without) is None
    assert guards.refuse(gone, snapshot) == "spec.service.aliases names this Service"


def test_no_label_makes_the_client_service_an_alias() -> None:
    """Whoever may write the label cannot have the operator delete what clients use."""
    snapshot = named()
    body = dict(snapshot.children["Service", NAMING.client_service].body)
    metadata = {**body["metadata"]}
    metadata["labels"] = {**metadata["labels"], "app.kubernetes.io/component": "alias"}
    relabelled = change_child(
        snapshot, "Service", NAMING.client_service, body={**body, "metadata": metadata}
    )
    assert [a for a in plan(relabelled).actions if isinstance(a, DeleteObject)] == []
    for name in (NAMING.client_service, NAMING.peer_service):
        assert guards.refuse(DeleteObject("Service", name, "u", ""), relabelled) is not None


def test_a_deletion_leaves_aliases_to_the_garbage_collector() -> None:
    assert "old" not in " ".join(briefs(deleted(named())))


def test_the_names_are_in_the_server_certificate_from_the_beginning() -> None:
    names = server_names(with_spec(formed(3), **OLD).spec, NAMING)
    assert {"old", "old.team", "old.team.svc", "old.team.svc.cluster.local"} <= set(names)
    assert "old" not in server_names(formed(3).spec, NAMING)
