"""The guards of members whose data is in an emptyDir."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from etcd_operator.core.actions import ApplyObject, DeleteObject, EvictPod, RemoveMember
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.members import CORRUPT
from etcd_operator.core.plan.planner import plan
from tests.builders.ephemeral import emptied, in_pods
from tests.builders.snapshots import (
    CLUSTER_ID,
    change_pod,
    formed,
    member_id,
    new,
    settled,
    silent,
    with_learner,
    with_spec,
    without_child,
)

IN_POD: Final = "the data of the Pod is in an emptyDir and would go with it"


def test_the_guard_stops_no_pod_with_the_data_of_a_voter() -> None:
    evict = EvictPod("db-2", "pod-2", "test")
    deletion = DeleteObject("Pod", "db-2", "pod-2", "test", "1")
    assert refuse(evict, in_pods()) == IN_POD
    assert refuse(deletion, change_pod(silent(in_pods(), 0, 1), 2, ready=False)) == IN_POD
    away = change_pod(silent(in_pods(), 2), 2, ready=False, running=False, restarts=1)
    assert refuse(deletion, away) is None, "the majority has its data"
    assert refuse(deletion, with_learner(in_pods(2, 3), 2)) is None, "it has no vote"
    fresh = change_pod(silent(in_pods(), 0, 1, 2), 2, ready=False, running=False, ever_ran=False)
    assert refuse(deletion, fresh) is None, "nothing ran in it"


def test_the_guard_replaces_one_member_at_a_time() -> None:
    remove = RemoveMember(1, member_id(1), CLUSTER_ID)
    assert refuse(remove, in_pods()) is None
    joining = with_learner(in_pods(3, 5), 3, serves=True)
    assert refuse(remove, joining) == (
        "its data is in an emptyDir, and a learner has yet to be promoted"
    )
    assert refuse(remove, in_pods(2, 3)) == "its data is in an emptyDir, and only one other has it"
    assert refuse(remove, in_pods(2, 1)) is None, "the user wants one member"
    assert refuse(remove, with_learner(emptied(in_pods(3, 5), 1), 3, serves=True)) is None
    alarm = (f"memberID:{member_id(1)} alarm:{CORRUPT} ",)
    wrong = in_pods(2, 3)
    probes = {
        o: replace(p, status=replace(p.status, errors=alarm)) if p.status else p
        for o, p in wrong.probes.items()
    }
    assert refuse(remove, replace(wrong, probes=probes)) is None, "its data is wrong"


def test_the_guard_stops_no_cluster_with_its_data() -> None:
    stop = with_spec(formed(1), size=0)
    action = next(
        a for a in plan(stop).actions if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert refuse(action, stop) is None
    kept = replace(with_spec(in_pods(1), size=0), children=stop.children)
    assert refuse(action, kept) == "the data of a Pod is in an emptyDir and would go with it"


def test_the_guard_counts_pods_that_ran_as_members_with_data() -> None:
    restart = with_spec(settled(new(3)), size=1)
    action = next(
        a for a in plan(restart).actions if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert refuse(action, restart) is None
    pods = tuple(replace(pod, ready=False) for pod in in_pods().pods)
    ran = replace(restart, pods=pods)
    action = replace(action, manifest={"spec": {**action.manifest["spec"], "replicas": 1}})
    assert refuse(action, ran) == "a majority of the members may have had data"


def test_a_statefulset_that_is_made_anew_has_all_pods_also_without_a_record() -> None:
    bare = without_child(without_child(in_pods(), "ConfigMap", "db-config"), "StatefulSet", "db")
    unknown = replace(bare, membership=None, probes={})
    action = next(
        a for a in plan(unknown).actions if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert action.manifest["spec"]["replicas"] == 3
    assert refuse(action, unknown) is None
    fewer = replace(action, manifest={"spec": {**action.manifest["spec"], "replicas": 2}})
    assert refuse(fewer, unknown) == IN_POD.replace("the Pod", "a Pod")
    assert refuse(fewer, change_pod(unknown, 2, deleting=True)) is None
    gone = replace(bare, membership=in_pods(2).membership)
    assert refuse(fewer, gone) is None, "it is no member"
