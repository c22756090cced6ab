"""When all is said to be well: not before a changed spec has reached every member."""

from __future__ import annotations

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject
from etcd_operator.errors import Conflict, KubeError, KubeUnavailable, NotFound
from etcd_operator.runtime.engine.controller import Requeue
from tests.builders.actions import brief
from tests.builders.snapshots import NAMING, change_child, formed, with_cluster, with_spec
from tests.harnesses.reconciler import ReconcilerHarness, at_rest


async def test_all_is_not_well_before_a_new_template_was_looked_at() -> None:
    """The spec would be shown as observed and all members as healthy, before any is replaced."""
    changed = with_spec(at_rest(formed(3)), resources={"limits": {"memory": "600Mi"}})
    harness = ReconcilerHarness(with_cluster(changed, generation=3))
    assert await harness.make_pass() == Requeue(0.0)
    assert [brief(action) for action in harness.performed] == ["apply StatefulSet db"]
    assert harness.written == [], "Kubernetes was just told"
    live = changed.statefulset
    assert live is not None
    body = {**live.body, "metadata": {**live.body["metadata"], "generation": 99}}
    unseen = change_child(at_rest(formed(3)), "StatefulSet", "db", body=body)
    harness = ReconcilerHarness(with_cluster(unseen, generation=3))
    await harness.make_pass()
    assert (harness.performed, harness.written) == ([], []), "its controller has yet to look"
    going = change_child(at_rest(formed(3)), "StatefulSet", "db", deleting=True)
    harness = ReconcilerHarness(with_cluster(going, generation=3))
    await harness.make_pass()
    assert (harness.performed, harness.written) == ([], []), "the next one has another template"


async def test_all_is_not_well_when_a_new_template_was_looked_at_within_the_pass() -> None:
    """Kubernetes was quick: no Pod seemed outdated when it was planned, and now all are."""
    changed = with_spec(at_rest(formed(3)), resources={"limits": {"memory": "600Mi"}})
    live = changed.statefulset
    assert live is not None
    harness = ReconcilerHarness(with_cluster(changed, generation=3))
    generation = live.body["metadata"]["generation"] + 1
    told = {"observedGeneration": generation, "updateRevision": "db-another"}
    metadata = {**live.body["metadata"], "generation": generation, "namespace": NAMING.namespace}
    harness.answers["StatefulSet"] = {**live.body, "metadata": metadata, "status": told}
    assert await harness.make_pass() == Requeue(0.0)
    assert [brief(action) for action in harness.performed] == ["apply StatefulSet db"]
    assert harness.written == []


SPOILS = [
    Conflict("it has changed", 409),
    NotFound("it is gone", 404),
    KubeUnavailable("503", 503),
]


@pytest.mark.parametrize("error", SPOILS)
async def test_all_is_not_well_before_the_new_template_was_written(error: KubeError) -> None:
    changed = with_spec(at_rest(formed(3)), resources={"limits": {"memory": "600Mi"}})
    harness = ReconcilerHarness(with_cluster(changed, generation=3))
    harness.errors[ApplyObject] = error
    assert (await harness.make_pass()).failure
    assert harness.written == []


async def test_all_is_not_well_when_a_guard_refuses_a_correction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = with_spec(at_rest(formed(3)), resources={"limits": {"memory": "600Mi"}})
    harness = ReconcilerHarness(with_cluster(changed, generation=3))
    monkeypatch.setattr(guards, "judge", lambda *_: guards.Veto("objects", "it is not ours"))
    assert (await harness.make_pass()).failure
    assert (harness.performed, harness.written) == ([], [])
