"""What an EtcdBackup or an EtcdRestore may say: taken as before, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


SAMPLES = sorted((Path(__file__).parent / "samples-backup").glob("*.yaml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_of_the_earlier_operator_is_taken(
    target: Target, namespace: str, path: Path
) -> None:
    """Applied as it is, it is understood, and says what it waits for."""
    target.run("apply", f"--namespace={namespace}", f"--filename={path}")
    kind, name = ("EtcdBackup", "etcdbackup-sample")
    words = "waits for the time of the schedule"
    if path.stem == "restore":
        kind, name = ("EtcdRestore", "etcdrestore-sample")
        words = "EtcdBackup etcdbackup-sample does not exist"
    Task(target, namespace, kind, name).wait_message(words, 10, phase="Pending")


def test_bad_input_is_refused_at_the_door(target: Target, namespace: str) -> None:
    """Each in one sentence that names the field, the value or the remedy."""

    def refusal(kind: str, spec: Json) -> str:
        manifest = {
            "apiVersion": "etcd.etcd.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": "bad", "namespace": namespace},
            "spec": spec,
        }
        with pytest.raises(Exception, match="is invalid") as caught:
            target.apply(manifest)
        return str(caught.value)

    good: Json = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
    assert "needs the field gcs" in refusal("EtcdBackup", {**good, "storageType": "GCS"})
    assert "five fields" in refusal("EtcdBackup", {**good, "schedule": "daily"})
    assert "maxAge" in refusal("EtcdBackup", {**good, "retentionPolicy": {"maxAge": "soon"}})
    assert "Unsupported value" in refusal("EtcdBackup", {**good, "storageType": "Tape"})
    for endpoint in ("https://user:password@minio", "https://minio?x", "minio:9000"):
        spec = {**good, "s3": {"bucket": "b", "endpoint": endpoint}}
        assert "endpoint" in refusal("EtcdBackup", spec)
    elsewhere = {"bucket": "b", "region": "x.example.com/"}
    assert "not the name of a region" in refusal("EtcdBackup", {**good, "s3": elsewhere})
    account = {"storageType": "Azure", "azure": {"account": "a.example.com/", "container": "c"}}
    assert "not the name of an account" in refusal("EtcdBackup", {**good, **account})
    ours = {"jobTemplate": {"labels": {"etcd.etcd.io/task": "x"}}}
    assert "sets itself cannot be given" in refusal("EtcdBackup", {**good, **ours})
    wrong = {"jobTemplate": {"labels": {"a": "two words"}}}
    assert "not that of a label" in refusal("EtcdBackup", {**good, **wrong})
    assert "ten is not a size" in refusal("EtcdBackup", {**good, "scratch": {"size": "ten"}})
    url = {"url": "s3://b/k.json"}
    assert "set clusterTemplate" in refusal("EtcdRestore", {"clusterName": "x", "source": url})
    pasted = {**good, "encryption": {"keySecret": "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="}}
    assert "never the key itself" in refusal("EtcdBackup", pasted)
    assert "either backupName or source.url" in refusal("EtcdRestore", {"clusterName": "x"})
    in_place = {"clusterName": "x", "backupName": "b", "restoreType": "Replace"}
    both = {**in_place, "clusterTemplate": {"size": 1}}
    assert "remove clusterTemplate" in refusal("EtcdRestore", both)
    even = {"clusterName": "x", "backupName": "b", "clusterTemplate": {"size": 2}}
    assert "size 2 is even" in refusal("EtcdRestore", even)


def test_what_only_the_operator_can_see_is_refused_too(target: Target, namespace: str) -> None:
    backup = Task(target, namespace, "EtcdBackup", "b")
    good: Json = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
    backup.create(**good, schedule="0 25 * * *")
    backup.wait_message("spec.schedule 0 25 * * * is not a schedule")
    backup.create(**good, schedule="0 2 * * *", timeZone="Mars/Olympus")
    backup.wait_message("spec.timeZone Mars/Olympus is not known")
    backup.create(**good, schedule="0 2 * * *", timeZone="Europe/Berlin")
    backup.wait_message("waits for the time of the schedule", phase="Pending")
