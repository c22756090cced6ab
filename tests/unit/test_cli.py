"""The operator's process: what it says, and how it ends, where it cannot run."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from etcd_operator import cli
from etcd_operator.errors import KubeUnavailable
from etcd_operator.settings import read_settings
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


async def test_lists_begin_before_what_acts_on_them_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the code is loaded while the API server writes the first lists."""
    listing, told = threading.Event(), []

    class Following:
        def __init__(self, *_: object) -> None:
            told.append("made")

        async def run(self) -> None:
            listing.set()
            await asyncio.Event().wait()

        async def close(self) -> None:
            told.append("closed")

    class Operator:
        def __init__(self, _: object, following: Following, __: object) -> None:
            assert isinstance(following, Following)

        async def run(self) -> None:
            raise KubeUnavailable("nobody answers", 503)

    def load() -> type[Operator]:
        told.append("loaded" if listing.wait(5) else "nothing was listed meanwhile")
        return Operator

    monkeypatch.setattr(cli, "Following", Following)
    monkeypatch.setattr(cli, "load_operator", load)
    with pytest.raises(ExceptionGroup) as caught:
        await cli.operate(read_settings({"POD_NAME": "a"}))
    assert caught.group_contains(KubeUnavailable)
    assert told == ["made", "loaded", "closed"]
