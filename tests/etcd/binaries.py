"""Print a directory with the built etcd of each version, as the tests beside this file want it."""

from __future__ import annotations

import os

from local import build
from local.places import read_places
from local.programs import etcd, etcd_versions


def main() -> None:
    """Link every built version as v3.5.35/etcd and the like, and print where."""
    places = read_places(os.environ)
    root = places.cache / "etcd-binaries"
    root.mkdir(parents=True, exist_ok=True)
    for version in etcd_versions():
        link = root / version
        link.unlink(missing_ok=True)
        link.symlink_to(build.directory_of(etcd(version), places))
    print(root)


if __name__ == "__main__":
    main()
