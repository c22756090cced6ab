"""The gate: who may form, who may join, and who must fail to start."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.bootstrap.gate_record import (
    has_served,
    recorded_bootstrap,
    recorded_members,
)
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import choose_layout, plan
from tests.builders.snapshots import (
    CLUSTER_ID,
    begun,
    change_child,
    change_member,
    change_pod,
    formed,
    new,
    restoring,
    settled,
    silent,
    with_learner,
    with_spec,
    without_child,
    without_member,
    without_pods,
    without_status,
)

GATE = ("ConfigMap", "db-config")
SET = ("StatefulSet", "db")


def gates(snapshot: Snapshot) -> list[str]:
    """The gate of each ordinal, in words."""
    return [gate.value for gate in choose_layout(snapshot).gates]


def test_a_new_cluster_forms_with_all_its_members() -> None:
    layout = choose_layout(new(3))
    assert layout.gates == (Gate.NEW,) * 3
    assert layout.listed == (0, 1, 2)
    assert (layout.replicas, layout.bootstrap, layout.cluster_id) == (3, 3, None)


def test_the_first_generation_keeps_its_size() -> None:
    layout = choose_layout(with_spec(begun(3), size=5))
    assert (len(layout.gates), layout.replicas) == (3, 3)


def test_a_bootstrap_that_is_stopped_runs_nothing() -> None:
    assert choose_layout(with_spec(begun(3), size=0)).replicas == 0


def test_a_restored_cluster_never_forms_anew() -> None:
    """Its disks hold the cluster; one that lost its data must not begin another."""
    layout = choose_layout(restoring(3, filled=True))
    assert layout.gates == (Gate.CLOSED,) * 3
    assert (layout.replicas, layout.bootstrap) == (3, 3)


def test_a_formed_cluster_is_closed() -> None:
    layout = choose_layout(formed(3))
    assert layout.gates == (Gate.CLOSED,) * 3
    assert (layout.cluster_id, layout.bootstrap, layout.confirmed) == (CLUSTER_ID, None, True)


def test_only_an_announced_member_that_never_served_may_join() -> None:
    announced = with_learner(with_spec(formed(3), size=5), 3)
    assert gates(announced) == ["closed", "closed", "closed", "join"]
    served = with_learner(with_spec(formed(3), size=5), 3, serves=True)
    assert gates(served) == ["closed"] * 4


def test_a_voter_never_joins_also_if_it_never_said_that_it_serves() -> None:
    """It may have voted before it published that, and have lost its disk since."""
    silent_voter = change_member(formed(3), 1, client_urls=())
    assert gates(silent_voter) == ["closed"] * 3


def test_a_joiner_lists_exactly_the_members_that_etcd_knows() -> None:
    """Etcd refuses to start with any other list; a hole in the ordinals stays a hole."""
    holed = with_learner(without_member(with_spec(formed(5), size=7), 1), 5)
    assert choose_layout(holed).listed == (0, 2, 3, 4, 5)


def test_without_a_quorum_nothing_is_opened_or_lowered() -> None:
    joining = with_learner(with_spec(formed(3), size=5), 3)
    layout = choose_layout(silent(joining, 0, 1))
    assert set(layout.gates) == {Gate.CLOSED}
    assert layout.replicas == 4
    assert not layout.confirmed


@pytest.mark.parametrize("away", [(), (0,), (0, 1), (0, 1, 2)])
@pytest.mark.parametrize("status_lost", [False, True])
@pytest.mark.parametrize("gate_lost", [False, True])
@pytest.mark.parametrize("pods_lost", [False, True])
def test_nothing_is_formed_twice(
    away: tuple[int, ...], status_lost: bool, gate_lost: bool, pods_lost: bool
) -> None:
    """Whatever records are lost and whoever answers: no plan opens a gate for forming."""
    snapshot = silent(formed(3), *away)
    snapshot = without_status(snapshot) if status_lost else snapshot
    snapshot = without_child(snapshot, *GATE) if gate_lost else snapshot
    snapshot = without_pods(snapshot, 0, 1, 2) if pods_lost else snapshot
    assert opened(snapshot) == []


@given(
    members=st.sampled_from([1, 3, 5]),
    size=st.sampled_from([0, 1, 3, 5, 7]),
    away=st.sets(st.integers(0, 4)),
    lost=st.sets(
        st.sampled_from(["status", "ConfigMap", "StatefulSet", "Service", "pods"]), max_size=4
    ),
)
def test_nothing_is_formed_twice_anywhere(
    members: int, size: int, away: set[int], lost: set[str]
) -> None:
    snapshot = silent(with_spec(formed(members), size=size), *(o for o in away if o < members))
    for kind, name in (GATE, SET, ("Service", "db-peer")):
        snapshot = without_child(snapshot, kind, name) if kind in lost else snapshot
    snapshot = without_status(snapshot) if "status" in lost else snapshot
    snapshot = without_pods(snapshot, *range(members)) if "pods" in lost else snapshot
    assert opened(snapshot) == []


def opened(snapshot: Snapshot) -> list[str]:
    """The files in a plan that let a member form a cluster."""
    manifests = [getattr(action, "manifest", {}) for action in plan(snapshot).actions]
    return [
        key
        for manifest in manifests
        for key, text in (manifest.get("data") or {}).items()
        if 'initial-cluster-state: "new"' in text
    ]


def test_a_bootstrap_does_open_the_gate() -> None:
    """The tests above would find nothing if this found nothing."""
    assert opened(new(3)) == ["db-0.yaml", "db-1.yaml", "db-2.yaml"]


def test_the_record_outlives_the_status() -> None:
    lost = without_status(formed(3))
    assert lost.recorded_cluster_id == CLUSTER_ID
    assert lost.config_map is not None
    foreign = change_child(without_child(lost, *SET), *GATE, owner_uid="earlier")
    assert foreign.recorded_cluster_id is None


def test_the_record_outlives_status_and_gate_together() -> None:
    lost = without_child(without_status(silent(formed(3), 0, 1, 2)), *GATE)
    assert lost.recorded_cluster_id == CLUSTER_ID
    assert gates(lost) == ["closed"] * 3
    foreign = change_child(lost, *SET, owner_uid="earlier")
    assert foreign.recorded_cluster_id is None


def test_the_record_on_the_statefulset_closes_a_bootstrap_that_is_recorded_there_as_well() -> None:
    """The operator ended between writing the cluster ID and taking back the bootstrap's size."""
    body = copy.deepcopy(begun(3).children[SET].body)
    body["metadata"]["annotations"]["etcd.etcd.io/cluster-id"] = "c1d"
    torn = change_child(without_child(begun(3), *GATE), *SET, body=body)
    assert opened(torn) == []


def test_members_are_remembered_by_the_gate_else_by_pods_and_disks() -> None:
    holed = settled(without_member(formed(5), 3))
    assert recorded_members(silent(holed, 0, 1, 2)) == (0, 1, 2, 4)
    assert recorded_members(without_child(holed, *GATE)) == (0, 1, 2, 3, 4)
    nothing = replace(without_child(holed, *GATE), claims=(), children={})
    assert recorded_members(nothing) == ()


def test_a_bootstrap_is_remembered_only_in_this_life() -> None:
    assert recorded_bootstrap(begun(3)) == 3
    assert recorded_bootstrap(without_child(begun(3), *GATE)) == 3
    assert recorded_bootstrap(new(3)) is None
    assert recorded_bootstrap(formed(3)) is None
    earlier = change_child(begun(3), *GATE, owner_uid="earlier")
    assert recorded_bootstrap(without_child(earlier, "StatefulSet", "db")) is None


def test_a_pod_that_was_ready_closes_the_gate_before_the_cluster_id_is_known() -> None:
    """The operator is not let in, or was away: a majority has formed the cluster all the same."""
    served = change_pod(begun(3), 1, was_ready=True)
    assert gates(served) == ["closed"] * 3
    assert choose_layout(served).bootstrap == 3


@pytest.mark.parametrize("lost", [GATE, SET])
def test_that_it_was_ready_is_remembered_without_the_pod(lost: tuple[str, str]) -> None:
    served = settled(change_pod(begun(3), 1, was_ready=True))
    alone = without_child(without_pods(served, 0, 1, 2), *lost)
    assert gates(alone) == ["closed"] * 3
    assert opened(alone) == []
    foreign = change_child(alone, *(SET if lost is GATE else GATE), owner_uid="earlier")
    assert not has_served(foreign)


def test_what_was_ready_is_no_record_any_more_once_the_cluster_id_is() -> None:
    for kind in (GATE, SET):
        assert "etcd.etcd.io/served" not in settled(formed(3)).children[kind].annotations


def test_a_disk_without_a_record_closes_the_gate_of_a_bootstrap() -> None:
    """A second lock behind the rule that does not even begin then."""
    remains = replace(new(3), claims=begun(3).claims)
    assert set(choose_layout(remains).gates) == {Gate.CLOSED}


def gate_lines(files: dict[str, str]) -> dict[str, list[str]]:
    """What each file says about who may start from an empty disk."""
    return {
        key: [line for line in text.splitlines() if line.startswith("initial-cluster")]
        for key, text in files.items()
    }


def test_what_a_live_gate_opens_and_closes_stays_without_a_quorum() -> None:
    """Its member list is the last one that a quorum confirmed; only settings are corrected."""
    joining = with_learner(with_spec(formed(3), size=5), 3)
    before = joining.config_map
    assert before is not None
    blind = silent(with_spec(joining, etcdConfig={"snapshotCount": 5}), 0, 1)
    (after,) = (a for a in plan(blind).actions if getattr(a, "kind", "") == "ConfigMap")
    assert isinstance(after, ApplyObject)
    data = after.manifest["data"]
    assert gate_lines(data) == gate_lines(before.body["data"])
    assert all("snapshot-count: 5\n" in text for text in data.values())
    assert after.resource_version == before.resource_version


@pytest.mark.parametrize(
    "text",
    ["edited by hand", f"initial-cluster: {'[' * 5000}\ninitial-cluster-state: 1"],
    ids=["words", "depth"],
)
def test_without_a_quorum_a_file_that_nobody_can_read_stays_as_it_is(text: str) -> None:
    scene = formed(3)
    live = scene.config_map
    assert live is not None
    data = {**live.body["data"], "db-1.yaml": text, "notes": "initial-cluster: ?"}
    edited = change_child(scene, "ConfigMap", "db-config", body={**live.body, "data": data})
    blind = silent(with_spec(edited, etcdConfig={"snapshotCount": 5}), 0, 1)
    (after,) = (a for a in plan(blind).actions if getattr(a, "kind", "") == "ConfigMap")
    assert isinstance(after, ApplyObject)
    written = after.manifest["data"]
    assert (written["db-1.yaml"], written.get("notes")) == (data["db-1.yaml"], None)
    assert "snapshot-count: 5\n" in written["db-0.yaml"]


def test_without_a_quorum_a_gate_as_it_should_be_is_not_written() -> None:
    assert plan(silent(formed(3), 0, 1)).actions == ()


def test_what_others_put_beside_the_files_of_members_keeps_no_cluster_stopped() -> None:
    """Without a quorum the gate stays as it is: but for files that the guard refuses to write."""
    stopped = settled(with_spec(silent(formed(3), 0, 1, 2), size=0))
    body = copy.deepcopy(stopped.children[GATE].body)
    body["data"]["db-10.yaml"] = body["data"]["notes.yaml"] = "initial-cluster-state: existing"
    started = with_spec(change_child(stopped, *GATE, body=body), size=3)
    started = without_pods(started, 0, 1, 2)
    written = [action for action in plan(started).actions if isinstance(action, ApplyObject)]
    assert [(a.kind, refuse(a, started)) for a in written] == [
        ("ConfigMap", None),
        ("StatefulSet", None),
    ]
    assert written[0].manifest["data"].keys() == stopped.children[GATE].body["data"].keys()
