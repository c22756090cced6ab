"""The bundle for the Operator Lifecycle Manager, as its own tool reads it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.manifests import NAME
from deploy.olm import CHANNEL, SERVICE_VERSION
from deploy.olm import main as write_bundle
from etcd_operator import __version__
from etcd_operator.api.crd import DEFINITIONS
from etcd_operator.json_types import Json
from local import build, lock
from local.places import read_places
from local.programs import opm
from local.progress import Progress

pytestmark = pytest.mark.timeout(1800)  # a first build lasts some minutes


@pytest.fixture(scope="module")
def program() -> Path:
    """Opm, built once."""
    places = read_places(os.environ)
    progress = Progress()
    with lock.building(places, progress):
        build.build_all([opm()], places, progress)
    return build.directory_of(opm(), places) / "opm"


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *words], capture_output=True, text=True, check=False)


def read_blobs(text: str) -> Iterator[Json]:
    """The objects of a catalog, one after the other."""
    decoder, rest = json.JSONDecoder(), text.lstrip()
    while rest:
        blob, end = decoder.raw_decode(rest)
        yield blob
        rest = rest[end:].lstrip()


def write_catalog(directory: Path, bundle: Json, entry: str) -> None:
    """A catalog of one package with one channel."""
    package = {"schema": "olm.package", "name": NAME, "defaultChannel": CHANNEL}
    channel = {
        "schema": "olm.channel",
        "package": NAME,
        "name": CHANNEL,
        "entries": [{"name": entry}],
    }
    directory.mkdir()
    blobs = (package, channel, bundle)
    (directory / "catalog.json").write_text("\n".join(json.dumps(blob) for blob in blobs))


def test_a_catalog_with_the_bundle_is_valid(program: Path, tmp_path: Path) -> None:
    write_bundle([str(tmp_path / "bundle")])
    rendered = run(program, "render", str(tmp_path / "bundle"), "--output=json")
    assert rendered.returncode == 0, rendered.stderr
    (bundle,) = read_blobs(rendered.stdout)
    assert (bundle["name"], bundle["package"]) == (SERVICE_VERSION, NAME)
    properties = [(each["type"], each["value"]) for each in bundle["properties"]]
    assert ("olm.package", {"packageName": NAME, "version": __version__}) in properties
    kinds = {value["kind"] for kind, value in properties if kind == "olm.gvk"}
    assert kinds == {definition.kind for definition in DEFINITIONS}
    # A bundle of a catalog is an image; this one was rendered from a directory.
    bundle["image"] = f"registry.example.com/{NAME}-bundle:{__version__}"
    write_catalog(tmp_path / "catalog", bundle, SERVICE_VERSION)
    valid = run(program, "validate", str(tmp_path / "catalog"))
    assert (valid.returncode, valid.stderr) == (0, "")
    write_catalog(tmp_path / "broken", bundle, "another")
    broken = run(program, "validate", str(tmp_path / "broken"))
    assert broken.returncode == 1
    assert SERVICE_VERSION in broken.stderr
