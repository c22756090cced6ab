"""The Kubernetes that a command works on: the local one, or a context that was named.

Nothing here ever falls back to the current context of a kubeconfig: a cluster is touched only when
it was named, or when this project started it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy import reading
from etcd_operator.json_types import Json
from local.digests import digest_paths

PROJECT = Path(__file__).resolve().parent.parent
# A kubectl ends before it would have to collect: a sixth of its processor time.
SHORT_LIVED = {"GOGC": "400"}
IMAGE_INPUTS = ("Dockerfile", "requirements/operator.txt", "src")


class TargetError(Exception):
    """A command on the cluster failed; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reachable cluster; `kubectl` are the words that every call begins with.

    `kubeconfig` is that of the local cluster: how to reach any other is kubectl's business.
    """

    name: str
    kubectl: tuple[str, ...]
    is_local: bool
    kubeconfig: str = ""

    def run(self, *words: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        """Run kubectl; raises TargetError with what it said."""
        try:
            result = subprocess.run(
                [*self.kubectl, *words],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                env=os.environ | SHORT_LIVED,
            )
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"kubectl {' '.join(words[:4])}: not within {seconds} s") from error
        if result.returncode != 0:
            raise TargetError(f"kubectl {' '.join(words[:4])}: {result.stderr.strip()}")
        return result.stdout

    def read(self, *words: str, empty: Json | None = None) -> Json:
        """Return what kubectl would print as JSON; `empty` stands for no answer at all.

        Raises TargetError. What this process can read by itself needs no kubectl.
        """
        request = reading.parse(words) if self.kubeconfig else None
        if request is not None:
            try:
                return reading.read(self.kubeconfig, request)
            except reading.ReadError as error:
                raise TargetError(str(error)) from error
        said = self.run(*words, "--output=json")
        if not said.strip() and empty is not None:
            return empty
        answer: Json = json.loads(said)
        return answer

    def apply(self, *manifests: Json, namespace: str | None = None) -> None:
        """Apply objects as a user would."""
        text = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
        place = (f"--namespace={namespace}",) if namespace else ()
        self.run("apply", *place, "--filename=-", stdin=text)


def find_target(context: str) -> Target:
    """Return the named context, or the local cluster, which has to be up."""
    if context:
        if shutil.which("kubectl") is None:
            raise TargetError(f"kubectl is needed to reach the context {context}")
        return Target(context, ("kubectl", f"--context={context}"), is_local=False)
    path = ask_local("kubeconfig")
    kubectl = str(Path(ask_local("path")) / "kubectl")
    return Target(
        "the local cluster", (kubectl, f"--kubeconfig={path}"), is_local=True, kubeconfig=path
    )


def provide_image(target: Target, image: str) -> str:
    """Return the operator's image: the one given, or one built from this tree and loaded."""
    if image:
        return image
    if not target.is_local:
        raise TargetError(
            "OPERATOR_IMAGE is needed with CONTEXT: build the Dockerfile, push the image to where "
            "that cluster can pull it, and name it"
        )
    built = name_image()
    ask_local("image", "operator", "--tag", built)
    return built


def name_image() -> str:
    """Return the name of the image of this tree's operator: its tag is the digest of all inputs."""
    return f"etcd-operator:{digest_paths([PROJECT / name for name in IMAGE_INPUTS], PROJECT)[:12]}"


def ask_local(*words: str) -> str:
    """Return what the local cluster's command prints; its progress goes to the terminal.

    Raises TargetError if it fails.
    """
    command = [sys.executable, "-m", "local", *words]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=PROJECT)
    if result.returncode != 0:
        raise TargetError(f"`python -m local {' '.join(words)}` failed")
    return result.stdout.strip()
