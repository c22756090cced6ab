import json
import tarfile
from pathlib import Path

import pytest

from local.archive import Image, architecture, canonical, read_tags, write_image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    binary = tmp_path / "etcd"
    binary.write_bytes(b"\x7fELF" * 1000)
    files = {"/usr/local/bin/etcd": binary, "/usr/local/bin/etcdctl": binary}
    return Image("quay.io/coreos/etcd:v3.6.16", ("/usr/local/bin/etcd",), files)


def test_the_same_content_makes_the_same_bytes(tmp_path: Path, image: Image) -> None:
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    write_image(image, first)
    image.files["/usr/local/bin/etcd"].touch()
    write_image(image, second)
    assert first.read_bytes() == second.read_bytes()


def test_other_content_makes_another_image(tmp_path: Path, image: Image) -> None:
    archive = tmp_path / "image.tar"
    write_image(image, archive)
    before = read_tags(archive)
    image.files["/usr/local/bin/etcd"].write_bytes(b"other")
    write_image(image, archive)
    assert before.keys() == read_tags(archive).keys() == {"quay.io/coreos/etcd:v3.6.16"}
    assert before != read_tags(archive)


def test_layer_holds_executables_and_an_open_tmp(tmp_path: Path, image: Image) -> None:
    archive = tmp_path / "image.tar"
    write_image(image, archive)
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json") or pytest.fail("no manifest"))
        config = json.load(outer.extractfile(manifest[0]["Config"]) or pytest.fail("no config"))
        with tarfile.open(fileobj=outer.extractfile(manifest[0]["Layers"][0])) as layer:
            found = {entry.name: entry for entry in layer}
    assert sorted(found) == [
        "tmp",
        "usr",
        "usr/local",
        "usr/local/bin",
        "usr/local/bin/etcd",
        "usr/local/bin/etcdctl",
    ]
    assert found["tmp"].mode == 0o1777
    assert found["usr/local/bin/etcd"].mode == 0o755
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/etcd"]
    assert config["config"]["Env"][0].startswith("PATH=/usr/local")
    assert config["architecture"] == architecture()


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("etcd-operator", "docker.io/library/etcd-operator:latest"),
        ("etcd-operator:dev", "docker.io/library/etcd-operator:dev"),
        ("team/etcd-operator:dev", "docker.io/team/etcd-operator:dev"),
        ("localhost/x", "localhost/x:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
        ("quay.io/coreos/etcd:v3.6.16", "quay.io/coreos/etcd:v3.6.16"),
    ],
)
def test_names_are_written_out_as_containerd_does(name: str, full: str) -> None:
    assert canonical(name) == full
    assert canonical(full) == full
