"""Changes of others while a question waits for its answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from etcd_operator.errors import Conflict
from etcd_operator.json_types import Json
from etcd_operator.plugin.change import LOOKS
from etcd_operator.runtime.kubernetes.api import CLUSTERS, PODS, Kind
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods

SHRINK = ("scale", "db", "1")
DEFRAG = ("defrag", "db")
REPLACE = ("replace", "db-1")
CHANGED = (
    "Nothing was changed: EtcdCluster db was changed by somebody else meanwhile; look again.\n"
)


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_cluster(terminal.server)
    put_pods(terminal.server)
    for ordinal in range(3):
        sizes = {"total_size_in_bytes": 2**21, "total_size_in_use_in_bytes": 2**20}
        terminal.api.metrics(f"db-{ordinal}", **{f"etcd_mvcc_db_{k}": v for k, v in sizes.items()})
    return terminal


def live(terminal: Terminal, kind: Kind = CLUSTERS, name: str = "db") -> Json:
    return terminal.server.objects[kind.name, NAMESPACE, name]


def change_spec(terminal: Terminal) -> None:
    body = live(terminal)
    metadata = {**body["metadata"], "generation": 2}
    spec = {**body["spec"], "size": 5}
    terminal.server.put(CLUSTERS, "db", {**body, "metadata": metadata, "spec": spec}, NAMESPACE)


def annotate(terminal: Terminal, key: str, kind: Kind = CLUSTERS, name: str = "db") -> None:
    body = live(terminal, kind, name)
    metadata = {**body["metadata"], "annotations": {key: "theirs"}}
    terminal.server.put(kind, name, {**body, "metadata": metadata}, NAMESPACE)


def write_status(terminal: Terminal) -> None:
    terminal.server.put(CLUSTERS, "db", live(terminal), NAMESPACE)


def recreate(terminal: Terminal) -> None:
    body = live(terminal)
    del terminal.server.objects[CLUSTERS.name, NAMESPACE, "db"]
    metadata = {**body["metadata"], "uid": "another"}
    terminal.server.put(CLUSTERS, "db", {**body, "metadata": metadata}, NAMESPACE)


def writes(terminal: Terminal) -> list[Any]:
    return [body for said, body in terminal.server.sent if said.startswith("patch")]


def test_a_spec_that_was_changed_while_it_was_asked_is_left_alone(terminal: Terminal) -> None:
    ended = terminal.type(*SHRINK, answer="y\n", meanwhile=lambda: change_spec(terminal))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith(CHANGED)
    assert live(terminal)["spec"]["size"] == 5


def test_only_the_annotation_that_is_written_is_compared(terminal: Terminal) -> None:
    key = "etcd.etcd.io/defragment"
    ended = terminal.type(*DEFRAG, answer="y\n", meanwhile=lambda: annotate(terminal, key))
    assert ended.code == 1
    assert ended.err.endswith(CHANGED)
    assert live(terminal)["metadata"]["annotations"][key] == "theirs"
    put_cluster(terminal.server)
    ended = terminal.type(*DEFRAG, answer="y\n", meanwhile=lambda: annotate(terminal, "note"))
    assert ended.code == 0
    assert live(terminal)["metadata"]["annotations"].keys() == {key, "note"}


def test_a_write_of_the_status_meanwhile_is_no_change(terminal: Terminal) -> None:
    terminal.server.refusals = [Conflict("the object has been modified", 409)] * 2
    ended = terminal.type(*SHRINK, answer="y\n", meanwhile=lambda: write_status(terminal))
    assert ended.code == 0, ended
    assert live(terminal)["spec"]["size"] == 1
    assert len(writes(terminal)) == 3


def test_conflicts_without_end_are_given_up(terminal: Terminal) -> None:
    terminal.server.refusals = [Conflict("the object has been modified", 409)] * 99
    ended = terminal.type(*SHRINK, "--yes")
    assert ended.code == 1
    assert ended.err.endswith(CHANGED)
    assert len(writes(terminal)) == LOOKS


@pytest.mark.parametrize("words", [SHRINK, DEFRAG])
def test_another_object_of_the_name_is_left_alone(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    ended = terminal.type(*words, answer="y\n", meanwhile=lambda: recreate(terminal))
    assert ended.code == 1
    said = "Nothing was changed: EtcdCluster db was deleted and created again meanwhile.\n"
    assert ended.err.endswith(said)
    assert writes(terminal) == []


def test_what_was_deleted_is_not_written(terminal: Terminal) -> None:
    key = (PODS.name, NAMESPACE, "db-1")
    gone = partial(terminal.server.objects.pop, key)
    ended = terminal.type(*REPLACE, answer="y\n", meanwhile=gone)
    assert ended.code == 1
    assert ended.err.endswith("Nothing was changed: Pod db-1 was deleted meanwhile.\n")
