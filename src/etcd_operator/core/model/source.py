"""The members that a cluster joins, as a pass sees them: Pods of a StatefulSet, or endpoints.

Nothing of them is the operator's. They are read live, and only while a take-over is under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etcd_operator.api.bootstrap import ANNOTATION_CONSENT
from etcd_operator.api.cluster import GROUP, KIND
from etcd_operator.core.auth.tokens import TokenKind
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberStatus
from etcd_operator.json_types import Json

# Of an object of Kubernetes; in an owner reference anything can be written.
_LONGEST_NAME: Final = 253


def find_owner(statefulset: Json) -> str:
    """Return the name of the EtcdCluster to which a StatefulSet belongs; empty for none."""
    for owner in statefulset["metadata"].get("ownerReferences") or ():
        group = str(owner.get("apiVersion", "")).partition("/")[0]
        if (group, owner.get("kind")) == (GROUP, KIND):
            return str(owner.get("name", ""))[:_LONGEST_NAME]
    return ""


def title_source(statefulset: str) -> str:
    """The StatefulSet of this name, in words; members at listed endpoints if there is none."""
    return f"StatefulSet {statefulset}" if statefulset else "the listed endpoints"


@dataclass(frozen=True, slots=True)
class SourcePod:
    """One Pod of the StatefulSet, or one listed endpoint; `probe` is None if nobody was asked.

    `address` is HOST:PORT where its member serves clients, empty if unknown. `tokens` is the kind
    that its member gives to who logs in; None if nobody did. `subdomain` is the Service by which a
    Pod has a DNS name. An endpoint is its address by name, and its place in the list by ordinal; it
    `allows` to be taken over if its member has the key for that.
    """

    name: str
    ordinal: int
    uid: str
    address: str = ""
    deleting: bool = False
    probe: Probe | None = None
    tokens: TokenKind | None = None
    subdomain: str = ""
    allows: bool = True

    @property
    def status(self) -> MemberStatus | None:
        """What its member answered."""
        return self.probe.status if self.probe else None

    @property
    def responds(self) -> bool:
        """Whether a process answered, if only that it asks for a user."""
        return self.probe is not None and (self.status is not None or self.probe.asks_for_user)


@dataclass(frozen=True, slots=True)
class Source:
    """The StatefulSet; `exists` is False where there is none of that name.

    `start` is the ordinal of its first Pod. `consent` says which EtcdCluster may take it over, and
    `owner` which one it belongs to; empty for none. It is `observed` if its status is about its
    spec as it is now.

    If `listed`, there is no StatefulSet: `pods` are the endpoints of the spec, and `replicas` is
    their number. `connected` are the IDs of members with which a new member has a connection as a
    peer, as the new members say; None if not all of them said so.
    """

    name: str
    port: int
    exists: bool = True
    uid: str = ""
    resource_version: str = ""
    replicas: int = 0
    start: int = 0
    observed: bool = False
    consent: str = ""
    owner: str = ""
    pods: tuple[SourcePod, ...] = ()
    listed: bool = False
    connected: tuple[int, ...] | None = None

    @property
    def title(self) -> str:
        """The StatefulSet, or the endpoints, in words."""
        return title_source(self.name)

    def label(self, pod: SourcePod) -> str:
        """A Pod, or an endpoint, in words."""
        return f"{'endpoint' if self.listed else 'Pod'} {pod.name}"

    def answers(self, member_id: int) -> bool:
        """Whether a process answered as this member, of whichever cluster."""
        return any(pod.status and pod.status.member_id == member_id for pod in self.pods)

    def is_gone(self, ordinal: int, member_id: int) -> bool:
        """Whether the process of a member has ended and nothing that is seen here starts it again.

        Of a Pod that is known by Kubernetes. A process that only does not answer here may run: at
        an endpoint it is gone when no new member is connected to it either.
        """
        if self.listed:
            unheard = self.connected is not None and member_id not in self.connected
            return unheard and not self.answers(member_id)
        return not self.wants(ordinal) and self.pod(ordinal) is None

    def wants(self, ordinal: int) -> bool:
        """Whether the StatefulSet is to have a Pod of this ordinal."""
        return self.exists and self.start <= ordinal < self.start + self.replicas

    def pod(self, ordinal: int) -> SourcePod | None:
        """The Pod of this ordinal."""
        return next((pod for pod in self.pods if pod.ordinal == ordinal), None)

    def statuses(self, cluster_id: int) -> Iterator[MemberStatus]:
        """The answers of members of this etcd cluster that allow to be taken over."""
        for pod in self.pods:
            if pod.allows and pod.status and pod.status.cluster_id == cluster_id:
                yield pod.status

    def serving(self, cluster_id: int) -> frozenset[int]:
        """The IDs of members that answered for themselves and see a leader."""
        return frozenset(s.member_id for s in self.statuses(cluster_id) if s.leader)


def list_endpoints(addresses: tuple[str, ...]) -> Source:
    """Return the source of members at these endpoints, HOST:PORT each, whom nobody has asked."""
    pods = tuple(SourcePod(each, place, "", each) for place, each in enumerate(addresses))
    return Source("", 0, exists=False, replicas=len(pods), pods=pods, listed=True)


def observe_source(live: Json, port: int) -> Source:
    """Return a StatefulSet as it is, without its Pods; `port` is where members serve clients."""
    metadata, spec, status = live["metadata"], live["spec"], live.get("status") or {}
    annotations = metadata.get("annotations") or {}
    replicas = spec.get("replicas")
    return Source(
        name=metadata["name"],
        port=port,
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        replicas=1 if replicas is None else int(replicas),
        start=int((spec.get("ordinals") or {}).get("start") or 0),
        observed=int(status.get("observedGeneration", 0)) >= int(metadata.get("generation", 0)),
        consent=str(annotations.get(ANNOTATION_CONSENT, "")),
        owner=find_owner(live),
    )
