"""Looking at a StatefulSet that is taken over: when, whom, and whose word counts."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.bootstrap import ANNOTATION_CONSENT
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.members import Member
from etcd_operator.core.takeover.record import ANNOTATION_TAKE_OVER
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.kubernetes.api import PODS, SECRETS, STATEFUL_SETS
from etcd_operator.runtime.pki.identity import Identity
from etcd_operator.runtime.pki.passwords import FRESH_SECONDS
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.builders.snapshots import CLUSTER_ID, NAMING, raw_cluster
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
    """The same, and a take-over of it is on record."""
    stage = joining(consent, clusterID=f"{CLUSTER_ID:x}")
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
    assert first.user == "root"
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
