"""The files of a release name the released image by its digest, and nothing else changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.manifests import IMAGE
from deploy.release import HERE, MANIFESTS, check_tag, main, write_release
from etcd_operator import __version__
from etcd_operator.json_types import Json

DIGEST = "sha256:" + "a" * 64
RELEASED = f"registry.example.com/etcd-operator@{DIGEST}"
WORKFLOWS = HERE.parent / ".github" / "workflows"


def test_every_file_names_the_released_image(tmp_path: Path) -> None:
    assert main(["--image", RELEASED, str(tmp_path)]) == 0
    for name in MANIFESTS:
        text = (tmp_path / name).read_text()
        assert (
            text.replace(f"image: {RELEASED}\n", f"image: {IMAGE}\n") == (HERE / name).read_text()
        )
        assert text.count(RELEASED) == 1
    chart = tmp_path / "charts" / "etcd-operator"
    values = yaml.safe_load((chart / "values.yaml").read_text())["image"]
    assert f"{values['repository']}@{values['digest']}" == RELEASED
    assert RELEASED in (chart / "Chart.yaml").read_text()
    (version,) = (tmp_path / "bundle").rglob("*.clusterserviceversion.yaml")
    assert version.read_text().count(RELEASED) == 2
    assert (tmp_path / "charts" / "etcd-cluster" / "Chart.yaml").exists()
    named = [path for path in tmp_path.rglob("*.yaml") if f"{IMAGE}\n" in path.read_text()]
    assert named == []


@pytest.mark.parametrize("image", ["etcd-operator:0.1.0", "x@sha256:12", f"@{DIGEST}"])
def test_an_image_without_a_digest_is_refused(image: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no digest"):
        write_release(image, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_tag_is_the_version() -> None:
    check_tag(f"v{__version__}")
    with pytest.raises(ValueError, match=r"tag v9\.9\.9 is not v"):
        check_tag("v9.9.9")
    assert main(["--tag", "v9.9.9"]) == 1


def test_the_version_stands_in_one_place() -> None:
    """Every file that names the version is generated from it, or says how to use a release."""
    charts = [yaml.safe_load(p.read_text()) for p in (HERE / "helm").glob("*/Chart.yaml")]
    assert {chart["version"] for chart in charts} == {__version__}
    assert {chart["appVersion"] for chart in charts} == {__version__}
    for name in MANIFESTS:
        assert f"image: etcd-operator:{__version__}\n" in (HERE / name).read_text()


def read_workflow() -> tuple[Json, list[Json]]:
    """The workflow of a release, and the steps of all its jobs."""
    workflow = yaml.safe_load((WORKFLOWS / "release.yaml").read_text())
    return workflow, [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_image_has_the_tag_that_manifests_and_charts_name() -> None:
    _, steps = read_workflow()
    (image,) = (step for step in steps if step.get("id") == "image")
    (version,) = (step for step in steps if step.get("id") == "version")
    assert image["with"]["tags"].endswith(":${{ steps.version.outputs.number }}")
    script = version["run"].replace('"$GITHUB_OUTPUT"', "/dev/stdout")
    words = ["bash", "-c", script]
    environment = {"PATH": os.environ["PATH"], "GITHUB_REF_NAME": f"v{__version__}"}
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"number={__version__}\n"


def test_no_name_in_the_registry_has_capitals() -> None:
    """An owner may be called otherwise; registries refuse it."""
    workflow, steps = read_workflow()
    (place,) = (step for step in steps if step.get("name", "").startswith("Place in the registry"))
    script = place["run"].replace('"$GITHUB_ENV"', "/dev/stdout")
    environment = {**workflow["env"], "GITHUB_REPOSITORY": "Owner/etcd-Operator"}
    said = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=True)
    assert said.stdout == b"IMAGE=ghcr.io/owner/etcd-operator\n"


def test_the_workflow_calls_what_there_is() -> None:
    workflow, steps = read_workflow()
    commands = "\n".join(step.get("run", "") for step in steps)
    makefile = (HERE.parent / "Makefile").read_text()
    for line in commands.splitlines():
        if line.startswith("make "):
            assert f"\n{line.split()[1]}: " in makefile
    assert "python -m deploy.release" in commands
    assert "platforms: linux/amd64,linux/arm64" in (WORKFLOWS / "release.yaml").read_text()
    for job in workflow["jobs"].values():
        assert set(job["permissions"]) <= {"contents", "packages", "id-token", "attestations"}
