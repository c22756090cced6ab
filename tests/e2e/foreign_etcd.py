"""An etcd cluster that nobody operates: a StatefulSet written by hand, as people have it today."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from deploy.target import Target
from etcd_operator.api.bootstrap import ANNOTATION_CONSENT
from etcd_operator.json_types import Json
from tests.chaos.endpoint import Door
from tests.chaos.rpc import Connection
from tests.e2e.harness import Cluster, wait_until

VERSION: Final = "v3.5.35"
# By which one Service finds the members of both clusters.
CLIENTS: Final = {"serves": "clients"}
_SECURITY: Final[Json] = {
    "runAsNonRoot": True,
    "runAsUser": 1001,
    "fsGroup": 1001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass
class ForeignEtcd:
    """The StatefulSet `old` in a namespace, of some size; `consent` names who may take it over."""

    target: Target
    namespace: str
    size: int = 3
    version: str = VERSION
    consent: str = "c"
    name: str = "old"

    # How a person is asked, who stops the old members.
    asks: ClassVar[str] = "`kubectl scale"

    @property
    def source(self) -> Json:
        """What an EtcdCluster says of where it is."""
        return {"statefulSet": self.name}

    def kubectl(self, *words: str) -> str:
        """Run kubectl in the namespace."""
        return self.target.run(f"--namespace={self.namespace}", *words)

    def create(self) -> None:
        """Create it with its Services, and wait until every Pod is Ready."""
        peers = {"clusterIP": "None", "publishNotReadyAddresses": True}
        ports = [{"name": "client", "port": 2379}, {"name": "peer", "port": 2380}]
        self._apply("v1", "Service", {**peers, "selector": {"app": self.name}, "ports": ports})
        both = {"selector": CLIENTS, "ports": ports[:1]}
        self._apply("v1", "Service", both, name="clients")
        self._apply_members()
        wait_until("the old cluster is Ready", lambda: self.ready == self.size, 90)

    def member(self, ordinal: int) -> str:
        """The name of a member, and of its Pod."""
        return f"{self.name}-{ordinal}"

    def _apply_members(self) -> None:
        notes = {ANNOTATION_CONSENT: self.consent} if self.consent else {}
        self._apply("apps/v1", "StatefulSet", self._render(), annotations=notes)

    def _apply(self, version: str, kind: str, spec: Json, name: str = "", **metadata: Any) -> None:
        about = {"name": name or self.name, "namespace": self.namespace, **metadata}
        self.target.apply({"apiVersion": version, "kind": kind, "metadata": about, "spec": spec})

    def _render(self) -> Json:
        labels = {"app": self.name, **CLIENTS}
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        return {
            "serviceName": self.name,
            "replicas": self.size,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": self.name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [self._render_container()], "securityContext": _SECURITY},
            },
            "volumeClaimTemplates": [claim],
        }

    def _render_container(self) -> Json:
        host = f"$(POD_NAME).{self.name}.{self.namespace}.svc.cluster.local"
        options = {
            "name": "$(POD_NAME)",
            "data-dir": "/data/default.etcd",
            "listen-client-urls": "http://0.0.0.0:2379",
            "listen-peer-urls": "http://0.0.0.0:2380",
            "advertise-client-urls": f"http://{host}:2379",
            "initial-advertise-peer-urls": f"http://{host}:2380",
            "initial-cluster": self._list_first(),
            "initial-cluster-state": "new",
            "initial-cluster-token": "by-hand",
        }
        named = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        return {
            "name": "main",
            "image": f"quay.io/coreos/etcd:{self.version}",
            "command": ["/usr/local/bin/etcd"],
            "args": [f"--{name}={value}" for name, value in options.items()],
            "env": [named],
            "readinessProbe": {"httpGet": {"path": "/health", "port": 2379}, "periodSeconds": 1},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }

    def _list_first(self) -> str:
        """The members of the first generation, as etcd is told them."""
        where = f"{self.name}.{self.namespace}.svc.cluster.local:2380"
        names = [self.member(n) for n in range(self.size)]
        return ",".join(f"{name}=http://{name}.{where}" for name in names)

    def get(self) -> Json:
        """The StatefulSet as it is."""
        return self.target.read("get", "statefulset", self.name, f"--namespace={self.namespace}")

    @property
    def ready(self) -> int:
        """How many of its Pods are Ready."""
        return int((self.get().get("status") or {}).get("readyReplicas") or 0)

    @property
    def has_ended(self) -> bool:
        """Whether no member is to run any more."""
        return int(self.get()["spec"]["replicas"]) == 0

    def consent_to(self, cluster: Cluster) -> None:
        """Nothing: the annotation does."""

    def stop_as_asked(self, cluster: Cluster) -> None:
        """A person types the command of each message."""
        for left in reversed(range(self.size)):
            wait_until("it asks for the next", partial(self._is_asked, cluster, left), 90)
            self.scale(left)

    def _is_asked(self, cluster: Cluster, left: int) -> bool:
        return asks(cluster, f"`kubectl scale statefulset {self.name} --replicas={left}`")

    def scale(self, replicas: int) -> None:
        """Scale it as somebody else does."""
        self.kubectl("scale", "statefulset", self.name, f"--replicas={replicas}")

    def etcdctl(self, *words: str, pod: int = 0) -> str:
        """Run etcdctl in one of its Pods."""
        endpoint = "--endpoints=http://127.0.0.1:2379"
        return self.kubectl("exec", self.member(pod), "--", "etcdctl", endpoint, *words)

    def look(self) -> Json:
        """The header of an answer: cluster ID and revision."""
        header: Json = json.loads(self.etcdctl("get", "x", "--write-out=json"))["header"]
        return header


def read_progress(cluster: Cluster) -> str:
    """What the condition Progressing says; empty if it is not there."""
    return str(cluster.condition("Progressing").get("message", ""))


def asks(cluster: Cluster, words: str) -> bool:
    """Whether the condition Progressing says so."""
    return words in read_progress(cluster)


def join(
    cluster: Cluster,
    take_over: str = "Automatic",
    version: str = VERSION,
    spec: Json | None = None,
    source: Json | None = None,
    scale_in: str = "Automatic",
) -> None:
    """Create an EtcdCluster that takes over the StatefulSet `old`, or another source."""
    named = source or {"statefulSet": "old"}
    joined: Json = {"source": named, "takeOver": take_over}
    joined |= {"scaleIn": scale_in} if "statefulSet" in named else {}
    cluster.create(
        size=3,
        version=version,
        bootstrap={"joinExisting": joined},
        podTemplate={"labels": CLIENTS},
        service={"aliases": ["clients"]},
        **(spec or {}),
    )


class SharedDoor(Door):
    """The Service over the members of both clusters, as clients keep it during the take-over."""

    def __init__(self, cluster: Cluster) -> None:
        service = cluster.read("get", "service", "clients")
        self._shared = f"{service['spec']['clusterIP']}:2379"

    def open(self) -> Connection:
        """A new connection."""
        return Connection(self._shared, "clients", None)

    def leave(self) -> None:
        """Nothing is kept."""
