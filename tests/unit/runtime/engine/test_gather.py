"""Looking at one cluster: who is asked, in which order, and whose word counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.certificates.state import Credential
from etcd_operator.core.model.members import MemberList, RaftProgress, format_id
from etcd_operator.core.model.naming import ANNOTATION_TRUST
from etcd_operator.errors import KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine import gather
from etcd_operator.runtime.engine.gather import child_names
from etcd_operator.runtime.etcd import member_answers
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.member_answers import ASKED_FOR_LIST, PROBE_SECONDS
from etcd_operator.runtime.kubernetes.api import CLAIMS, SERVICES
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from tests.builders.snapshots import CLUSTER_ID, NAMING, member_id, raw_cluster
from tests.fakes.kubernetes import ApiFaults
from tests.harnesses.gather import (
    MEMBERS,
    GathererHarness,
    labelled,
    metadata,
    now,
    pod,
    says,
)

pytestmark = pytest.mark.looptime


ELSEWHERE = 0xE15E


# Probes


async def test_everybody_is_asked_at_once() -> None:
    harness = GathererHarness()
    harness.add(0, says(0))
    harness.add(1, None)
    harness.add(2, None)
    snapshot = await harness.gather()
    assert now() == pytest.approx(PROBE_SECONDS), "two that hang cost no more than one"
    assert {o for o, probe in snapshot.probes.items() if probe.status} == {0}
    assert snapshot.probes[1].error == "10.0.0.2:2379: no answer"


async def test_the_channels_of_the_silent_are_made_anew() -> None:
    harness = GathererHarness()
    for ordinal in range(3):
        harness.add(ordinal, None if ordinal else says(0))
    await harness.gather()
    assert sorted(harness.etcd.discarded) == ["10.0.0.2:2379", "10.0.0.3:2379"]


async def test_an_address_of_a_pod_that_had_tls_is_spoken_with_in_plain_text() -> None:
    """Addresses are used again: who was there before must not decide how members are asked."""
    harness = GathererHarness()
    harness.etcd.tls["10.0.0.1:2379"] = PeerTls(Identity("roots", "certificate", "key"), "x")
    harness.add(0, says(0))
    await harness.gather()
    assert harness.etcd.tls == {"10.0.0.1:2379": None}


async def test_pods_without_a_process_or_an_address_are_not_asked() -> None:
    harness = GathererHarness()
    harness.add(0, says(0))
    harness.show(pod(1, running=False))
    unaddressed = pod(2)
    del unaddressed["status"]["podIP"]
    harness.show(unaddressed)
    snapshot = await harness.gather()
    assert set(snapshot.probes) == {0}
    assert [p.ordinal for p in snapshot.pods] == [0, 1, 2], "not asked is not absent"


async def test_pods_of_an_earlier_life_are_neither_seen_nor_asked() -> None:
    harness = GathererHarness()
    harness.add(0, says(0))
    harness.show(pod(1, owner="an-earlier-uid", address="10.9.9.9"))
    snapshot = await harness.gather()
    assert [p.ordinal for p in snapshot.pods] == [0]
    assert set(snapshot.probes) == {0}


async def test_addresses_may_be_ipv6() -> None:
    harness = GathererHarness()
    harness.show(pod(0, address="fd00::7"))
    harness.etcd.add(0, says(0), "[fd00::7]:2379")
    snapshot = await harness.gather()
    assert snapshot.probes[0].status is not None


# The member list


async def test_the_leader_is_asked_for_a_confirmed_list() -> None:
    harness = GathererHarness()
    members = [harness.add(o, says(o, leader=member_id(2))) for o in range(3)]
    snapshot = await harness.gather()
    assert snapshot.membership == MemberList(CLUSTER_ID, MEMBERS, True)
    assert [m.asked[1:] for m in members] == [[], [], ["confirmed list"]]


async def test_a_confirmed_list_is_preferred_to_that_of_who_has_applied_more() -> None:
    """The most advanced member sees no leader: what it has may never have been committed."""
    harness = GathererHarness()
    ahead = harness.add(0, says(0, leader=0, raft_applied_index=999), own_list=MEMBERS[:1])
    harness.add(1, says(1, leader=member_id(2)), confirms=False)
    harness.add(2, says(2, leader=member_id(2)))
    snapshot = await harness.gather()
    assert snapshot.membership == MemberList(CLUSTER_ID, MEMBERS, True)
    assert ahead.asked == ["status"]


async def test_another_is_asked_if_the_leader_cannot_confirm() -> None:
    harness = GathererHarness()
    harness.add(0, says(0), confirms=False)
    harness.add(1, says(1))
    snapshot = await harness.gather()
    assert snapshot.quorum_confirmed
    assert now() == pytest.approx(PROBE_SECONDS)


async def test_only_so_many_are_asked_to_confirm() -> None:
    harness = GathererHarness()
    members = [harness.add(o, says(o), confirms=False) for o in range(5)]
    snapshot = await harness.gather()
    assert not snapshot.quorum_confirmed
    assert sum("confirmed list" in m.asked for m in members) == ASKED_FOR_LIST
    assert now() == pytest.approx(ASKED_FOR_LIST * PROBE_SECONDS)


async def test_without_a_quorum_the_most_advanced_is_believed() -> None:
    harness = GathererHarness()
    harness.add(0, says(0, leader=0, raft_applied_index=10), own_list=MEMBERS[:1])
    harness.add(1, says(1, leader=0, raft_applied_index=30), own_list=MEMBERS[:2])
    harness.add(2, says(2, leader=0, raft_applied_index=20))
    snapshot = await harness.gather()
    assert snapshot.membership == MemberList(CLUSTER_ID, MEMBERS[:2], False)


async def test_without_a_quorum_the_next_is_asked_if_the_most_advanced_falls_silent() -> None:
    harness = GathererHarness()
    harness.add(0, says(0, leader=0, raft_applied_index=10), own_list=MEMBERS[:1])
    harness.add(1, says(1, leader=0, raft_applied_index=30), lists=False)
    snapshot = await harness.gather()
    assert snapshot.membership == MemberList(CLUSTER_ID, MEMBERS[:1], False)


@pytest.mark.parametrize("leader", [0, member_id(0)], ids=["leaderless", "led"])
async def test_a_learner_is_never_asked_for_the_list(leader: int) -> None:
    harness = GathererHarness()
    learner = harness.add(1, says(1, is_learner=True, leader=leader, raft_applied_index=999))
    snapshot = await harness.gather()
    assert snapshot.membership is None
    assert learner.asked == ["status"]


@pytest.mark.parametrize(
    "leader", [0, member_id(1), member_id(2)], ids=["leaderless", "leads", "follows"]
)
async def test_members_of_the_recorded_cluster_come_first(leader: int) -> None:
    """A foreign process may lead itself and be far ahead: it is nothing to this cluster."""
    harness = GathererHarness(clusterID=format_id(CLUSTER_ID))
    foreign = says(0, cluster_id=ELSEWHERE, leader=leader and member_id(0), raft_applied_index=999)
    other = harness.add(0, foreign, own_list=MEMBERS[:1])
    harness.add(1, says(1, leader=leader))
    snapshot = await harness.gather()
    assert snapshot.membership is not None
    assert snapshot.membership.cluster_id == CLUSTER_ID
    assert other.asked == ["status"]


async def test_before_an_id_is_recorded_the_leader_comes_first() -> None:
    harness = GathererHarness()
    harness.add(0, says(0, cluster_id=ELSEWHERE, leader=member_id(0)))
    harness.add(1, says(1, leader=member_id(2), raft_applied_index=999))
    snapshot = await harness.gather()
    assert snapshot.membership is not None
    assert snapshot.membership.cluster_id == ELSEWHERE


@pytest.mark.parametrize("pods", [0, 2])
async def test_there_is_no_list_if_nobody_answers(pods: int) -> None:
    harness = GathererHarness()
    for ordinal in range(pods):
        harness.add(ordinal, None)
    snapshot = await harness.gather()
    assert snapshot.membership is None
    assert len(snapshot.probes) == pods


async def test_whoever_falls_silent_after_its_status_confirms_nothing() -> None:
    harness = GathererHarness()
    harness.add(0, says(0), lists=False)
    snapshot = await harness.gather()
    assert snapshot.probes[0].status is not None
    assert snapshot.membership is None


# What Kubernetes has


async def test_objects_are_found_by_name() -> None:
    harness = GathererHarness()
    wanted = child_names(NAMING)
    for kind, name in wanted:
        harness.show(labelled(kind, name) | {"spec": {"replicas": 3}})
    harness.show(labelled("Service", "db-other"))
    harness.show(labelled("PersistentVolumeClaim", NAMING.claim(0)))
    snapshot = await harness.gather()
    assert set(snapshot.children) == set(wanted)
    assert [claim.name for claim in snapshot.claims] == [NAMING.claim(0)]
    assert harness.server.asked == [], "watches tell of everything that has our label"


async def test_a_stranger_is_read_again() -> None:
    """Its owner may have changed it: no watch of ours would tell."""
    harness = GathererHarness()
    harness.show({"kind": "Service", "metadata": metadata(NAMING.client_service)})
    live = {"metadata": metadata(NAMING.client_service, version=6), "spec": {"changed": True}}
    harness.server.put(SERVICES, NAMING.client_service, live, NAMING.namespace)
    snapshot = await harness.gather()
    assert harness.server.asked[0] == f"get Service {NAMING.client_service}"
    found = snapshot.child("Service", NAMING.client_service)
    assert found is not None
    assert found.body["spec"] == {"changed": True}


async def test_a_stranger_that_went_is_forgotten() -> None:
    harness = GathererHarness()
    harness.show({"kind": "Service", "metadata": metadata(NAMING.client_service)})
    snapshot = await harness.gather()
    assert snapshot.children == {}


async def test_a_stranger_that_cannot_be_read_stops_the_pass() -> None:
    harness = GathererHarness()
    harness.show({"kind": "Service", "metadata": metadata(NAMING.client_service)})
    harness.server.change(ApiFaults(error=lambda: KubeUnavailable("503")))
    with pytest.raises(KubeUnavailable):
        await harness.gather()


async def test_secrets_are_read_again_when_the_gate_tells_of_other_authorities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another operator has written them: what is believed of them would be put into the gate."""
    editions = []

    async def look(*_: object, revision_key: str, **__: object) -> dict[str, Credential]:
        editions.append(revision_key)
        return {}

    monkeypatch.setattr(CertificateSecrets, "look", look)
    harness = GathererHarness()
    tls: Json = {"security": {"tls": {}}}
    harness.cluster = replace(harness.cluster, spec=parse_cluster(raw_cluster(tls)).spec)
    gate = labelled("ConfigMap", NAMING.config_map)
    for trust in ("one", "one", "one,two"):
        gate["metadata"]["annotations"] = {ANNOTATION_TRUST: trust}
        harness.show(gate)
        await harness.gather()
    before, same, other = editions
    assert before == same != other


# Disks of an earlier life


async def test_before_the_first_object_disks_without_a_label_are_looked_up() -> None:
    harness = GathererHarness()
    harness.show(labelled("PersistentVolumeClaim", NAMING.claim(2)))
    foreign = ["data-db-client-0", "data-other-0", "db-0", "data-db-01", "data-db-x", "data-db-"]
    names = [NAMING.claim(0), NAMING.claim(7), *foreign]
    for name in names:
        harness.server.put(CLAIMS, name, {"metadata": metadata(name)}, NAMING.namespace)
    snapshot = await harness.gather()
    assert snapshot.unlabelled_claims == (NAMING.claim(0), NAMING.claim(7))
    pages = [f"list PersistentVolumeClaim {NAMING.namespace}"] * len(names)
    assert harness.server.asked == pages


async def test_a_disk_that_no_watch_told_of_yet_is_found() -> None:
    """The StatefulSet controller may have made it a moment ago."""
    harness = GathererHarness()
    claim = labelled("PersistentVolumeClaim", NAMING.claim(0))
    harness.server.put(CLAIMS, NAMING.claim(0), claim, NAMING.namespace)
    snapshot = await harness.gather()
    assert [claim.name for claim in snapshot.claims] == [NAMING.claim(0)]
    assert snapshot.unlabelled_claims == ()


async def test_none_found_is_not_the_same_as_not_looked_up() -> None:
    snapshot = await GathererHarness().gather()
    assert snapshot.unlabelled_claims == ()


async def test_disks_are_not_looked_up_once_the_cluster_exists() -> None:
    recorded = GathererHarness(clusterID=format_id(CLUSTER_ID))
    begun = GathererHarness()
    begun.show(labelled("StatefulSet", NAMING.statefulset) | {"spec": {"replicas": 3}})
    going = GathererHarness()
    going.cluster = replace(going.cluster, deleting=True)
    for harness in (recorded, begun, going):
        snapshot = await harness.gather()
        assert snapshot.unlabelled_claims is None
        assert harness.server.asked == []


# What silent members have


@pytest.fixture
def asked_for_standing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every member that runs says what it has, to whoever asks; returns who was asked."""
    asked: list[str] = []

    async def read(host: str) -> RaftProgress:
        asked.append(host)
        return RaftProgress(member_id(int(host[-1]) - 1), 90, 95, is_learner=False)

    monkeypatch.setattr(member_answers, "read_raft_progress", read)
    return asked


def approved_stage() -> GathererHarness:
    """Member 1 answers, the others are silent, and going on without them is approved."""
    since = "2026-03-04T05:00:00Z"
    lost = {"type": "QuorumHealthy", "status": "False", "lastTransitionTime": since}
    harness = GathererHarness(clusterID=format_id(CLUSTER_ID), conditions=[lost])
    request = {"clusterID": format_id(CLUSTER_ID), "acceptedRevision": 1}
    spec = {"size": 3, "recovery": {"quorumLoss": request}}
    status = harness.cluster.status
    harness.cluster = replace(parse_cluster(raw_cluster(spec)), status=status)
    harness.add(0, None)
    harness.add(1, says(1, leader=0), confirms=False)
    harness.add(2, None)
    return harness


async def test_silent_members_are_asked_what_they_have(asked_for_standing: list[str]) -> None:
    snapshot = await approved_stage().gather()
    assert asked_for_standing == ["10.0.0.1", "10.0.0.3"]
    assert snapshot.probes[0].progress == RaftProgress(member_id(0), 90, 95, is_learner=False)
    assert snapshot.probes[0].error, "it did not answer all the same"
    assert snapshot.probes[1].progress is None


async def test_nobody_is_asked_what_they_have_without_need(asked_for_standing: list[str]) -> None:
    harness = approved_stage()
    harness.cluster = replace(harness.cluster, spec=parse_cluster(raw_cluster({"size": 3})).spec)
    await harness.gather()
    healthy = approved_stage()
    healthy.add(0, says(0))
    healthy.add(1, says(1))
    assert (await healthy.gather()).quorum_confirmed
    assert asked_for_standing == []


@pytest.mark.parametrize("about", [True, False])
async def test_members_are_asked_for_defragmentations_where_one_is_about_to_begin(
    about: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def ask(host: str) -> bool:
        asked.append(host)
        return host == "10.0.0.2"

    monkeypatch.setattr(member_answers, "is_defragmenting", ask)
    monkeypatch.setattr(gather, "is_about_to_defragment", lambda _: about)
    harness = GathererHarness()
    for ordinal in range(3):
        harness.add(ordinal, says(ordinal))
    snapshot = await harness.gather()
    assert asked == (["10.0.0.1", "10.0.0.2", "10.0.0.3"] if about else [])
    assert [o for o, p in snapshot.probes.items() if p.defragmenting] == ([1] if about else [])
