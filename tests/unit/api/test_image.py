"""Names of images, and what else may stand in their place."""

from __future__ import annotations

import pytest

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.image import Image
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from tests.builders.snapshots import raw_cluster

DIGEST = f"@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "tag", "number"),
    [
        ("registry.k8s.io/etcd:3.6.4-0", "3.6.4-0", "3.6.4"),
        ("quay.io/coreos/etcd:v3.6.4", "v3.6.4", "3.6.4"),
        (f"localhost:5000/a-b/etcd:3.6.4{DIGEST}", "3.6.4", "3.6.4"),
        (f"localhost:3000/etcd{DIGEST}", "", ""),
        ("etcd:build-17", "build-17", ""),
    ],
)
def test_images(text: str, tag: str, number: str) -> None:
    image = Image(text)
    assert image.is_whole
    assert (str(image), image.tag, image.tagged_number) == (text, tag, number)
    assert (image.version.release is not None) == bool(number)


@pytest.mark.parametrize("text", ["localhost:5000/etcd", f"etcd{DIGEST}", "etcd"])
def test_without_a_tag_the_version_is_unknown_and_not_empty(text: str) -> None:
    """Empty is the version of a StatefulSet that is not there."""
    assert Image(text).version.release is None
    assert Image(text).version.text
    assert Image("").version.text == ""


@pytest.mark.parametrize("written", [True, 3, ["etcd:1"], {"a": 1}, "etcd:" + "1" * 4000, "a:1\n"])
def test_no_other_image_stands_in_for_what_is_none(written: object) -> None:
    """Without the field it would be that of the repository."""
    cluster = parse_cluster(raw_cluster({"image": written}))
    assert cluster.flaws == ()
    assert str(cluster.spec.etcd_image).startswith(str(written)[:500])
    (problem,) = find_problems(cluster)
    assert problem.field == "spec.image"


@pytest.mark.parametrize("written", ["", "registry.k8s.io/etcd:3.6.4-0", None])
def test_an_image_is_written_back_as_it_was(written: str | None) -> None:
    given = {"version": "3.6.4", "image": written}
    spec = EtcdClusterSpec.model_validate(given)
    assert spec.model_dump(mode="json", exclude_unset=True) == given
    assert str(spec.etcd_image) == (written or "quay.io/coreos/etcd:v3.6.4")
