"""One EtcdCluster, told step by step with the seconds since the beginning."""

from __future__ import annotations

import json
import time
from typing import Any

from deploy.target import Target, TargetError

Json = dict[str, Any]

PATIENCE = 180.0


class Story:
    """Prints what is done and what the operator says, as it happens."""

    def __init__(self, target: Target, namespace: str, name: str, begun: float) -> None:
        self._target = target
        self._place = f"--namespace={namespace}"
        self._namespace = namespace
        self._name = name
        self._begun = begun
        self._told: set[str] = set()
        self._step = begun

    def say(self, what: str) -> None:
        """Print one line with the elapsed time."""
        print(f"[{time.monotonic() - self._begun:6.1f} s] {what}", flush=True)

    def _command(self, words: str) -> None:
        print(f"\n$ {words}", flush=True)
        self._step = time.monotonic()

    def begin_anew(self) -> None:
        """Remove what an earlier demonstration left."""
        if self._target.run("get", "etcd", self._name, self._place, "--ignore-not-found").strip():
            self.say("removing the cluster of an earlier demonstration")
            self._target.run("delete", "etcd", self._name, self._place)

    def apply(self, spec: Json) -> None:
        """Apply the EtcdCluster and show its manifest."""
        manifest = {
            "apiVersion": "etcd.etcd.io/v1alpha1",
            "kind": "EtcdCluster",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        self._command("kubectl apply -f - <<EOF")
        print(f"{json.dumps(manifest)}\nEOF", flush=True)
        self._target.apply(manifest)

    def scale(self, size: int) -> None:
        """Scale as a user would."""
        self._command(f"kubectl scale etcd {self._name} --replicas {size}")
        self._target.run("scale", "etcd", self._name, self._place, f"--replicas={size}")

    def follow(self, until_size: int) -> None:
        """Tell the cluster's events until it runs with so many ready members."""
        deadline = time.monotonic() + PATIENCE
        while not self._is_settled(until_size):
            self._tell_news()
            if time.monotonic() > deadline:
                raise TargetError(f"{self._name} did not settle: {self._status().get('message')}")
            time.sleep(0.1)
        self._tell_news()
        took = time.monotonic() - self._step
        self.say(f"{until_size} members run and are ready, {took:.1f} s after the command")

    def _status(self) -> Json:
        live = self._target.read("get", "etcd", self._name, self._place)
        status: Json = live.get("status") or {}
        return {
            **status,
            "current": status.get("observedGeneration") == live["metadata"]["generation"],
        }

    def _is_settled(self, size: int) -> bool:
        status = self._status()
        ready = status.get("readyReplicas") == size == status.get("replicas")
        return bool(status["current"] and status.get("phase") == "Running" and ready)

    def _tell_news(self) -> None:
        selector = (
            f"--field-selector=involvedObject.kind=EtcdCluster,involvedObject.name={self._name}"
        )
        events = self._target.read("get", "events", self._place, selector)["items"]
        uid = self._target.read("get", "etcd", self._name, self._place)["metadata"]["uid"]
        for event in sorted(events, key=lambda e: e["metadata"]["creationTimestamp"]):
            unique = event["metadata"]["uid"]
            if unique not in self._told and event["involvedObject"].get("uid") == uid:
                self._told.add(unique)
                self.say(f"  {event['message']}")

    def _etcdctl(self, *words: str) -> str:
        service = f"http://{self._name}-client.{self._namespace}.svc:2379"
        shown = " ".join(words)
        self._command(f"kubectl exec {self._name}-0 -- etcdctl --endpoints={service} {shown}")
        said = self._target.run(
            "exec",
            self._place,
            f"{self._name}-0",
            "--",
            "etcdctl",
            f"--endpoints={service}",
            *words,
        )
        print(said.rstrip(), flush=True)
        return said

    def write_and_read(self) -> None:
        """Write a key through the client Service and read it back."""
        self._etcdctl("put", "greeting", "hello")
        self.read_again()

    def read_again(self) -> None:
        """Read the key; it must still be there."""
        if "hello" not in self._etcdctl("get", "greeting"):
            raise TargetError("the key that was written is not there")

    def show(self) -> None:
        """Show what kubectl shows."""
        self._command(f"kubectl get etcdcluster {self._name}")
        print(self._target.run("get", "etcdcluster", self._name, self._place).rstrip())
        selector = f"--selector=etcd.etcd.io/cluster={self._name}"
        self._command(f"kubectl get pods {selector}")
        print(self._target.run("get", "pods", self._place, selector).rstrip())

    def suggest(self) -> None:
        """Say what to try next."""
        next_steps = [
            ("kubectl get etcd --watch", "watch it"),
            (f"kubectl describe etcd {self._name}", "conditions and events"),
            (f"kubectl delete pod {self._name}-0", "it rejoins with its disk"),
            (f"kubectl scale etcd {self._name} --replicas 1", "members leave one by one"),
            (f"kubectl scale etcd {self._name} --replicas 0", "stop it; the disks are kept"),
            (f"kubectl delete etcd {self._name}", "everything of it goes"),
        ]
        if self._target.is_local:
            reach = "export KUBECONFIG=$(make -s kubeconfig)"
            next_steps.insert(0, (reach, "let your kubectl reach the local cluster"))
            next_steps.append(("make down", "stop the local Kubernetes"))
        width = max(len(command) for command, _ in next_steps)
        print("\nWhat to try next:")
        for command, effect in next_steps:
            print(f"  {command:{width}}  # {effect}", flush=True)
