"""A mirror as passes see it: its Jobs and its progress; and how they are written."""

from __future__ import annotations

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.actions import EndMirror, StopMirror
from etcd_operator.core.mirror.progress import PROGRESS_KEY
from etcd_operator.core.mirror.state import MirrorJob, MirrorState
from etcd_operator.errors import Conflict, EtcdUnreachable
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.mirror import MirrorHandlers
from etcd_operator.runtime.engine.mirror import MirrorReader, find_source_passwords
from etcd_operator.runtime.engine.task_caches import TaskCaches, WatchedClusters
from etcd_operator.runtime.kubernetes.api import JOBS
from tests.builders.mirrors import PROGRESS, mirroring, started
from tests.builders.snapshots import CLUSTER_ID, NAMING, NOW, UID, formed, raw_cluster
from tests.fakes.etcd import FakeEtcd
from tests.fakes.kubernetes import ApiServer, InMemoryApi

JOB: Json = {
    "metadata": {
        "name": "db-1f",
        "namespace": NAMING.namespace,
        "uid": "job-1",
        "resourceVersion": "3",
        "labels": {"etcd.etcd.io/task": "mirror"},
        "annotations": {"etcd.etcd.io/task-of": "EtcdCluster/db"},
        "ownerReferences": [{"uid": UID, "controller": True}],
    },
    "status": {},
}
POD: Json = {
    "metadata": {
        "name": "db-1f-x",
        "namespace": NAMING.namespace,
        "uid": "pod-x",
        "resourceVersion": "3",
        "labels": {"etcd.etcd.io/task": "mirror", "batch.kubernetes.io/job-name": "db-1f"},
        "annotations": {"etcd.etcd.io/task-of": "EtcdCluster/db"},
        "ownerReferences": [{"uid": "job-1", "controller": True}],
    },
    "status": {
        "containerStatuses": [
            {
                "name": "mirror",
                "state": {"terminated": {"exitCode": 1, "message": '{"error": "No answer."}'}},
            }
        ]
    },
}


def failed_job(owner: str = UID) -> Json:
    """The Job, which failed."""
    moment = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"type": "Failed", "status": "True", "lastTransitionTime": moment}
    owners = [{"uid": owner, "controller": True}]
    about = {**JOB["metadata"], "ownerReferences": owners}
    return {"metadata": about, "status": {"conditions": [ended]}}


def test_a_job_that_failed_says_why() -> None:
    tasks = TaskCaches(InMemoryApi(ApiServer()))
    tasks.jobs.observe(failed_job())
    tasks.pods.observe(POD)
    cluster = mirroring().cluster
    expected = MirrorJob("db-1f", "job-1", "failed", finished=NOW, failure="No answer.")
    assert tasks.mirror_jobs_of(cluster) == (expected,)


def test_the_job_of_an_earlier_cluster_of_the_name_is_not_its_own() -> None:
    tasks = TaskCaches(InMemoryApi(ApiServer()))
    tasks.jobs.observe(failed_job("another life"))
    assert tasks.mirror_jobs_of(mirroring().cluster) == ()


def test_a_job_that_changes_brings_about_a_pass_over_its_cluster() -> None:
    api = InMemoryApi(ApiServer())
    tasks, told = TaskCaches(api), []
    WatchedClusters(tasks, Caches(api)).subscribe(lambda *about: told.append(about))
    tasks.jobs.observe(JOB)
    assert told == [(NAMING.namespace, NAMING.name)]


async def test_the_progress_is_read_without_the_key_in_it() -> None:
    members = FakeEtcd(3)
    members[0].consent = PROGRESS.write().decode()
    job = MirrorJob("db-1f", "job-1", "running")
    reader = MirrorReader(members.pool, lambda _: (job,))
    seen = await reader.add_mirror(mirroring().evolve(mirror=None))
    assert seen.mirror == MirrorState((job,), PROGRESS, asked=True)
    assert members[0].asked == [f"get {PROGRESS_KEY.decode()}"]


async def test_nobody_is_asked_without_a_quorum_or_without_a_mirror() -> None:
    members = FakeEtcd(3)
    reader = MirrorReader(members.pool, lambda _: ())
    lost = await reader.add_mirror(mirroring().evolve(mirror=None, membership=None))
    assert lost.mirror == MirrorState((), None, asked=False)
    assert (await reader.add_mirror(formed(3))).mirror is None
    assert members[0].asked == []


def test_the_secret_with_the_password_is_looked_at() -> None:
    source = {"endpoints": ["http://old:2379"], "passwordSecret": "login"}
    raw = raw_cluster({"bootstrap": {"mirror": {"source": source}}})
    assert find_source_passwords(parse_cluster(raw)) == {"login"}
    assert find_source_passwords(formed(3).cluster) == set()


def handlers(server: ApiServer, members: FakeEtcd) -> MirrorHandlers:
    """The handlers of a mirror."""

    async def find_image() -> str:
        return "operator:1"

    api = InMemoryApi(server)
    return MirrorHandlers(api, TaskCaches(api), members.pool, find_image)


async def test_a_job_is_created_once_with_the_image_of_the_operator() -> None:
    server, scene = ApiServer(), mirroring()
    action = started(scene)
    table = handlers(server, FakeEtcd(3)).table
    await table[type(action)](action, scene)
    (job,) = server.find("Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "operator:1"
    with pytest.raises(Conflict):
        await table[type(action)](action, scene)


async def test_exactly_the_job_is_deleted_and_one_that_is_gone_is_no_error() -> None:
    server, scene = ApiServer(), mirroring()
    server.put(JOBS, "db-1f", JOB, NAMING.namespace)
    handler = handlers(server, FakeEtcd(3)).table[StopMirror]
    with pytest.raises(Conflict):
        await handler(StopMirror("db-1f", "another", "why"), scene)
    await handler(StopMirror("db-1f", "job-1", "why"), scene)
    assert server.find("Job") == []
    await handler(StopMirror("db-1f", "job-1", "why"), scene)


async def test_the_progress_is_deleted_by_a_member_that_serves() -> None:
    members, end = FakeEtcd(3), EndMirror(3, CLUSTER_ID)
    handler = handlers(ApiServer(), members).table[EndMirror]
    await handler(end, formed(3))
    assert members[0].asked == [f"delete {PROGRESS_KEY.decode()}"]
    with pytest.raises(EtcdUnreachable):
        await handler(end, formed(3).evolve(probes={}))
