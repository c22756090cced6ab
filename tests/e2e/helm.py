"""The real Helm on the cluster under test."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.target import Target, ask_local
from local.helm import provide_helm


@dataclass(frozen=True)
class Helm:
    """Helm's command line; `words` say which cluster and which namespace."""

    program: Path
    words: tuple[str, ...]

    def run(self, *words: str) -> str:
        """Run a command; the test fails with what Helm said."""
        command = [str(self.program), *words, *self.words]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def revisions(self, release: str) -> list[tuple[int, str]]:
        """The revisions of a release with their state, oldest first."""
        found = json.loads(self.run("history", release, "--output=json"))
        return [(each["revision"], each["status"]) for each in found]


def connect_helm(target: Target, namespace: str) -> Helm:
    """Helm, for releases in a namespace."""
    if target.is_local:
        cluster = f"--kubeconfig={ask_local('kubeconfig')}"
    else:
        cluster = f"--kube-context={os.environ['CONTEXT']}"
    return Helm(provide_helm(), (cluster, f"--namespace={namespace}"))
