"""One pass: what is done, in whose sight, what stops it, what is told, when to look again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core import guards
from etcd_operator.core.actions import (
    ApplyObject,
    LabelPod,
    PromoteMember,
    RemoveMember,
    SetFinalizer,
)
from etcd_operator.core.model.decision import ADD_WINDOW, LEARNER_SYNC
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import (
    Conflict,
    EtcdRefused,
    EtcdUnreachable,
    Forbidden,
    Invalid,
    KubeError,
    KubeUnavailable,
    NotFound,
    OperatorError,
    Refusal,
)
from etcd_operator.runtime.engine import reconciler as reconciler_module
from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.reconciler import REFUSALS_AT_PACE
from tests.builders.actions import brief
from tests.builders.diverging import differing
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    UID,
    formed,
    member_id,
    new,
    settled,
    silent,
    with_cluster,
    with_spec,
    with_status,
)
from tests.harnesses.reconciler import (
    ReconcilerHarness,
    at_rest,
    promotable,
    replan,
    shrinking,
    unlabelled,
)

Told = tuple[str, str, str]  # type, reason, message


# What is done


async def test_two_members_leave_and_their_pods_stop_in_one_pass() -> None:
    """Each guard sees what was done before: at first the Pods were still those of members."""
    harness = ReconcilerHarness(shrinking())
    assert await harness.make_pass() == Requeue(0.0)
    assert [brief(action) for action in harness.performed] == [
        "remove 4",
        "remove 3",
        "apply ConfigMap db-config",
        "apply StatefulSet db",
    ]
    assert [len(snapshot.members) for snapshot in harness.seen] == [5, 4, 3, 3]
    lowered = harness.performed[-1]
    assert isinstance(lowered, ApplyObject)
    assert lowered.manifest["spec"]["replicas"] == 3
    assert guards.refuse(lowered, shrinking()) == "member 3 still belongs to the cluster"
    assert harness.counted() == {("RemoveMember", "done"): 2, ("ApplyObject", "done"): 2}


async def test_a_second_removal_is_judged_by_who_is_left_after_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of four is silent: the first may go, and then two of three have to stay."""
    removals = [RemoveMember(o, member_id(o), CLUSTER_ID) for o in (2, 1)]
    replan(monkeypatch, *removals)
    snapshot = silent(formed(4), 3)
    assert [guards.refuse(action, snapshot) for action in removals] == [None, None]
    harness = ReconcilerHarness(snapshot)
    await harness.make_pass()
    assert harness.performed == removals[:1]
    assert harness.counted()["RemoveMember", "vetoed"] == 1


async def test_a_veto_stops_the_pass_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = (LabelPod(f"db-{o}", f"pod-{o}", "voter") for o in (0, 1))
    removal = RemoveMember(1, member_id(1), CLUSTER_ID)
    replan(monkeypatch, before, removal, after)
    harness = ReconcilerHarness(silent(formed(3), 2))
    assert await harness.make_pass() == Requeue(3.0, failure=True)
    assert harness.performed == [before]
    assert harness.counted() == {("LabelPod", "done"): 1, ("RemoveMember", "vetoed"): 1}
    labels = {"guard": "membership", "action": "RemoveMember"}
    assert harness.metrics.registry.get_sample_value("etcd_operator_vetoes_total", labels) == 1
    assert harness.written, "the status is told all the same"


async def test_a_pass_at_rest_does_nothing() -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    assert await harness.make_pass() == Requeue(None)
    assert (harness.performed, harness.written, harness.told) == ([], [], [])


# What stops it


async def test_a_refusal_of_etcd_is_no_failure() -> None:
    """It is asked again when the decision says so: a learner catches up in its own time."""
    harness = ReconcilerHarness(promotable())
    harness.errors[PromoteMember] = EtcdRefused("not in sync", Refusal.LEARNER_NOT_READY)
    for _ in range(3):
        assert await harness.make_pass() == Requeue(LEARNER_SYNC)
    assert harness.counted() == {("PromoteMember", "refused"): 3}
    assert not [told for told in harness.told if told[0] == "Warning"]
    assert harness.shown()["Progressing"] == "PromotingLearner"


async def test_refusals_that_go_on_are_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that have lost sight of each other may stay so: no ten requests a second for ever."""
    assert REFUSALS_AT_PACE * ADD_WINDOW >= 5.0, "the window of etcd is not missed"
    monkeypatch.setattr(reconciler_module, "REFUSALS_AT_PACE", 3)
    monkeypatch.setattr(reconciler_module, "LONGEST_REFUSED", 4 * LEARNER_SYNC)
    harness = ReconcilerHarness(promotable())
    harness.errors[PromoteMember] = EtcdRefused("not in sync", Refusal.LEARNER_NOT_READY)
    delays = [(await harness.make_pass()).after or 0.0 for _ in range(15)]
    assert delays[:4] == [
        LEARNER_SYNC,
        LEARNER_SYNC,
        LEARNER_SYNC,
        pytest.approx(LEARNER_SYNC * 4 / 3),
    ]
    assert delays == sorted(delays)
    assert delays[-1] == 4 * LEARNER_SYNC
    del harness.errors[PromoteMember]
    assert await harness.make_pass() == Requeue(0.0)
    harness.errors[PromoteMember] = EtcdRefused("not in sync", Refusal.LEARNER_NOT_READY)
    assert await harness.make_pass() == Requeue(LEARNER_SYNC), "what moved starts anew"


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (KubeUnavailable("slow down", 429, retry_after=7.0), Requeue(7.0, failure=True)),
        (KubeUnavailable("503", 503), Requeue(failure=True)),
        (Conflict("it has changed", 409), Requeue(failure=True)),
        (NotFound("gone", 404), Requeue(failure=True)),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_error_stops_the_pass_there(error: OperatorError, wanted: Requeue) -> None:
    harness = ReconcilerHarness(shrinking())
    harness.errors[ApplyObject] = error
    assert await harness.make_pass() == wanted
    assert [brief(action) for action in harness.performed] == ["remove 4", "remove 3"]
    assert harness.counted() == {("RemoveMember", "done"): 2, ("ApplyObject", "failed"): 1}
    assert harness.shown()["Progressing"] == "ScalingIn", "nothing a user could help with"


async def test_silence_of_etcd_is_a_failure() -> None:
    harness = ReconcilerHarness(promotable())
    harness.errors[PromoteMember] = EtcdUnreachable("deadline exceeded")
    assert await harness.make_pass() == Requeue(failure=True)
    assert harness.counted() == {("PromoteMember", "failed"): 1}


@pytest.mark.parametrize("kind", [Invalid, Forbidden])
async def test_what_only_the_user_can_help_with_is_told_in_the_servers_words(
    kind: type[Invalid | Forbidden],
) -> None:
    sentence = "exceeded quota: pods=10, used: pods=10"
    harness = ReconcilerHarness(new(3))
    harness.errors[ApplyObject] = kind(sentence, 403)
    assert not (await harness.make_pass()).failure, "what is refused is not asked for every time"
    status = harness.written[-1]["status"]
    assert sentence in status["message"]
    assert "refuses the next step (Create Service db-peer: " in status["message"], "not yet done"
    assert harness.shown()["Progressing"] == harness.shown()["Degraded"] == "RefusedByKubernetes"
    assert harness.told == [("Warning", "RefusedByKubernetes", status["message"])]


async def test_an_error_while_looking_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = ReconcilerHarness(formed(3))

    async def gather(_: EtcdCluster) -> Snapshot:
        raise KubeUnavailable("503", 503)

    monkeypatch.setattr(harness, "gather", gather)
    with pytest.raises(KubeUnavailable):
        await harness.make_pass()


# When to look again


async def test_the_same_again_backs_off() -> None:
    """What is done takes no effect: somebody undoes it, or the server changes what is applied."""
    harness = ReconcilerHarness(unlabelled())
    wakes = [await harness.make_pass() for _ in range(3)]
    assert wakes == [Requeue(0.0), Requeue(failure=True), Requeue(failure=True)]


async def test_something_else_is_movement() -> None:
    harness = ReconcilerHarness(unlabelled())
    assert await harness.make_pass() == Requeue(0.0)
    harness.snapshot = shrinking()
    assert await harness.make_pass() == Requeue(0.0)


async def test_the_same_after_a_rest_is_movement() -> None:
    """An hour later somebody takes the label off again."""
    harness = ReconcilerHarness(unlabelled())
    await harness.make_pass()
    harness.snapshot = at_rest(formed(3))
    assert await harness.make_pass() == Requeue(None)
    harness.snapshot = unlabelled()
    assert await harness.make_pass() == Requeue(0.0)


async def test_clusters_repeat_themselves_for_themselves() -> None:
    """A new cluster of the same name does what the one before it did."""
    harness = ReconcilerHarness(unlabelled())
    await harness.make_pass()
    harness.put_cluster(uid="u2")
    assert await harness.make_pass() == Requeue(0.0)


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler_module, "REMEMBERED", 1)
    harness = ReconcilerHarness(unlabelled())
    await harness.make_pass()
    harness.put_cluster(uid="u2")
    await harness.make_pass()
    harness.put_cluster()
    assert await harness.make_pass() == Requeue(0.0), "forgotten is worth one more try"


# The status


async def test_the_status_is_written_once_and_onto_what_was_looked_at() -> None:
    harness = ReconcilerHarness(with_status(formed(3), phase="Creating"))
    await harness.make_pass()
    (patch,) = harness.written
    assert patch["metadata"] == {"uid": UID, "resourceVersion": "7"}
    assert patch["status"]["phase"] == "Running"
    known = harness.caches.clusters.get(NAMING.namespace, NAMING.name)
    assert known is not None
    assert (known.resource_version, known.status.phase) == ("8", "Running")
    await harness.make_pass()
    assert len(harness.written) == 1


async def test_no_status_after_the_finalizer() -> None:
    """It put the EtcdCluster into another version, or took it away."""
    harness = ReconcilerHarness(with_cluster(new(3), finalizers=()))
    assert await harness.make_pass() == Requeue(0.0)
    assert harness.performed == [SetFinalizer(True, UID, "7")]
    assert harness.written == []


async def test_a_finalizer_that_was_refused_hinders_no_status() -> None:
    harness = ReconcilerHarness(with_cluster(new(3), finalizers=()))
    harness.errors[SetFinalizer] = Forbidden("etcdclusters is forbidden", 403)
    await harness.make_pass()
    assert harness.shown()["Degraded"] == "RefusedByKubernetes"


@pytest.mark.parametrize("error", [Conflict("it has changed", 409), NotFound("gone", 404)])
async def test_a_status_that_came_too_late_is_no_failure(error: KubeError) -> None:
    harness = ReconcilerHarness(with_status(formed(3), phase="Creating"))
    harness.server.refusals.append(error)
    assert await harness.make_pass() == Requeue(None)
    assert harness.told == [], "what was not written will be told when it is"
    await harness.make_pass()
    assert [reason for _, reason, _ in harness.told] == ["Healthy"]


async def test_a_status_that_comes_too_late_again_and_again_backs_off() -> None:
    """The watch does not tell what is newer: asking every second would change nothing."""
    harness = ReconcilerHarness(with_status(formed(3), phase="Creating"))
    late = Conflict("it has changed", 409)
    harness.server.refusals += [late] * 3
    wakes = [await harness.make_pass() for _ in range(3)]
    assert wakes == [Requeue(None), Requeue(None, failure=True), Requeue(None, failure=True)]
    assert [await harness.make_pass() for _ in range(2)] == [Requeue(None)] * 2
    harness.snapshot = with_status(harness.snapshot, phase="Creating")
    harness.server.refusals.append(late)
    assert await harness.make_pass() == Requeue(None), "once is usual"


@pytest.mark.situation(
    "told",
    "a policy refuses the status of an EtcdCluster",
    "an Event has the words of the policy, and the members are looked after",
)
async def test_a_status_that_is_refused_is_told_by_an_event() -> None:
    harness = ReconcilerHarness(with_status(formed(3), phase="Creating"))
    harness.server.refusals.append(Forbidden("nobody writes here", 403))
    with pytest.raises(Forbidden):
        await harness.make_pass()
    said = "Kubernetes refuses the status of EtcdCluster db, which is not shown: nobody writes here"
    assert harness.told == [("Warning", "RefusedByKubernetes", said)]


async def test_a_status_that_could_not_be_written_is_a_failure() -> None:
    harness = ReconcilerHarness(with_status(formed(3), phase="Creating"))
    harness.server.refusals.append(KubeUnavailable("503", 503))
    with pytest.raises(KubeUnavailable):
        await harness.make_pass()


# What is told


async def test_each_effect_is_an_event() -> None:
    harness = ReconcilerHarness(shrinking())
    await harness.make_pass()
    effects = [told for told in harness.told if told[1] != "ScalingIn"]
    assert effects[0] == ("Normal!", "MemberRemoved", "Removed member db-4 (a4).")
    assert effects == [
        ("Normal!", reason.name, sentence)
        for reason, sentence in (action.event("db") for action in harness.performed)
    ]


async def test_what_had_no_effect_is_no_event() -> None:
    harness = ReconcilerHarness(at_rest(promotable()))
    harness.errors[PromoteMember] = EtcdRefused("not in sync", Refusal.LEARNER_NOT_READY)
    await harness.make_pass()
    assert [reason for _, reason, _ in harness.told] == ["PromotingLearner"]


async def test_a_change_of_phase_is_told_once() -> None:
    harness = ReconcilerHarness(with_status(formed(3), phase="Creating"))
    for _ in range(3):
        await harness.make_pass()
    assert harness.told == [("Normal!", "Healthy", "All 3 members are healthy.")]


BLOCKED: tuple[tuple[Callable[[], Snapshot], str], ...] = (
    (lambda: with_spec(formed(3), size=4), "InvalidSpec"),
    (lambda: with_status(silent(formed(3), 1, 2), phase="Failed"), "NoQuorum"),
)


@pytest.mark.parametrize(("scene", "reason"), BLOCKED, ids=lambda value: str(value)[:12])
async def test_what_blocks_or_broke_is_a_warning(
    scene: Callable[[], Snapshot], reason: str
) -> None:
    """Said on every pass; the recorder says a sentence again only after a while."""
    harness = ReconcilerHarness(scene())
    for _ in range(2):
        await harness.make_pass()
    assert {told[:2] for told in harness.told} == {("Warning", reason)}
    assert len(harness.told) == 2


async def test_members_that_differ_are_a_warning_and_a_figure() -> None:
    """Also while the operator is about to do something about it."""
    harness = ReconcilerHarness(differing("aba"))
    await harness.make_pass()
    said = "db-1 has other data than db-0, db-2, which agree, at revision 110."
    assert ("Warning", "DataDiffers", said) in harness.told
    text = harness.metrics.expose().decode()
    labels = '{namespace="team",cluster="db"}'
    assert f"etcd_operator_cluster_differing_members{labels} 1.0" in text
    assert f"etcd_operator_cluster_last_comparison_timestamp_seconds{labels} 0.0" not in text


async def test_a_cluster_that_is_gone_is_forgotten() -> None:
    harness = ReconcilerHarness(settled(formed(3)))
    await harness.make_pass()
    labels = b'{namespace="team",cluster="db"}'
    assert b"etcd_operator_cluster_members%b 3.0" % labels in harness.metrics.expose()
    harness.caches.clusters.observe_deleted(NAMING.namespace, NAMING.name, UID)
    assert await harness.make_pass() == Requeue(None)
    assert b'cluster="db"' not in harness.metrics.expose()
