"""Real etcd processes, from the binaries that ETCD_BINARIES names; without them: loud skips."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.etcd.processes import Site

MINORS = ("v3.5.", "v3.6.")


def find_binary(minor: str) -> Path | str:
    """The newest etcd of a minor version, or the sentence why there is none."""
    place = os.environ.get("ETCD_BINARIES")
    if not place:
        return "ETCD_BINARIES is not set: name a directory with v3.5.35/etcd and the like"
    found = sorted(Path(place).glob(f"{minor}*/etcd"), key=lambda path: _patch(path.parent.name))
    return found[-1] if found else f"ETCD_BINARIES={place} has no {minor}*/etcd"


def _patch(version: str) -> int:
    patch = version.rpartition(".")[2]
    return int(patch) if patch.isdecimal() else -1


@pytest.fixture(params=MINORS)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """An empty site of each version."""
    binary = find_binary(request.param)
    if isinstance(binary, str):
        pytest.skip(binary)
    running = Site(binary, binary.parent.name, tmp_path)
    try:
        yield running
    finally:
        await running.close()


@pytest.fixture
async def target(site: Site, tmp_path: Path) -> AsyncIterator[Site]:
    """The site of the new cluster, beside that of the source."""
    place = tmp_path / "target"
    place.mkdir()
    running = Site(site.binary, site.version, place)
    try:
        yield running
    finally:
        await running.close()
