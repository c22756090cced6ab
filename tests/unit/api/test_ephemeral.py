"""What of a spec does not go together with data in emptyDirs."""

from __future__ import annotations

import pytest

from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import (
    new,
)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"storage": {"ephemeral": {}, "storageClassName": "fast"}},
            (
                "spec.storage.storageClassName is that of disks, and with ephemeral there are "
                "none: remove it."
            ),
        ),
        (
            {"storage": {"ephemeral": {}, "volumeAttributesClassName": "fast"}},
            (
                "spec.storage.volumeAttributesClassName is that of disks, and with ephemeral "
                "there are none: remove it."
            ),
        ),
        (
            {"storage": {"ephemeral": {}, "volumeClaimTemplate": {}}},
            (
                "spec.storage.volumeClaimTemplate is for disks, and with ephemeral there are "
                "none: remove it."
            ),
        ),
        (
            {"storage": {"ephemeral": {}, "size": "20Gi"}},
            (
                "spec.storage.size 20Gi is that of disks, and with ephemeral there are none: "
                "remove it, and set ephemeral.sizeLimit."
            ),
        ),
        (
            {"storage": {"ephemeral": {}, "retentionPolicy": {"whenScaled": "Retain"}}},
            (
                "spec.storage.retentionPolicy cannot be Retain with ephemeral, because an "
                "emptyDir goes with its Pod: remove it."
            ),
        ),
        (
            {"storage": {"ephemeral": {"sizeLimit": "0"}}},
            (
                "spec.storage.ephemeral.sizeLimit 0 is not a size: use a positive quantity such"
                " as 1Gi."
            ),
        ),
        (
            {"storage": {"ephemeral": {}}, "size": 0},
            (
                "spec.size 0 would lose all data of a cluster with storage.ephemeral: delete "
                "the EtcdCluster instead."
            ),
        ),
        (
            {"storage": {"ephemeral": {}}, "etcdConfig": {"quota": "FollowsDisk"}},
            (
                "spec.etcdConfig.quota FollowsDisk follows disks, and with storage.ephemeral "
                "there are none: set quotaBackendBytes."
            ),
        ),
        (
            {
                "storage": {"ephemeral": {}},
                "bootstrap": {"joinExisting": {"source": {"statefulSet": "old"}}},
            },
            (
                "spec.bootstrap.joinExisting cannot be used together with storage.ephemeral: "
                "give the new members disks."
            ),
        ),
        (
            {
                "storage": {"ephemeral": {}},
                "recovery": {"quorumLoss": {"clusterID": "c1d", "acceptedRevision": 1}},
            },
            (
                "spec.recovery.quorumLoss goes on from a disk that was kept, and with "
                "storage.ephemeral none is: save what members that run still hold with `kubectl"
                " etcd snapshot save`, and create the cluster again."
            ),
        ),
    ],
)
def test_what_does_not_go_together_is_said(spec: Json, said: str) -> None:
    problems = find_problems(new(**{"size": 3, **spec}).cluster)
    assert [problem.sentence for problem in problems] == [said]


def test_the_default_size_of_disks_means_nothing_here() -> None:
    spec = {"storage": {"ephemeral": {"medium": "Memory", "sizeLimit": "1Gi"}, "size": "10Gi"}}
    assert find_problems(new(3, **spec).cluster) == ()
