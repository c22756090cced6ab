"""The manifest for krew, as krew's own check reads it, and the plugin as krew installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.plugin.__main__ import build_for
from deploy.plugin.krew import Packed, build_manifest
from deploy.plugin.unpack import find_abi
from deploy.plugin.wheels import PLATFORMS
from etcd_operator import __version__
from etcd_operator.plugin.completion import PROGRAM as COMPLETION
from local import build, lock
from local.places import read_places
from local.programs import krew, kubernetes
from local.progress import Progress

pytestmark = pytest.mark.timeout(1800)  # a first build lasts some minutes

REPOSITORY = "https://github.com/owner/name"
HERE = next(each for each in PLATFORMS if find_abi() == each.abi("3.11"))


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for PATH: kubectl, krew and python3."""
    places, progress = read_places(os.environ), Progress()
    with lock.building(places, progress):
        build.build_all([krew(), kubernetes()], places, progress)
    folder = tmp_path_factory.mktemp("tools")
    for program in krew().targets:
        (folder / program).symlink_to(build.directory_of(krew(), places) / program)
    (folder / "kubectl").symlink_to(build.directory_of(kubernetes(), places) / "kubectl")
    (folder / "python3").symlink_to(sys.executable)
    return folder


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return build_for(HERE, tmp_path_factory.mktemp("release"))


@pytest.fixture
def manifest(packed: Packed, tmp_path: Path) -> Path:
    """The manifest with an entry for each platform; the archives are that for this one."""
    each = [Packed(packed.path, platform) for platform in PLATFORMS]
    file = tmp_path / "etcd.yaml"
    file.write_text(yaml.safe_dump(build_manifest(each, REPOSITORY), sort_keys=False))
    return file


def run(tools: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    root = home / ".krew"
    environment = {
        "HOME": str(home),
        "KREW_ROOT": str(root),
        "PATH": f"{root / 'bin'}:{tools}:/usr/bin:/bin",
    }
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


def test_krew_accepts_the_manifest(tools: Path, manifest: Path, tmp_path: Path) -> None:
    check = ("validate-krew-manifest", "-skip-install", "-manifest")
    said = run(tools, tmp_path, *check, str(manifest))
    assert said.returncode == 0, said.stderr
    assert "structural validation OK" in said.stderr
    assert "no overlapping" in said.stderr
    document = yaml.safe_load(manifest.read_text())
    document["spec"]["platforms"][0]["sha256"] = "0"
    manifest.write_text(yaml.safe_dump(document))
    assert run(tools, tmp_path, *check, str(manifest)).returncode != 0, "it does check"


def test_krew_installs_it_and_kubectl_runs_it(
    tools: Path, manifest: Path, packed: Packed, tmp_path: Path
) -> None:
    install = ("kubectl", "krew", "install", f"--manifest={manifest}", f"--archive={packed.path}")
    said = run(tools, tmp_path, *install)
    assert said.returncode == 0, said.stderr
    assert "Needs python3 on PATH" in said.stderr
    version = run(tools, tmp_path, "kubectl", "etcd", "--version")
    assert version.stdout == f"kubectl-etcd {__version__}\n", version.stderr
    # As its caveats say.
    bin_folder = tmp_path / ".krew" / "bin"
    (bin_folder / COMPLETION).symlink_to(bin_folder / "kubectl-etcd")
    completed = run(tools, tmp_path, "kubectl", "__complete", "etcd", "rest")
    assert [line.split("\t")[0] for line in completed.stdout.splitlines()] == [
        "restart",
        "restore",
        ":4",
    ]
