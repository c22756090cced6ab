"""What of a spec does not go together with a disk for the write-ahead log."""

from __future__ import annotations

import pytest

from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import new

TAKEN = (
    "spec.podTemplate has a volume wal, or a mount at /var/lib/etcd-wal, which are those of "
    "storage.wal: use others."
)


def _mounting(name: str, path: str) -> Json:
    volume = {"name": name, "emptyDir": {}}
    return {"volumes": [volume], "volumeMounts": [{"name": name, "mountPath": path}]}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"storage": {"wal": {"size": "0"}}},
            "spec.storage.wal.size 0 is not a size: use a positive quantity such as 2Gi.",
        ),
        (
            {"storage": {"wal": {}, "ephemeral": {}}},
            "spec.storage.wal is a disk, and with ephemeral there are none: remove it.",
        ),
        ({"storage": {"wal": {}}, "podTemplate": _mounting("wal", "/elsewhere")}, TAKEN),
        ({"storage": {"wal": {}}, "podTemplate": _mounting("x", "/var/lib/etcd-wal")}, TAKEN),
        ({"storage": {"wal": {}}, "podTemplate": _mounting("x", "/var/lib/etcd-wal/x")}, TAKEN),
    ],
)
def test_what_cannot_be_is_said(spec: Json, said: str) -> None:
    assert [problem.sentence for problem in find_problems(new(3, **spec).cluster)] == [said]


@pytest.mark.parametrize(
    "spec",
    [
        {"storage": {"wal": {"size": "2Gi", "storageClassName": "fast"}}},
        {"storage": {"wal": {}}, "podTemplate": _mounting("x", "/var/lib/etcd-wal-2")},
        {"podTemplate": _mounting("wal", "/var/lib/etcd-wal")},
    ],
)
def test_what_can_be_is_not(spec: Json) -> None:
    assert find_problems(new(3, **spec).cluster) == ()
