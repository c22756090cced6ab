"""The operator's log about one EtcdCluster, as somebody reads it who looks for a cause."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target
from etcd_operator.core.model.naming import ANNOTATION_LOG_LEVEL
from tests.builders.log_lines import read_lines
from tests.e2e.harness import Cluster, wait_until

pytestmark = pytest.mark.e2e

PASSES = 3  # seconds in which a cluster has passes


def read_log(target: Target, cluster: Cluster) -> list[dict[str, Any]]:
    """The lines about the cluster, of both replicas, after all of theirs were checked."""
    selector = f"--selector=app.kubernetes.io/name={OPERATOR}"
    place = f"--namespace={OPERATOR_NAMESPACE}"
    text = target.run("logs", place, selector, "--tail=-1")
    about = f"{cluster.namespace}/{cluster.name}"
    return [line for line in read_lines(text) if line.get("cluster") == about]


def count_debug(target: Target, cluster: Cluster) -> int:
    return sum(line["level"] == "debug" for line in read_log(target, cluster))


def test_each_decision_that_changed_is_a_line_and_an_annotation_asks_for_more(
    target: Target, cluster: Cluster
) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    lines = read_log(target, cluster)
    decisions = [line for line in lines if line["event"] == "decision"]
    told = [tuple(d[name] for name in ("rule", "reason", "phase", "message")) for d in decisions]
    assert told[-1][1:3] == ("Healthy", "Running")
    assert all(before != after for before, after in itertools.pairwise(told))
    numbers = [decision["pass"] for decision in decisions]
    assert numbers == sorted(set(numbers))
    assert all(0 < decision["duration"] < 60 for decision in decisions)
    assert {line["level"] for line in lines} <= {"info", "warning"}
    cluster.kubectl("annotate", "etcdcluster", cluster.name, f"{ANNOTATION_LOG_LEVEL}=debug")
    wait_until("its passes are told", lambda: count_debug(target, cluster) > 1)
    cluster.kubectl("annotate", "etcdcluster", cluster.name, f"{ANNOTATION_LOG_LEVEL}-")
    time.sleep(PASSES)
    known = count_debug(target, cluster)
    time.sleep(PASSES)
    assert count_debug(target, cluster) == known
