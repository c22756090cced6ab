"""The contract with manifests written for the earlier operator of this group."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.api.cluster import GROUP, KIND, PLURAL, VERSION, EtcdClusterSpec, Phase
from etcd_operator.api.release import Version
from etcd_operator.api.security import Tls
from etcd_operator.core.objects.resources import DEFAULT_RESOURCES, render_resources
from local.programs import etcd_versions

DEFAULTS: dict[str, Any] = {
    "size": 3,
    "version": Version("v3.5.35"),
    "repository": "quay.io/coreos/etcd",
    "security": None,
    "resources": None,
}


@pytest.mark.parametrize("field", DEFAULTS)
def test_defaults_of_the_spec(field: str) -> None:
    assert getattr(EtcdClusterSpec(), field) == DEFAULTS[field]


def test_a_new_cluster_gets_the_newest_patch_that_tests_run_with() -> None:
    """Of the minor version that it always had: another one is an upgrade, and a decision."""
    known = [version for version in etcd_versions() if version.startswith("v3.5.")]
    assert str(EtcdClusterSpec().version) == known[-1]


def test_defaults_of_the_storage() -> None:
    storage = EtcdClusterSpec().storage
    assert (str(storage.size), storage.storage_class_name) == ("10Gi", None)
    assert storage.volume_claim_template is None


def test_defaults_of_tls() -> None:
    dumped = Tls().model_dump(by_alias=True)
    assert dumped == {
        "enabled": True,
        "clientTLSEnabled": True,
        "clientTLSMode": "Strict",
        "peerTLSEnabled": True,
        "metricsTLSEnabled": False,
        "certificateSecret": None,
        "caSecret": None,
        "issuerRef": None,
        "peerIssuerRef": None,
        "autoTLS": True,
        "serverNames": (),
        "certificateLifetime": "2160h",
        "caGeneration": 0,
        "caOverlap": "1h",
    }


def test_default_resources() -> None:
    assert render_resources(DEFAULT_RESOURCES) == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }


def test_names_of_the_kind() -> None:
    assert (GROUP, VERSION, KIND, PLURAL) == (
        "etcd.etcd.io",
        "v1alpha1",
        "EtcdCluster",
        "etcdclusters",
    )


def test_phases() -> None:
    assert [str(phase) for phase in Phase] == [
        "Creating",
        "Running",
        "Scaling",
        "Upgrading",
        "Failed",
        "Deleting",
        "Stopped",
        "Restoring",
    ]


@pytest.mark.parametrize("version", ["3.5.9", "v3.5.9"])
def test_the_image_tag_has_a_v_either_way(version: str) -> None:
    """Published images carry a leading v; manifests were written with and without."""
    spec = EtcdClusterSpec(version=version)
    assert str(spec.etcd_image) == "quay.io/coreos/etcd:v3.5.9"
    assert (spec.release, spec.minor) == ((3, 5, 9), (3, 5))


@pytest.mark.parametrize("version", ["banana", "3.5", "3.5.x", "3.5.1.2", ""])
def test_no_version_is_no_release(version: str) -> None:
    assert EtcdClusterSpec(version=version).release == (0, 0, 0)
