"""The operator's image builds for each processor: every locked dependency has a wheel for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.target import PROJECT

LOCKED = PROJECT / "requirements" / "operator.txt"
# Of glibc, from the oldest that wheels are built for to that of the base image's Debian.
GLIBC = range(17, 42)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_every_dependency_has_a_wheel(processor: str, tmp_path: Path) -> None:
    platforms = [f"--platform=manylinux_2_{minor}_{processor}" for minor in GLIBC]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps"]
    command += ["--ignore-installed", "--only-binary=:all:", f"--target={tmp_path}"]
    command += ["--python-version=3.13", *platforms, "--require-hashes", f"--requirement={LOCKED}"]
    found = subprocess.run(
        [*command, "--report=-"], capture_output=True, text=True, check=False, timeout=280
    )
    assert found.returncode == 0, found.stderr
    names = {each["metadata"]["name"] for each in json.loads(found.stdout)["install"]}
    assert {"cryptography", "grpcio", "obstore"} <= names
