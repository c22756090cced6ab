"""What a client with long-lived connections feels: a kube-apiserver on the EtcdCluster."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deploy.target import Target
from local.places import read_places
from tests.e2e.secured import SecuredCluster
from tests.perf.clients.apiserver import client_apiserver
from tests.perf.clients.changes import roll
from tests.perf.clients.load import Load

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

# Of five writers on a busy machine; the page on performance has what is measured.
GAP_SECONDS = 3.0
# The change of leader: raft drops what is proposed meanwhile, and what a follower has forwarded
# then gets its answer when etcd's patience is over.
DROPPED, FORWARDED = "raft proposal dropped", "request timed out"
PATIENCE_SECONDS = 7.0


def test_a_roll_cuts_no_client_off(target: Target, namespace: str, tmp_path: Path) -> None:
    """Members leave the Service and send their clients away before they stop."""
    if not target.is_local:
        pytest.skip("the kube-apiserver of the local Kubernetes is the client")
    cluster = SecuredCluster(target, namespace)
    cluster.create(size=3, security={"tls": {}})
    cluster.wait_running(3)
    with client_apiserver(cluster, read_places(os.environ), tmp_path) as server:
        load = Load(server)
        load.start()
        began = time.monotonic()
        roll(cluster)
        felt = load.judge(began, time.monotonic())
        load.stop()
    assert felt.writes > 100
    assert [e for e in felt.errors if DROPPED not in e and FORWARDED not in e] == []
    forwarded = any(FORWARDED in error for error in felt.errors)
    assert felt.gap < GAP_SECONDS + PATIENCE_SECONDS * forwarded
