"""`python -m deploy.plugin`: build `build/plugin/kubectl-etcd` and what krew needs."""

from __future__ import annotations

import sys

import yaml

from deploy.plugin.archive import build
from deploy.plugin.krew import build_manifest, pack
from deploy.target import PROJECT

FOLDER = PROJECT / "build" / "plugin"


def main() -> None:
    """Build for this Python and this platform."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    program = build(FOLDER / "kubectl-etcd", PROJECT / "src")
    packed = pack(program, PROJECT / "LICENSE")
    manifest = FOLDER / "etcd.yaml"
    manifest.write_text(yaml.safe_dump(build_manifest([packed]), sort_keys=False))
    for path in (program, packed.path, manifest):
        sys.stdout.write(f"{path.relative_to(PROJECT)} {path.stat().st_size}\n")


if __name__ == "__main__":
    main()
