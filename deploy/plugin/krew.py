"""The manifest for krew, and the archive that it downloads.

Source of the form: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.plugin.archive import describe_platform, write_digest
from etcd_operator import __version__

# Where a release puts its files; BASE_URL is where its owner publishes it.
RELEASE: Final = "BASE_URL/v{version}/{file}"
DESCRIPTION: Final = """\
Shows an etcd cluster that etcd-operator runs on one screen, and changes it through the operator:
scale, upgrade, restart, back up, restore, replace a member, recover from a lost majority. Each
verb works with your own rights, asks before it stops or deletes something, and with --wait ends
with the operator's verdict.
"""
CAVEATS: Final = """\
Needs Python 3.11 or later on PATH, of the version that the archive is built for. Verbs that run
etcdctl on your machine need etcdctl on PATH: see `kubectl etcd etcdctl --help`.
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive for one platform."""

    path: Path
    system: str
    architecture: str


def pack(program: Path, licence: Path) -> Packed:
    """Write the archive with the program and the licence, the same for the same content."""
    system, architecture = describe_platform()
    path = program.with_name(f"kubectl-etcd-{system}-{architecture}.tar.gz")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file, name, mode in ((program, "kubectl-etcd", 0o755), (licence, "LICENSE", 0o644)):
            entry = tarfile.TarInfo(name)
            content = file.read_bytes()
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return Packed(path, system, architecture)


def build_manifest(archives: Sequence[Packed]) -> dict[str, Any]:
    """Return the manifest for these archives."""
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "etcd"},
        "spec": {
            "version": f"v{__version__}",
            "homepage": "BASE_URL",
            "shortDescription": "See and change etcd clusters of etcd-operator",
            "description": DESCRIPTION,
            "caveats": CAVEATS,
            "platforms": [_platform(each) for each in archives],
        },
    }


def _platform(packed: Packed) -> dict[str, Any]:
    labels = {"os": packed.system, "arch": packed.architecture}
    return {
        "selector": {"matchLabels": labels},
        "uri": RELEASE.format(version=__version__, file=packed.path.name),
        "sha256": write_digest(packed.path),
        "files": [{"from": name, "to": "."} for name in ("kubectl-etcd", "LICENSE")],
        "bin": "kubectl-etcd",
    }
