"""Container images as docker-archive files, written byte for byte alike each time."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Part of every cache key: to be raised when the same content is written differently.
ARCHIVE_FORMAT = "3"
_EPOCH = "1970-01-01T00:00:00Z"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Image:
    """An image FROM scratch: `files` maps absolute paths in it to executables here."""

    name: str
    entrypoint: tuple[str, ...]
    files: Mapping[str, Path]


def write_image(image: Image, target: Path) -> None:
    """Write the archive of an image of a few executables and an open /tmp."""
    with tempfile.TemporaryFile(dir=target.parent) as layer:
        _write_layer(image.files, layer)
        write_archive(image.name, layer, {"Entrypoint": list(image.entrypoint)}, target)


def write_archive(
    name: str, layer: BufferedReader | BufferedRandom, config: Mapping[str, object], target: Path
) -> None:
    """Write the archive of an image of one uncompressed layer."""
    layer.seek(0)
    layer_digest = hashlib.file_digest(layer, "sha256").hexdigest()
    size = layer.seek(0, io.SEEK_END)
    layer.seek(0)
    description = _describe(config, layer_digest)
    config_name = f"{hashlib.sha256(description).hexdigest()}.json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]
    with tarfile.open(target, "w") as archive:
        archive.addfile(_entry(config_name, len(description)), io.BytesIO(description))
        archive.addfile(_entry(layer_name, size), layer)
        text = json.dumps(manifest).encode()
        archive.addfile(_entry("manifest.json", len(text)), io.BytesIO(text))


def read_tags(source: Path) -> dict[str, str]:
    """Return the config digest of each name in a docker-archive file."""
    found = {}
    with tarfile.open(source) as archive:
        for image in json.loads(_read(archive, "manifest.json")):
            digest = hashlib.sha256(_read(archive, image["Config"])).hexdigest()
            found.update({canonical(name): f"sha256:{digest}" for name in image["RepoTags"] or []})
    return found


def canonical(name: str) -> str:
    """Write a name out in full, as containerd keeps it."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def architecture() -> str:
    """Return what images call this machine's processor."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    return member.read() if member else b""


def _describe(config: Mapping[str, object], layer_digest: str) -> bytes:
    description = {
        "architecture": architecture(),
        "os": "linux",
        "created": _EPOCH,
        # Builders that add layers count them by their history.
        "history": [{"created": _EPOCH, "created_by": "python -m local"}],
        "config": {"Env": [f"PATH={_PATH}"], **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }
    return json.dumps(description, sort_keys=True).encode()


def _write_layer(files: Mapping[str, Path], target: IO[bytes]) -> None:
    directories = {"tmp"}
    for path in files:
        directories.update(str(parent) for parent in PurePosixPath(path.lstrip("/")).parents)
    with tarfile.open(fileobj=target, mode="w") as layer:
        for name in sorted(directories - {"."}):
            entry = _entry(name, 0, 0o1777 if name == "tmp" else 0o755)
            entry.type = tarfile.DIRTYPE
            layer.addfile(entry)
        for path, source in sorted(files.items()):
            with source.open("rb") as content:
                layer.addfile(_entry(path.lstrip("/"), source.stat().st_size, 0o755), content)


def _entry(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, mode, 0
    return entry
