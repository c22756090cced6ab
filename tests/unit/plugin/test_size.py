"""What changes of size and of Pods say where not everything is there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from etcd_operator.runtime.kubernetes.api import CLUSTERS
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_cluster(terminal.server)
    return terminal


@pytest.mark.parametrize("words", [("scale", "db", "5"), ("restart", "db", "--yes")])
def test_without_a_majority_a_change_says_that_little_comes_of_it(
    terminal: Terminal, words: Sequence[str]
) -> None:
    put_cluster(terminal.server, conditions=[{"type": "QuorumHealthy", "status": "False"}])
    ended = terminal.type(*words)
    assert ended.code == 0
    assert "EtcdCluster db has no majority now" in ended.out


def test_a_member_that_never_came_does_not_leave(terminal: Terminal) -> None:
    cluster = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    terminal.server.put(CLUSTERS, "db", {**cluster, "spec": {"size": 5}}, NAMESPACE)
    ended = terminal.type("scale", "db", "3", answer="n\n")
    assert "db-3, db-4 do not come to EtcdCluster db: they are no members yet." in ended.err
