"""From the previous release of the operator to this one and back, in the middle of everything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.object_store import ObjectStore
from deploy.installer import install, wait_for_operator
from deploy.manifests import IMAGE, NAME, NAMESPACE
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previous_release import provide_previous_image

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.long, pytest.mark.timeout(900)]

PLACE = f"--namespace={NAMESPACE}"


@dataclass(frozen=True)
class Releases:
    """The previous release, as its files and its image, and the image of this one."""

    target: Target
    tree: Path
    previous: str
    present: str

    def go_back(self) -> None:
        """Install the previous release as its own manifests say."""
        text = (self.tree / "deploy" / "install.yaml").read_text()
        assert f"image: {IMAGE}\n" in text
        text = text.replace(f"image: {IMAGE}\n", f"image: {self.previous}\n")
        self.target.run("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)
        wait_for_operator(self.target)

    def go_on(self) -> None:
        """Install this one."""
        install(self.target, self.present)


@pytest.fixture
def releases(target: Target, tmp_path: Path) -> Iterator[Releases]:
    """Both releases; afterwards this one is installed."""
    spec = target.read("get", "deployment", NAME, PLACE)["spec"]["template"]["spec"]
    present = str(spec["containers"][0]["image"])
    previous = provide_previous_image(target, tmp_path)
    yield Releases(target, tmp_path, previous, present)
    install(target, present)


def lives(cluster: Cluster) -> dict[str, int]:
    """The Pods of a cluster by UID, each with the restarts of its containers."""
    return {
        pod["metadata"]["uid"]: sum(c["restartCount"] for c in pod["status"]["containerStatuses"])
        for pod in cluster.objects("pods")
    }


def served_versions(target: Target) -> dict[str, set[str]]:
    """The versions that each of our CustomResourceDefinitions serves."""
    found = target.read("get", "crd")["items"]
    return {
        crd["metadata"]["name"]: {v["name"] for v in crd["spec"]["versions"] if v["served"]}
        for crd in found
        if crd["spec"]["group"] == "etcd.etcd.io"
    }


def assert_kept(written: object, read: object, field: str) -> None:
    """What was written is read; there may be more, for fields with a default that came since."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name, value in written.items():
            assert name in read, f"{field}.{name} is lost"
            assert_kept(value, read[name], f"{field}.{name}")
    else:
        assert read == written, field


class Work:
    """Three clusters: one at rest, one in a roll, one whose member is being replaced; a backup."""

    def __init__(self, target: Target, namespace: str, store: ObjectStore) -> None:
        spec: Json = {"version": "v3.6.16", "size": 3}
        self.resting = Cluster(target, namespace, "rest", {**spec, "paused": False})
        self.rolling = Cluster(target, namespace, "roll", dict(spec))
        self.replacing = Cluster(target, namespace, "replace", dict(spec))
        self._target, self._namespace, self._store = target, namespace, store
        self._spec: Json = {}

    def create(self) -> None:
        """Make the clusters, with a key each."""
        clusters = (self.resting, self.rolling, self.replacing)
        for cluster in clusters:
            cluster.create()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda cluster: cluster.wait_running(3, 180), clusters))
        for cluster in clusters:
            cluster.put("key", cluster.name)
        self._spec = self.resting.get()["spec"]

    def begin(self, mark: str) -> dict[str, Any]:
        """Begin a roll, a replacement and a backup; returns what there was before."""
        before = {
            "rest": lives(self.resting),
            "roll": lives(self.rolling),
            "member": self.replacing.member("replace-1")["id"],
        }
        self.rolling.patch(podTemplate={"annotations": {"mark": mark}})
        place = ("annotate", "pod", "replace-1", "etcd.etcd.io/replace-member=true")
        self.replacing.kubectl(*place)
        backup = Task(self._target, self._namespace, "EtcdBackup", mark)
        destination = {"storageType": "S3", "s3": self._store.destination()}
        backup.create(clusterName="rest", **destination)
        wait_until("the roll has begun", lambda: lives(self.rolling) != before["roll"], 60)
        return before

    def end(self, mark: str, before: dict[str, Any]) -> None:
        """Wait until all is done, by whichever release; the cluster at rest noticed nothing."""
        for cluster in (self.rolling, self.replacing):
            cluster.wait_running(3, 240)
            cluster.assert_agreement(3)
            assert cluster.read_key("key") == cluster.name
        assert not lives(self.rolling).keys() & before["roll"].keys(), "every Pod was replaced"
        pods = self.rolling.objects("pods")
        assert {pod["metadata"]["annotations"].get("mark") for pod in pods} == {mark}
        assert self.replacing.member("replace-1")["id"] != before["member"]
        backup = Task(self._target, self._namespace, "EtcdBackup", mark)
        assert backup.wait_completed(240)["etcdVersion"] == "3.6.16"
        self.resting.wait_running(3)
        assert lives(self.resting) == before["rest"], "no member at rest is restarted"
        assert_kept(self._spec, self.resting.get()["spec"], "spec")
        assert self.resting.read_key("key") == "rest"


@pytest.mark.usefixtures("secrets")
def test_upgrade_in_the_middle_of_everything_and_back(
    target: Target, namespace: str, store: ObjectStore, releases: Releases
) -> None:
    releases.go_back()
    served = served_versions(target)
    work = Work(target, namespace, store)
    work.create()
    before = work.begin("up")
    releases.go_on()
    work.end("up", before)
    now = served_versions(target)
    assert all(versions <= now[name] for name, versions in served.items())
    before = work.begin("back")
    releases.go_back()
    work.end("back", before)
