"""What is not asked for, because it is so already or would come to nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from etcd_operator.plugin.exits import Exit
from etcd_operator.runtime.kubernetes.api import BACKUPS, CLUSTERS
from tests.builders.plugin import Terminal, written
from tests.fakes.user_api import NAMESPACE, put_cluster


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_cluster(terminal.server)
    cluster = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    spec = {**cluster["spec"], "version": "v3.6.4"}
    terminal.server.put(CLUSTERS, "db", {**cluster, "spec": spec}, NAMESPACE)
    return terminal


def test_restore_needs_a_backup_that_is_complete(terminal: Terminal) -> None:
    terminal.server.put(BACKUPS, "nightly", {"spec": {"clusterName": "db"}}, NAMESPACE)
    for target in ("--to=copy", "--in-place=db"):
        ended = terminal.type("restore", "nightly", target, "--yes")
        assert (ended.code, written(terminal)) == (1, [])
        assert "no complete backup yet" in ended.err


def test_restore_into_a_new_cluster_takes_no_name_that_is_there(terminal: Terminal) -> None:
    complete = {"phase": "Completed", "completionTime": "2026-01-01T00:00:00Z"}
    backup = {"spec": {"clusterName": "db"}, "status": complete}
    terminal.server.put(BACKUPS, "nightly", backup, NAMESPACE)
    ended = terminal.type("restore", "nightly", "--to=db")
    assert (ended.code, written(terminal)) == (1, [])
    assert "--in-place=db" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scale", "db", "3"), "3 already"),
        (("upgrade", "db", "--to=3.6.4"), "spec.version v3.6.4 already"),
        (("move-leader", "db", "--to=db-0"), "db-0 leads already"),
    ],
)
def test_what_is_so_already_is_not_asked_for(
    terminal: Terminal, words: Sequence[str], said: str
) -> None:
    ended = terminal.type(*words)
    assert (ended.code, written(terminal)) == (0, [])
    assert said in ended.out


def test_a_cluster_without_members_is_one_that_is_stopped(terminal: Terminal) -> None:
    ended = terminal.type("scale", "db", "0")
    assert (ended.code, written(terminal)) == (9, [])
    assert "kubectl etcd stop db" in ended.err


@pytest.mark.parametrize("words", [("defrag", "db"), ("move-leader", "db", "--to=db-1")])
def test_without_a_majority_etcd_is_asked_for_nothing(
    terminal: Terminal, words: Sequence[str]
) -> None:
    lost = {"type": "QuorumHealthy", "status": "False", "reason": "MajorityLost"}
    put_cluster(terminal.server, conditions=[{**lost, "message": "1 of 3 voters answers."}])
    ended = terminal.type(*words)
    assert (ended.code, written(terminal)) == (Exit.FAILED, [])
    assert "has no majority that answers: 1 of 3 voters answers. If those members" in ended.err
