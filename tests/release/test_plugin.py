"""The executable file of the plugin, and its manifest for krew."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from deploy.plugin.__main__ import build_for
from deploy.plugin.archive import build, find_packages, is_compiled, link_completion
from deploy.plugin.krew import Packed, build_manifest, pack
from deploy.plugin.unpack import find_abi
from deploy.plugin.wheels import PLATFORMS, PYTHONS, Platform, choose_wheels
from deploy.target import PROJECT
from etcd_operator import __version__
from local import build as build_local
from local.places import read_places
from local.programs import kubernetes

SOURCE = Path(__file__).resolve().parents[2] / "src"
REPOSITORY = "https://github.com/owner/name"
HERE = next(each for each in PLATFORMS if find_abi() == each.abi("3.11"))

# It runs beside tests that start etcd.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("plugin") / "kubectl-etcd", SOURCE)


@pytest.fixture(scope="module")
def packed(program: Path) -> Packed:
    """The archive of that program: one of a release has more in it, and is packed as this is."""
    return pack(program, PROJECT / "LICENSE", HERE)


def run(program: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-I", str(program), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_it_runs_without_this_project_and_unpacks_once(program: Path, tmp_path: Path) -> None:
    said = run(program, tmp_path, "--version")
    assert (said.returncode, said.stdout) == (0, f"kubectl-etcd {__version__}\n"), said.stderr
    (folder,) = (tmp_path / ".cache" / "kubectl-etcd").iterdir()
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert list((folder / "etcd_operator" / "plugin" / "__pycache__").glob("app.*.pyc"))
    before = (folder / "etcd_operator" / "errors.py").stat().st_ino
    assert "Usage: kubectl etcd scale" in run(program, tmp_path, "scale", "--help").stdout
    assert (folder / "etcd_operator" / "errors.py").stat().st_ino == before


def test_what_it_needs_from_kubernetes_on_is_in_it(program: Path, tmp_path: Path) -> None:
    said = run(program, tmp_path, "status", "--context=none")
    assert said.returncode == 6, said.stderr
    assert said.stderr.startswith("No connection to Kubernetes: ")


def test_kubectl_completes_by_its_second_name(program: Path, tmp_path: Path) -> None:
    """The kubectl of the local cluster, asked as a shell asks it when Tab is pressed."""
    link_completion(program)
    (tmp_path / "python3").symlink_to(sys.executable)
    kubectl = build_local.directory_of(kubernetes(), read_places(os.environ)) / "kubectl"
    said = subprocess.run(
        [str(kubectl), "__complete", "etcd", "scale", "--w"],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": f"{program.parent}:{tmp_path}:{os.environ['PATH']}"},
    )
    wanted = ["--wait\tShow the progress until it is done, or cannot be.", ":4"]
    assert said.stdout.splitlines() == wanted, said.stderr


def test_without_a_home_it_runs_all_the_same(program: Path, tmp_path: Path) -> None:
    blocked = tmp_path / ".cache"
    blocked.write_text("no folder")
    assert run(program, tmp_path, "--version").returncode == 0


def test_another_python_is_one_sentence(program: Path, tmp_path: Path) -> None:
    other = tmp_path / "kubectl-etcd"
    with zipfile.ZipFile(program) as archive, zipfile.ZipFile(other, "w") as changed:
        start = archive.read("__main__.py").decode()
        changed.writestr("__main__.py", start.replace(f'"{find_abi()}"', '"cpython-399"'))
    said = run(other, tmp_path)
    assert said.returncode == 10
    assert "is built for cpython-399, and runs with cpython-3" in said.stderr
    assert "pipx install" in said.stderr


def test_nothing_of_the_operators_process_is_in_it(program: Path) -> None:
    with zipfile.ZipFile(program) as outer, outer.open("site.zip") as inner:
        names = zipfile.ZipFile(inner).namelist()
    assert not [n for n in names if n.startswith(("grpc", "cryptography", "obstore"))]
    assert not [n for n in names if "runtime/engine" in n or "runtime/etcd" in n]
    assert "lightkube" in {package.name for package in find_packages()}


def test_the_same_content_is_the_same_file(program: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again", SOURCE).read_bytes() == program.read_bytes()


def test_a_release_runs_here_and_has_every_pythons_modules(tmp_path: Path) -> None:
    packed = build_for(HERE, tmp_path / "release")
    words = ["tar", "--extract", f"--file={packed.path}", f"--directory={tmp_path}"]
    subprocess.run(words, check=True)
    program = tmp_path / "kubectl-etcd"
    assert run(program, tmp_path, "--version").stdout == f"kubectl-etcd {__version__}\n"
    said = run(program, tmp_path, "status", "--context=none")
    assert said.returncode == 6, said.stderr
    with zipfile.ZipFile(program) as outer:
        for python in PYTHONS:
            with outer.open(f"{HERE.abi(python)}.zip") as inner:
                names = zipfile.ZipFile(inner).namelist()
            ending = f"cpython-{python.replace('.', '')}-{HERE.triplet}.so"
            modules = {name.partition("/")[0] for name in names if name.endswith(ending)}
            assert modules == {"msgspec", "pydantic_core", "yaml"}, python


@pytest.mark.parametrize("platform", [each for each in PLATFORMS if each != HERE], ids=str)
def test_every_other_platform_has_its_wheels(platform: Platform, tmp_path: Path) -> None:
    names = {each.metadata["name"].lower().replace("_", "-") for each in find_packages()
             if is_compiled(each)}  # fmt: skip
    assert names == {"msgspec", "pydantic-core", "pyyaml"}
    # The newest Python is the one for which a package may have nothing yet.
    chosen = choose_wheels(platform, PYTHONS[-1], names, tmp_path)
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", *chosen]
    found = subprocess.run([*command, f"--target={tmp_path}", "--report=-"], capture_output=True,
                           text=True, check=False, timeout=240)  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert {each["metadata"]["name"].lower().replace("_", "-")
            for each in json.loads(found.stdout)["install"]} == names  # fmt: skip


@pytest.mark.parametrize(
    "repository", ["", "BASE_URL", "http://a/b", "https://host", "https://a/b c"]
)
def test_without_a_repository_there_is_no_manifest(repository: str) -> None:
    with pytest.raises(ValueError, match="is no URL such as https://host/owner/name"):
        build_manifest([], repository)


# What krew insists on: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ and
# internal/index/validation/validate.go of kubernetes-sigs/krew.
SYSTEMS = ("linux", "darwin", "windows")
ARCHITECTURES = ("amd64", "arm64", "arm", "386")


def check_platform(platform: dict[str, Any]) -> None:
    labels = platform["selector"]["matchLabels"]
    assert labels["os"] in SYSTEMS
    assert labels["arch"] in ARCHITECTURES
    assert re.fullmatch(r"[0-9a-f]{64}", platform["sha256"])
    assert platform["uri"].endswith((".tar.gz", ".zip"))
    assert platform["files"]
    for each in platform["files"]:
        assert each["from"]
        assert ".." not in Path(each["to"]).parts
    assert platform["bin"]
    assert ".." not in Path(platform["bin"]).parts


def test_the_manifest_keeps_the_rules_of_krew(packed: Packed) -> None:
    manifest = build_manifest([packed], REPOSITORY)
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert manifest["kind"] == "Plugin"
    assert re.fullmatch(r"[\w-]+", manifest["metadata"]["name"])
    spec = manifest["spec"]
    assert re.fullmatch(r"v[0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.-]+)?", spec["version"])
    assert 0 < len(spec["shortDescription"]) <= 50
    assert not re.search(r"[\r\n]|[.]$", spec["shortDescription"])
    assert spec["description"].strip()
    assert spec["homepage"]
    assert spec["platforms"]
    for platform in spec["platforms"]:
        check_platform(platform)


def test_the_archive_is_what_the_manifest_says(packed: Packed) -> None:
    (platform,) = build_manifest([packed], REPOSITORY)["spec"]["platforms"]
    content = packed.path.read_bytes()
    assert platform["sha256"] == hashlib.sha256(content).hexdigest()
    assert platform["uri"] == f"{REPOSITORY}/releases/download/v{__version__}/{packed.path.name}"
    with tarfile.open(packed.path) as archive:
        modes = {entry.name: entry.mode for entry in archive}
    assert set(modes) == {each["from"] for each in platform["files"]}
    assert modes[platform["bin"]] == 0o755
