"""Previews of members with two disks: each disk is named, and half a member is none."""

from __future__ import annotations

import pytest

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.simulation.change import NO_CHANGE, Change, change_spec, set_fields
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.prediction import Prediction
from tests.builders.lost_members import WIPED, ended
from tests.builders.snapshots import new, silent, with_spec, without_pods
from tests.builders.two_disks import NO_DATA, change_disk, two_disks, without_disk


def preview(snapshot: Snapshot, size: int) -> Prediction:
    """What the operator would do if the size were another."""
    raw = snapshot.cluster.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    spec = change_spec(snapshot.cluster, set_fields(raw, {"size": size}))
    return predict(snapshot, Change(cluster=spec))


def test_a_settled_cluster_is_left_alone() -> None:
    found = predict(two_disks())
    assert (found.entries, found.ends) == ((), "settled")


def test_shrinking_names_both_disks_of_those_that_leave() -> None:
    found = preview(two_disks(), 1)
    assert found.ends == "settled"
    assert set(found.disks) == {"data-db-1", "data-db-2", "wal-db-1", "wal-db-2"}


def test_disks_are_made_with_the_class_of_the_template_and_asked_for_another() -> None:
    classes = {"volumeAttributesClassName": "gold", "wal": {"volumeAttributesClassName": "fast"}}
    made = predict(new(3, storage=classes))
    assert [step for step in made.steps if step.action == "ChangeClaimAttributes"] == []
    asked = predict(with_spec(two_disks(1), storage=classes))
    assert asked.ends == "settled"
    assert [step.sentence for step in asked.steps if step.action == "ChangeClaimAttributes"] == [
        "Requested VolumeAttributesClass gold for PersistentVolumeClaim data-db-0.",
        "Requested VolumeAttributesClass fast for PersistentVolumeClaim wal-db-0.",
    ]


def test_growing_takes_no_disk() -> None:
    found = preview(two_disks(), 5)
    assert (found.ends, found.disks) == ("settled", ())


@pytest.mark.parametrize(
    "half",
    [
        ended(two_disks(), 1, WIPED),
        ended(two_disks(), 1, NO_DATA),
        change_disk(silent(two_disks(), 1), "wal-db-1", lost=True),
        without_disk(without_pods(silent(two_disks(), 1), 1), "wal-db-1"),
    ],
    ids=["no log", "no data", "the log's volume", "the log's claim"],
)
def test_half_a_member_is_replaced_on_two_new_disks(half: Snapshot) -> None:
    found = predict(half, NO_CHANGE)
    assert found.ends == "settled"
    assert set(found.disks) == {"data-db-1", "wal-db-1"}
