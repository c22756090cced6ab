"""What Kubernetes says of Pods and claims that are waited for: who is asked about, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.live_objects import ObjectWarning, PodProblem
from etcd_operator.core.model.naming import MOST_MEMBERS
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from etcd_operator.runtime.engine.cluster_warnings import (
    PATIENCE_SECONDS,
    SILENCE_SECONDS,
    ClusterWarnings,
)
from etcd_operator.runtime.kubernetes.api import PODS
from tests.builders.snapshots import (
    UID,
    begun,
    change_child,
    change_claim,
    change_pod,
    formed,
    silent,
    with_cluster,
    with_spec,
    without_pods,
)
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

SET_UID = "StatefulSet-db"
REFUSED = 'create Pod db-2 in StatefulSet db failed error: pods "db-2" is forbidden: quota'


class Watched:
    """A cluster that is looked at, and the Events that there are."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.clock = LoopClock()
        self.warnings = ClusterWarnings(InMemoryApi(self.server), self.clock)

    def warn(self, uid: str, reason: str, message: str) -> None:
        """Somebody warns now."""
        stamp = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {"type": "Warning", "reason": reason, "message": message, "lastTimestamp": stamp}
        self.server.warn(uid, event)

    @property
    def asked(self) -> list[str]:
        """The uids of what Events were asked about."""
        lists = (r.name for r in self.server.requests if r.verb == "list")
        return [name.partition("involvedObject.uid=")[2] for name in lists]

    @property
    def read(self) -> list[str]:
        """The names of the objects that were read."""
        return [r.name for r in self.server.requests if r.verb == "get"]

    async def look(self, scene: Snapshot) -> tuple[ObjectWarning, ...]:
        """One pass."""
        return await self.warnings.look(scene, scene.claims)

    async def wait_for(self, scene: Snapshot, seconds: float = PATIENCE_SECONDS) -> Snapshot:
        """Look until so much time is over."""
        await self.look(scene)
        await asyncio.sleep(seconds)
        return replace(scene, warnings=await self.look(scene))


def degraded(scene: Snapshot) -> tuple[str, str]:
    """What the condition says."""
    conditions = report(scene, plan(scene).decision).conditions
    return next((c.reason, c.message) for c in conditions if c.type == "Degraded")


async def test_a_pod_that_cannot_be_created_is_told_in_the_words_of_who_refused() -> None:
    watched = Watched()
    watched.warn(SET_UID, "FailedCreate", REFUSED)
    scene = await watched.wait_for(without_pods(begun(3), 2))
    assert scene.warnings == (ObjectWarning("Pod db-2", 2, PodProblem("FailedCreate", REFUSED)),)
    assert degraded(scene) == ("FailedCreate", f"Pod db-2: FailedCreate: {REFUSED}")


async def test_a_formed_clusters_missing_member_says_why_it_has_no_pod() -> None:
    watched = Watched()
    watched.warn(SET_UID, "FailedCreate", REFUSED)
    scene = await watched.wait_for(without_pods(silent(formed(3), 2), 2))
    status = report(scene, plan(scene).decision)
    assert status.members[2].message == f"Pod db-2: FailedCreate: {REFUSED}"


async def test_nobody_is_asked_at_first_nor_while_all_is_well() -> None:
    watched = Watched()
    await watched.look(without_pods(begun(3), 2))
    await asyncio.sleep(PATIENCE_SECONDS - 0.1)
    await watched.look(without_pods(begun(3), 2))
    await watched.wait_for(formed(3), 60)
    await watched.wait_for(with_spec(without_pods(formed(3), 0, 1, 2), size=0), 1)
    assert watched.asked == []


async def test_a_wait_begins_anew_when_the_pod_was_there() -> None:
    watched = Watched()
    missing = without_pods(begun(3), 2)
    await watched.look(missing)
    await asyncio.sleep(PATIENCE_SECONDS - 1)
    await watched.look(begun(3))
    await asyncio.sleep(2)
    await watched.look(missing)
    assert watched.asked == []


async def test_a_refusal_from_before_the_pod_was_there_is_over() -> None:
    watched = Watched()
    watched.warn(SET_UID, "FailedCreate", REFUSED)
    await asyncio.sleep(10)
    await watched.look(formed(3))
    scene = await watched.wait_for(without_pods(silent(formed(3), 2), 2))
    assert scene.warnings == ()


async def test_a_missing_pod_of_which_nobody_says_why_is_told_as_well() -> None:
    scene = await Watched().wait_for(without_pods(begun(3), 2), SILENCE_SECONDS)
    assert degraded(scene)[0] == "PodMissing"
    assert "kubectl describe statefulset db" in degraded(scene)[1]


@pytest.mark.situation(
    "told",
    "all labels of a member's Pod are removed",
    "it is reported, with the command that restores them; no member is replaced",
)
async def test_a_pod_that_nobody_knows_by_its_labels_is_named() -> None:
    watched = Watched()
    watched.server.put(PODS, "db-2", namespace="team")
    scene = await watched.wait_for(without_pods(silent(formed(3), 2), 2), SILENCE_SECONDS)
    reason, message = degraded(scene)
    assert reason == "PodMissing"
    assert "there is a Pod of this name without the labels of StatefulSet db" in message
    assert f"kubectl label pod db-2 --overwrite etcd.etcd.io/cluster-uid={UID}" in message
    assert not [a for a in plan(scene).actions if not isinstance(a, ApplyObject)]
    await watched.look(scene)
    assert watched.read == ["db-2"], "no request at each pass"
    await asyncio.sleep(SILENCE_SECONDS)
    await watched.look(scene)
    assert watched.read == ["db-2", "db-2"]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("FailedMount", 'MountVolume.SetUp failed for volume "pvc-1": no such device'),
        ("FailedAttachVolume", "Multi-Attach error for volume"),
        ("FailedCreatePodSandBox", "failed to set up the network"),
    ],
)
async def test_a_pod_that_does_not_start_is_told_in_the_words_of_the_kubelet(
    reason: str, message: str
) -> None:
    watched = Watched()
    watched.warn("pod-1", reason, message)
    starting = change_pod(begun(3), 1, running=False)
    scene = await watched.wait_for(starting)
    assert degraded(scene) == (reason, f"Pod db-1: {reason}: {message}")
    assert set(watched.asked) == {"pod-1"}


async def test_a_pod_with_a_trouble_of_its_own_or_that_ends_is_not_asked_about() -> None:
    watched = Watched()
    pulling = change_pod(begun(3), 1, running=False, problem=PodProblem("ErrImagePull", "no"))
    await watched.wait_for(change_pod(pulling, 2, running=False, deleting=True))
    assert watched.asked == []


async def test_a_pod_that_no_scheduler_looks_at_is_told() -> None:
    scene = await Watched().wait_for(
        change_pod(begun(3), 1, running=False, node=""), SILENCE_SECONDS
    )
    assert degraded(scene)[0] == "NotScheduled"


async def test_a_member_that_serves_and_is_not_ready_is_told_in_the_words_of_the_kubelet() -> None:
    watched = Watched()
    watched.warn("pod-1", "Unhealthy", "Readiness probe failed: statuscode: 421")
    scene = await watched.wait_for(change_pod(formed(3), 1, ready=False))
    reason, message = degraded(scene)
    assert reason == "MembersNotReady"
    assert message.endswith("Pod db-1: Unhealthy: Readiness probe failed: statuscode: 421")


async def test_that_members_wait_for_each_other_is_no_trouble() -> None:
    """Until there is a majority nobody is Ready."""
    watched = Watched()
    watched.warn("pod-1", "Unhealthy", "Readiness probe failed: statuscode: 503")
    scene = await watched.wait_for(begun(3))
    assert degraded(scene)[0] == "AsExpected"


async def test_a_claim_without_a_volume_is_told_in_the_words_of_the_provisioner() -> None:
    watched = Watched()
    watched.warn("claim-2", "ProvisioningFailed", "exceeded the project's quota")
    scene = await watched.wait_for(change_claim(begun(3), 2, bound=False))
    text = "PersistentVolumeClaim data-db-2: ProvisioningFailed: exceeded the project's quota"
    assert degraded(scene) == ("ProvisioningFailed", text)


@pytest.mark.parametrize(("has", "asked"), [("1Gi", True), ("2Gi", False), ("3Gi", False)])
async def test_a_claim_that_does_not_grow_is_asked_about(has: str, asked: bool) -> None:
    watched = Watched()
    await watched.wait_for(change_claim(formed(3), 2, requested="2Gi", capacity=has))
    assert (watched.asked == ["claim-2"]) == asked


async def test_of_a_cluster_that_goes_nothing_is_asked() -> None:
    watched = Watched()
    await watched.wait_for(with_cluster(without_pods(formed(3), 1), deleting=True))
    assert watched.asked == []


async def test_a_sentence_with_other_numbers_is_no_news() -> None:
    """The kubelet names another sandbox each time: that is not worth a write a minute."""
    first, second = "sandbox 0a1b2c3d4e failed", "sandbox 5f6a7b8c9d failed"
    scene = change_pod(begun(3), 1, running=False)
    warned = ObjectWarning("Pod db-1", 1, PodProblem("FailedCreatePodSandBox", first))
    scene = replace(scene, warnings=(warned,))
    shown = with_cluster(scene, status=report(scene, plan(scene).decision))
    again = replace(warned, problem=PodProblem("FailedCreatePodSandBox", second))
    later = replace(shown, warnings=(again,), now=shown.now + timedelta(minutes=1))
    assert first in degraded(later)[1]
    other = replace(warned, problem=PodProblem("FailedCreatePodSandBox", "no network"))
    assert "no network" in degraded(replace(later, warnings=(other,)))[1]


async def test_a_number_of_pods_that_no_cluster_has_takes_no_time() -> None:
    """Whoever may scale the StatefulSet may ask for any, and all other passes wait meanwhile."""
    watched = Watched()
    live = formed(3).statefulset
    assert live is not None
    body = {**live.body, "spec": {**live.body["spec"], "replicas": 2_000_000}}
    scene = await watched.wait_for(
        change_child(formed(3), "StatefulSet", "db", body=body), SILENCE_SECONDS
    )
    assert len(scene.warnings) <= MOST_MEMBERS
