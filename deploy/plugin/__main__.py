"""`python -m deploy.plugin`: build `build/plugin/kubectl-etcd`, and what a release has."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from deploy.plugin.archive import build, find_packages, is_compiled, link_completion
from deploy.plugin.krew import Packed, build_manifest, pack
from deploy.plugin.wheels import PLATFORMS, PYTHONS, Platform, fetch_files
from deploy.target import PROJECT

FOLDER = PROJECT / "build" / "plugin"


def build_for(platform: Platform, folder: Path) -> Packed:
    """Build the archive for one platform, with what every Python needs there."""
    names = {each.metadata["name"].lower().replace("_", "-") for each in find_packages()
             if is_compiled(each)}  # fmt: skip
    compiled = {platform.abi(each): fetch_files(platform, each, names) for each in PYTHONS}
    folder.mkdir(parents=True, exist_ok=True)
    program = build(folder / "kubectl-etcd", PROJECT / "src", compiled)
    return pack(program, PROJECT / "LICENSE", platform)


def main() -> int:
    """Build for this Python on this machine, or with a repository for every one, and for krew."""
    parser = argparse.ArgumentParser(prog="python -m deploy.plugin", description=main.__doc__)
    parser.add_argument(
        "--repository", default="", help="URL of the repository whose release publishes the files"
    )
    repository = parser.parse_args().repository
    FOLDER.mkdir(parents=True, exist_ok=True)
    program = build(FOLDER / "kubectl-etcd", PROJECT / "src")
    made = [program, link_completion(program)]
    if repository:
        try:
            build_manifest([], repository)  # before anything is fetched
            archives = [build_for(each, FOLDER / each.system / each.architecture)
                        for each in PLATFORMS]  # fmt: skip
        except (ValueError, RuntimeError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        manifest = FOLDER / "etcd.yaml"
        manifest.write_text(yaml.safe_dump(build_manifest(archives, repository), sort_keys=False))
        made += [*(each.path for each in archives), manifest]
    for path in made:
        sys.stdout.write(f"{path.relative_to(PROJECT)} {path.stat().st_size}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
