"""The manifest for krew, and the archive that it downloads.

Source of the form: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.plugin.archive import write_digest
from deploy.plugin.wheels import PYTHONS, Platform
from etcd_operator import __version__
from etcd_operator.plugin.completion import PROGRAM as COMPLETION

# Where a release of a repository on GitHub has its files.
RELEASE: Final = "{repository}/releases/download/v{version}/{file}"
_REPOSITORY: Final = re.compile(r"https://[a-z0-9.-]+(/[\w.-]+)+")
DESCRIPTION: Final = """\
Shows an etcd cluster that etcd-operator runs on one screen, and changes it through the operator:
scale, upgrade, restart, back up, restore, replace a member, recover from a lost majority. Each
verb works with your own rights, asks before it stops or deletes something, and with --wait ends
with the operator's verdict.
"""
CAVEATS: Final = f"""\
Needs python3 on PATH: {", ".join(PYTHONS[:-1])} or {PYTHONS[-1]}, on Linux with glibc.
Verbs that run etcdctl on your machine need it on PATH: see `kubectl etcd etcdctl --help`.
For completion by kubectl, give the program its second name in a directory of your PATH:
  ln -s "$(command -v kubectl-etcd)" ~/.local/bin/{COMPLETION}
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive for one platform."""

    path: Path
    platform: Platform


def pack(program: Path, licence: Path, platform: Platform) -> Packed:
    """Write the archive with the program and the licence, the same for the same content."""
    path = program.with_name(f"kubectl-etcd-{platform.system}-{platform.architecture}.tar.gz")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file, name, mode in ((program, "kubectl-etcd", 0o755), (licence, "LICENSE", 0o644)):
            entry = tarfile.TarInfo(name)
            content = file.read_bytes()
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return Packed(path, platform)


def build_manifest(archives: Sequence[Packed], repository: str) -> dict[str, Any]:
    """Return the manifest for these archives, which a release of this repository publishes.

    Raises ValueError for what is no URL of a repository: a manifest never has a placeholder.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"repository {repository} is no URL such as https://host/owner/name")
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "etcd"},
        "spec": {
            "version": f"v{__version__}",
            "homepage": repository,
            "shortDescription": "See and change etcd clusters of etcd-operator",
            "description": DESCRIPTION,
            "caveats": CAVEATS,
            "platforms": [_platform(each, repository) for each in archives],
        },
    }


def _platform(packed: Packed, repository: str) -> dict[str, Any]:
    labels = {"os": packed.platform.system, "arch": packed.platform.architecture}
    where = {"repository": repository, "version": __version__, "file": packed.path.name}
    return {
        "selector": {"matchLabels": labels},
        "uri": RELEASE.format(**where),
        "sha256": write_digest(packed.path),
        "files": [{"from": name, "to": "."} for name in ("kubectl-etcd", "LICENSE")],
        "bin": "kubectl-etcd",
    }
