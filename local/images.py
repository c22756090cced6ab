"""Images of programs built here, under their public names, and how they reach a node."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from local.archive import ARCHIVE_FORMAT, Image, canonical, read_tags, write_image
from local.build import directory_of
from local.commands import run
from local.digests import digest_texts
from local.errors import LocalError
from local.places import Places
from local.programs import (
    ESSENTIAL_ETCD,
    Program,
    coredns,
    etcd,
    etcd_versions,
    object_store,
    pause,
    required_version,
)

PAUSE_IMAGE = "registry.k8s.io/pause:3.6"
COREDNS_REPOSITORY = "registry.k8s.io/coredns/coredns"
ETCD_REPOSITORY = "quay.io/coreos/etcd"
OBJECT_STORE_REPOSITORY = "docker.io/versity/versitygw"
_SOCKET = "root/run/containerd/containerd.sock"


def coredns_image() -> str:
    """Return the name under which CoreDNS is loaded."""
    program = coredns()
    version = required_version(program.module, "github.com/coredns/coredns")
    return f"{COREDNS_REPOSITORY}:{version}"


def system_images(places: Places) -> list[Path]:
    """Return the archives that no Pod can start without."""
    return [
        _archive(pause(), PAUSE_IMAGE, places),
        _archive(coredns(), coredns_image(), places),
    ]


def etcd_image(version: str, places: Places) -> Path:
    """Return the archive of an etcd release."""
    return _archive(etcd(version), f"{ETCD_REPOSITORY}:{version}", places)


def etcd_images(places: Places) -> list[Path]:
    """Return the archive of every etcd release."""
    return [etcd_image(version, places) for version in etcd_versions()]


def object_store_image() -> str:
    """Return the name under which the S3 service is loaded."""
    program = object_store()
    version = required_version(program.module, "github.com/versity/versitygw")
    return f"{OBJECT_STORE_REPOSITORY}:{version}"


def object_store_archive(places: Places) -> Path:
    """Return the archive of the S3 service."""
    return _archive(object_store(), object_store_image(), places)


def essential_images(places: Places) -> list[Path]:
    """Return the archives of what a demonstration runs."""
    return [etcd_image(ESSENTIAL_ETCD, places)]


def workload_images(places: Places) -> list[Path]:
    """Return the archives of what tests run: every etcd release and the S3 service."""
    return [*etcd_images(places), object_store_archive(places)]


def load(archive: Path, init_pid: int) -> list[str]:
    """Import into the containerd of the node with that pid 1; return the names that were new."""
    if not archive.is_file():
        raise LocalError(f"{archive} is no file")
    wanted = read_tags(archive)
    present = _images_of(init_pid)
    new = [name for name, digest in wanted.items() if present.get(name) != digest]
    if new:
        _ctr(init_pid, "images", "import", str(archive))
    return new


def is_serving(init_pid: int) -> bool:
    """Tell whether the node's containerd answers."""
    try:
        _ctr(init_pid, "version")
    except LocalError:
        return False
    return True


def _archive(program: Program, name: str, places: Places) -> Path:
    built = directory_of(program, places)
    target = (
        places.images / f"{program.name}-{digest_texts([ARCHIVE_FORMAT, built.name, name])}.tar"
    )
    if not target.exists():
        files = {f"/usr/local/bin/{binary}": built / binary for binary in program.targets}
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as draft:
            result = Path(draft) / target.name
            write_image(Image(name, (next(iter(files)),), files), result)
            result.rename(target)
    return target


def _images_of(init_pid: int) -> dict[str, str]:
    """Return the config digest of each image: what names a content for good.

    The digest that containerd lists is the one of a manifest which it made up when importing.
    """
    found = {}
    for line in _ctr(init_pid, "images", "list").splitlines()[1:]:
        name, _, manifest = line.split()[:3]
        if not name.startswith("sha256:"):
            content = json.loads(_ctr(init_pid, "content", "get", manifest))
            found[canonical(name)] = content.get("config", {}).get("digest", "")
    return found


def _ctr(init_pid: int, *arguments: str) -> str:
    socket = f"/proc/{init_pid}/{_SOCKET}"
    return run("ctr", "-a", socket, "-n", "k8s.io", *arguments)
