"""What is decided about EtcdRestores, without any cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.tasks.actions import AnnotateCluster, CreateObject, DeleteJob
from etcd_operator.core.tasks.restore import restore_planner as restore_planner
from etcd_operator.core.tasks.restore.source import RestoreView
from etcd_operator.json_types import Json
from tests.builders.backups import NOW, S3, URL, backup_view, cluster, created, task_pod
from tests.builders.restores import PINNED, filler, made, restore_view
from tests.builders.snapshots import claim, raw_cluster


def test_which_backup_it_is_is_on_record_before_anything_is_made() -> None:
    decision = restore_planner.decide(restore_view())
    assert (decision.actions, decision.status.source_url) == ((), URL)


def test_it_makes_the_cluster_then_disks_and_jobs_then_lets_it_form() -> None:
    first = restore_planner.decide(restore_view(status=PINNED))
    (create,) = first.actions
    assert isinstance(create, CreateObject)
    assert create.kind == "EtcdCluster"
    assert create.manifest["metadata"]["annotations"]["etcd.etcd.io/restore"] == "restore-uid"
    assert create.manifest["metadata"]["finalizers"] == ["etcd.etcd.io/finalizer"]

    second = restore_planner.decide(restore_view(status=PINNED, target=made()))
    kinds = [a.kind for a in second.actions if isinstance(a, CreateObject)]
    assert kinds == ["PersistentVolumeClaim"] * 3 + ["Job"] * 3
    command = created(second)[1]["spec"]["template"]["spec"]["initContainers"][1]["command"]
    assert "--name=db-1" in command
    assert "--bump-revision=1000000000" in command

    claims = tuple(claim(o) for o in range(3))
    part = (filler(0), filler(1, "running"), filler(2))
    third = restore_planner.decide(
        restore_view(status=PINNED, target=made(), claims=claims, tasks=part)
    )
    assert third.actions == ()
    assert third.status.message.startswith("2 of 3 disks are filled")

    whole = tuple(filler(o) for o in range(3))
    pods = (task_pod("r-0", {"url": URL, "snapshotSize": 100, "revision": 7}),)
    fourth = restore_planner.decide(
        restore_view(status=PINNED, target=made(), claims=claims, tasks=whole, pods=pods)
    )
    (mark,) = fourth.actions
    assert isinstance(mark, AnnotateCluster)
    assert mark.annotations == {"etcd.etcd.io/restored": "restore-uid"}
    assert (fourth.status.restored_size, fourth.status.restored_revision) == (100, 7)

    fifth = restore_planner.decide(
        restore_view(status=PINNED, target=made(filled=True), tasks=whole)
    )
    # Even a Pod that has ended would keep its disk from being deleted.
    assert [a.name for a in fifth.actions if isinstance(a, DeleteJob)] == ["r-0", "r-1", "r-2"]
    assert fifth.status.phase is TaskPhase.RUNNING
    last = restore_planner.decide(
        restore_view(status=PINNED, target=made(filled=True, quorum="True"))
    )
    assert (last.actions, last.status.phase) == ((), TaskPhase.COMPLETED)


def test_members_with_tls_are_restored_under_their_own_urls() -> None:
    raw = raw_cluster({"size": 3, "version": "v3.6.16", "security": {"tls": {}}})
    secure = replace(parse_cluster(raw), annotations=made().annotations)
    decision = restore_planner.decide(restore_view(status=PINNED, target=secure))
    command = created(decision)[0]["spec"]["template"]["spec"]["initContainers"][1]["command"]
    (urls,) = (word for word in command if word.startswith("--initial-cluster="))
    assert urls.count("https://") == 3


def test_a_failed_disk_says_why_and_is_tried_again_later() -> None:
    claims = tuple(claim(o) for o in range(3))
    tasks = (filler(0), filler(1, "failed"), filler(2))
    pods = (task_pod("r-1", None, "The backup is damaged."),)
    view = restore_view(status=PINNED, target=made(), claims=claims, tasks=tasks, pods=pods)
    decision = restore_planner.decide(view)
    assert (decision.actions, decision.status.phase) == ((), TaskPhase.FAILED)
    assert decision.status.message == "The backup is damaged."
    later = replace(
        view,
        restore=replace(view.restore, status=decision.status),
        now=NOW + timedelta(seconds=10),
    )
    (job,) = created(restore_planner.decide(later))
    assert job["metadata"]["annotations"]["etcd.etcd.io/ordinal"] == "1"


MIRRORING = {"mirror": {"source": {"endpoints": ["http://old:2379"]}}}
FLAWED = replace(cluster(), flaws=("spec.storage.size cannot be 'ten'.",))


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (restore_view(backup=None), "EtcdBackup b does not exist in namespace team"),
        (restore_view(backup=backup_view().backup), "has no complete backup yet"),
        (restore_view(status=PINNED, target=cluster()), "EtcdCluster db exists"),
        (restore_view(status=PINNED, claims=(claim(0),)), "holds data of an earlier cluster"),
        (
            restore_view({"clusterTemplate": {"version": "v3.5.21"}}, PINNED),
            "The backup was made by etcd 3.6.16, which v3.5.21 cannot read",
        ),
        (restore_view({"clusterTemplate": {"size": 2}}, PINNED), "spec.size 2 is not possible"),
        (restore_view({"clusterTemplate": None}, PINNED), "set spec.clusterTemplate"),
        (
            restore_view({"clusterTemplate": {"storage": {"ephemeral": {}}}}, PINNED),
            "storage.ephemeral is not for a restore, which fills disks",
        ),
        (
            restore_view({"clusterTemplate": {"bootstrap": MIRRORING}}, PINNED),
            "spec.clusterTemplate.bootstrap.mirror is not for a restore: remove it.",
        ),
        (
            restore_view({"clusterTemplate": {"storage": {"size": "ten"}}}, PINNED),
            "spec.clusterTemplate.storage.size cannot be 'ten': use a quantity such as",
        ),
        (
            restore_view({"clusterTemplate": None, "clusterName": "copy"}, PINNED, original=FLAWED),
            "EtcdCluster db has to be corrected: spec.storage.size cannot be 'ten'.",
        ),
        (
            restore_view(status=PINNED, target=replace(made(), flaws=FLAWED.flaws)),
            "EtcdCluster db has to be corrected: spec.storage.size cannot be 'ten'.",
        ),
        (
            restore_view(status={**PINNED, "restoredCluster": "db"}),
            "EtcdCluster db was deleted before it was restored",
        ),
    ],
)
def test_what_stops_a_restore(view: RestoreView, words: str) -> None:
    decision = restore_planner.decide(view)
    assert decision.actions == ()
    assert words in decision.status.message
    assert decision.status.phase in (TaskPhase.FAILED, TaskPhase.PENDING)


def test_without_a_template_it_is_as_the_cluster_was() -> None:
    original = cluster()
    view = restore_view({"clusterTemplate": None, "clusterName": "copy"}, PINNED, original=original)
    (create,) = restore_planner.decide(view).actions
    assert isinstance(create, CreateObject)
    assert create.manifest["spec"]["version"] == "v3.6.16"
    assert create.manifest["spec"]["size"] == 1


KEY: Json = {"encryption": {"keySecret": "backup-key"}}


@pytest.mark.parametrize(
    ("spec", "backup", "fingerprint", "told"),
    [
        ({}, S3, "", ("", False)),
        ({}, {**S3, **KEY}, "0a1b", ("backup-key", True)),
        ({}, {**S3, **KEY}, "", ("backup-key", False)),  # encrypted only from the next one on
        ({"encryption": {"keySecret": "older"}}, {**S3, **KEY}, "0a1b", ("older", True)),
        ({"encryption": {"keySecret": "older"}}, S3, "", ("older", True)),
    ],
)
def test_the_key_is_that_of_the_backup_unless_another_is_named(
    spec: Json, backup: Json, fingerprint: str, told: tuple[str, bool]
) -> None:
    good = {"storagePath": URL, "etcdVersion": "3.6.16", "keyFingerprint": fingerprint}
    view = restore_view(spec, PINNED, target=made(), backup=backup_view(backup, status=good).backup)
    job = created(restore_planner.decide(view))[0]
    pod = job["spec"]["template"]["spec"]
    (fetch,) = [c for c in pod["initContainers"] if c["name"] == "fetch"]
    task = json.loads(fetch["env"][0]["value"])
    assert (task["keySecret"], task["onlyEncrypted"]) == told
    mounted = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
    assert mounted == [name for name in told[:1] if name]
    others = [c for c in (*pod["initContainers"], *pod["containers"]) if c["name"] != "fetch"]
    assert not [c for c in others if "/secrets" in json.dumps(c["volumeMounts"])]


def test_a_key_beside_a_url_means_that_only_an_encrypted_one_is_taken() -> None:
    source = {"url": URL, "s3": {}}
    spec = {"backupName": "", "source": source, **KEY}
    view = restore_view(spec, PINNED, target=made(), backup=None)
    (fetch, *_) = created(restore_planner.decide(view))[0]["spec"]["template"]["spec"][
        "initContainers"
    ]
    task = json.loads(fetch["env"][0]["value"])
    assert (task["keySecret"], task["onlyEncrypted"]) == ("backup-key", True)


def elsewhere(**annotations: str) -> EtcdCluster:
    """The cluster that was backed up, in another namespace."""
    marks = {name.replace("_", "-"): text for name, text in annotations.items()}
    named = {f"etcd.etcd.io/{name}": text for name, text in marks.items()}
    return cluster(namespace="prod", annotations=named)


@pytest.mark.parametrize(
    ("backup", "original", "refused"),
    [
        (("team", ""), elsewhere(), "EtcdCluster db of namespace prod does not allow it"),
        (("team", ""), elsewhere(backup_from="team"), ""),
        (("prod", "team"), elsewhere(), ""),
        (("prod", ""), elsewhere(), "EtcdBackup b of namespace prod does not allow it"),
        (("prod", ""), elsewhere(backup_from="x,*"), ""),
        (("third", "team"), elsewhere(), "EtcdCluster db of namespace prod does not allow it"),
        (("third", ""), elsewhere(backup_from="team"), "EtcdBackup b of namespace third does"),
    ],
)
@pytest.mark.situation(
    "data",
    "an EtcdRestore names an EtcdBackup of another namespace",
    "it is read only if that namespace allows it",
)
def test_no_spec_is_copied_from_another_namespace_without_its_consent(
    backup: tuple[str, str], original: EtcdCluster, refused: str
) -> None:
    namespace, allows = backup
    plain = restore_view().backup
    assert plain is not None
    named = replace(plain, namespace=namespace, annotations={"etcd.etcd.io/backup-from": allows})
    view = restore_view(
        {"clusterTemplate": None, "backupNamespace": namespace, "clusterName": "mine"},
        PINNED,
        backup=named,
        original=original,
    )
    decision = restore_planner.decide(view)
    if refused:
        assert (decision.actions, decision.status.phase) == ((), TaskPhase.PENDING)
        assert decision.status.message.startswith(refused)
        assert decision.status.message.endswith("annotate it with etcd.etcd.io/backup-from=team.")
    else:
        assert [a.kind for a in decision.actions if isinstance(a, CreateObject)] == ["EtcdCluster"]
