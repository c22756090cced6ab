"""The operator's process: what it says, and how it ends, where it cannot run."""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from etcd_operator import cli
from etcd_operator.errors import KubeUnavailable
from tests.builders.exhaustive import exhaustive

KUBECONFIG = """
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.mark.parametrize("setting", ["PORT", *exhaustive("RECORDING_PORT")])
@pytest.mark.situation(
    "told",
    "set a port of the operator that another process has",
    "the operator ends with one sentence: the setting, the port and what helps",
)
def test_a_port_that_is_taken_is_named_in_one_sentence(
    tmp_path: Path, unused_tcp_port: int, setting: str
) -> None:
    config = tmp_path / "config"
    config.write_text(KUBECONFIG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = dict.fromkeys(("PORT", "RECORDING_PORT"), str(unused_tcp_port))
        ports[setting] = str(port)
        ended = subprocess.run(
            [sys.executable, "-m", "etcd_operator"],
            env=os.environ | {"KUBECONFIG": str(config)} | ports,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    last = json.loads((ended.stdout + ended.stderr).splitlines()[-1])
    assert last["event"] == "cannot run"
    assert last["error"] == (
        f"{setting} {port} cannot be used (Address already in use): end the process that listens "
        f"there, or set {setting} to a free port"
    )
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.returncode == 1


async def test_the_collector_is_rarely_at_work_until_all_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would go through everything that was listed so far, again and again."""
    usual, during = gc.get_threshold(), []

    class Listing:
        async def wait_until_synced(self) -> None:
            during.append(gc.get_threshold())

    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.get_threshold()))
    await cli.wait_until_listed(Listing(), Listing())
    assert during == [cli.COLLECT_WHILE_LISTING] * 2
    assert frozen == [usual]


async def test_the_collector_is_at_work_again_where_nothing_could_be_listed() -> None:
    usual = gc.get_threshold()

    class Unreachable:
        async def wait_until_synced(self) -> None:
            raise KubeUnavailable("nobody answers", 503)

    with pytest.raises(KubeUnavailable):
        await cli.wait_until_listed(Unreachable())
    assert gc.get_threshold() == usual
