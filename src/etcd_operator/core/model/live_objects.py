"""The live objects that a pass sees for one cluster, each reduced to what decisions look at.

Pods, claims and the objects of our own come from the caches, the answers of members from etcd.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.quantity import Quantity
from etcd_operator.core.model.compute import Compute
from etcd_operator.core.model.members import MemberStatus, RaftProgress
from etcd_operator.core.model.naming import LABEL_CLUSTER_UID
from etcd_operator.json_types import Json

# Words of Kubernetes, which gives them as reasons of Pods and of Events about Pods.
UNSCHEDULABLE: Final = "Unschedulable"
CRASH_LOOP: Final = "CrashLoopBackOff"
OOM_KILLED: Final = "OOMKilled"
UNHEALTHY: Final = "Unhealthy"  # a probe fails

# What the scheduler says of nodes that it did not choose: it has one reason for all of them.
# Of a volume, older releases say it in the first form.
_VOLUME_ELSEWHERE: Final = ("volume node affinity conflict", "PersistentVolume's node affinity")
_KEPT_AWAY_BY_PODS: Final = "existing pods anti-affinity"


@dataclass(frozen=True, slots=True)
class PodProblem:
    """Why something does not come up: a CamelCase reason and the sentence of whoever said it."""

    reason: str
    message: str

    @property
    def volume_elsewhere(self) -> bool:
        """Whether the scheduler finds no node that can be used and reaches the Pod's volume."""
        return any(text in self.message for text in _VOLUME_ELSEWHERE)

    @property
    def kept_away_by_pods(self) -> bool:
        """Whether Pods that run keep this one from a node, by an anti-affinity of theirs."""
        return _KEPT_AWAY_BY_PODS in self.message


class NodeState(Enum):
    """State of the node that a member cannot do without."""

    UP = "is there"
    DOWN = "does not answer"
    GONE = "is gone"


@dataclass(frozen=True, slots=True)
class PodResize:
    """A request to give a Pod other CPU and memory: a hash of these; `since` None: refused."""

    wanted: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """A member's Pod. `running`: its etcd process runs now; `ever_ran`: now or before.

    `owner_uid` is the uid of the EtcdCluster it was made for; `termination_message` is why its
    process ended the last time, in etcd's own words, and `exit_code` how. `unready_since` is when
    it was last Ready, or when it was found that no node can take it; `ends_by` is when a Pod that
    is being deleted should have ended. `replace_asked`: somebody asked for another member in its
    place. `forced`: its process is started as a cluster of its own, in a recovery from a lost
    majority. `trust` is the key IDs of the authorities that it was started with. `was_ready`: it is
    Ready, or was: a majority served. `finalizers` are those of others than Kubernetes. `selected`:
    it has the labels by which its StatefulSet and the Services know it. `started` is the second in
    which the etcd process that runs was started. `compute` is the CPU and memory that its spec
    gives to etcd, and `compute_in_effect` those that the kubelet says etcd has, None where it does
    not say; `resize_waits` is why it does not have them yet, in the kubelet's words. `ephemeral`:
    its data is in an emptyDir, and goes with the Pod. `wal`: its write-ahead log has a disk of its
    own. `client_tls` is what it was made to serve clients, and `server_certificate` the Secret with
    the certificate that it shows them. `peer_tls`: it has a certificate for other members.
    """

    name: str
    ordinal: int
    uid: str
    owner_uid: str = ""
    termination_message: str = ""
    resource_version: str = ""
    address: str = ""
    node: str = ""
    running: bool = False
    ever_ran: bool = False
    ready: bool = False
    deleting: bool = False
    restarts: int = 0
    revision: str = ""
    role: str = ""
    created: datetime | None = None
    problem: PodProblem | None = None
    unready_since: datetime | None = None
    ends_by: datetime | None = None
    replace_asked: bool = False
    trust: tuple[str, ...] = ()
    forced: bool = False
    was_ready: bool = False
    finalizers: tuple[str, ...] = ()
    selected: bool = True
    started: datetime | None = None
    compute: Compute | None = None
    compute_in_effect: Compute | None = None
    resize: PodResize | None = None
    resize_waits: str = ""
    ephemeral: bool = False
    wal: bool = False
    client_tls: ClientTls = ClientTls.OFF
    server_certificate: str = ""
    peer_tls: bool = False
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A disk of a member. `owner_uid` is the uid of the EtcdCluster it was made for.

    `lost` is Kubernetes' own word: the volume behind it does not exist any more. `capacity` is what
    the volume really has, None while unknown; `requested` what the claim asks for.
    `volume` is the name of the PersistentVolume behind it, `created` when the claim was made.
    `finalizers` are those of others than Kubernetes. `attributes_class` is the
    VolumeAttributesClass that it asks for, and `attributes_change` the state of a change to it, in
    the word of Kubernetes; empty if none is under way. `wal`: it is for the write-ahead log alone.
    """

    name: str
    ordinal: int
    uid: str
    owner_uid: str
    resource_version: str = ""
    bound: bool = False
    deleting: bool = False
    lost: bool = False
    requested: Quantity | None = None
    capacity: Quantity | None = None
    storage_class: str = ""
    volume: str = ""
    created: datetime | None = None
    finalizers: tuple[str, ...] = ()
    attributes_class: str = ""
    attributes_change: str = ""
    wal: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """An object that the operator renders: StatefulSet, Service, ConfigMap and the like.

    `body` is the live object as the API server sent it; drift is judged against it. `written` is
    when somebody last changed it, where that is kept: of the ConfigMap with the gate.
    """

    kind: str
    name: str
    uid: str
    owner_uid: str
    resource_version: str = ""
    deleting: bool = False
    body: Json = field(default_factory=dict, hash=False)
    written: datetime | None = None

    @property
    def annotations(self) -> Mapping[str, str]:
        """The live annotations."""
        annotations: Mapping[str, str] = self.body.get("metadata", {}).get("annotations") or {}
        return annotations

    @property
    def observed(self) -> bool:
        """Whether its status is about what its spec says now, and not before."""
        generation = self.body.get("metadata", {}).get("generation", 0)
        seen = (self.body.get("status") or {}).get("observedGeneration", 0)
        return int(seen) >= int(generation)

    @property
    def update_revision(self) -> str:
        """The revision of the template that a StatefulSet's controller has last looked at."""
        return str((self.body.get("status") or {}).get("updateRevision", ""))

    @property
    def labelled(self) -> bool:
        """Whether it has the label that the operator's watches select by."""
        return LABEL_CLUSTER_UID in (self.body.get("metadata", {}).get("labels") or {})


@dataclass(frozen=True, slots=True)
class Probe:
    """One member's answer: its status, or the reason why there is none.

    `progress` is what a member without an answer says of its data, asked only where that matters.
    `asks_for_user`: etcd refuses to tell its status, or who the members are, to nobody or to the
    user that the operator is. `defragmenting`: it does not say that it is not being defragmented,
    asked only where a member is about to be.
    """

    status: MemberStatus | None
    error: str = ""
    progress: RaftProgress | None = None
    asks_for_user: bool = False
    defragmenting: bool = False


@dataclass(frozen=True, slots=True)
class ObjectWarning:
    """Warning of Kubernetes about an object that a member waits for: a Pod, a claim."""

    regarding: str
    ordinal: int
    problem: PodProblem

    @property
    def sentence(self) -> str:
        """Sentence: the object, and the words of whoever warned."""
        return f"{self.regarding}: {self.problem.reason}: {self.problem.message}"
