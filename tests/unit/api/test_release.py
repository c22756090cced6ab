"""Versions of etcd, and what else may stand in their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.release import NO_VERSION, Release, Version
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster


@pytest.mark.parametrize(
    ("text", "release", "plain"),
    [
        ("3.6.16", (3, 6, 16), True),
        ("v3.6.16", (3, 6, 16), True),
        ("3.6.16-1", (3, 6, 16), False),
        ("v3.7.0-rc.0+build.1", (3, 7, 0), False),
        ("3.5.9999", (3, 5, 9999), False),
    ],
)
def test_versions(text: str, release: Release, *, plain: bool) -> None:
    version = Version(text)
    assert (version.release, version.minor, version.is_plain) == (release, release[:2], plain)
    assert (str(version), version.tag) == (text, f"v{text.removeprefix('v')}")


@pytest.mark.parametrize(
    "text",
    ["", "v", "3.6", "3.6.", "3.6.x", "3.6.1.1", "vv3.6.1", "3.6.1\n", "3.6.٣", "3" * 100_000],
)
def test_what_is_none(text: str) -> None:
    assert (Version(text).release, Version(text).minor) == (None, (0, 0))
    assert not Version(text).is_plain


@pytest.mark.parametrize(
    "given_version",
    [None, True, 3.6, ["3.6.1"], {"v": 1}, "3.6.1" + " " * 40_000, "3.6.1-" + "1" * 90],
)
def test_no_other_version_stands_in_for_what_is_none(given_version: object) -> None:
    """A default would be another etcd, for backups and restores as well."""
    cluster = parse_cluster(raw_cluster({"version": given_version}))
    assert cluster.flaws == ()
    assert cluster.spec.release == (0, 0, 0)
    assert len(cluster.spec.version.text) <= 81


@given(st.from_regex(r"v?3[.][0-9]{1,3}[.][0-9]{1,3}", fullmatch=True))
def test_a_version_is_written_back_as_it_was(text: str) -> None:
    """A version that is spelled anew would be another spec, and roll the Pods."""
    given: Json = {"version": text}
    assert (
        EtcdClusterSpec.model_validate(given).model_dump(mode="json", exclude_unset=True) == given
    )


def test_without_any_it_is_none() -> None:
    assert (NO_VERSION.release, NO_VERSION.tag) == (None, "v")
    assert Version.of((3, 6, 1)) == Version("3.6.1")
