"""A terminal of a person who uses the kubectl plugin as it is delivered, on the real cluster."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.plugin.archive import build
from deploy.target import PROJECT, Target

Doing = Callable[[], object] | None
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Shell:
    """A terminal of a person: `kubectl etcd …` with the plugin on PATH."""

    namespace: str
    environment: dict[str, str]

    def run(self, *words: str, answer: str = "", code: int = 0) -> str:
        """Type a command; returns what it printed, its sentences for people last."""
        command = ["kubectl", "etcd", *words[:1], f"--namespace={self.namespace}", *words[1:]]
        ended = subprocess.run(
            command,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            env=self.environment,
        )
        assert ended.returncode == code, (words, ended.returncode, ended.stdout, ended.stderr)
        return ended.stdout + ended.stderr

    def view(self, *words: str) -> Any:
        """Type a command that reads; returns its document."""
        return json.loads(self.run(*words, "--output=json"))

    def talk(self, words: list[str], *lines: tuple[str, str], meanwhile: Doing = None) -> str:
        """Type a live command on a real terminal: wait for a text, then type a line, and so on.

        Of texts that are joined by &&, all are waited for, in whatever order they come. `meanwhile`
        is done when the first text is there.
        """
        # A terminal of its own, in a session of its own: Ctrl-C comes from there. Whoever runs the
        # tests in the background ignores it, and so would all that they start.
        terminal = ["env", "--default-signal=INT", "setsid", "--ctty"]
        command = [*terminal, "kubectl", "etcd", *words, f"--namespace={self.namespace}"]
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, env=self.environment
        )
        os.close(follower)
        seen, said = "", ""
        try:
            for text, line in lines:
                seen = read_until(leader, *text.split("&&"))
                said += seen
                if meanwhile:
                    meanwhile()
                os.write(leader, line.encode())
            said += read_until(leader)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            os.close(leader)
        return said


def read_until(leader: int, *texts: str) -> str:
    """Read what a terminal shows until all texts are there, or without any until it closes."""
    shown, begun = "", time.monotonic()
    while not texts or not all(text in shown for text in texts):
        assert time.monotonic() - begun < 60, f"{texts} are not in: {shown}"
        if not select.select([leader], [], [], 1)[0]:
            continue
        try:
            data = os.read(leader, 4096)
        except OSError:  # the other side has closed
            data = b""
        if not data:
            assert not texts, f"{texts} are not in: {shown}"
            break
        shown += ANSI.sub("", data.decode(errors="replace"))
    return shown


def install(folder: Path) -> Path:
    """Build the plugin into a directory for PATH, with a python3 that runs it."""
    folder.mkdir()
    build(folder / "kubectl-etcd", PROJECT / "src")
    (folder / "python3").symlink_to(sys.executable)
    return folder


def open_shell(target: Target, namespace: str, tools: Path, home: Path) -> Shell:
    """Return a terminal with the plugin beside the kubectl of the cluster.

    What the plugin unpacks at its first start is kept beside it.
    """
    program = Path(shutil.which(target.kubectl[0]) or target.kubectl[0])
    path = f"{tools}:{program.parent}:{os.environ['PATH']}"
    cache = str(tools / "cache")
    environment = {**os.environ, "PATH": path, "XDG_CACHE_HOME": cache, "COLUMNS": "160"}
    for word in target.kubectl[1:]:
        if word.startswith("--kubeconfig="):
            environment["KUBECONFIG"] = word.partition("=")[2]
        if word.startswith("--context="):
            kubeconfig = home / "kubeconfig"
            kubeconfig.write_text(target.run("config", "view", "--minify", "--flatten", "--raw"))
            environment["KUBECONFIG"] = str(kubeconfig)
    return Shell(namespace, environment)
