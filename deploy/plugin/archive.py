"""Build the executable file: the plugin and the packages it needs, as they are installed here.

The packages come from the environment that `make venv` installs with pinned hashes, so nothing is
downloaded. Some of them are compiled (msgspec, pydantic-core): the file is for this Python and this
platform, and says so elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

# What the plugin imports; theirs come with them.
ROOTS: Final = ("typer", "rich", "lightkube", "msgspec", "pydantic", "pyyaml")
# Parts of this project that run in the cluster.
OPERATOR_ONLY: Final = ("jobs/", "runtime/engine/", "runtime/etcd/", "runtime/pki/")
# The same for the same content, whenever it is built.
TIME: Final = (2020, 1, 1, 0, 0, 0)
_NAME: Final = re.compile(r"[-_.]+")


def build(target: Path, source: Path) -> Path:
    """Write the executable file; returns its path."""
    site = _zip(dict(_collect(source)))
    start = (Path(__file__).parent / "unpack.py").read_text()
    digest = hashlib.sha256(start.encode() + site).hexdigest()[:16]
    start = start.replace("@DIGEST@", digest).replace("@TAG@", tag())
    outer = _zip({"__main__.py": start.encode(), "site.zip": site}, zipfile.ZIP_STORED)
    target.write_bytes(b"#!/usr/bin/env python3\n" + outer)
    target.chmod(0o755)
    return target


def tag() -> str:
    """Return the name of this Python, such as cp311."""
    return f"cp{sys.version_info[0]}{sys.version_info[1]}"


def _collect(source: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((source / "etcd_operator").rglob("*.py")):
        name = path.relative_to(source).as_posix()
        if not name.removeprefix("etcd_operator/").startswith(OPERATOR_ONLY):
            yield name, path.read_bytes()
    for found in find_packages():
        for file in found.files or ():
            name = file.as_posix()
            if not name.startswith("..") and "__pycache__" not in name:
                yield name, file.read_binary()


def find_packages() -> list[Distribution]:
    """Return the packages that the plugin needs, as they are installed, by name."""
    found: dict[str, Distribution] = {}
    waiting = list(ROOTS)
    while waiting:
        name = _NAME.sub("-", waiting.pop()).lower()
        if name in found:
            continue
        found[name] = distribution(name)
        waiting += _needs(found[name])
    return [found[name] for name in sorted(found)]


def _needs(package: Distribution) -> list[str]:
    wanted = [Requirement(text) for text in package.requires or ()]
    return [each.name for each in wanted if _applies(each)]


def _applies(wanted: Requirement) -> bool:
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
        return False
    try:
        distribution(wanted.name)
    except PackageNotFoundError:
        return False
    return True


def _zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = method
            entry.external_attr = (0o755 if name.endswith((".so", ".dylib")) else 0o644) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def write_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe_platform() -> tuple[str, str]:
    """Return the operating system and the architecture as krew calls them."""
    machine = os.uname().machine
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return sys.platform, names.get(machine, machine)
