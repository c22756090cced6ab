"""Series about each cluster, measured in its passes and written out when they are scraped.

The text of a cluster is made when one of its figures changes, and put together with those of the
others at a scrape: with hundreds of clusters a scrape joins strings and formats nothing. A cluster
that goes takes all its series with it, whatever labels they had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etcd_operator.api.cluster import EtcdClusterStatus, Phase
from etcd_operator.api.parse import parse_time
from etcd_operator.core.consistency.divergence import suspect_ids
from etcd_operator.core.model.members import CORRUPT, NO_SPACE
from etcd_operator.core.model.quorum import serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.storage.maintenance import quota_of

Key = tuple[str, str]
PREFIX: Final = "etcd_operator_cluster_"
CLUSTER: Final = ("namespace", "cluster")


@dataclass(frozen=True, slots=True)
class Family:
    """A gauge of each cluster; `labels` are those beside the namespace and the cluster."""

    name: str
    text: str
    labels: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The full name."""
        return PREFIX + self.name


FAMILIES: Final = (
    Family("info", "1, with the version of the spec and the ID of the cluster.", ("version", "id")),
    Family("size", "Members wanted."),
    Family("members", "Members in etcd."),
    Family("ready_members", "Members that serve and are Ready."),
    Family("learners", "Members in etcd that have no vote yet."),
    Family("voters", "Members in etcd that have a vote; 0 while no member tells."),
    Family("serving_voters", "Voters that answer and see a leader."),
    Family("has_quorum", "Whether a majority of the voters answers."),
    Family("phase", "1 for the phase that the cluster is in.", ("phase",)),
    Family(
        "condition",
        "1 for each condition, with its status and the reason for it.",
        ("condition", "status", "reason"),
    ),
    Family("alarms", "Alarms that etcd has raised, by kind.", ("alarm",)),
    Family(
        "member_info",
        "1 for each member, with its role, version and node; empty where it is not known.",
        ("member", "role", "version", "node"),
    ),
    Family("member_ready", "Whether the member serves, has a vote and is Ready.", ("member",)),
    Family("member_db_size_bytes", "Size of the member's database file.", ("member",)),
    Family("member_db_in_use_bytes", "What of the file holds keys and history.", ("member",)),
    Family("member_db_quota_bytes", "Size at which etcd refuses writes.", ("member",)),
    Family(
        "certificate_expiry_timestamp_seconds",
        "When the certificate in the Secret expires.",
        ("secret",),
    ),
    Family(
        "last_backup_timestamp_seconds",
        "When the newest complete backup ended; 0 before the first. Only with an EtcdBackup.",
    ),
    Family(
        "last_verified_backup_timestamp_seconds",
        "The same of the newest backup that was restored on trial and compared.",
    ),
    Family(
        "last_comparison_timestamp_seconds",
        "When the data of all members was last compared; 0 before the first time.",
    ),
    Family("differing_members", "Members whose data is not, or may not be, that of the cluster."),
    Family("last_pass_timestamp_seconds", "When a pass over the cluster last succeeded."),
)
# Changes with every pass, while the other figures of a cluster at rest stay.
LAST_PASS: Final = FAMILIES[-1]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a cluster: the family, the values of its own labels, and the value."""

    family: str
    value: float
    labels: tuple[str, ...] = ()


def measure(snapshot: Snapshot, status: EtcdClusterStatus) -> tuple[Sample, ...]:
    """Return the figures of a cluster, from what a pass saw and what it reports."""
    return (
        *_measure_members(snapshot, status),
        *_measure_state(snapshot, status),
        *_measure_databases(snapshot),
        *_measure_dates(snapshot, status),
    )


def _measure_members(snapshot: Snapshot, status: EtcdClusterStatus) -> Iterator[Sample]:
    spec, voters = snapshot.cluster.spec, voter_ids(snapshot)
    nodes = {snapshot.naming.member(pod.ordinal): pod.node for pod in snapshot.pods}
    yield Sample("info", 1, (spec.version, status.cluster_id))
    yield Sample("size", spec.size)
    yield Sample("members", status.replicas)
    yield Sample("ready_members", status.ready_replicas)
    yield Sample("learners", sum(member.is_learner for member in snapshot.members))
    yield Sample("voters", len(voters))
    yield Sample("serving_voters", len(voters & serving_ids(snapshot)))
    for view in status.members:
        node = nodes.get(view.name) or ""
        yield Sample("member_info", 1, (view.name, view.role, view.version, node))
        yield Sample("member_ready", view.ready, (view.name,))


def _measure_state(snapshot: Snapshot, status: EtcdClusterStatus) -> Iterator[Sample]:
    healthy = [c.status == "True" for c in status.conditions if c.type == "QuorumHealthy"]
    yield Sample("has_quorum", any(healthy))
    for phase in Phase:
        yield Sample("phase", phase is status.phase, (phase.value,))
    for condition in status.conditions:
        yield Sample("condition", 1, (condition.type, condition.status, condition.reason))
    for kind in (NO_SPACE, CORRUPT):
        raised = sum(alarm == kind for alarm, _ in snapshot.alarms)
        yield Sample("alarms", raised, (kind,))
    yield Sample("differing_members", len(suspect_ids(snapshot)))


def _measure_databases(snapshot: Snapshot) -> Iterator[Sample]:
    for seat in snapshot.seats():
        told = seat.probe.status if seat.probe else None
        if seat.member is None or told is None or told.member_id != seat.member.id:
            continue
        labels = (snapshot.naming.member(seat.ordinal),)
        yield Sample("member_db_size_bytes", told.db_size, labels)
        yield Sample("member_db_in_use_bytes", told.db_size_in_use, labels)
        yield Sample("member_db_quota_bytes", quota_of(snapshot, told), labels)


def _measure_dates(snapshot: Snapshot, status: EtcdClusterStatus) -> Iterator[Sample]:
    for view in status.certificates:
        if expiry := parse_time(view.not_after):
            yield Sample("certificate_expiry_timestamp_seconds", expiry.timestamp(), (view.secret,))
    if snapshot.backups:
        ended = [(backup.last, _verifies(backup)) for backup in snapshot.backups if backup.last]
        complete = [last.timestamp() for last, _ in ended]
        verified = [last.timestamp() for last, verifies in ended if verifies]
        yield Sample("last_backup_timestamp_seconds", max(complete, default=0.0))
        yield Sample("last_verified_backup_timestamp_seconds", max(verified, default=0.0))
    last = snapshot.compared[-1].at.timestamp() if snapshot.compared else 0.0
    yield Sample("last_comparison_timestamp_seconds", last)


def _verifies(backup: BackupState) -> bool:
    return backup.spec is not None and backup.spec.verify


class ClusterSeries:
    """The series of all clusters. Passes write them, and the thread that serves HTTP reads them."""

    def __init__(self) -> None:
        self._samples: dict[Key, tuple[Sample, ...]] = {}
        self._texts: dict[Key, dict[str, str]] = {}
        self._passes: dict[Key, float] = {}

    def show(self, key: Key, samples: tuple[Sample, ...]) -> None:
        """Show a cluster as it is now, and nothing of what it was."""
        if self._samples.get(key) != samples:
            self._samples[key] = samples
            self._texts[key] = _write_samples(key, samples)

    def note_pass(self, key: Key, now: float) -> None:
        """Note that a pass over a shown cluster ended without an error, in seconds of the epoch."""
        if key in self._samples:
            self._passes[key] = now

    def forget(self, key: Key) -> None:
        """Remove the series of a cluster, if there are any."""
        for known in (self._samples, self._texts, self._passes):
            known.pop(key, None)

    def clear(self) -> None:
        """Remove the series of all clusters."""
        for known in (self._samples, self._texts, self._passes):
            known.clear()

    def expose(self) -> str:
        """Return everything in Prometheus' text format."""
        # Copies in one step each: a pass may write at any time.
        texts, passes = list(self._texts.values()), list(self._passes.items())
        parts: list[str] = []
        for family in FAMILIES:
            parts.append(f"# HELP {family.metric} {family.text}\n")
            parts.append(f"# TYPE {family.metric} gauge\n")
            if family is LAST_PASS:
                parts += [_write(family, key, Sample(family.name, now)) for key, now in passes]
            else:
                parts += [text[family.name] for text in texts if family.name in text]
        return "".join(parts)


def _write_samples(key: Key, samples: tuple[Sample, ...]) -> dict[str, str]:
    families = {family.name: family for family in FAMILIES}
    texts: dict[str, str] = {}
    for sample in samples:
        line = _write(families[sample.family], key, sample)
        texts[sample.family] = texts.get(sample.family, "") + line
    return texts


def _write(family: Family, key: Key, sample: Sample) -> str:
    names, values = (*CLUSTER, *family.labels), (*key, *sample.labels)
    pairs = zip(names, values, strict=True)
    labels = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
    return f"{family.metric}{{{labels}}} {float(sample.value)!r}\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
