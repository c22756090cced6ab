"""What previews say beside their steps: waits, warnings, and what comes without the change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.core.model.live_objects import NodeState
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.prediction import Wait, mark_common
from tests.builders.certificates import secured, with_secret
from tests.builders.changes import change
from tests.builders.exhaustive import exhaustive
from tests.builders.issuer import ISSUER, MINE
from tests.builders.lost_members import homeless
from tests.builders.snapshots import change_pod, formed, silent


def losing_one() -> Snapshot:
    """A cluster in which a member is about to be replaced, whatever else happens."""
    return homeless(formed(3), 1, host=NodeState.GONE)


def test_a_new_learner_is_not_late_when_it_has_just_been_added() -> None:
    """Only beside one that is late the PodDisruptionBudget counts voters."""
    snapshot = formed(3)
    found = predict(snapshot, change(snapshot, size=5))
    assert not [step for step in found.steps if "PodDisruptionBudget" in step.sentence]


@pytest.mark.parametrize(
    ("passed", "left"),
    [
        pytest.param(0, 300, marks=pytest.mark.exhaustive),
        (180, 120),
        pytest.param(299, 1, marks=pytest.mark.exhaustive),
    ],
)
def test_the_part_of_a_delay_that_has_passed_is_not_waited_for_again(
    passed: int, left: int
) -> None:
    snapshot = formed(3, recovery={"memberReplacementDelay": "5m"})
    since = snapshot.now - timedelta(seconds=passed)
    found = predict(homeless(snapshot, 1, host=NodeState.DOWN, since=since))
    assert [each.seconds for each in found.entries if isinstance(each, Wait)] == [left]
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert left < found.seconds < left + 10


@pytest.mark.parametrize("running", [True, *exhaustive(False)])
@pytest.mark.parametrize(
    ("seconds", "replaced"), [(-3, True), (0, True), (1, True), (2, False), (3600, False)]
)
def test_a_member_of_before_on_a_disk_as_new_as_its_pod_lost_its_data(
    seconds: int, replaced: bool, running: bool
) -> None:
    """It has not said so yet, as in the first seconds after its claim and its Pod were deleted."""
    snapshot = silent(formed(3), 1)
    made = snapshot.now - timedelta(seconds=seconds)
    claims = tuple(replace(each, created=made) for each in snapshot.claims)
    state = {"running": running, "ready": False, "was_ready": False, "ever_ran": running}
    snapshot = change_pod(replace(snapshot, claims=claims), 1, created=snapshot.now, **state)
    found = predict(snapshot)
    assert any(step.sentence.startswith("Removed member db-1") for step in found.steps) is replaced
    assert found.reached is (replaced or not running)


def test_what_the_operator_would_say_of_the_spec_is_foreseen() -> None:
    snapshot = formed(3)
    assert predict(snapshot).warnings == ()
    said, *_ = predict(snapshot, change(snapshot, etcdConfig__quotaBackendBytes=2**40)).warnings
    assert said.startswith("spec.etcdConfig.quotaBackendBytes of 1024Gi does not fit")


def test_a_certificate_that_would_be_waited_for_is_foreseen() -> None:
    snapshot = secured(3)
    asked = change(snapshot, security={"tls": {"certificateSecret": "mine"}})
    found = predict(snapshot, asked)
    said = "Secret mine, named by spec.security.tls.certificateSecret, does not exist"
    assert [warning.startswith(said) for warning in found.warnings] == [True]
    assert not predict(with_secret(snapshot, MINE), asked).warnings
    assert not predict(snapshot, change(snapshot, security={"tls": ISSUER})).warnings


def test_what_goes_on_anyway_is_told_from_what_the_change_brings() -> None:
    snapshot = losing_one()
    without = predict(snapshot)
    found = predict(snapshot, change(snapshot, size=5))
    common = mark_common(found, without)
    anyway = [e.sentence for e, mark in zip(found.entries, common, strict=True) if mark]
    assert "Added member db-1 as a learner." in anyway
    brought = [e.sentence for e, mark in zip(found.entries, common, strict=True) if not mark]
    assert [s for s in brought if s.startswith("Added")] == [
        "Added member db-3 as a learner.",
        "Added member db-4 as a learner.",
    ]
    assert not any(mark_common(without, predict(formed(3))))
