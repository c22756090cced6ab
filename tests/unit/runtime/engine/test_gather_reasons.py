"""What is gathered of those who refuse: members that want a user, and what Kubernetes warns of."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.certificates.state import Credential
from etcd_operator.core.model.live_objects import ObjectWarning, PodProblem
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.cluster_warnings import PATIENCE_SECONDS
from etcd_operator.runtime.etcd.pool import address_of
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from tests.builders import snapshots as scenes
from tests.builders.snapshots import NAMING, UID, raw_cluster
from tests.harnesses.gather import GathererHarness, labelled, pod, says

pytestmark = pytest.mark.looptime

TIME = "2026-03-04T05:06:07Z"


@pytest.mark.parametrize(
    ("address", "asked"), [("10.0.0.1", "10.0.0.1:2379"), ("fd00::1", "[fd00::1]:2379")]
)
def test_the_address_of_either_family_is_one_that_can_be_dialled(address: str, asked: str) -> None:
    assert address_of(scenes.pod(0, address=address)) == asked


async def test_a_member_that_wants_a_user_is_not_one_that_does_not_answer() -> None:
    """Its connection is kept, and what it says is passed on."""
    harness = GathererHarness()
    refusal = EtcdRefused("10.0.0.1: etcdserver: user name is empty", Refusal.AUTHENTICATION)
    harness.add(0, None, refuses=refusal)
    probe = (await harness.gather()).probes[0]
    assert (probe.status, probe.error, probe.asks_for_user) == (None, str(refusal), True)
    assert harness.etcd.discarded == []


async def test_a_list_that_only_users_see_is_noted() -> None:
    harness = GathererHarness()
    refusal = EtcdRefused("10.0.0.1: etcdserver: permission denied", Refusal.AUTHENTICATION)
    harness.add(0, says(0), refuses_list=refusal)
    snapshot = await harness.gather()
    assert snapshot.membership is None
    assert snapshot.probes[0].status is not None
    assert snapshot.probes[0].asks_for_user


@pytest.mark.parametrize(("status", "soon"), [("True", False), ("False", True)])
async def test_secrets_are_read_again_soon_while_one_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, status: str, soon: bool
) -> None:
    """Somebody is about to correct it, and no watch tells of that."""
    seen = []

    async def look(*_: object, force_refresh: bool, **__: object) -> dict[str, Credential]:
        seen.append(force_refresh)
        return {}

    monkeypatch.setattr(CertificateSecrets, "look", look)
    condition = {"type": "CertificatesValid", "status": status, "reason": "r", "message": "m"}
    harness = GathererHarness(conditions=[{**condition, "lastTransitionTime": TIME}])
    tls: Json = {"security": {"tls": {}}}
    harness.cluster = replace(harness.cluster, spec=parse_cluster(raw_cluster(tls)).spec)
    ready = {"type": "Ready", "status": "True"}
    for ordinal in range(3):
        live = pod(ordinal)
        harness.show({**live, "status": {**live["status"], "conditions": [ready]}})
    await harness.gather()
    assert seen == [soon]


async def test_what_kubernetes_warns_of_is_gathered_while_a_pod_is_missing() -> None:
    harness = GathererHarness()
    live = labelled("StatefulSet", NAMING.statefulset)
    owner = {"controller": True, "uid": UID}
    live["metadata"].update(uid="set", ownerReferences=[owner])
    harness.show({**live, "spec": {"replicas": 1}})
    text = "create Pod db-0 in StatefulSet db failed error: exceeded quota"
    event = {"type": "Warning", "reason": "FailedCreate", "message": text}
    harness.server.warn("set", event, namespace=NAMING.namespace)
    assert (await harness.gather()).warnings == ()
    await asyncio.sleep(PATIENCE_SECONDS)
    wanted = ObjectWarning("Pod db-0", 0, PodProblem("FailedCreate", text))
    assert (await harness.gather()).warnings == (wanted,)
