"""What a fault is, and what several of them need."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Final

from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until

# What a runbook says in words: let Pods be scheduled, give a right back.
Mend = Callable[[], None]

MIB: Final = 2**20
# For an editor that is left as it was opened: the spec was not at fault.
UNCHANGED: Final = "s/a/a/"


def nothing() -> None:
    """Nothing has to be done beside the commands."""


def go_on(*works: Callable[[], object], pause: float) -> Mend:
    """Do each of these again and again, with this pause, until the fault is mended."""
    over = threading.Event()

    def repeat(work: Callable[[], object]) -> None:
        while not over.wait(pause):
            work()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()

    def end() -> None:
        over.set()
        for thread in threads:
            thread.join()

    return end


def as_it_is(_: Cluster) -> None:
    """The cluster needs nothing beside its spec."""


@dataclass(frozen=True)
class Fault:
    """A fault by what it is; `alerts` are those that have to fire, `carried_out` of these by name.

    `spec` is that of the cluster, None where there is none; `prepare` is what has to be there
    before the fault. `known` are values for placeholders that the alert does not name; `edit` is
    for `kubectl edit`. `then` is a fault of the same cluster. A fault that is `felt` changes the
    nodes, the operator or the API server; no other may run beside it. `replaced` are members that
    the remedy has replaced: it has ended when they have other IDs. Fewer than `nodes` nodes cannot
    have this fault, or not without it.
    """

    what: str
    alerts: tuple[str, ...]
    cause: Callable[[Cluster], Mend]
    carried_out: tuple[str, ...]
    spec: Json | None = None
    prepare: Callable[[Cluster], None] = as_it_is
    known: Mapping[str, str] = field(default_factory=dict)
    edit: str = ""
    quick: bool = False
    felt: bool = False
    replaced: tuple[str, ...] = ()
    nodes: int = 1
    then: Fault | None = None

    @property
    def every(self) -> tuple[Fault, ...]:
        """This one and those of the same cluster after it, in their order."""
        return (self, *(self.then.every if self.then else ()))


def cordon(cluster: Cluster) -> Mend:
    """Let no Pod be scheduled."""
    cluster.target.run("cordon", "--selector=kubernetes.io/os=linux")
    time.sleep(2)  # the scheduler hears of it some time later
    return lambda: uncordon(cluster)


def uncordon(cluster: Cluster) -> None:
    """Let Pods be scheduled again."""
    cluster.target.run("uncordon", "--selector=kubernetes.io/os=linux")


def forbid(cluster: Cluster, resource: str) -> Mend:
    """Let a ResourceQuota refuse more of something in the namespace."""
    quota: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-more", "namespace": cluster.namespace},
        "spec": {"hard": {resource: "0"}},
    }
    cluster.target.apply(quota)
    counted = ("resourcequota", "no-more")
    wait_until("it counts", lambda: "hard" in cluster.read("get", *counted)["status"])

    def allow() -> None:
        cluster.kubectl("delete", *counted)

    return allow


def put_secret(cluster: Cluster, name: str, data: Mapping[str, str]) -> None:
    """Create a Secret, or put this in its place."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    metadata = {"name": name, "namespace": cluster.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
    cluster.target.apply(secret)


@dataclass(frozen=True)
class Gateway:
    """etcd's JSON gateway in one member, for more requests than kubectl could make."""

    address: str

    def put(self, key: str, value: bytes) -> bool:
        """Write a key; whether etcd took it."""
        return self.post("kv/put", {"key": encode(key.encode()), "value": encode(value)})

    def post(self, method: str, body: Json, seconds: float = 15.0) -> bool:
        """Make a request; whether it was answered without an error."""
        connection = HTTPConnection(self.address, 2379, timeout=seconds)
        try:
            connection.request("POST", f"/v3/{method}", json.dumps(body))
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def gateway(cluster: Cluster, ordinal: int = 0) -> Gateway:
    """The gateway of a member, at the address of its Pod."""
    return Gateway(str(cluster.pod(f"{cluster.name}-{ordinal}")["status"]["podIP"]))


def encode(content: bytes) -> str:
    """Bytes as the gateway takes them."""
    return base64.b64encode(content).decode()
