"""Members whose data is in an emptyDir: what is replaced, what is refused, and what is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.bootstrap import rule as bootstrap
from etcd_operator.core.bootstrap.gate import Gate, lay_out_bootstrap
from etcd_operator.core.membership.replace_lost import replace_lost_members
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import ANNOTATION_CHANGED_BY
from etcd_operator.core.model.parse import observe_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.operator_upgrade import BY_SPEC
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.quorum_loss.rule import recover_quorum
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout import failed_pods, roll, version_change
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.status.spec_warnings import find_spec_warnings
from etcd_operator.core.storage import ephemeral, grow_disks
from etcd_operator.json_types import Json
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.ephemeral import EMPTY, emptied, in_pods
from tests.builders.quorum_loss import approve, lost
from tests.builders.snapshots import (
    NAMING,
    answer,
    change_member,
    change_pod,
    formed,
    new,
    outdated,
    settled,
    silent,
    with_cluster,
    with_learner,
    with_spec,
    without_child,
    without_pods,
)

TO_PODS: Final = (
    "spec.storage.ephemeral cannot be added or removed on an existing cluster (current: disks, "
    "requested: an emptyDir): set it back, or create another cluster and move the data."
)


def newer(*ordinals: int) -> Snapshot:
    """A cluster in which these members run 3.6, and the template has it; the others run 3.5."""
    snapshot = formed(3, version="3.6.16", storage={"ephemeral": {}})
    probes = {
        o: answer(o, version="3.6.16" if o in ordinals else "3.5.35") for o in snapshot.probes
    }
    pods = tuple(
        replace(pod, ephemeral=True, revision=pod.revision if pod.ordinal in ordinals else "db-old")
        for pod in snapshot.pods
    )
    return replace(snapshot, probes=probes, pods=pods, claims=())


def replacement(ordinal: int, *first: str) -> tuple[str, ...]:
    return (
        *first,
        f"remove {ordinal}",
        f"add {ordinal}",
        f"delete Pod db-{ordinal}",
        "apply ConfigMap db-config",
    )


FIRES = (
    Fires(
        "a member whose Pod was replaced is added again, and starts in the Pod that is there",
        replace_lost_members,
        emptied(in_pods(), 1),
        routine.REPLACING_MEMBER,
        "Member db-1 lost its data: replacing it.",
        Phase.SCALING,
        ("remove 1", "add 1", "apply ConfigMap db-config", "label db-1 learner"),
    ),
    Fires(
        "a Pod with another template goes when its member is replaced",
        roll.roll,
        outdated(in_pods(), 0, 1, 2),
        routine.ROLLING_UPDATE,
        "Rolling update: replacing Pod db-2; 0 of 3 members are up to date.",
        Phase.UPGRADING,
        replacement(2),
    ),
    Fires(
        "the leader last",
        roll.roll,
        outdated(in_pods(), 0),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        replacement(0, "lead 0>1"),
    ),
    Fires(
        "the only member is not rolled",
        roll.roll,
        outdated(in_pods(1), 0),
        attention.ROLL_WOULD_LOSE_DATA,
        "Not replacing Pod db-0, which is outdated: it is the only member, and its data would go "
        "with it (spec.storage.ephemeral). Set spec.size to 3, and back when the members are up to "
        "date; or delete the EtcdCluster and create it again.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "nobody joins anew with an older version",
        version_change.refuse_version,
        with_spec(newer(0, 1, 2), version="3.5.35"),
        attention.VERSION_REFUSED,
        "spec.version 3.5.35 is older than 3.6.16, which members run. With spec.storage.ephemeral "
        "members join anew, and etcd lets none of an older version join: keep 3.6.16 or a later "
        "one, or create another cluster and move the data.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "members with emptyDirs get no disks",
        ephemeral.refuse_storage_switch,
        with_spec(in_pods(), storage={}),
        attention.STORAGE_IMMUTABLE,
        "spec.storage.ephemeral cannot be added or removed on an existing cluster (current: an "
        "emptyDir, requested: disks): set it back, or create another cluster and move the data.",
        Phase.RUNNING,
        (),
        flags("blocked", "no corrections"),
    ),
    Fires(
        "nor members with disks emptyDirs",
        ephemeral.refuse_storage_switch,
        with_spec(formed(3), storage={"ephemeral": {}}),
        attention.STORAGE_IMMUTABLE,
        TO_PODS,
        Phase.RUNNING,
        (),
        flags("blocked", "no corrections"),
    ),
    Fires(
        "also while the StatefulSet is made anew",
        ephemeral.refuse_storage_switch,
        without_child(with_spec(formed(3), storage={"ephemeral": {}}), "StatefulSet", "db"),
        attention.STORAGE_IMMUTABLE,
        TO_PODS,
        Phase.RUNNING,
        (),
        flags("blocked", "no corrections"),
    ),
    Fires(
        "and while no Pod is there",
        ephemeral.refuse_storage_switch,
        without_child(
            without_pods(with_spec(formed(1), storage={"ephemeral": {}}), 0), "StatefulSet", "db"
        ),
        attention.STORAGE_IMMUTABLE,
        TO_PODS,
        Phase.RUNNING,
        (),
        flags("blocked", "no corrections"),
    ),
    Fires(
        "the only member has lost its data",
        ephemeral.report_lost_data,
        emptied(in_pods(1), 0),
        attention.DATA_LOST,
        "The Pods of db-0 were replaced, and their data went with them (spec.storage.ephemeral): "
        "no majority of 1 member has it. To begin with an empty one, delete the EtcdCluster "
        "and create it again.",
        Phase.FAILED,
        (),
        flags("blocked"),
    ),
)

PASSES = (
    Passes(
        "as long as one runs the older version, others may",
        version_change.refuse_version,
        with_spec(newer(1, 2), version="3.5.35"),
    ),
    Passes("the spec says where the data is", ephemeral.refuse_storage_switch, in_pods()),
    Passes("nothing is there yet", ephemeral.refuse_storage_switch, new(3)),
    Passes("a majority has the data", ephemeral.report_lost_data, emptied(in_pods(), 2)),
    Passes(
        "members that are away may come back with their data",
        ephemeral.report_lost_data,
        silent(in_pods(), 0, 1),
    ),
    Passes(
        "of one lost member and one that is away, the second may come back with its data",
        ephemeral.report_lost_data,
        silent(emptied(in_pods(), 2), 1, 2),
    ),
    Passes(
        "of a lost disk one may be put back",
        ephemeral.report_lost_data,
        emptied(formed(3), 0, 1),
    ),
    Passes(
        "nobody is rolled while another has no vote yet",
        roll.roll,
        outdated(with_learner(in_pods(size=5), 3), 0, 1, 2),
    ),
    Passes(
        "others are about to have the data of the only one", roll.roll, outdated(in_pods(1, 3), 0)
    ),
    Passes(
        "a process that crashes has its data",
        failed_pods.replace_failed_pods,
        emptied(outdated(in_pods(), 0, 1, 2), 0, 1, 2, termination_message="bad flag"),
    ),
    Passes(
        "that no claim is there says nothing about who had data",
        bootstrap.restart_bootstrap,
        with_spec(settled(new(3, storage={"ephemeral": {}})), size=1),
    ),
    Passes(
        "who would be kept has to restart",
        recover_quorum,
        with_spec(approve(lost(1, 2)), storage={"ephemeral": {}}),
    ),
    Passes(
        "no disk is to come",
        grow_disks.update_claim_template,
        replace(in_pods(), naming=replace(NAMING, inherited_labels=(("team", "a"),))),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_a_majority_of_the_voters_counts_and_who_still_runs_is_named() -> None:
    decision = plan(emptied(in_pods(), 1, 2)).decision
    assert decision.reason == attention.DATA_LOST
    save = "`kubectl etcd snapshot save db FILE --member db-0`"
    assert f"Save what db-0 still holds with {save}, then delete" in decision.message
    joining = with_learner(in_pods(2, 3), 2)
    assert plan(emptied(joining, 1)).decision.reason == attention.DATA_LOST


def test_the_condition_says_that_the_data_is_lost_before_it_names_crashes() -> None:
    lost = emptied(in_pods(1), 0, problem=PodProblem("CrashLoopBackOff", "etcd ended"))
    found = {verdict.type: verdict for verdict in judge(lost, plan(lost).decision)}
    assert found["Degraded"].reason == attention.DATA_LOST


def test_the_statefulset_has_an_empty_dir_and_no_claims() -> None:
    made = in_pods(1, medium="Memory", sizeLimit="512Mi").statefulset
    assert made is not None
    spec = made.body["spec"]
    assert "volumeClaimTemplates" not in spec
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    assert volumes["data"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "512Mi"}
    assert not [name for name in made.annotations if "claim" in name]


@pytest.mark.parametrize(
    ("volume", "kept_in_pod"),
    [
        ({"emptyDir": {}}, True),
        ({"persistentVolumeClaim": {"claimName": "data-db-0"}}, False),
    ],
)
def test_a_pod_says_where_its_data_is(volume: Json, kept_in_pod: bool) -> None:
    spec = {"volumes": [{"name": "config", "emptyDir": {}}, {"name": "data", **volume}]}
    spec["containers"] = []
    raw = {"metadata": {"name": "db-0", "uid": "u"}, "spec": spec}
    assert observe_pod(raw).ephemeral is kept_in_pod


def test_another_limit_is_a_template_that_the_spec_asks_for() -> None:
    changed = with_spec(in_pods(sizeLimit="1Gi"), storage={"ephemeral": {"sizeLimit": "2Gi"}})
    (action,) = (
        a for a in plan(changed).actions if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert action.manifest["metadata"]["annotations"][ANNOTATION_CHANGED_BY] == BY_SPEC


def test_nothing_forms_beside_pods_that_may_have_data_and_have_no_record() -> None:
    begun = without_child(in_pods(1), "StatefulSet", "db")
    begun = without_child(
        with_cluster(begun, status=new(1).cluster.status), "ConfigMap", "db-config"
    )
    unknown = replace(begun, membership=None, probes={})
    assert set(lay_out_bootstrap(unknown, 1).gates) == {Gate.CLOSED}
    assert plan(unknown).decision.reason == attention.UNRECORDED_RESOURCES


def test_a_learner_that_never_joined_may_have_its_pod_replaced() -> None:
    joining = with_learner(in_pods(2, 3), 2)
    crashed = change_pod(
        change_member(joining, 2, client_urls=()),
        2,
        ephemeral=True,
        termination_message=EMPTY,
        ever_ran=True,
        running=False,
        ready=False,
        restarts=1,
    )
    assert not ephemeral.holds_data(crashed, crashed.pods[2])
    assert ephemeral.holds_data(crashed, crashed.pods[1])


def test_a_quota_is_compared_with_the_limit_of_the_volume() -> None:
    assert find_spec_warnings(in_pods()) == []
    (warning,) = find_spec_warnings(in_pods(sizeLimit="1Gi"))
    assert "on a disk of 1Gi" in warning.message
    assert warning.message.endswith("or raise spec.storage.ephemeral.sizeLimit.")
