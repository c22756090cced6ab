"""A cluster that is backed up, lost with all its disks, and back."""

from __future__ import annotations

import json
import time
from typing import Any

from demo import object_store
from demo.story import PATIENCE, Story
from deploy.target import TargetError

Json = dict[str, Any]


class BackupStory(Story):
    """Tells of one EtcdCluster, one EtcdBackup and one EtcdRestore."""

    def start_store(self) -> object_store.ObjectStore:
        """Start the S3 service that the backup goes to."""
        self.say("starting an S3 service with TLS in the cluster")
        store = object_store.start(self._target, self._namespace)
        self.say(f"it serves at {store.endpoint}")
        return store

    def remove(self) -> None:
        """Remove what an earlier demonstration left, or this one."""
        for kind, name in (
            ("etcdrestore", self._name),
            ("etcdbackup", self._name),
            ("etcd", self._name),
            ("deployment,service", object_store.NAME),
            *(("secret", name) for name in object_store.SECRETS),
        ):
            self._target.run("delete", kind, name, self._place, "--ignore-not-found")

    def apply_task(self, kind: str, spec: Json) -> None:
        """Apply an EtcdBackup or an EtcdRestore, show its manifest, and wait until it completes."""
        manifest = {
            "apiVersion": "etcd.etcd.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        self._command("kubectl apply -f - <<EOF")
        print(f"{json.dumps(manifest)}\nEOF", flush=True)
        self._target.apply(manifest)
        told = ""
        deadline = time.monotonic() + PATIENCE
        while True:
            live = self._target.read("get", kind, self._name, self._place)
            status: Json = live.get("status") or {}
            if status.get("message", "") not in ("", told):
                told = status["message"]
                self.say(f"  {told}")
            if status.get("phase") == "Completed":
                break
            if time.monotonic() > deadline:
                raise TargetError(f"{kind} {self._name} did not complete: {told}")
            time.sleep(0.3)
        took = time.monotonic() - self._step
        self.say(f"{kind} {self._name} is complete, {took:.1f} s after the command")
        for condition in status.get("conditions") or ():
            if condition["type"] == "Verified":
                self.say(f"  {condition['message']}")

    def storage_path(self) -> str:
        """The URL of the backup."""
        live = self._target.read("get", "etcdbackup", self._name, self._place)
        return str(live["status"]["storagePath"])

    def lose_everything(self) -> None:
        """Delete the backup's own object, the cluster and its disks."""
        self._command(f"kubectl delete etcdbackup,etcd {self._name}")
        self._target.run("delete", "etcdbackup,etcd", self._name, self._place)
        selector = f"--selector=etcd.etcd.io/cluster={self._name}"
        left = self._target.read("get", "pods,pvc", self._place, selector)["items"]
        self.say(f"Pods and disks of {self._name} that are left: {len(left)}")
        if left:
            raise TargetError("the cluster was to be gone with its disks")
