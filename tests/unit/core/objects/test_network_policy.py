"""The NetworkPolicy: whom it lets in, and that it stays as it was rendered."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import ApplyObject, DeleteObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.network_policy import render_network_policy
from etcd_operator.core.plan.planner import plan
from etcd_operator.json_types import Json
from tests.builders.actions import briefs
from tests.builders.certificates import secured
from tests.builders.snapshots import (
    UID,
    change_child,
    formed,
    new,
    with_cluster,
    with_spec,
    without_child,
)

RESTRICTED: Json = {"networkPolicy": {"clientFrom": [{"podSelector": {}}]}}
OPERATOR: Json = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "etcd-operator-system"}},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "etcd-operator"}},
}
BACKUPS: Json = {"podSelector": {"matchLabels": {"etcd.etcd.io/task": "backup"}}}


def let_in(snapshot: Snapshot) -> dict[int, Any]:
    """Who may connect, by port; None for everybody."""
    policy = render_network_policy(snapshot)
    assert policy is not None
    return {rule["ports"][0]["port"]: rule.get("from") for rule in policy["spec"]["ingress"]}


def members(snapshot: Snapshot) -> Json:
    return {"podSelector": {"matchLabels": snapshot.naming.selector}}


def test_nobody_is_kept_away_unless_asked_for() -> None:
    assert render_network_policy(new()) is None
    assert render_network_policy(new(security={"tls": {}})) is None
    assert render_network_policy(new(security={"networkPolicy": {"enabled": False}})) is None


def test_each_port_has_those_who_need_it() -> None:
    scene = new(security=RESTRICTED)
    clients = [members(scene), OPERATOR, BACKUPS, {"podSelector": {}}]
    assert let_in(scene) == {2379: clients, 2380: [members(scene)], 2381: None}


def test_with_tls_the_operator_looks_at_the_certificates_of_peers() -> None:
    scene = with_spec(secured(3), security={"tls": {}, **RESTRICTED})
    assert let_in(scene)[2380] == [members(scene), OPERATOR]


def test_metrics_are_for_those_whom_the_spec_names_and_the_operator() -> None:
    prometheus = {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}
    scene = new(security={"networkPolicy": {"metricsFrom": [prometheus]}})
    assert let_in(scene)[2381] == [OPERATOR, prometheus]
    assert let_in(new(security={"networkPolicy": {"metricsFrom": []}}))[2381] == [OPERATOR]
    unset = new(security={"networkPolicy": {"metricsFrom": None}})
    assert let_in(unset)[2381] is None


@pytest.mark.parametrize(
    ("metrics_from", "scrapers"), [({}, None), ({"metricsFrom": []}, [OPERATOR])]
)
def test_with_tls_for_metrics_the_plain_port_is_closed(
    metrics_from: Json, scrapers: list[Json] | None
) -> None:
    security = {"tls": {"metricsTLSEnabled": True}, "networkPolicy": metrics_from}
    scene = with_spec(secured(3), security=security)
    assert let_in(scene)[2381] == [OPERATOR]
    assert let_in(scene)[2382] == scrapers


def test_nobody_else_is_a_client_if_the_list_is_empty() -> None:
    scene = new(security={"networkPolicy": {"clientFrom": []}})
    assert let_in(scene)[2379] == [members(scene), OPERATOR, BACKUPS]


def test_the_operator_is_where_it_runs() -> None:
    scene = replace(new(security=RESTRICTED), operator_namespace="elsewhere")
    namespace = let_in(scene)[2379][1]["namespaceSelector"]["matchLabels"]
    assert namespace == {"kubernetes.io/metadata.name": "elsewhere"}


@pytest.mark.parametrize(
    ("annotation", "sources"),
    [
        (
            "b, a",
            [
                BACKUPS,
                {
                    "namespaceSelector": {
                        "matchExpressions": [
                            {
                                "key": "kubernetes.io/metadata.name",
                                "operator": "In",
                                "values": ["a", "b"],
                            }
                        ]
                    },
                    **BACKUPS,
                },
            ],
        ),
        ("*", [{"namespaceSelector": {}, **BACKUPS}]),
        ("", [BACKUPS]),
    ],
)
def test_backups_come_from_where_they_are_allowed(annotation: str, sources: list[Json]) -> None:
    scene = with_cluster(
        new(security={"networkPolicy": {"clientFrom": []}}),
        annotations={"etcd.etcd.io/backup-from": annotation},
    )
    assert let_in(scene)[2379][2:] == sources


def test_the_selectors_of_users_are_as_kubernetes_keeps_them() -> None:
    """What says nothing is left out, or the live object would seem to differ for ever."""
    wish = {"key": "tier", "operator": "Exists", "values": []}
    peer = {
        "podSelector": {"matchLabels": {}, "matchExpressions": [wish]},
        "namespaceSelector": {"matchLabels": {"team": "a"}},
    }
    scene = new(security={"networkPolicy": {"clientFrom": [peer, {"ipBlock": {"cidr": "::/0"}}]}})
    assert let_in(scene)[2379][3:] == [
        {
            "namespaceSelector": {"matchLabels": {"team": "a"}},
            "podSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
        },
        {"ipBlock": {"cidr": "::/0"}},
    ]


def test_it_comes_when_it_is_wanted_and_goes_when_it_is_not() -> None:
    assert briefs(with_spec(formed(3), security=RESTRICTED)) == ("apply NetworkPolicy db",)
    restricted = formed(3, security=RESTRICTED)
    assert briefs(restricted) == ()
    assert briefs(without_child(restricted, "NetworkPolicy", "db")) == ("apply NetworkPolicy db",)
    for less in ({}, {"networkPolicy": {"enabled": False}}):
        open_again = with_spec(restricted, security=less)
        assert briefs(open_again) == ("delete NetworkPolicy db",)
        (action,) = plan(open_again).actions
        assert refuse(action, open_again) is None
        assert (
            refuse(action, restricted) == "spec.security.networkPolicy asks for this NetworkPolicy"
        )
        going = change_child(open_again, "NetworkPolicy", "db", deleting=True)
        assert briefs(going) == ()


def test_it_is_there_before_the_first_pod() -> None:
    applied = [a.kind for a in plan(new(security=RESTRICTED)).actions if isinstance(a, ApplyObject)]
    assert applied.index("NetworkPolicy") < applied.index("StatefulSet")


def _open_a_range(spec: Json) -> None:
    spec["ingress"][0]["ports"][0]["endPort"] = 2399


def _select_nothing(spec: Json) -> None:
    spec["podSelector"]["matchLabels"]["no"] = "pod"


def _let_all_in(spec: Json) -> None:
    del spec["ingress"][0]["from"]


def _add_a_rule(spec: Json) -> None:
    spec["egress"] = []


@pytest.mark.parametrize("edit", [_open_a_range, _select_nothing, _let_all_in, _add_a_rule])
def test_every_edit_is_undone(edit: Any) -> None:
    restricted = formed(3, security=RESTRICTED)
    body = copy.deepcopy(restricted.children["NetworkPolicy", "db"].body)
    edit(body["spec"])
    edited = change_child(restricted, "NetworkPolicy", "db", body=body)
    assert briefs(edited) == ("apply NetworkPolicy db",)


def test_somebody_elses_is_in_the_way_only_where_one_is_wanted() -> None:
    restricted = formed(3, security=RESTRICTED)
    taken = change_child(restricted, "NetworkPolicy", "db", owner_uid="somebody")
    assert plan(taken).rule == "refuse_foreign_objects"
    spared = with_spec(taken, security={})
    assert briefs(spared) == ()
    foreign = DeleteObject("NetworkPolicy", "db", "u", "why")
    assert refuse(foreign, spared) == "the object has another owner than the EtcdCluster"
    assert UID not in str(taken.children["NetworkPolicy", "db"].owner_uid)
