"""Looking at a StatefulSet that is taken over: when, whom, and whose word counts."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.bootstrap import ANNOTATION_CONSENT, KEY_CONSENT
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.members import Member
from etcd_operator.core.takeover.record import ANNOTATION_TAKE_OVER
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine import source
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.kubernetes.api import PODS, SECRETS, STATEFUL_SETS
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.passwords import FRESH_SECONDS
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.builders.snapshots import CLUSTER_ID, NAMING, member, member_id, raw_cluster
from tests.builders.take_over import source_id, source_url
from tests.fakes.clock import LoopClock
from tests.harnesses.gather import GathererHarness, labelled, says

pytestmark = pytest.mark.looptime

LABELS = {"app": "old"}
JOINED: Json = {"joinExisting": {"source": {"statefulSet": "old"}}}
RECORD = "remove old 3 v3.5.35 0=b0 100"


def joining(consent: str = NAMING.name, **status: Any) -> GathererHarness:
    """An EtcdCluster that takes over the StatefulSet `old`, of one Pod with a member in it."""
    stage = GathererHarness()
    spec = {"size": 3, "bootstrap": JOINED}
    stage.cluster = parse_cluster({**raw_cluster(spec), "status": status})
    stage.server.put(STATEFUL_SETS, "old", statefulset(consent), NAMING.namespace)
    stage.server.put(PODS, "old-0", old_pod(0), NAMING.namespace)
    identity = source_id(0)
    says_so = says(0, member_id=identity, leader=identity)
    stage.etcd.add(0, says_so, "10.9.0.1:2379")
    stage.etcd.lines = (Member(identity, "old-0", (source_url(0),), ("http://x:2379",)),)
    return stage


def under_way(consent: str) -> GathererHarness:
    """The same, and a take-over of it is on record; a new member is there."""
    stage = joining(consent, clusterID=f"{CLUSTER_ID:x}")
    stage.etcd.lines += (member(0),)
    gate = labelled("ConfigMap", NAMING.config_map)
    gate["metadata"]["annotations"] = {ANNOTATION_TAKE_OVER: RECORD}
    gate["metadata"]["ownerReferences"] = [{"uid": NAMING.uid, "controller": True}]
    stage.show(gate)
    return stage


def statefulset(consent: str) -> Json:
    """A StatefulSet that somebody has written by hand."""
    about = {"namespace": NAMING.namespace, "name": "old", "uid": "s", "resourceVersion": "5"}
    return {
        "metadata": {**about, "annotations": {ANNOTATION_CONSENT: consent}, "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": LABELS}},
        "status": {"observedGeneration": 1},
    }


def old_pod(ordinal: int, owner: str = "s", **status: Any) -> Json:
    """A Pod that its labels select."""
    about = {"namespace": NAMING.namespace, "name": f"old-{ordinal}", "uid": f"p{ordinal}"}
    return {
        "metadata": {
            **about,
            "resourceVersion": "5",
            "labels": LABELS,
            "ownerReferences": [{"uid": owner, "controller": True}],
        },
        "spec": {"subdomain": "old-headless"},
        "status": {"phase": "Running", "podIP": f"10.9.0.{ordinal + 1}", **status},
    }


def asked(stage: GathererHarness) -> list[str]:
    """Who was asked anything."""
    return [address for address, member in stage.etcd.members.items() if member.asked]


async def test_the_member_list_is_that_of_the_old_members_before_there_are_others() -> None:
    stage = joining()
    snapshot = await stage.gather()
    assert snapshot.source
    assert (snapshot.source.uid, snapshot.source.replicas) == ("s", 1)
    assert [pod.name for pod in snapshot.source.pods] == ["old-0"]
    assert snapshot.quorum_confirmed
    assert snapshot.live_cluster_id == CLUSTER_ID
    assert snapshot.leader_id == source_id(0)
    assert stage.etcd.tls["10.9.0.1:2379"] is None


async def test_members_are_asked_at_the_port_that_the_spec_names() -> None:
    stage = joining()
    identity = source_id(0)
    stage.etcd.add(0, says(0, member_id=identity, leader=identity), "10.9.0.1:12379")
    source = {"statefulSet": "old", "clientPort": 12379}
    raw = raw_cluster({"size": 3, "bootstrap": {"joinExisting": {"source": source}}})
    stage.cluster = parse_cluster(raw)
    snapshot = await stage.gather()
    assert asked(stage) == ["10.9.0.1:12379"]
    assert snapshot.quorum_confirmed


async def test_members_with_tls_are_asked_with_the_certificate_that_was_handed_over() -> None:
    stage = joining()
    source = {"statefulSet": "old", "clientCertificateSecret": "old-client"}
    raw = raw_cluster({"size": 3, "bootstrap": {"joinExisting": {"source": source}}})
    stage.cluster = parse_cluster(raw)
    snapshot = await stage.gather()
    assert snapshot.source
    assert asked(stage) == [], "never in plain text"
    assert [pod.status for pod in snapshot.source.pods] == [None]
    authority = make_authority("old", LoopClock().now())
    pair = issue_certificate(authority, "root", LoopClock().now(), timedelta(days=1), server=False)
    texts = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    about = {"namespace": NAMING.namespace, "name": "old-client", "resourceVersion": "1"}
    stage.server.put(SECRETS, "old-client", {"metadata": about, "data": data}, NAMING.namespace)
    snapshot = await stage.gather()
    identity = Identity(authority.certificate, pair.certificate, pair.key)
    host = "old-0.old-headless.team.svc.cluster.local"
    assert stage.etcd.tls["10.9.0.1:2379"] == PeerTls(identity, host)
    assert snapshot.quorum_confirmed
    (credential,) = snapshot.source_credentials.values()
    assert credential.certificate
    assert credential.certificate.common_name == "root"


async def test_members_that_leave_at_a_deletion_are_asked_with_a_certificate() -> None:
    """Also by an operator that has just started."""
    stage = joining()
    source = {"statefulSet": "old", "clientCertificateSecret": "old-client"}
    spec = {"size": 3, "bootstrap": {"joinExisting": {"source": source}}, "security": {"tls": {}}}
    stage.cluster = replace(parse_cluster(raw_cluster(spec)), deleting=True)
    await stage.gather()
    assert f"get Secret {NAMING.operator_secret}" in stage.server.asked
    alone = parse_cluster(raw_cluster({"size": 3, "security": {"tls": {}}}))
    other = GathererHarness()
    other.cluster = replace(alone, deleting=True)
    await other.gather()
    assert f"get Secret {NAMING.operator_secret}" not in other.server.asked


async def test_nobody_is_asked_who_has_not_consented() -> None:
    stage = joining(consent="another")
    snapshot = await stage.gather()
    assert snapshot.source
    assert snapshot.source.consent == "another"
    assert snapshot.source.pods == ()
    assert snapshot.membership is None


async def test_whose_it_is_is_looked_at() -> None:
    stage = joining()
    live = stage.server.objects[STATEFUL_SETS.name, NAMING.namespace, "old"]
    for kind, owner in (("Deployment", ""), ("EtcdCluster", "x" * 253)):
        reference = {"apiVersion": "etcd.etcd.io/v1alpha1", "kind": kind, "name": "x" * 5000}
        live["metadata"]["ownerReferences"] = [reference]
        snapshot = await stage.gather()
        assert snapshot.source
        assert snapshot.source.owner == owner


async def test_there_is_none_of_the_name() -> None:
    stage = joining()
    del stage.server.objects[STATEFUL_SETS.name, NAMING.namespace, "old"]
    snapshot = await stage.gather()
    assert snapshot.source
    assert not snapshot.source.exists


async def test_pods_that_a_deleted_statefulset_left_are_found_by_their_names() -> None:
    stage = under_way(consent="db")
    del stage.server.objects[STATEFUL_SETS.name, NAMING.namespace, "old"]
    snapshot = await stage.gather()
    assert snapshot.source
    assert not snapshot.source.exists
    assert [pod.status and pod.status.member_id for pod in snapshot.source.pods] == [source_id(0)]


async def test_pods_of_others_with_the_same_labels_are_not_looked_at() -> None:
    stage = joining()
    stage.server.put(PODS, "old-1", old_pod(1, owner="another"), NAMING.namespace)
    stray = old_pod(2)
    stray["metadata"]["name"] = "copy-of-old-2"
    stage.server.put(PODS, "copy-of-old-2", stray, NAMING.namespace)
    snapshot = await stage.gather()
    assert snapshot.source
    assert [pod.name for pod in snapshot.source.pods] == ["old-0"]


async def test_a_cluster_that_has_formed_reads_no_statefulset() -> None:
    stage = joining(clusterID=f"{CLUSTER_ID:x}")
    assert (await stage.gather()).source is None


async def test_while_it_is_under_way_it_is_read_although_the_cluster_has_formed() -> None:
    stage = under_way(consent="another")
    snapshot = await stage.gather()
    assert snapshot.source
    assert [pod.status and pod.status.member_id for pod in snapshot.source.pods] == [source_id(0)]
    assert [member.id for member in snapshot.ownership.taken_over] == [source_id(0)]
    assert snapshot.ownership.foreign == ()


async def test_who_wants_a_user_says_so() -> None:
    stage = joining()
    member = stage.etcd.members["10.9.0.1:2379"]
    member.refuses = EtcdRefused("user name is empty", Refusal.AUTHENTICATION)
    snapshot = await stage.gather()
    assert snapshot.source
    (found,) = snapshot.source.pods
    assert found.probe
    assert found.probe.asks_for_user


async def test_members_are_asked_as_the_user_with_the_password_that_the_spec_names() -> None:
    stage = joining()
    login = {"mode": "Unmanaged", "rootPasswordSecret": "old-root"}
    raw = raw_cluster({"size": 3, "bootstrap": JOINED, "security": {"auth": login}})
    stage.cluster = parse_cluster(raw)
    stage.etcd.members["10.9.0.1:2379"].token = "a.b.c"
    snapshot = await stage.gather()
    assert stage.etcd.logins["10.9.0.1:2379"] is None, "there is no such Secret"
    stage.server.put(SECRETS, "old-root", root_password("first"), NAMING.namespace)
    await asyncio.sleep(FRESH_SECONDS + 1)
    snapshot = await stage.gather()
    assert snapshot.source
    assert [pod.tokens for pod in snapshot.source.pods] == ["jwt"]
    first = stage.etcd.logins["10.9.0.1:2379"]
    assert first
    assert first.names == ("root",)
    await stage.gather()
    assert stage.etcd.logins["10.9.0.1:2379"] is first, "and so is its token"

    stage.server.put(SECRETS, "old-root", root_password("second"), NAMING.namespace)
    await asyncio.sleep(FRESH_SECONDS + 1)
    await stage.gather()
    assert stage.etcd.logins["10.9.0.1:2379"] is not first


def root_password(text: str) -> Json:
    """A Secret with this password."""
    data = {"password": base64.b64encode(text.encode()).decode()}
    about = {"namespace": NAMING.namespace, "name": "old-root", "uid": "r", "resourceVersion": text}
    return {"metadata": about, "type": "kubernetes.io/basic-auth", "data": data}


async def test_a_pod_without_a_process_is_not_asked() -> None:
    stage = joining()
    stage.server.put(PODS, "old-0", old_pod(0, phase="Pending"), NAMING.namespace)
    snapshot = await stage.gather()
    assert snapshot.source
    assert snapshot.source.pods == (replace(snapshot.source.pods[0], probe=None),)


# Members at endpoints

LISTED: Json = {"endpoints": ["http://10.9.0.1:2379", "http://etcd-2.example.org:2479"]}
PLACES = ("10.9.0.1:2379", "etcd-2.example.org:2479")


def joining_endpoints(stage: str = "", consent: str = "team/db") -> GathererHarness:
    """An EtcdCluster that takes over two members at endpoints; the record has this stage."""
    harness = GathererHarness()
    spec = {"size": 3, "bootstrap": {"joinExisting": {"source": LISTED}}}
    harness.cluster = parse_cluster(raw_cluster(spec))
    for ordinal, place in enumerate(PLACES):
        identity = source_id(ordinal)
        told = says(0, member_id=identity, leader=source_id(0))
        harness.etcd.add(9 + ordinal, told, place).consent = consent
    harness.etcd.lines = tuple(
        Member(source_id(ordinal), "x", (source_url(ordinal),), ("http://x:2379",))
        for ordinal in range(2)
    )
    if stage:
        gate = labelled("ConfigMap", NAMING.config_map)
        record = f"{stage} - 3 v3.5.35 0=b0,1=b1 100"
        gate["metadata"]["annotations"] = {ANNOTATION_TAKE_OVER: record}
        gate["metadata"]["ownerReferences"] = [{"uid": NAMING.uid, "controller": True}]
        harness.show(gate)
        harness.etcd.lines += tuple(member(ordinal) for ordinal in range(3))
    return harness


async def test_endpoints_are_asked_with_what_is_there_and_for_the_consent() -> None:
    stage = joining_endpoints()
    snapshot = await stage.gather()
    assert snapshot.source
    assert [pod.name for pod in snapshot.source.pods] == list(PLACES)
    assert [pod.allows for pod in snapshot.source.pods] == [True, True]
    assert snapshot.quorum_confirmed
    assert f"get {KEY_CONSENT}" in stage.etcd.members[PLACES[0]].asked
    assert not [said for said in stage.server.asked if "StatefulSet old" in said]


@pytest.mark.parametrize("stage", ["", "compare", "remove"])
async def test_a_member_allows_nothing_for_the_others(stage: str) -> None:
    """Nor tomorrow what it allowed today, when its name leads elsewhere."""
    harness = joining_endpoints(stage)
    harness.etcd.members[PLACES[1]].consent = "team/another"
    snapshot = await harness.gather()
    assert snapshot.source
    assert [pod.allows for pod in snapshot.source.pods] == [True, False]
    assert [status.member_id for status in snapshot.source_statuses] == [source_id(0)]
    assert "confirmed list" not in harness.etcd.members[PLACES[1]].asked


async def test_an_endpoint_that_does_not_answer_allows_nothing() -> None:
    stage = joining_endpoints()
    stage.etcd.members[PLACES[0]].runs = False
    snapshot = await stage.gather()
    assert snapshot.source
    assert [pod.allows for pod in snapshot.source.pods] == [False, True]


async def test_new_members_say_whose_peers_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = {f"10.0.0.{n + 1}": frozenset({source_id(0), member_id(n)}) for n in range(3)}

    async def read(host: str) -> frozenset[int] | None:
        return peers.get(host)

    monkeypatch.setattr(source, "read_active_peers", read)
    stage = joining_endpoints("remove")
    for ordinal in range(3):
        stage.add(ordinal, says(ordinal))
    snapshot = await stage.gather()
    assert snapshot.source
    assert snapshot.source.connected == (*map(member_id, range(3)), source_id(0))
    del peers["10.0.0.2"]
    snapshot = await stage.gather()
    assert snapshot.source
    assert snapshot.source.connected is None, "one of them may be connected"


async def test_before_members_go_no_new_one_is_asked_for_its_peers() -> None:
    snapshot = await joining_endpoints("compare").gather()
    assert snapshot.source
    assert snapshot.source.connected is None


@pytest.mark.parametrize("stage", ["remove", "join"])
async def test_old_members_that_have_formed_anew_list_nobody(stage: str) -> None:
    """On empty disks they have the IDs of before; as long as members join, it is the old list."""
    harness = joining_endpoints(stage)
    assert (await harness.gather()).quorum_confirmed
    harness.etcd.lines = harness.etcd.lines[:2]
    assert (await harness.gather()).quorum_confirmed == (stage == "join")
