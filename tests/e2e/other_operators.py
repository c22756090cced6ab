"""etcd clusters as other operators leave them: what they look after is gone, the members serve.

Of etcd-io/etcd-operator v0.2.0 a StatefulSet whose settings come from a ConfigMap; of
cozystack/etcd-operator v0.5 Pods with names of their own, and no StatefulSet over them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from etcd_operator.json_types import Json
from tests.e2e.foreign_etcd import ForeignEtcd, read_progress
from tests.e2e.harness import Cluster, wait_until

MEMBERS: Final = ("old-7x2kq", "old-m4d9p", "old-zc5tw")


@dataclass
class EtcdIoEtcd(ForeignEtcd):
    """The StatefulSet `old` as the operator of etcd-io writes it."""

    def create(self) -> None:
        """Create it with the ConfigMap that it reads its cluster from."""
        about = {"name": "old-state", "namespace": self.namespace}
        state = {
            "ETCD_INITIAL_CLUSTER": self._list_first(),
            "ETCD_INITIAL_CLUSTER_STATE": "new",
            "ETCD_INITIAL_CLUSTER_TOKEN": "old",
            "ETCD_DATA_DIR": "/var/lib/etcd",
        }
        self.target.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": state}
        )
        super().create()

    def _render_container(self) -> Json:
        container = super()._render_container()
        told = ("--initial-cluster", "--data-dir")
        container["args"] = [word for word in container["args"] if not word.startswith(told)]
        container["envFrom"] = [{"configMapRef": {"name": "old-state"}}]
        place = {"mountPath": "/var/lib/etcd", "subPathExpr": "$(POD_NAME)"}
        container["volumeMounts"] = [{"name": "data", **place}]
        return container


@dataclass
class CozystackEtcd(ForeignEtcd):
    """Pods that nobody makes anew, each with a claim of its own."""

    asks: ClassVar[str] = "stop etcd at"

    @property
    def source(self) -> Json:
        """Its members: no object is over them."""
        names = (self.member(ordinal) for ordinal in range(self.size))
        return {"endpoints": [f"http://{name}.old.{self.namespace}.svc:2379" for name in names]}

    def member(self, ordinal: int) -> str:
        """The name that its operator drew."""
        return MEMBERS[ordinal]

    def _apply_members(self) -> None:
        rendered = self._render()
        template, (claim,) = rendered["template"], rendered["volumeClaimTemplates"]
        for ordinal in range(self.size):
            name = self.member(ordinal)
            about: dict[str, Any] = {"name": name, "namespace": self.namespace}
            pod = {**about, "labels": template["metadata"]["labels"]}
            volume = {"name": "data", "persistentVolumeClaim": {"claimName": name}}
            spec = {**template["spec"], "hostname": name, "subdomain": "old", "volumes": [volume]}
            self.target.apply(
                {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim, "metadata": about},
                {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec},
            )

    def list_pods(self) -> list[Json]:
        """The Pods that are there."""
        words = ("get", "pods", "--selector=app=old", f"--namespace={self.namespace}")
        found: list[Json] = self.target.read(*words)["items"]
        return found

    @property
    def ready(self) -> int:
        """How many of the Pods are Ready."""
        conditions = [c for pod in self.list_pods() for c in pod["status"].get("conditions", ())]
        return sum((c["type"], c["status"]) == ("Ready", "True") for c in conditions)

    @property
    def has_ended(self) -> bool:
        """Whether no member runs any more."""
        return not self.list_pods()

    def consent_to(self, cluster: Cluster) -> None:
        """Allow it in etcd, where no object does."""
        self.etcdctl("put", "etcd.etcd.io/allow-take-over-by", f"{self.namespace}/{cluster.name}")

    def stop_as_asked(self, cluster: Cluster) -> None:
        """A person ends the process that the message names, one after the other."""
        for left in reversed(range(self.size)):
            wait_until("it asks for the next", partial(self._is_asked, cluster, left + 1), 90)
            asked = self._find_asked(cluster)
            assert asked
            self.kubectl("delete", "pod", asked)

    def _is_asked(self, cluster: Cluster, running: int) -> bool:
        return len(self.list_pods()) == running and bool(self._find_asked(cluster))

    def _find_asked(self, cluster: Cluster) -> str:
        asked = re.search(r"stop etcd at (old-[a-z0-9]+)\.", read_progress(cluster))
        names = {pod["metadata"]["name"] for pod in self.list_pods()}
        return asked[1] if asked and asked[1] in names else ""
