"""The Kubernetes that a command works on: the local one, or a context that was named.

Nothing here ever falls back to the current context of a kubeconfig: a cluster is touched only when
it was named, or when this project started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy import api_calls, api_server
from deploy.api_server import ApiError
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
        """Run kubectl; raises TargetError with what it said.

        What this process can do by itself needs no kubectl.
        """
        if self.kubeconfig and stdin is None:
            with _as_of_kubectl(words):
                server = api_server.connect(self.kubeconfig)
                said = api_calls.run(server, api_calls.parse(words), seconds)
                if said is not None:
                    return said
        return self._run_kubectl(*words, stdin=stdin, seconds=seconds)

    def read(self, *words: str, empty: Json | None = None) -> Json:
        """Return what kubectl would print as JSON; `empty` stands for no answer at all.

        Raises TargetError. What this process can read by itself needs no kubectl.
        """
        if self.kubeconfig:
            with _as_of_kubectl(words):
                server = api_server.connect(self.kubeconfig)
                found = api_calls.read(server, api_calls.parse(words))
                if found is not None:
                    return found
        said = self.run(*words, "--output=json")
        if not said.strip() and empty is not None:
            return empty
        answer: Json = json.loads(said)
        return answer

    def apply(self, *manifests: Json, namespace: str | None = None, dry_run: bool = False) -> None:
        """Apply objects as a user would; raises TargetError.

        A dry run has the API server judge them, and changes nothing.
        """
        flags = [f"--namespace={namespace}"] if namespace else []
        flags += ["--dry-run=server"] if dry_run else []
        for manifest in manifests:
            if not self._apply(manifest, namespace, dry_run=dry_run):
                self.run("apply", *flags, "--filename=-", stdin=json.dumps(manifest))

    def post(self, path: str, body: Json) -> Json:
        """Return what a path of the API server answers to this body; raises TargetError."""
        words = ("create", f"--raw={path}", "--filename=-")
        if self.kubeconfig:
            with _as_of_kubectl(words):
                return api_calls.post(api_server.connect(self.kubeconfig), path, body)
        answer: Json = json.loads(self.run(*words, stdin=json.dumps(body)))
        return answer

    def _apply(self, manifest: Json, namespace: str | None, *, dry_run: bool) -> bool:
        if not self.kubeconfig:
            return False
        with _as_of_kubectl(("apply", manifest["kind"], manifest["metadata"]["name"])):
            server = api_server.connect(self.kubeconfig)
            return api_calls.apply(server, manifest, namespace, dry_run=dry_run)

    def _run_kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120.0) -> str:
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


@contextlib.contextmanager
def _as_of_kubectl(words: Sequence[str]) -> Iterator[None]:
    """Have what is refused look as if kubectl had been refused it."""
    try:
        yield
    except ApiError as error:
        raise TargetError(f"kubectl {' '.join(words[:4])}: {error}") from error


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
