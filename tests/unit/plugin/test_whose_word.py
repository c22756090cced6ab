"""Who says that a Pod is the operator's, and what becomes of one that is not."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.errors import NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Place
from etcd_operator.plugin.whose_word import DEFAULT_NAMESPACE, vouch
from etcd_operator.runtime.kubernetes.api import CLUSTERS, LEASES, PODS
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods

THEIRS = "theirs"
REVIEWS = ("create", "subjectaccessreviews")


@pytest.fixture
def terminal() -> Terminal:
    """A cluster that is said to be served from a namespace of somebody."""
    terminal = Terminal()
    cluster = put_cluster(terminal.server)
    cluster["metadata"]["annotations"] = {"etcd.etcd.io/operator": THEIRS}
    terminal.server.put(CLUSTERS, "db", cluster, NAMESPACE)
    put_pods(terminal.server)
    labels = {"labels": {"app.kubernetes.io/name": "etcd-operator"}}
    for place in (THEIRS, DEFAULT_NAMESPACE):
        spec = {"serviceAccountName": "robot", "containers": [{"name": "operator"}]}
        terminal.server.put(PODS, "op-1", {"metadata": labels, "spec": spec}, place)
        terminal.server.put(LEASES, "etcd-operator", {"spec": {"holderIdentity": "op-1"}}, place)
    return terminal


def ask(terminal: Terminal, place: str) -> str:
    cluster: Json = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    return asyncio.run(vouch(terminal.api.session(Place()), cluster, place, "op-1"))


@pytest.mark.parametrize("place", [THEIRS, DEFAULT_NAMESPACE])
def test_who_has_the_rights_of_an_operator_is_one(terminal: Terminal, place: str) -> None:
    assert ask(terminal, place) == ""


def test_who_has_not_the_rights_of_an_operator_is_none(terminal: Terminal) -> None:
    terminal.api.vouches = False
    with pytest.raises(PluginError, match="Pod op-1 in namespace theirs is no operator") as error:
        ask(terminal, THEIRS)
    assert error.value.code is Exit.NO_OPERATOR
    for verb in ("record", "report"):
        words = ("--output=/dev/null/x",) if verb == "report" else ()
        ended = terminal.type(verb, "db", *words)
        assert ended.code != Exit.DONE
    assert "is no operator" in terminal.type("record", "db").err


def test_its_logs_are_left_out_and_that_is_said(terminal: Terminal) -> None:
    terminal.api.vouches = False
    for ordinal in range(3):
        path = PODS.path(NAMESPACE, f"db-{ordinal}", "log")
        terminal.api.texts[path] = "2026-11-28T17:00:02.5Z hello"
    terminal.api.texts[PODS.path(THEIRS, "op-1", "log")] = "2026-11-28T17:00:02.5Z team/db lies"
    ended = terminal.type("logs", "db")
    assert "hello" in ended.out
    assert "lies" not in ended.out
    assert "could not read the log of Pod op-1 in namespace theirs" in ended.out


def test_without_the_right_to_ask_it_is_said_whose_word_it_is(terminal: Terminal) -> None:
    terminal.api.denied.add(REVIEWS)
    said = ask(terminal, THEIRS)
    assert "says the annotation etcd.etcd.io/operator of the EtcdCluster" in said
    assert ask(terminal, DEFAULT_NAMESPACE) == "", "nobody but an administrator writes there"


def test_a_pod_that_is_gone_is_an_error(terminal: Terminal) -> None:
    del terminal.server.objects["Pod", THEIRS, "op-1"]
    with pytest.raises(NotFound):
        ask(terminal, THEIRS)
    ended = terminal.type("record", "db")
    assert ended.code == Exit.NO_OPERATOR
    assert "Pod op-1 in theirs, which holds the operator's Lease, is gone." in ended.err
