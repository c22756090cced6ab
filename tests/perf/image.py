"""Measure what is in the operator's image: `python -m tests.perf.image`. Bytes as on a node's disk.

The base is whatever image with Python one builds upon, here Debian's; the rest is the operator's.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from deploy.target import PROJECT
from local.operator_image import build_image
from local.places import read_places
from local.progress import Progress

OUTPUT: Final = PROJECT / "build" / "bench-image" / "image.json"
BASE, OWN, REST = "base", "the operator's code", "others"
# Parts that are smaller are counted together.
LEAST_BYTES: Final = 2_000_000
_PACKAGES: Final = "site-packages"
_CODE: Final = "etcd_operator"


def main() -> int:
    """Measure, tell and write it down; returns the exit code."""
    archive = build_image("etcd-operator:measured", read_places(os.environ), Progress())
    parts = measure(archive)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = {"began": datetime.now(UTC).isoformat(timespec="seconds"), "bytes": parts}
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n")
    for name, size in parts.items():
        print(f"{name:24} {size / 1e6:6.1f} MB")
    print(f"written: {OUTPUT}")
    return 0


def measure(archive: Path) -> dict[str, int]:
    """Return the bytes of each part of an image, the largest first, as docker save writes it."""
    with tarfile.open(archive) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest is not None, "every such archive has one"
        first, *others = json.load(manifest)[0]["Layers"]
        sizes: Counter[str] = Counter()
        for layer in (first, *others):
            for path, size in _read_layer(image, layer):
                sizes[BASE if layer == first else name_part(path)] += size
    small = {name for name, size in sizes.items() if size < LEAST_BYTES}
    large = {name: size for name, size in sizes.most_common() if name not in small}
    return {**large, REST: sum(sizes[name] for name in small)}


def _read_layer(image: tarfile.TarFile, layer: str) -> Iterator[tuple[PurePosixPath, int]]:
    with tarfile.open(fileobj=image.extractfile(layer)) as files:
        for member in files:
            if member.isfile():
                yield PurePosixPath(member.name), member.size


def name_part(path: PurePosixPath) -> str:
    """Return what a file of the operator's own layer belongs to: a package, or its own code."""
    if _PACKAGES in path.parts:
        inside = path.parts[path.parts.index(_PACKAGES) + 1 :]
        return inside[0] if len(inside) > 1 else REST
    return OWN if _CODE in path.parts else REST


if __name__ == "__main__":
    sys.exit(main())
