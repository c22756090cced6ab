"""Members that are Ready and not heard of: nothing is lost, nothing is changed, and it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Condition, Phase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reachability.rule import wait_for_answers
from etcd_operator.core.reachability.unreachable import find_unreachable
from etcd_operator.core.reasons import attention
from etcd_operator.core.status.report import report
from etcd_operator.errors import NO_PASSWORD
from tests.builders.actions import Fires, Passes, flags
from tests.builders.snapshots import (
    NOW,
    begun,
    change_pod,
    formed,
    silent,
    unheard,
    with_spec,
    with_status,
    without_status,
)

NOBODY = unheard(formed(3), 0, 1, 2)
ASKED = unheard(formed(3), 0, 1, 2, words="etcdserver: user name is empty", user=True)
FORMING = unheard(change_pod(begun(3), 1, ready=True, was_ready=True), 0, 1, 2)

SILENCE = (
    " does not answer the operator: no route. A majority may serve clients. Let the operator's "
    "Pods reach port 2379: look at NetworkPolicies, at a service mesh that wants mutual TLS, and "
    "at certificates. Nothing is changed until then."
)
USER = (
    "etcd wants a user of the operator: etcdserver: user name is empty. Authentication was enabled "
    "by hand, the user root lacks the role root, or etcd has another password for root than the "
    "Secret of spec.security.auth.rootPasswordSecret. Members serve, and their Pods are healed, "
    "but none is added, removed or upgraded. Name a Secret with root's password there, or disable "
    "authentication with `etcdctl auth disable`; to have users, set spec.security.auth."
)


def told(scene: Snapshot, seconds: int, reason: str = "OperatorCannotReach") -> Snapshot:
    """The status has said so for a while."""
    since = (NOW - timedelta(seconds=seconds)).isoformat()
    said = Condition(type="Degraded", status="True", reason=reason, last_transition_time=since)
    return with_status(scene, conditions=[said.model_dump(by_alias=True)])


FIRES = (
    Fires(
        "Ready members that do not answer",
        wait_for_answers,
        NOBODY,
        attention.OPERATOR_CANNOT_REACH,
        f"db-0, db-1, db-2 is Ready but{SILENCE}",
        Phase.RUNNING,
    ),
    Fires(
        "for long",
        wait_for_answers,
        told(NOBODY, 10),
        attention.OPERATOR_CANNOT_REACH,
        f"db-0, db-1, db-2 is Ready but{SILENCE}",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "a cluster that counted as failed has not",
        wait_for_answers,
        with_status(told(NOBODY, 9), phase="Failed"),
        attention.OPERATOR_CANNOT_REACH,
        f"db-0, db-1, db-2 is Ready but{SILENCE}",
        Phase.RUNNING,
    ),
    Fires(
        "one of them is enough, for it read what a majority has",
        wait_for_answers,
        change_pod(change_pod(NOBODY, 2, ready=False), 0, ready=False),
        attention.OPERATOR_CANNOT_REACH,
        f"db-1 is Ready but{SILENCE}",
        Phase.RUNNING,
    ),
    Fires(
        "before the cluster is formed one is, and nobody may begin anew",
        wait_for_answers,
        FORMING,
        attention.OPERATOR_CANNOT_REACH,
        f"db-1 is Ready but{SILENCE} A member that has not started yet waits as well.",
        Phase.CREATING,
        ("apply ConfigMap db-config", "apply StatefulSet db"),
    ),
    Fires(
        "members that know other passwords than the Secrets have",
        wait_for_answers,
        with_spec(ASKED, security={"auth": {}}),
        attention.AUTHENTICATION_REQUIRED,
        (
            "etcd does not let the operator in: etcdserver: user name is empty. It has other "
            "passwords than Secret db-operator-password and Secret db-root-password. Members "
            "serve, and their Pods are healed, but none is added, removed or upgraded. Write the "
            "password that root has in etcd into Secret db-root-password, or disable "
            "authentication with `etcdctl auth disable`: the operator sets the rest right."
        ),
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "a root that came without a password, in a backup of a cluster with TLS",
        wait_for_answers,
        with_spec(
            unheard(formed(3), 0, 1, 2, words=f"10.0.0.1:2379: {NO_PASSWORD}", user=True),
            security={"auth": {}},
        ),
        attention.AUTHENTICATION_REQUIRED,
        (
            "etcd does not let the operator in: the user root has no password, as in a backup of "
            "a cluster with TLS, where certificates let users in. etcd gives it none now. Members "
            "serve, but none is added, removed or upgraded. Restore the backup into a cluster "
            "with spec.security.tls: there TLS can be turned off."
        ),
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
    Fires(
        "members that ask for a user",
        wait_for_answers,
        with_status(ASKED, phase="Scaling"),
        attention.AUTHENTICATION_REQUIRED,
        USER,
        Phase.SCALING,
        flags=flags("blocked"),
    ),
)
PASSES = (
    Passes("a quorum answers", wait_for_answers, silent(formed(3), 1)),
    Passes("nobody is Ready", wait_for_answers, silent(formed(3), 0, 1, 2)),
    Passes(
        "one that answers sees no leader: the others are Ready only as yet",
        wait_for_answers,
        change_pod(change_pod(silent(formed(3), 1, 2), 1, ready=True), 2, ready=True),
    ),
    Passes("they are being deleted", wait_for_answers, change_pod(FORMING, 1, deleting=True)),
    Passes("it is to stop", wait_for_answers, with_spec(NOBODY, size=0)),
    Passes(
        "who answers but lets no list through once",
        wait_for_answers,
        replace(formed(3), membership=None),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def shown(scene: Snapshot) -> dict[str, tuple[str, str]]:
    """The conditions of a pass over this scene."""
    status = report(scene, plan(scene).decision)
    return {c.type: (c.status, c.reason) for c in status.conditions}


def test_what_is_not_heard_of_is_unknown_and_never_lost() -> None:
    for scene in (NOBODY, FORMING):
        conditions = shown(scene)
        for kind in ("Available", "QuorumHealthy"):
            assert conditions[kind] == ("Unknown", "OperatorCannotReach")
        assert conditions["Degraded"] == ("True", "OperatorCannotReach")
        assert conditions["Progressing"] == ("False", "OperatorCannotReach")


def test_members_that_ask_for_a_user_serve() -> None:
    conditions = shown(ASKED)
    status = report(ASKED, plan(ASKED).decision)
    assert (status.ready_replicas, len(status.client_endpoints)) == (3, 3)
    assert {m.message for m in status.members} == {
        "It refuses the operator: it knows no such user, or another password."
    }
    assert conditions["Available"] == ("True", "QuorumAvailable")
    assert conditions["QuorumHealthy"] == ("True", "MajorityReady")
    assert conditions["Degraded"] == ("True", "AuthenticationRequired")
    assert conditions["Ready"] == ("False", "AuthenticationRequired")


def test_a_restored_cluster_that_asks_for_a_user_is_not_unknown() -> None:
    """Its data came with users: the operator has never seen a list of its members."""
    scene = replace(without_status(ASKED), children={})
    found = find_unreachable(scene)
    assert found is not None
    assert found.asks_for_user
