# ruff: noqa: ARG002 (a stand-in has all arguments of what it stands for)
"""Installing again what is there already costs one question."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import installer
from deploy.installer import ANNOTATION_INSTALLED, ensure_installed, install, is_installed
from deploy.target import Target, name_image
from etcd_operator.json_types import Json


class Kubectl(Target):
    """A cluster that has one Deployment, or none yet; it remembers what it was asked."""

    asked: list[tuple[str, ...]]
    deployment: Json

    def __init__(self) -> None:
        super().__init__("test", ("kubectl",), is_local=False)
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "deployment", {})

    def run(self, *words: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        self.asked.append(words)
        match words[0]:
            case "apply":
                generation = self.deployment.get("metadata", {}).get("generation", 0) + 1
                counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), 2)
                self.deployment.update(
                    metadata={"generation": generation},
                    spec={"replicas": 2},
                    status={"observedGeneration": generation, **counts},
                )
            case "annotate":
                name, _, value = words[-1].partition("=")
                self.deployment["metadata"]["annotations"] = {name: value}
            case "get":
                return json.dumps(self.deployment) if self.deployment else ""
        return ""


@pytest.fixture
def target() -> Kubectl:
    """A cluster with the operator of the image `a`."""
    made = Kubectl()
    install(made, "a")
    made.asked.clear()
    return made


def test_what_was_installed_is_not_installed_again(target: Kubectl) -> None:
    ensure_installed(target, "a")
    assert [words[0] for words in target.asked] == ["get"]


def test_on_an_empty_cluster_it_is_installed() -> None:
    target = Kubectl()
    ensure_installed(target, "a")
    assert is_installed(target, "a")


def test_another_image_is_installed(target: Kubectl) -> None:
    ensure_installed(target, "b")
    assert "apply" in {words[0] for words in target.asked}
    assert is_installed(target, "b")
    assert not is_installed(target, "a")


def test_another_manifest_is_installed(
    target: Kubectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    changed = tmp_path / "install.yaml"
    changed.write_text(installer.INSTALL_FILE.read_text() + "# changed\n")
    monkeypatch.setattr(installer, "INSTALL_FILE", changed)
    assert not is_installed(target, "a")


def test_what_others_have_changed_is_installed_again(target: Kubectl) -> None:
    target.deployment["metadata"]["generation"] += 1
    target.deployment["status"]["observedGeneration"] += 1
    assert not is_installed(target, "a")


@pytest.mark.parametrize("key", ["readyReplicas", "updatedReplicas", "observedGeneration"])
def test_what_is_not_ready_is_waited_for(target: Kubectl, key: str) -> None:
    target.deployment["status"][key] = 0
    assert not is_installed(target, "a")


def test_an_installation_that_was_cut_off_is_begun_again(target: Kubectl) -> None:
    target.deployment["metadata"]["annotations"].pop(ANNOTATION_INSTALLED)
    assert not is_installed(target, "a")


def test_the_image_is_named_by_what_it_is_made_of() -> None:
    assert name_image() == name_image()
    assert name_image().startswith("etcd-operator:")
