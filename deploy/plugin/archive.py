"""Build the executable file: the plugin and the packages it needs.

Packages of Python alone come from the environment that `make venv` installs with pinned hashes.
Those that are partly compiled are in the file once for each Python that it is to run with: by
default as they are installed here, for this Python on this platform; for a release see `wheels`.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from deploy.plugin.unpack import find_abi
from etcd_operator.plugin.completion import PROGRAM as COMPLETION

# What the plugin imports; theirs come with them.
ROOTS: Final = ("typer", "rich", "lightkube", "msgspec", "pydantic", "pyyaml")
# Parts of this project that run in the cluster.
OPERATOR_ONLY: Final = ("jobs/", "runtime/engine/", "runtime/etcd/", "runtime/pki/")
# The same for the same content, whenever it is built.
TIME: Final = (2020, 1, 1, 0, 0, 0)
_NAME: Final = re.compile(r"[-_.]+")


# Files of packages: name to content.
Files = Mapping[str, bytes]


def build(target: Path, source: Path, compiled: Mapping[str, Files] | None = None) -> Path:
    """Write the executable file; returns its path.

    `compiled` are the files of packages that are not of Python alone, by what they are compiled
    for, as `unpack.find_abi` names it.
    """
    if compiled is None:
        compiled = {find_abi(): dict(_read(filter(is_compiled, find_packages())))}
    parts = {"site.zip": _zip(dict(_collect(source)))}
    parts |= {f"{abi}.zip": _zip(files) for abi, files in compiled.items()}
    start = (Path(__file__).parent / "unpack.py").read_text()
    content = b"".join([start.encode(), *(parts[name] for name in sorted(parts))])
    digest = hashlib.sha256(content).hexdigest()[:16]
    start = start.replace("@DIGEST@", digest).replace("@ABIS@", " ".join(sorted(compiled)))
    outer = _zip({"__main__.py": start.encode(), **parts}, zipfile.ZIP_STORED)
    target.write_bytes(b"#!/usr/bin/env python3\n" + outer)
    target.chmod(0o755)
    return target


def link_completion(program: Path) -> Path:
    """Put beside the program, which is that too, what kubectl asks for completion."""
    link = program.with_name(COMPLETION)
    link.unlink(missing_ok=True)
    link.symlink_to(program.name)
    return link


def is_compiled(package: Distribution) -> bool:
    """Whether a package has machine code, as its wheel says."""
    return "Root-Is-Purelib: false" in (package.read_text("WHEEL") or "")


def _collect(source: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((source / "etcd_operator").rglob("*.py")):
        name = path.relative_to(source).as_posix()
        if not name.removeprefix("etcd_operator/").startswith(OPERATOR_ONLY):
            yield name, path.read_bytes()
    yield from _read(each for each in find_packages() if not is_compiled(each))


def _read(packages: Iterable[Distribution]) -> Iterator[tuple[str, bytes]]:
    for package in packages:
        for file in package.files or ():
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


def _zip(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
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
