"""Series about each cluster, measured in its passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from etcd_operator.api.cluster import EtcdClusterStatus, Phase
from etcd_operator.api.parse import parse_time
from etcd_operator.core.consistency.divergence import suspect_ids
from etcd_operator.core.membership.replace_stuck import judge_pod
from etcd_operator.core.model.members import CORRUPT, NO_SPACE
from etcd_operator.core.model.quorum import serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import condition_types
from etcd_operator.core.rollout.outdated import is_outdated
from etcd_operator.core.storage.maintenance import quota_of
from etcd_operator.runtime.process.series import (
    Family,
    Key,
    ObjectSeries,
    Sample,
    write_family,
    write_labels,
    write_sample,
)

PREFIX: Final = "etcd_operator_cluster_"
CLUSTER: Final = ("namespace", "cluster")


def _family(name: str, text: str, *labels: str) -> Family:
    return Family(PREFIX + name, text, labels)


INFO: Final = _family(
    "info", "1, with the version of the spec and the ID of the cluster.", "version", "id"
)
SIZE: Final = _family("size", "Members wanted.")
MEMBERS: Final = _family("members", "Members in etcd.")
READY_MEMBERS: Final = _family("ready_members", "Members that serve and are Ready.")
LEARNERS: Final = _family("learners", "Members in etcd that have no vote yet.")
VOTERS: Final = _family("voters", "Members in etcd that have a vote; 0 while no member tells.")
SERVING_VOTERS: Final = _family("serving_voters", "Voters that answer and see a leader.")
HAS_QUORUM: Final = _family("has_quorum", "Whether a majority of the voters answers.")
OUTDATED_PODS: Final = _family(
    "outdated_pods", "Pods of another template than the StatefulSet has now: a roll is under way."
)
STUCK_MEMBERS: Final = _family(
    "stuck_members", "Members whose Pods cannot come back: they are, or wait to be, replaced."
)
JOINING_MEMBERS: Final = _family(
    "joining_members", "Members with a Pod and no vote yet: of growth or of a replacement."
)
PHASE: Final = _family("phase", "1 for the phase that the cluster is in.", "phase")
CONDITION: Final = _family(
    "condition",
    "1 for each condition, with its status and the reason for it.",
    "condition",
    "status",
    "reason",
)
ALARMS: Final = _family("alarms", "Alarms that etcd has raised, by kind.", "alarm")
MEMBER_INFO: Final = _family(
    "member_info",
    "1 for each member, with its role, version and node; empty where it is not known.",
    "member",
    "role",
    "version",
    "node",
)
MEMBER_READY: Final = _family(
    "member_ready", "Whether the member serves, has a vote and is Ready.", "member"
)
DB_SIZE: Final = _family("member_db_size_bytes", "Size of the member's database file.", "member")
DB_IN_USE: Final = _family(
    "member_db_in_use_bytes", "What of the file holds keys and history.", "member"
)
DB_QUOTA: Final = _family("member_db_quota_bytes", "Size at which etcd refuses writes.", "member")
CERTIFICATE_EXPIRY: Final = _family(
    "certificate_expiry_timestamp_seconds", "When the certificate in the Secret expires.", "secret"
)
LAST_BACKUP: Final = _family(
    "last_backup_timestamp_seconds",
    "When the newest complete backup ended; 0 before the first. Only with an EtcdBackup.",
)
LAST_VERIFIED_BACKUP: Final = _family(
    "last_verified_backup_timestamp_seconds",
    "The same of the newest backup that was restored on trial and compared.",
)
LAST_COMPARISON: Final = _family(
    "last_comparison_timestamp_seconds",
    "When the data of all members was last compared; 0 before the first time.",
)
DIFFERING_MEMBERS: Final = _family(
    "differing_members", "Members whose data is not, or may not be, that of the cluster."
)
LAST_PASS: Final = _family(
    "last_pass_timestamp_seconds", "When a pass over the cluster last succeeded."
)

FAMILIES: Final = (
    INFO,
    SIZE,
    MEMBERS,
    READY_MEMBERS,
    LEARNERS,
    VOTERS,
    SERVING_VOTERS,
    HAS_QUORUM,
    OUTDATED_PODS,
    STUCK_MEMBERS,
    JOINING_MEMBERS,
    PHASE,
    CONDITION,
    ALARMS,
    MEMBER_INFO,
    MEMBER_READY,
    DB_SIZE,
    DB_IN_USE,
    DB_QUOTA,
    CERTIFICATE_EXPIRY,
    LAST_BACKUP,
    LAST_VERIFIED_BACKUP,
    LAST_COMPARISON,
    DIFFERING_MEMBERS,
    LAST_PASS,
)


def measure(snapshot: Snapshot, status: EtcdClusterStatus) -> tuple[Sample, ...]:
    """Return the figures of a cluster, from what a pass saw and what it reports."""
    return (
        *_measure_members(snapshot, status),
        *_measure_changes(snapshot),
        *_measure_state(snapshot, status),
        *_measure_databases(snapshot),
        *_measure_dates(snapshot, status),
    )


def _measure_members(snapshot: Snapshot, status: EtcdClusterStatus) -> Iterator[Sample]:
    spec, voters = snapshot.spec, voter_ids(snapshot)
    nodes = {snapshot.naming.member(pod.ordinal): pod.node for pod in snapshot.pods}
    yield Sample(INFO, 1, (spec.version.text, status.cluster_id))
    yield Sample(SIZE, spec.size)
    yield Sample(MEMBERS, status.replicas)
    yield Sample(READY_MEMBERS, status.ready_replicas)
    yield Sample(LEARNERS, sum(member.is_learner for member in snapshot.members))
    yield Sample(VOTERS, len(voters))
    yield Sample(SERVING_VOTERS, len(voters & serving_ids(snapshot)))
    for view in status.members:
        node = nodes.get(view.name) or ""
        yield Sample(MEMBER_INFO, 1, (view.name, view.role, view.version, node))
        yield Sample(MEMBER_READY, view.ready, (view.name,))


def _measure_changes(snapshot: Snapshot) -> Iterator[Sample]:
    seats = snapshot.seats()
    voters = voter_ids(snapshot)
    joining = [s for s in seats if s.pod and (s.member is None or s.member.id not in voters)]
    yield Sample(OUTDATED_PODS, sum(is_outdated(snapshot, pod) for pod in snapshot.pods))
    yield Sample(STUCK_MEMBERS, sum(judge_pod(snapshot, seat) is not None for seat in seats))
    yield Sample(JOINING_MEMBERS, len(joining) if snapshot.quorum_confirmed else 0)


def _measure_state(snapshot: Snapshot, status: EtcdClusterStatus) -> Iterator[Sample]:
    healthy = [
        c.status == "True" for c in status.conditions if c.type == condition_types.QUORUM_HEALTHY
    ]
    yield Sample(HAS_QUORUM, any(healthy))
    for phase in Phase:
        yield Sample(PHASE, phase is status.phase, (phase.value,))
    for condition in status.conditions:
        yield Sample(CONDITION, 1, (condition.type, condition.status, condition.reason))
    for kind in (NO_SPACE, CORRUPT):
        raised = sum(alarm == kind for alarm, _ in snapshot.alarms)
        yield Sample(ALARMS, raised, (kind,))
    yield Sample(DIFFERING_MEMBERS, len(suspect_ids(snapshot)))


def _measure_databases(snapshot: Snapshot) -> Iterator[Sample]:
    for seat in snapshot.seats():
        told = seat.probe.status if seat.probe else None
        if seat.member is None or told is None or told.member_id != seat.member.id:
            continue
        labels = (snapshot.naming.member(seat.ordinal),)
        yield Sample(DB_SIZE, told.db_size, labels)
        yield Sample(DB_IN_USE, told.db_size_in_use, labels)
        yield Sample(DB_QUOTA, quota_of(snapshot, told), labels)


def _measure_dates(snapshot: Snapshot, status: EtcdClusterStatus) -> Iterator[Sample]:
    for view in status.certificates:
        if expiry := parse_time(view.not_after):
            yield Sample(CERTIFICATE_EXPIRY, expiry.timestamp(), (view.secret,))
    if snapshot.backups:
        complete = [each.last.timestamp() for each in snapshot.backups if each.last]
        verified = [
            each.last_verified.timestamp() for each in snapshot.backups if each.last_verified
        ]
        yield Sample(LAST_BACKUP, max(complete, default=0.0))
        yield Sample(LAST_VERIFIED_BACKUP, max(verified, default=0.0))
    last = snapshot.compared[-1].at.timestamp() if snapshot.compared else 0.0
    yield Sample(LAST_COMPARISON, last)


class ClusterSeries(ObjectSeries):
    """The series of all clusters; the time of the last pass apart, for it always changes."""

    def __init__(self) -> None:
        super().__init__(FAMILIES[:-1], CLUSTER)
        self._passes: dict[Key, float] = {}

    def note_pass(self, key: Key, now: float) -> None:
        """Note that a pass over a shown cluster ended without an error, in seconds of the epoch."""
        if key in self:
            self._passes[key] = now

    def forget(self, key: Key) -> None:
        """Remove the series of a cluster, if there are any."""
        super().forget(key)
        self._passes.pop(key, None)

    def clear(self) -> None:
        """Remove the series of all clusters."""
        super().clear()
        self._passes.clear()

    def expose(self) -> str:
        """Return everything in Prometheus' text format."""
        passes = list(self._passes.items())  # in one step: a pass may write at any time
        lines = (
            write_sample(write_labels(CLUSTER, key), Sample(LAST_PASS, now)) for key, now in passes
        )
        return super().expose() + write_family(LAST_PASS, lines)
