"""One EtcdCluster under test, looked at only from outside: by the API server and by etcd."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.target import Target, TargetError
from etcd_operator.json_types import Json

# What a failed test leaves for a person to look at.
REPORT: Final = Path(os.environ.get("E2E_REPORT", "/tmp/etcd-operator-e2e"))  # noqa: S108
POLL = 0.3
# Requests in a row that may stay without an answer, of five seconds each.
UNANSWERED = 4
ANSWERED_WITHIN = 5.0 * UNANSWERED
# What the API server says if nobody answers, and etcd without a leader.
NOBODY = ("(ServiceUnavailable)", "Error from server: 503", "Error from server: 504")
# Small enough for seven clusters of three on two cores.
SMALL = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}}


def encode(text: str) -> str:
    """Bytes as JSON holds them."""
    return base64.b64encode(text.encode()).decode()


def decode(text: str) -> str:
    """The text of bytes as JSON holds them."""
    return base64.b64decode(text).decode()


def wait_until(what: str, holds: Callable[[], bool], seconds: float = 60.0) -> float:
    """Poll until it holds; returns the seconds it took, fails the test after `seconds`."""
    begun = time.monotonic()
    while True:
        try:
            if holds():
                return time.monotonic() - begun
            seen = "it does not hold"
        except (TargetError, KeyError, IndexError) as error:
            seen = str(error)
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"{what}: not within {seconds} s ({seen})")
        time.sleep(POLL)


@contextmanager
def no_room(target: Target) -> Iterator[None]:
    """Let no new Pod be scheduled: whichever is deleted meanwhile stays away."""
    nodes = [node["metadata"]["name"] for node in target.read("get", "nodes")["items"]]
    target.run("cordon", *nodes)
    try:
        wait_until("the scheduler knows", lambda: _is_refused_a_node(target))
        yield
    finally:
        target.run("uncordon", *nodes)


@contextmanager
def no_pods_in(target: Target, namespace: str, *, beyond: int = 0) -> Iterator[None]:
    """Let a quota refuse new Pods of one namespace `beyond` so many; the others go on."""
    metadata, place = {"name": "no-pods", "namespace": namespace}, f"--namespace={namespace}"
    kind = {"apiVersion": "v1", "kind": "ResourceQuota"}
    target.apply({**kind, "metadata": metadata, "spec": {"hard": {"count/pods": str(beyond)}}})
    quota = ("resourcequota", metadata["name"], place)
    try:
        wait_until("it counts", lambda: "hard" in target.read("get", *quota)["status"])
        yield
    finally:
        target.run("delete", *quota)


def _is_refused_a_node(target: Target) -> bool:
    """Whether the scheduler has no node for a new Pod: it hears of a cordon some time later."""
    metadata = {"name": "looks-for-a-node", "namespace": "default"}
    spec = {"containers": [{"name": "nothing", "image": "nothing"}]}
    target.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    pod = ("pod", metadata["name"], f"--namespace={metadata['namespace']}")

    def find_answer() -> str:
        conditions = target.read("get", *pod)["status"].get("conditions") or ()
        return "".join(c["status"] for c in conditions if c["type"] == "PodScheduled")

    try:
        wait_until("the scheduler answers", lambda: bool(find_answer()))
        return find_answer() == "False"
    finally:
        target.run("delete", *pod, "--grace-period=0", "--force")


@dataclass
class Cluster:
    """An EtcdCluster by name; `version` and the rest of its spec are what a user would write."""

    target: Target
    namespace: str
    name: str = "c"
    spec: Json = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether the API server may ask its members: no certificate, password or policy stops it.

        Otherwise etcdctl asks them in a Pod.
        """
        return not self.spec.get("security")

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl in the cluster's namespace."""
        return self.target.run(f"--namespace={self.namespace}", *words, stdin=stdin)

    def read(self, *words: str) -> Json:
        """Run kubectl in the cluster's namespace and parse its JSON."""
        return self.target.read(*words, f"--namespace={self.namespace}")

    def manifest(self) -> Json:
        """The manifest as the user would write it."""
        return {
            "apiVersion": "etcd.etcd.io/v1alpha1",
            "kind": "EtcdCluster",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"resources": SMALL, "storage": {"size": "1Gi"}, **self.spec},
        }

    def create(self, **spec: Any) -> None:
        """Apply the manifest with this spec."""
        self.spec = {**self.spec, **spec}
        self.target.apply(self.manifest())

    def patch(self, **spec: Any) -> None:
        """Merge-patch the spec."""
        self.kubectl(
            "patch", "etcd", self.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}"
        )

    def scale(self, size: int) -> None:
        """Scale as `kubectl scale` does."""
        self.kubectl("scale", "etcd", self.name, f"--replicas={size}")

    def delete(self, *, wait: bool = True) -> None:
        """Delete the EtcdCluster."""
        self.kubectl("delete", "etcd", self.name, f"--wait={str(wait).lower()}")

    def exists(self) -> bool:
        """Whether the EtcdCluster is there."""
        try:
            return bool(self.get())
        except TargetError as error:
            if "NotFound" not in str(error):
                raise
            return False

    def get(self) -> Json:
        """The EtcdCluster as it is."""
        return self.read("get", "etcd", self.name)

    def status(self) -> Json:
        """Its status; empty before there is any."""
        status: Json = self.get().get("status") or {}
        return status

    def condition(self, kind: str) -> Json:
        """One condition; empty if it is not there."""
        for condition in self.status().get("conditions") or ():
            if condition["type"] == kind:
                return dict(condition)
        return {}

    def wait_running(self, size: int, seconds: float = 90.0) -> float:
        """Wait until it is running with this many members; returns the seconds."""
        return wait_until(
            f"{self.name} Running with {size}", lambda: self.is_running(size), seconds
        )

    def is_running(self, size: int) -> bool:
        """Whether status says that the cluster is settled with this many members."""
        live = self.get()
        status = live.get("status") or {}
        return (
            status.get("observedGeneration") == live["metadata"]["generation"]
            and status.get("phase") == "Running"
            and status.get("readyReplicas") == size == status.get("replicas")
        )

    def wait_reason(self, kind: str, reason: str, seconds: float = 30.0) -> str:
        """Wait until a condition has a reason; returns its message."""
        what = f"{kind} with reason {reason}"
        return self._wait_condition(kind, what, lambda seen: seen["reason"] == reason, seconds)

    def wait_degraded_with(self, words: str, seconds: float = 30.0) -> str:
        """Wait until the condition Degraded speaks of something; returns its message."""
        what = f"Degraded speaks of {words}"
        return self._wait_condition(
            "Degraded", what, lambda seen: words in seen["message"], seconds
        )

    def _wait_condition(
        self, kind: str, what: str, holds: Callable[[Json], bool], seconds: float
    ) -> str:
        """The message that a condition had when it held: it may be another one right after."""
        seen: Json = {}

        def holds_now() -> bool:
            seen.update(self.condition(kind))
            return holds(seen)

        wait_until(what, holds_now, seconds)
        return str(seen["message"])

    def wait_phase(self, phase: str, seconds: float = 60.0) -> float:
        """Wait for a phase."""
        return wait_until(
            f"{self.name} {phase}", lambda: self.status().get("phase") == phase, seconds
        )

    def objects(self, kind: str) -> list[Json]:
        """The live objects of a kind that carry the cluster's label."""
        selector = f"--selector=etcd.etcd.io/cluster={self.name}"
        items: list[Json] = self.read("get", kind, selector)["items"]
        return items

    def pod(self, name: str) -> Json:
        """One Pod."""
        return self.read("get", "pod", name)

    def member(self, name: str) -> Json:
        """One member as status shows it; raises KeyError while it does not."""
        shown = {m["name"]: dict(m) for m in self.status()["members"]}
        return shown[name]

    def uids(self, kind: str) -> dict[str, str]:
        """Name to uid of the live objects of a kind."""
        return {o["metadata"]["name"]: o["metadata"]["uid"] for o in self.objects(kind)}

    def etcdctl(self, *words: str, pod: int = 0, endpoint: str = "http://127.0.0.1:2379") -> str:
        """Run etcdctl inside a member's Pod."""
        return self.kubectl(
            "exec",
            f"{self.name}-{pod}",
            "--container=etcd",
            "--",
            "etcdctl",
            f"--endpoints={endpoint}",
            *words,
        )

    @property
    def service(self) -> str:
        """The client Service as clients in the cluster reach it."""
        return f"http://{self.name}-client.{self.namespace}.svc:2379"

    def put(self, key: str, value: str) -> None:
        """Write through the client Service."""
        if self.is_open:
            answer = self.ask_gateway("kv/put", {"key": encode(key), "value": encode(value)})
            assert int(answer["header"]["revision"])
        else:
            assert self.ask_service("put", key, value).strip() == "OK"

    def read_key(self, key: str) -> str:
        """Read through the client Service; empty if there is none."""
        return self.read_range({"key": encode(key)}, "get", key).get(key, "")

    def read_keys(self, prefix: str) -> dict[str, str]:
        """Read all keys with a prefix through the client Service, their values being one line."""
        end = f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"
        whole = {"key": encode(prefix), "range_end": encode(end)}
        return self.read_range(whole, "get", prefix, "--prefix")

    def read_range(self, wanted: Json, *words: str) -> dict[str, str]:
        """Read through the client Service what a request of etcd's JSON gateway wants.

        `words` ask etcdctl for the same.
        """
        if not self.is_open:
            lines = self.ask_service(*words).splitlines()
            return dict(zip(lines[::2], lines[1::2], strict=True))
        found = self.ask_gateway("kv/range", wanted).get("kvs", [])
        return {decode(each["key"]): decode(each.get("value", "")) for each in found}

    def ask_gateway(self, call: str, body: Json, pod: str = "") -> Json:
        """Ask etcd's JSON gateway by way of the API server, again if there was no answer.

        The API server asks one of the Pods of the client Service, or the named one. An etcdctl in a
        Pod costs a hundred times as much.
        """
        place = f"pods/http:{pod}" if pod else f"services/http:{self.name}-client"
        path = f"/api/v1/namespaces/{self.namespace}/{place}:2379/proxy/v3/{call}"
        answer: Json = {}

        def is_answered() -> bool:
            try:
                answer.update(self.target.post(path, body))
            except TargetError as error:
                if not any(words in str(error) for words in NOBODY):
                    raise AssertionError(f"{call} is refused: {error}") from error
                raise
            return True

        wait_until(f"somebody answers {call}", is_answered, ANSWERED_WITHIN)
        return answer

    def ask_service(self, *words: str) -> str:
        """Run etcdctl through the client Service, again if there was no answer.

        kube-proxy may send a connection to a Pod that has just gone, or know of none yet: etcdctl's
        whole patience passes while nobody answers.
        """
        for _ in range(UNANSWERED):
            try:
                return self.etcdctl(*words, endpoint=self.service)
            except TargetError as error:
                if "deadline exceeded" not in str(error):
                    raise
        raise AssertionError(f"{' '.join(words)}: nobody answered, and nobody said why")

    def member_list(self) -> list[Json]:
        """The members as etcd has them, IDs as numbers."""
        if self.is_open:
            members = self.ask_gateway("cluster/member/list", {"linearizable": True})["members"]
            return [{**each, "ID": int(each["ID"])} for each in members]
        answer = json.loads(self.etcdctl("member", "list", "--write-out=json"))
        return list(answer["members"])

    def hashes(self, size: int) -> set[int]:
        """The hashes of the members' data, as they are now."""
        if self.is_open:
            names = (f"{self.name}-{ordinal}" for ordinal in range(size))
            answers = [self.ask_gateway("maintenance/hashkv", {}, name) for name in names]
            return {int(answer["hash"]) for answer in answers}
        said = self.etcdctl("endpoint", "hashkv", "--cluster", "--write-out=json")
        return {int(entry["HashKV"]["hash"]) for entry in json.loads(said)}

    def assert_agreement(self, size: int) -> None:
        """CR status = StatefulSet = Pods = disks = etcd's member list, all of this size."""
        names = [f"{self.name}-{ordinal}" for ordinal in range(size)]
        status = self.status()
        assert [m["name"] for m in status["members"]] == names
        assert self.read("get", "statefulset", self.name)["spec"]["replicas"] == size
        pods = [p for p in self.objects("pods") if "deletionTimestamp" not in p["metadata"]]
        assert sorted(p["metadata"]["name"] for p in pods) == names
        disks = [c for c in self.objects("pvc") if "deletionTimestamp" not in c["metadata"]]
        storage = self.spec.get("storage", {})
        kinds = [] if "ephemeral" in storage else ["data", "wal"] if "wal" in storage else ["data"]
        kept = [f"{kind}-{name}" for kind in kinds for name in names]
        assert sorted(c["metadata"]["name"] for c in disks) == kept
        members = self.member_list()
        assert sorted(m["name"] for m in members) == names
        assert not [m for m in members if m.get("isLearner")]
        by_name = {m["name"]: m for m in members}
        for view in status["members"]:
            assert int(view["id"], 16) == by_name[view["name"]]["ID"], "paired with its own ID"
            assert view["peerURL"] in by_name[view["name"]]["peerURLs"]
            assert view["ready"] is True
        assert [m["role"] for m in status["members"]].count("leader") == 1
        assert len(status["clientEndpoints"]) == size
        assert len(self.hashes(size)) == 1

    def events(self, reason: str = "") -> list[Json]:
        """Events about the EtcdCluster, by reason if one is given."""
        selector = (
            f"--field-selector=involvedObject.kind=EtcdCluster,involvedObject.name={self.name}"
        )
        items: list[Json] = self.read("get", "events", selector)["items"]
        return [item for item in items if not reason or item["reason"] == reason]
