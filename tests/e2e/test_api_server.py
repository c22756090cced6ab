"""The API server goes and comes back under an operator at work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.installer import wait_for_operator
from deploy.target import PROJECT, Target
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.removals import Removals

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(300)]


@pytest.mark.last
def test_the_api_server_restarts(target: Target, cluster: Cluster, removals: Removals) -> None:
    if not target.is_local:
        pytest.skip("only the local cluster's API server may be restarted")
    removals.finish()  # they need it
    cluster.create(size=3)
    cluster.wait_running(3)
    for kill in ((), ("--kill",)):
        words = [sys.executable, "-m", "local", "component", "restart", "apiserver", *kill]
        subprocess.run(words, check=True, cwd=PROJECT, capture_output=True)
        wait_until("it answers", lambda: bool(target.run("get", "--raw", "/readyz")))
        pods = cluster.uids("pods")
        cluster.kubectl("delete", "configmap", "c-config")
        wait_until("watches go on", lambda: "c-config" in cluster.uids("configmap"), 30)
        assert cluster.uids("pods") == pods
    cluster.scale(1)
    cluster.wait_running(1)
    wait_for_operator(target)
