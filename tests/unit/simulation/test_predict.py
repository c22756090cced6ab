"""Previews of what the operator would do, from observed clusters to their rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD
from etcd_operator.core.model.issuer_stage import IssuerPhase
from etcd_operator.core.model.live_objects import NodeState
from etcd_operator.core.model.members import format_id
from etcd_operator.simulation.change import NO_CHANGE, Change, ChangeError
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.prediction import Prediction, Wait
from etcd_operator.simulation.world import SAYS_EMPTY
from tests.builders import snapshots
from tests.builders.certificates import secured, users_secret, with_secret
from tests.builders.changes import change
from tests.builders.ephemeral import emptied, in_pods
from tests.builders.exhaustive import exhaustive
from tests.builders.issuer import HOSTS, ISSUER, changing
from tests.builders.lost_members import homeless
from tests.builders.required_backups import protected
from tests.builders.snapshots import formed, new, pod


def count(found: Prediction, action: str) -> int:
    """How many actions of a kind are previewed."""
    return sum(step.action == action for step in found.steps)


def test_a_settled_cluster_is_left_alone() -> None:
    found = predict(formed(3))
    assert found.entries == ()
    assert (found.ends, found.reason, found.seconds) == ("settled", "Healthy", 0.0)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_new_cluster_comes_up(size: int) -> None:
    found = predict(new(size))
    assert found.ends == "settled"
    made = (step.sentence for step in found.steps if step.sentence.startswith("Created"))
    created = [sentence.split()[2].rstrip(":") for sentence in made]
    assert created == ["db-peer", "db-client", "db-config", "db", "db"]
    assert not found.restarts
    assert not found.disks


@pytest.mark.parametrize("version", ["3.5.26", "3.6.16"])
def test_growing_adds_and_promotes_each_member(version: str) -> None:
    snapshot = formed(3, version=version)
    found = predict(snapshot, change(snapshot, size=5))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert count(found, "AddLearner") == count(found, "PromoteMember") == 2
    assert not found.restarts
    assert not found.disks


def test_shrinking_names_the_pods_and_the_disks_that_go() -> None:
    snapshot = formed(5)
    found = predict(snapshot, change(snapshot, size=3))
    assert found.ends == "settled"
    assert count(found, "RemoveMember") == 2
    assert sorted(found.restarts) == ["db-3", "db-4"]
    assert sorted(found.disks) == ["data-db-3", "data-db-4"]


def test_a_member_that_joined_at_its_second_try_has_its_data() -> None:
    """Kubernetes keeps the words with which the process of before ended."""
    snapshot = formed(3)
    tried = snapshots.change_pod(snapshot, 2, restarts=1, termination_message=SAYS_EMPTY)
    assert (
        predict(tried, change(tried, size=1)).steps
        == predict(snapshot, change(snapshot, size=1)).steps
    )


def test_retained_disks_do_not_go() -> None:
    snapshot = formed(5, storage={"retentionPolicy": {"whenScaled": "Retain"}})
    found = predict(snapshot, change(snapshot, size=3))
    assert found.ends == "settled"
    assert not found.disks


def test_an_upgrade_restarts_every_pod_and_the_leader_last() -> None:
    snapshot = formed(3, version="3.6.10")
    found = predict(snapshot, change(snapshot, version="3.6.16"))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.restarts == ("db-2", "db-1", "db-0")
    assert count(found, "MoveLeader") == 1
    assert not found.disks


def test_an_upgrade_in_steps_is_shown_to_the_end_with_a_backup_before_each() -> None:
    snapshot = protected(formed(3, version="3.5.21"))
    found = predict(snapshot, change(snapshot, version="3.7.3"))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.restarts == ("db-2", "db-1", "db-0"), "of the Pods of now, each ends once"
    shown = [
        step.sentence
        for step in found.steps
        if step.action in ("EvictPod", "SetDowngrade", "RequestBackup")
    ]
    ways = (" (v3.5.35 on the way to v3.7.3)", " (v3.6.16 on the way to v3.7.3)", "")
    rolls = [said for said in shown if said.startswith("Evicted")]
    for place, way in enumerate(ways):
        rolled = {f"Evicted Pod db-{ordinal}: its spec has changed{way}." for ordinal in range(3)}
        assert set(rolls[3 * place : 3 * place + 3]) == rolled
    backups = [shown.index(said) for said in shown if "EtcdBackup" in said]
    assert backups == [0, 4, 8], "before the first Pod of each step"
    assert len({shown[place] for place in backups}) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"affinity": {"podAntiAffinity": {}}}),
        ({"nodeSelector": {"kubernetes.io/os": "linux"}}, {"serviceAccountName": "default"}),
        ({"nodeSelector": {"kubernetes.io/os": "linux"}}, {}),
    ],
)
def test_what_is_taken_out_of_the_template_restarts_the_pods_as_well(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    snapshot = formed(3, podTemplate=before)
    found = predict(snapshot, change(snapshot, podTemplate=after))
    assert (found.ends, found.restarts) == ("settled", ("db-2", "db-1", "db-0"))


def test_where_pods_are_of_an_earlier_template_it_is_said_that_nobody_knows_it() -> None:
    mixed = snapshots.outdated(formed(3), 2)
    for snapshot, said in ((mixed, True), (formed(3), False)):
        found = predict(snapshot, change(snapshot, etcdConfig__logLevel="warn"))
        assert any("only Kubernetes knows" in each for each in found.assumptions) is said
    assert "only Kubernetes knows" not in " ".join(predict(mixed).assumptions)


def test_the_same_template_in_other_words_restarts_nobody() -> None:
    snapshot = formed(3, resources={"limits": {"memory": "1024Mi"}})
    found = predict(snapshot, change(snapshot, resources={"limits": {"memory": "1Gi"}}))
    assert (found.ends, found.restarts) == ("settled", ())


def test_larger_disks_make_the_statefulset_anew_and_restart_nobody() -> None:
    snapshot = formed(3, storage={"size": "1Gi"})
    found = predict(snapshot, change(snapshot, storage={"size": "2Gi"}))
    assert (found.ends, found.restarts) == ("settled", ())
    assert any(step.sentence.startswith("Deleted StatefulSet") for step in found.steps)


def test_a_downgrade_prepares_the_disks_first() -> None:
    snapshot = formed(3, version="3.6.10")
    found = predict(snapshot, change(snapshot, version="3.5.26"))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.steps[0].sentence == "Enabled the etcd downgrade to 3.5."
    assert found.restarts == ("db-2", "db-1", "db-0")


def test_a_stop_ends_every_pod_and_keeps_the_disks() -> None:
    snapshot = formed(3)
    found = predict(snapshot, change(snapshot, size=0))
    assert (found.ends, found.reason) == ("settled", "Stopped")
    assert found.restarts == ("db-0", "db-1", "db-2")
    assert not found.disks


def test_a_deletion_names_all_disks() -> None:
    found = predict(formed(3), Change(deleted=True))
    assert found.ends == "gone"
    assert found.disks == ("data-db-0", "data-db-1", "data-db-2")


def test_a_replacement_deletes_one_disk_and_adds_the_member_again() -> None:
    found = predict(formed(3), Change(replaced=("db-1",)))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.restarts == ("db-1",)
    assert found.disks == ("data-db-1",)
    assert count(found, "PromoteMember") == 1
    labelled = [s.number for s in found.steps if s.sentence == "Labelled Pod db-1 as a learner."]
    assert len(labelled) == 1, "not the Pod that was deleted, but the one that comes after it"


def test_a_member_whose_disk_is_on_a_node_that_is_gone_joins_again_once() -> None:
    """Its Pod has no node, so that it ends at once: no one has to be forced."""
    found = predict(homeless(formed(3), 1, host=NodeState.GONE))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.disks == ("data-db-1",)
    assert [count(found, each) for each in ("RemoveMember", "AddLearner", "PromoteMember")] == [
        1,
        1,
        1,
    ]
    assert not any("Force-deleted" in step.sentence for step in found.steps)


def test_a_restore_in_place_sets_disks_aside_until_the_new_cluster_serves() -> None:
    snapshot = formed(3)
    claims = tuple(replace(each, volume=f"pvc-{each.ordinal}") for each in snapshot.claims)
    found = predict(replace(snapshot, claims=claims), Change(restored=True))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    stages = [step.sentence.split()[-1] for step in found.steps if "entered the stage" in
              step.sentence]  # fmt: skip
    assert stages == ["keep.", "stop.", "set-aside.", "fill.", "start.", "serve."]
    assert "Deleted PersistentVolumeClaim data-db-1; kept PersistentVolume pvc-1." in [
        step.sentence for step in found.steps
    ]
    assert count(found, "QuarantineDisk") == count(found, "RestoreReclaimPolicy") == 3
    assert found.restarts == ("db-0", "db-1", "db-2")
    assert found.disks == ("data-db-0", "data-db-1", "data-db-2")
    assert not found.kept_disks
    assert "the Jobs of the EtcdRestore" in found.assumptions[-1]


@pytest.mark.parametrize("bound", [True, *exhaustive(False)])
def test_a_recovery_keeps_the_disks_of_the_others_and_grows_again(bound: bool) -> None:
    """A claim that was never bound has no volume to keep."""
    snapshot = snapshots.silent(formed(3, version="3.6.16"), 1, 2)
    claims = tuple(replace(c, bound=bound or c.ordinal == 0) for c in snapshot.claims)
    snapshot = replace(snapshot, claims=claims)
    long_ago = snapshot.now - timedelta(hours=1)
    since = long_ago.strftime("%Y-%m-%dT%H:%M:%SZ")
    pods = tuple(p if p.ordinal == 0 else replace(p, unready_since=long_ago) for p in snapshot.pods)
    told = {"type": "QuorumHealthy", "status": "False", "reason": "MajorityLost", "message": "lost",
            "lastTransitionTime": since}  # fmt: skip
    snapshot = snapshots.with_status(replace(snapshot, pods=pods), phase="Failed",
                                     clusterID=format_id(snapshots.CLUSTER_ID),
                                     conditions=[told])  # fmt: skip
    approval = {"clusterID": format_id(snapshots.CLUSTER_ID), "acceptedRevision": 2}
    found = predict(snapshot, change(snapshot, recovery__quorumLoss=approval))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.kept_disks == (("data-db-1", "data-db-2") if bound else ())
    assert not found.disks
    assert count(found, "AddLearner") == count(found, "PromoteMember") == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"size": 2}, "spec.size 2 is not possible"),
        ({"size": "many"}, "spec.size cannot be 'many'"),
        ({"version": "3.9.1"}, "3.9.1"),
    ],
)
def test_a_refused_spec_has_its_sentence(fields: dict[str, Any], sentence: str) -> None:
    snapshot = formed(3)
    found = predict(snapshot, change(snapshot, **fields))
    assert found.ends == "person"
    assert sentence in found.sentence
    assert not found.steps


def test_a_member_that_does_not_answer_stays_so_until_its_pod_is_another() -> None:
    snapshot = snapshots.silent(formed(3, version="3.6.10"), 1)
    pods = tuple(replace(each, ready=each.ordinal != 1) for each in snapshot.pods)
    snapshot = replace(snapshot, pods=pods)
    found = predict(snapshot)
    assert found.ends in ("person", "waiting")
    assert "db-1" in found.sentence
    assert not found.steps
    rolled = predict(snapshot, change(snapshot, resources={"limits": {"memory": "2Gi"}}))
    assert (rolled.ends, rolled.restarts) == ("settled", ("db-1", "db-2", "db-0"))


def test_a_lost_majority_is_waited_for() -> None:
    snapshot = snapshots.silent(formed(3), 1, 2)
    pods = tuple(pod(o, ready=o == 0, running=True) for o in range(3))
    found = predict(replace(snapshot, pods=pods), NO_CHANGE)
    assert (found.ends, found.reason) == ("waiting", "NoQuorum")
    assert not found.steps


@pytest.mark.parametrize("text", ["name: x", 'name: "db-0"', "name: [", "\x00"])
def test_a_configuration_file_that_somebody_edited_is_put_right(text: str) -> None:
    snapshot = formed(3)
    gate = snapshot.config_map
    assert gate is not None
    data = {**gate.body["data"], "db-0.yaml": text}
    found = predict(snapshots.change_child(snapshot, "ConfigMap", gate.name,
                                           body={**gate.body, "data": data}))  # fmt: skip
    assert (found.ends, found.restarts) == ("settled", ())
    assert [step.sentence.split(":")[0] for step in found.steps] == ["Updated ConfigMap db-config"]


def test_a_statefulset_that_somebody_deleted_comes_back_around_its_pods() -> None:
    snapshot = formed(3)
    left = {key: each for key, each in snapshot.children.items() if key[0] != "StatefulSet"}
    snapshot = replace(snapshot, children=left)
    found = predict(snapshot)
    assert (found.ends, found.restarts) == ("settled", ())
    assert [step.action for step in found.steps] == ["ApplyObject"]
    upgraded = predict(snapshot, change(snapshot, resources={"limits": {"memory": "2Gi"}}))
    assert upgraded.restarts == ("db-2", "db-1", "db-0")


def test_turning_tls_for_clients_on_restarts_each_member_once() -> None:
    snapshot = formed(3, version="3.6.16")
    tls = {"clientTLSMode": "Permissive", "peerTLSEnabled": False}
    found = predict(snapshot, change(snapshot, security={"tls": tls}))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.restarts == ("db-2", "db-1", "db-0")


def test_tls_is_issued_before_the_first_member() -> None:
    snapshot = new(3, security={"tls": {"client": {}, "peer": {}}})
    found = predict(snapshot)
    issued = count(found, "IssueAuthority") + count(found, "IssueCertificate")
    assert issued
    assert (found.ends, found.reason) == ("settled", "Healthy")


@pytest.mark.parametrize("overlap", [*exhaustive("0s", "6h"), "1h"])
def test_other_authorities_are_followed_until_nobody_trusts_those_of_before(overlap: str) -> None:
    snapshot = secured(3, caOverlap=overlap)
    found = predict(snapshot, change(snapshot, security__tls__caGeneration=1))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert count(found, "IssueAuthority") == 2
    last = [step.sentence for step in found.steps if step.action == "ShareTrust"]
    for secret in ("db-client-ca", "db-peer-ca"):
        told = f"Updated ca.crt in Secret {secret}: nothing is signed by the authority of before"
        assert sum(sentence.startswith(told) for sentence in last) == 1
    waits = [entry for entry in found.entries if isinstance(entry, Wait)]
    assert len(waits) == (0 if overlap == "0s" else 2)
    assert all(f"within {each.seconds / 3600:.0f}:00:00" in each.sentence for each in waits)
    evicted = [step.pod for step in found.steps if step.action == "EvictPod"]
    # Without an overlap, the last Pod starts when the second change of the template is there.
    times = [evicted.count(f"db-{ordinal}") for ordinal in range(3)]
    assert sorted(times) == ([1, 2, 2] if overlap == "0s" else [2, 2, 2])


def test_users_are_created_where_the_spec_names_the_first_ones() -> None:
    snapshot = secured(3)
    found = predict(snapshot, change(snapshot, security__auth__users=[{"name": "web"}]))
    assert found.ends == "settled"
    told = [step.sentence for step in found.steps if step.action == "ChangeAuth"]
    assert told[0] == "Created the user root."
    assert told[-1] == "Enabled authentication."


def test_a_new_cluster_gets_its_users_before_it_is_settled() -> None:
    found = predict(new(1, security={"tls": {}, "auth": {"users": [{"name": "web"}]}}))
    assert found.ends == "settled"
    told = [step.sentence for step in found.steps if step.action == "ChangeAuth"]
    assert told[-1] == "Enabled authentication."


def test_no_preview_begins_in_the_middle_of_a_restore_in_place() -> None:
    snapshot = formed(3)
    marked = replace(snapshot.cluster, annotations={ANNOTATION_RECORD: "{}"})
    with pytest.raises(ChangeError, match="in the middle of a restore in place"):
        predict(replace(snapshot, cluster=marked))


@pytest.mark.parametrize("size", [1, 3])
def test_a_new_cluster_with_empty_dirs_comes_up(size: int) -> None:
    found = predict(new(size, storage={"ephemeral": {}}))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert not found.restarts


def test_members_with_empty_dirs_are_replaced_one_by_one_by_an_upgrade() -> None:
    snapshot = in_pods()
    found = predict(snapshot, change(snapshot, version="3.5.26"))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert found.restarts == ("db-2", "db-1", "db-0")
    told = [s.action for s in found.steps if s.action in ("RemoveMember", "PromoteMember")]
    assert told == ["RemoveMember", "PromoteMember"] * 3
    assert not found.disks


def test_the_only_member_with_an_empty_dir_waits_for_a_person() -> None:
    snapshot = in_pods(1)
    found = predict(snapshot, change(snapshot, version="3.5.26"))
    assert (found.ends, found.reason) == ("person", "RollWouldLoseData")
    assert not found.restarts


def test_a_member_whose_pod_was_replaced_joins_again() -> None:
    found = predict(emptied(in_pods(), 1))
    assert (found.ends, found.reason) == ("settled", "Healthy")
    assert count(found, "RemoveMember") == count(found, "PromoteMember") == 1


@pytest.mark.parametrize("wanted", [False, True])
def test_a_change_of_the_issuer_is_said_not_to_be_shown_to_its_end(wanted: bool) -> None:
    before = changing(IssuerPhase.OWN if wanted else IssuerPhase.ALL, wanted=not wanted)
    tls = {"peerTLSEnabled": False, **(ISSUER if wanted else {"issuerRef": None})}
    found = predict(replace(before, presented={}), change(before, security={"tls": tls}))
    assert "A change of who signs certificates goes on" in found.assumptions[-1]
    assert "signs" not in " ".join(predict(replace(before, presented={})).assumptions)


def test_a_certificate_that_waits_for_clients_is_said_not_to_be_shown() -> None:
    tls = {"peerTLSEnabled": False}
    before = with_secret(secured(3, **tls), users_secret("mine", *HOSTS))
    found = predict(before, change(before, security={"tls": {**tls, "certificateSecret": "mine"}}))
    assert found.ends == "settled"
    assert "A change of who signs certificates goes on" in found.assumptions[-1]
