"""Faults on a real EtcdCluster: which alerts each causes, and how their runbooks end it.

What a runbook says in words (let Pods be scheduled, give a right back) is `mend`; its commands are
carried out as they stand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import TargetError
from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until

MIB: Final = 2**20
# For an editor that is left as it was opened: the spec was not at fault.
UNCHANGED: Final = "s/a/a/"
_VALUE: Final = "x" * 900_000
_PLACE: Final = f"--namespace={OPERATOR_NAMESPACE}"
_LEASE: Final = f"{OPERATOR}-lease"


def nothing(_cluster: Cluster) -> None:
    """Nothing has to be done beside the commands."""


@dataclass(frozen=True)
class Fault:
    """A fault by what it is; `alerts` are those that have to fire, `carried_out` of these by name.

    `spec` is that of the cluster; `known` are values for placeholders that the alert does not name;
    `edit` is for `kubectl edit`.
    """

    what: str
    alerts: tuple[str, ...]
    cause: Callable[[Cluster], None]
    carried_out: tuple[str, ...]
    mend: Callable[[Cluster], None] = nothing
    spec: Json = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    edit: str = ""
    quick: bool = False

    @property
    def of_operator(self) -> bool:
        """Whether it is the operator's, and needs no cluster."""
        return not self.spec


def write(cluster: Cluster, key: str, size: int = len(_VALUE)) -> None:
    """Write a key, whose value is too long for a command line."""
    words = ("exec", "--stdin", f"{cluster.name}-0", "--container=etcd", "--", "etcdctl", "put")
    cluster.kubectl(*words, key, stdin=_VALUE[:size])


def fill(cluster: Cluster) -> None:
    """Write keys until nothing more can be freed, and let clients go on for a while."""
    sizes = [900_000] * 20 + [300_000] * 20 + [100_000] * 60
    refused = 0
    for number, size in enumerate(sizes):
        try:
            write(cluster, f"key-{number}", size)
        except TargetError:
            refused += 1
            if refused > 1 and cluster.condition("Ready")["reason"] == "QuotaExceeded":
                break
    for _ in range(25):
        try:
            write(cluster, "one-more", 100_000)
        except TargetError:
            time.sleep(0.3)


def cordon(cluster: Cluster) -> None:
    """Let no Pod be scheduled."""
    cluster.target.run("cordon", "--selector=kubernetes.io/os=linux")
    time.sleep(2)  # the scheduler hears of it some time later


def uncordon(cluster: Cluster) -> None:
    """Let Pods be scheduled again."""
    cluster.target.run("uncordon", "--selector=kubernetes.io/os=linux")


def lose_majority(cluster: Cluster) -> None:
    """Take two of three members away, and let none come back."""
    cordon(cluster)
    cluster.kubectl("delete", "pod", "c-1", "c-2")


def lose_disk(cluster: Cluster) -> None:
    """Delete the claim of the only member, whose Pod still uses it."""
    cluster.kubectl("delete", "pvc", "data-c-0", "--wait=false")


def take_the_name(cluster: Cluster) -> None:
    """Create a claim of somebody else's, where the disk of the next member belongs."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": "data-c-1", "namespace": cluster.namespace}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    cluster.target.apply({**kind, "metadata": metadata, "spec": spec})
    cluster.scale(3)


def give_the_name_back(cluster: Cluster) -> None:
    """Delete that claim."""
    cluster.kubectl("delete", "pvc", "data-c-1")


def change_leaders(cluster: Cluster) -> None:
    """Move the leader around."""
    for _ in range(7):
        members = cluster.member_list()
        status = json.loads(cluster.etcdctl("endpoint", "status", "--cluster", "--write-out=json"))
        leader = status[0]["Status"]["leader"]
        where = next(number for number in range(3) if _id(members, number) == leader)
        cluster.etcdctl("move-leader", f"{_id(members, (where + 1) % 3):x}", pod=where)
        time.sleep(2.2)  # a scrape in between


def _id(members: list[Json], number: int) -> int:
    return next(int(each["ID"]) for each in members if each["name"] == f"c-{number}")


def flap(cluster: Cluster) -> None:
    """Delete the Pod of a member again and again."""
    for _ in range(5):
        cluster.kubectl("delete", "pod", "c-2", "--grace-period=1")
        wait_until("it is back", lambda: cluster.member("c-2")["ready"], 30)
        time.sleep(2.2)


def add_unscheduled(cluster: Cluster) -> None:
    """Grow while no Pod can be scheduled."""
    cordon(cluster)
    cluster.scale(5)


def roll_unscheduled(cluster: Cluster) -> None:
    """Upgrade while no Pod can be scheduled."""
    cordon(cluster)
    cluster.patch(version="v3.6.16")


def forbid_changes(cluster: Cluster) -> None:
    """Let a quota refuse what the operator creates for a cluster."""
    quota: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-more", "namespace": cluster.namespace},
        "spec": {"hard": {"count/networkpolicies.networking.k8s.io": "0"}},
    }
    cluster.target.apply(quota)
    counted = ("resourcequota", "no-more")
    wait_until("it counts", lambda: "hard" in cluster.read("get", *counted)["status"])
    cluster.patch(security={"networkPolicy": {}})


def allow_changes(cluster: Cluster) -> None:
    """Take the quota away."""
    cluster.kubectl("delete", "resourcequota", "no-more")


def stop_operator(cluster: Cluster) -> None:
    """Let no replica of the operator run."""
    cluster.target.run("scale", f"deployment/{OPERATOR}", _PLACE, "--replicas=0")


def start_operator(cluster: Cluster) -> None:
    """Let both run again."""
    cluster.target.run("scale", f"deployment/{OPERATOR}", _PLACE, "--replicas=2")


def forbid_lease(cluster: Cluster) -> None:
    """Take the right to write the Lease away."""
    subjects = '[{"op":"replace","path":"/subjects/0/name","value":"nobody"}]'
    words = ("patch", "rolebinding", _LEASE, _PLACE, "--type=json", f"--patch={subjects}")
    cluster.target.run(*words)


def allow_lease(cluster: Cluster) -> None:
    """Give it back."""
    subjects = f'[{{"op":"replace","path":"/subjects/0/name","value":"{OPERATOR}"}}]'
    words = ("patch", "rolebinding", _LEASE, _PLACE, "--type=json", f"--patch={subjects}")
    cluster.target.run(*words)


OPERATOR_FAULTS: Final = (
    Fault(
        "No replica of the operator runs",
        ("EtcdOperatorDown",),
        stop_operator,
        ("EtcdOperatorDown",),
        mend=start_operator,
    ),
    Fault(
        "The operator may not write its Lease",
        ("EtcdOperatorNotLeading",),
        forbid_lease,
        ("EtcdOperatorNotLeading",),
        mend=allow_lease,
    ),
)
CLUSTER_FAULTS: Final = (
    Fault(
        "Live data exceeds the quota",
        (
            "EtcdQuotaLow",
            "EtcdQuotaAlmostUsed",
            "EtcdNoSpace",
            "EtcdRequestsFailing",
            "EtcdManyRequestsFailing",
        ),
        fill,
        ("EtcdNoSpace",),
        spec={"size": 1, "etcdConfig": {"quotaBackendBytes": 8 * MIB}},
        quick=True,
    ),
    Fault(
        "Pods of two of three members cannot be scheduled",
        (
            "EtcdNoQuorum",
            "EtcdNoLeader",
            "EtcdUnavailable",
            "EtcdMemberDown",
            "EtcdQuorumAtRisk",
        ),
        lose_majority,
        ("EtcdNoQuorum",),
        spec={"size": 3},
        quick=True,
    ),
    Fault(
        "A claim of somebody else has the name of the next member's",
        ("EtcdChangeBlocked",),
        take_the_name,
        ("EtcdChangeBlocked",),
        mend=give_the_name_back,
        spec={"size": 1},
        edit=UNCHANGED,
    ),
    Fault(
        "The claim of the only member is deleted",
        ("EtcdDiskBeingDeleted",),
        lose_disk,
        ("EtcdDiskBeingDeleted",),
        spec={"size": 1},
    ),
    Fault(
        "A version with known faults runs",
        ("EtcdVersionUnsupported",),
        nothing,
        ("EtcdVersionUnsupported",),
        spec={"size": 1, "version": "v3.5.21"},
    ),
    Fault(
        "The leader moves every two seconds",
        ("EtcdLeaderChanges",),
        change_leaders,
        ("EtcdLeaderChanges",),
        spec={"size": 3},
    ),
    Fault(
        "The Pod of a member is deleted again and again",
        ("EtcdMemberFlapping",),
        flap,
        ("EtcdMemberFlapping",),
        spec={"size": 3},
    ),
    Fault(
        "A learner's Pod cannot be scheduled",
        ("EtcdLearnerStuck",),
        add_unscheduled,
        (),
        mend=uncordon,
        spec={"size": 3},
        known={"MEMBER": "c-3"},
    ),
    Fault(
        "Pods of an upgrade cannot be scheduled",
        ("EtcdChangeStuck",),
        roll_unscheduled,
        ("EtcdChangeStuck",),
        mend=uncordon,
        spec={"size": 3, "version": "v3.5.35"},
        edit="s/version: v3.6.16/version: v3.5.35/",
    ),
    Fault(
        "A ResourceQuota refuses what the operator creates",
        ("EtcdRefusedByKubernetes",),
        forbid_changes,
        ("EtcdRefusedByKubernetes",),
        mend=allow_changes,
        spec={"size": 1},
        edit=UNCHANGED,
    ),
)
