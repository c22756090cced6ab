"""Faults of quorum, membership and changes of an EtcdCluster."""

from __future__ import annotations

from typing import Final

from tests.e2e.alarms import raise_corrupt
from tests.e2e.alert_faults.fault import (
    UNCHANGED,
    Fault,
    Mend,
    cordon,
    forbid,
    gateway,
    go_on,
    nothing,
)
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.prometheus import SCRAPE_SECONDS

# Each waits seven seconds for a leader: together they fail more than five a second.
WRITERS: Final = 80
BETWEEN_WRITES: Final = 0.1


def lose_majority(cluster: Cluster) -> Mend:
    """Take two of three members away, and let none come back."""
    cordon(cluster)
    cluster.kubectl("delete", "pod", "c-1", "c-2")
    return nothing


def write_without_majority(cluster: Cluster) -> Mend:
    """Let clients go on writing while a quota keeps two of three members away."""
    allow = forbid(cluster, "count/pods")
    rest = gateway(cluster)
    cluster.kubectl("delete", "pod", "c-1", "c-2")
    clients = [lambda: rest.put("key", b"value")] * WRITERS
    end = go_on(*clients, pause=BETWEEN_WRITES)

    def come_back() -> None:
        allow()
        end()

    return come_back


def approve_loss(cluster: Cluster) -> Mend:
    """Approve that the majority is given up, while a quota keeps its Pods away."""
    allow = forbid(cluster, "count/pods")
    cluster.kubectl("delete", "pod", "c-1", "c-2")
    cluster.wait_reason("QuorumHealthy", "MajorityLost", 60)
    request = {"clusterID": cluster.status()["clusterID"], "acceptedRevision": 1}
    cluster.patch(recovery={"quorumLoss": request})
    return allow


def lose_disk(cluster: Cluster) -> Mend:
    """Delete the claim of the only member, whose Pod still uses it."""
    cluster.kubectl("delete", "pvc", "data-c-0", "--wait=false")
    return nothing


def ask_to_replace(cluster: Cluster) -> Mend:
    """Have the only member replaced, without which there is no majority."""
    cluster.kubectl("annotate", "pod", "c-0", "etcd.etcd.io/replace-member=true")
    return lambda: cluster.scale(3)


def take_the_name(cluster: Cluster) -> Mend:
    """Create a claim of somebody else's, where the disk of the next member belongs."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": "data-c-1", "namespace": cluster.namespace}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    cluster.target.apply({**kind, "metadata": metadata, "spec": spec})
    cluster.scale(3)

    def give_back() -> None:
        cluster.kubectl("delete", "pvc", "data-c-1")

    return give_back


def flap(cluster: Cluster) -> Mend:
    """Delete the Pod of a member again and again; a scrape sees it ready in between."""

    def delete() -> None:
        cluster.kubectl("delete", "pod", "c-2", "--grace-period=1")
        wait_until("it is back", lambda: bool(cluster.member("c-2")["ready"]))

    return go_on(delete, pause=SCRAPE_SECONDS + 1)


def add_unscheduled(cluster: Cluster) -> Mend:
    """Grow while no Pod can be scheduled."""
    uncordon = cordon(cluster)
    cluster.scale(5)
    return uncordon


def forbid_eviction(cluster: Cluster) -> Mend:
    """Upgrade while somebody's PodDisruptionBudget lets one Pod not go.

    Kubernetes evicts no Pod that two budgets select: a person has to decide, so it is no change
    that is stuck.
    """
    label = {"statefulset.kubernetes.io/pod-name": "c-0"}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "stay", "namespace": cluster.namespace},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": label}},
    }
    cluster.target.apply(budget)
    cluster.patch(version="v3.6.16")

    def allow() -> None:
        cluster.kubectl("delete", "pdb", "stay")

    return allow


def forbid_policies(cluster: Cluster) -> Mend:
    """Let a quota refuse what the operator creates for a cluster."""
    allow = forbid(cluster, "count/networkpolicies.networking.k8s.io")
    cluster.patch(security={"networkPolicy": {}})
    return allow


def call_corrupt(cluster: Cluster) -> Mend:
    """Raise etcd's alarm about a member that cannot be replaced, as another one is away."""
    allow = forbid(cluster, "count/pods")
    cluster.kubectl("delete", "pod", "c-1")
    raise_corrupt(cluster, int(cluster.member("c-2")["id"], 16))
    return allow


def run_as_it_is(_: Cluster) -> Mend:
    """The spec is the fault."""
    return nothing


CLUSTER_FAULTS: Final = (
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
        ("EtcdNoQuorum", "EtcdNoLeader", "EtcdUnavailable"),
        spec={"size": 3},
        quick=True,
        felt=True,
    ),
    Fault(
        "Clients go on writing while two of three members are away",
        ("EtcdProposalsFailing",),
        write_without_majority,
        ("EtcdProposalsFailing",),
        spec={"size": 3},
    ),
    Fault(
        "A lost majority is given up, and its Pods can come back",
        ("EtcdQuorumLossApprovalStands",),
        approve_loss,
        ("EtcdQuorumLossApprovalStands",),
        spec={"size": 3},
    ),
    Fault(
        "A claim of somebody else has the name of the next member's",
        ("EtcdChangeBlocked",),
        take_the_name,
        ("EtcdChangeBlocked",),
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
        "The only member is to be replaced",
        ("EtcdReplacementStuck",),
        ask_to_replace,
        ("EtcdReplacementStuck",),
        spec={"size": 1},
        replaced=("c-0",),
    ),
    Fault(
        "A version with known faults runs",
        ("EtcdVersionUnsupported",),
        run_as_it_is,
        ("EtcdVersionUnsupported",),
        spec={"size": 1, "version": "v3.5.21"},
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
        ("EtcdLearnerStuck", "EtcdChangeStuck"),
        add_unscheduled,
        ("EtcdChangeStuck", "EtcdLearnerStuck"),
        spec={"size": 3},
        known={"MEMBER": "c-3"},
        edit=UNCHANGED,
        felt=True,
    ),
    Fault(
        "A PodDisruptionBudget of somebody else stops an upgrade",
        ("EtcdVersionSkew",),
        forbid_eviction,
        ("EtcdVersionSkew",),
        spec={"size": 3, "version": "v3.5.35"},
        edit=UNCHANGED,
    ),
    Fault(
        "A ResourceQuota refuses what the operator creates",
        ("EtcdRefusedByKubernetes",),
        forbid_policies,
        ("EtcdRefusedByKubernetes",),
        spec={"size": 1},
        edit=UNCHANGED,
    ),
    Fault(
        "etcd says that the data of one of three members is corrupt while another one is away",
        ("EtcdMemberCorrupt",),
        call_corrupt,
        ("EtcdMemberCorrupt",),
        spec={"size": 3},
        replaced=("c-2",),
    ),
)
