"""Run stories under injection, several at a time, and say what came of each."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Final

from deploy.manifests import NAME, NAMESPACE
from deploy.target import PROJECT, Target, TargetError
from etcd_operator.json_types import Json
from tests.cert_manager.schema import define, undefine
from tests.e2e.harness import Cluster
from tests.injection.boundaries import Boundary, Journal, Mode
from tests.injection.stories import portray, verify
from tests.injection.story import Story

OUTPUT: Final = PROJECT / "build" / "injection"


@dataclass
class Outcome:
    """What came of one story: `portraits` are its objects after each step that leaves any."""

    story: str
    mode: Mode
    failure: str = ""
    seconds: float = 0.0
    hits: list[Boundary] = field(default_factory=list)
    effects: dict[tuple[str, str], int] = field(default_factory=dict)
    portraits: dict[str, Json] = field(default_factory=dict)

    def summary(self) -> Json:
        """As it is written down."""
        return {
            "story": self.story,
            "mode": str(self.mode),
            "effects": sum(self.effects.values()),
            "injections": len(self.hits),
            "seconds": round(self.seconds, 1),
            "failure": self.failure,
        }


@contextlib.contextmanager
def installed_operator_away(target: Target) -> Iterator[None]:
    """Only the operators under test act meanwhile."""
    place = f"--namespace={NAMESPACE}"
    target.run("scale", f"deployment/{NAME}", place, "--replicas=0")
    target.run("wait", "pod", "--all", place, "--for=delete", "--timeout=60s")
    try:
        yield
    finally:
        target.run("scale", f"deployment/{NAME}", place, "--replicas=2")
        target.run("rollout", "status", f"deployment/{NAME}", place, "--timeout=90s")


@contextlib.contextmanager
def defined_cert_manager(target: Target) -> Iterator[None]:
    """cert-manager's definitions, for stories with an issuer."""
    define(target)
    try:
        yield
    finally:
        undefine(target)


def create_namespace(target: Target, name: str) -> None:
    """Create a namespace that enforces restricted Pod Security."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": label}
    target.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


@contextlib.contextmanager
def own_namespace(target: Target, name: str) -> Iterator[str]:
    """A namespace that enforces restricted Pod Security, removed afterwards."""
    create_namespace(target, name)
    try:
        yield name
    finally:
        target.run("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@contextlib.contextmanager
def disturbed_operator(
    target: Target, namespace: str, place: Path, mode: Mode, share: float, seed: int
) -> Iterator[None]:
    """An operator of this tree for one namespace, disturbed at its boundaries."""
    kubeconfig = next(w for w in target.kubectl if w.startswith("--kubeconfig="))
    environment = {
        **os.environ,
        "KUBECONFIG": kubeconfig.removeprefix("--kubeconfig="),
        "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
    }
    words = [sys.executable, "-m", "tests.injection.respawn", f"--namespace={namespace}"]
    words += [f"--place={place}", f"--mode={mode}", f"--share={share}", f"--seed={seed}"]
    process = subprocess.Popen(words, env=environment, cwd=PROJECT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def tell(target: Target, story: Story, mode: Mode, share: float = 1.0, seed: int = 1) -> Outcome:
    """Run one story; never raises for what goes wrong in it."""
    outcome = Outcome(story.name, mode)
    place = OUTPUT / f"{story.name}-{mode}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    journal = Journal(place)
    journal.begin("start")
    begun = time.monotonic()
    try:
        with (
            own_namespace(target, f"inject-{story.name}-{mode}-{token_hex(3)}") as namespace,
            disturbed_operator(target, namespace, place, mode, share, seed),
        ):
            cluster = story.cluster(target, namespace, spec={"version": story.version})
            with story.beside(cluster, place):
                _play(cluster, story, outcome)
    except Exception as error:  # noqa: BLE001 (whatever it is belongs to this story)
        place_of = traceback.extract_tb(error.__traceback__)[-1]
        outcome.failure = f"{journal.step()}: {error!r} at {place_of.name}:{place_of.lineno}"[:500]
    outcome.seconds = time.monotonic() - begun
    outcome.hits = journal.hits()
    outcome.effects = dict(journal.effects())
    return outcome


def _play(cluster: Cluster, story: Story, outcome: Outcome) -> None:
    journal = Journal(OUTPUT / f"{story.name}-{outcome.mode}")
    written: dict[str, str] = {}
    identity = ""
    try:
        for step in story.steps:
            journal.begin(step.name)
            step.act(cluster)
            step.wait(cluster)
            verify(cluster, step, written)
            if step.name != "delete":
                outcome.portraits[step.name] = portray(cluster)
                now = cluster.status()["clusterID"]
                assert identity in ("", now), f"another etcd cluster after {step.name}"
                identity = now
    finally:
        with contextlib.suppress(TargetError):
            cluster.kubectl("delete", "etcd", "--all", "--wait=true", "--timeout=60s")


def compare(reference: Outcome, disturbed: Outcome) -> str:
    """Why a disturbed story did not end as the undisturbed one; empty if it did."""
    for step, wanted in reference.portraits.items():
        found = disturbed.portraits.get(step, {})
        for name in wanted.keys() | found.keys():
            if wanted.get(name) != found.get(name):
                return f"{step}: {name} is {found.get(name)}, undisturbed {wanted.get(name)}"
    return ""


def missed(outcome: Outcome) -> list[str]:
    """Effects of a disturbed story at which nothing was disturbed."""
    hit = {(place.step, place.effect) for place in outcome.hits}
    return sorted(
        f"{step}: {effect}" for step, effect in outcome.effects if (step, effect) not in hit
    )
