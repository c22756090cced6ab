"""What happened on the way from a request to the settled cluster, and when it was seen.

The times are those at which a watch or an answer told: later than the event itself by a few
milliseconds, and all by the one clock that also times the step.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from etcd_operator.core.model.members import Member
from etcd_operator.json_types import Json
from tests.perf.samples import REACTION


class Timeline:
    """Collects moments. `pods` are those that existed before, as uid to name."""

    def __init__(self, begun: float, pods: dict[str, str], members: Iterable[Member] = ()) -> None:
        self.begun = begun
        self._pods = pods
        self._members = {_name(member): _stage(member) for member in members}
        self._moments: dict[str, float] = {}
        self._writes: list[tuple[str, float]] = []
        self._changes: list[float] = []

    def _mark(self, what: str, now: float) -> None:
        self._moments.setdefault(what, now - self.begun)

    def see_pod(self, pod: Json, now: float) -> None:
        """Note how far a Pod has come."""
        metadata, status = pod["metadata"], pod.get("status") or {}
        name = metadata["name"]
        if metadata["uid"] in self._pods:
            if "deletionTimestamp" in metadata:
                self._mark(f"{name} told to stop", now)
                if not is_ready(pod):
                    self._mark(f"{name} stopped", now)
            return
        self._mark(f"{name} Pod created", now)
        if pod["spec"].get("nodeName"):
            self._mark(f"{name} scheduled", now)
        if any((c.get("state") or {}).get("running") for c in status.get("containerStatuses", ())):
            self._mark(f"{name} container runs", now)
        if is_ready(pod):
            self._mark(f"{name} Ready", now)

    def lose_pod(self, pod: Json, now: float) -> None:
        """Note that a Pod of before is gone."""
        if pod["metadata"]["uid"] in self._pods:
            self._mark(f"{pod['metadata']['name']} Pod gone", now)

    def see_members(self, members: Iterable[Member], now: float) -> None:
        """Note every change of the member list."""
        present = {_name(member): _stage(member) for member in members}
        for name, stage in present.items():
            if self._members.get(name) != stage:
                self._mark(f"{name} {stage}", now)
                self._changes.append(now)
        for name in self._members.keys() - present.keys():
            self._mark(f"{name} removed from etcd", now)
            self._changes.append(now)
        self._members = present

    def see_cluster(self, cluster: Json, now: float) -> None:
        """Note that the EtcdCluster was written, by whomever."""
        self._writes.append((cluster["metadata"]["resourceVersion"], now))

    def finish(self, own_version: str) -> dict[str, float]:
        """Return the moments; `own_version` is the resourceVersion that the request itself made."""
        if own_version:
            theirs = [when for version, when in self._writes if version != own_version]
            first = min([*theirs, *self._changes], default=None)
            if first is not None:
                self._mark(REACTION, first)
        return dict(self._moments)


def is_ready(pod: Json) -> bool:
    """Whether the kubelet says that the Pod is Ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _name(member: Member) -> str:
    """The name of the Pod: an announced member has no name of its own yet, but a peer URL."""
    host = urlsplit(member.peer_urls[0]).hostname or ""
    return host.partition(".")[0]


def _stage(member: Member) -> str:
    if member.is_learner:
        return "learner serves" if member.started else "announced as learner"
    return "votes" if member.started else "listed"
