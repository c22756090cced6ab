"""What a healthy cluster of three and its operator look like to Prometheus, minute by minute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

Series = Mapping[str, str]

REPLICAS: Final = ("a", "b")
MEMBERS: Final = ("db-0", "db-1", "db-2")
# Longer than any alert waits, in minutes.
LONG: Final = 600
GIB: Final = 2**30
SECRET: Final = {"secret": "db-peer"}


def name(metric: str, **labels: str) -> str:
    """Return a series as PromQL writes it."""
    return metric + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def cluster(family: str, **labels: str) -> str:
    """Return a series about the cluster."""
    return name(f"etcd_operator_cluster_{family}", namespace="team", cluster="db", **labels)


def condition(kind: str, status: str, reason: str) -> str:
    """Return the series of a condition."""
    return cluster("condition", condition=kind, status=status, reason=reason)


def operator(metric: str, **labels: str) -> str:
    """Return a series of the operator about itself."""
    return name(f"etcd_operator_{metric}", namespace="etcd-operator-system", **labels)


def member(metric: str, pod: str, **labels: str) -> str:
    """Return a series of etcd's own."""
    return name(metric, namespace="team", cluster="db", pod=pod, **labels)


def steady(value: float) -> str:
    """Return a value that stays."""
    return f"{float(value)}x{LONG}"


def rising(a_minute: float, start: float = 0) -> str:
    """Return a value that grows each minute."""
    return f"{start}+{a_minute}x{LONG}"


def bucket(histogram: str, pod: str, seconds: float, **labels: str) -> dict[str, str]:
    """Return a histogram all of whose samples took about so many seconds."""
    limits = (0.01, 0.1, 0.2, 0.3, 0.6, 0.9, 1.5, 3)
    return {
        member(f"{histogram}_bucket", pod, le=str(limit), **labels): rising(
            600 if limit > seconds else 0
        )
        for limit in limits
    } | {member(f"{histogram}_bucket", pod, le="+Inf", **labels): rising(600)}


def waits(seconds: float) -> dict[str, str]:
    """Return the histogram of the queue, all of whose objects wait about so long."""
    histogram = "queue_wait_seconds_bucket"
    return {
        operator(histogram, kind="EtcdCluster", le=limit): rising(
            600 if float(limit) > seconds else 0
        )
        for limit in ("0.01", "1", "10", "30", "+Inf")
    }


def volume(claim: str, free: float) -> dict[str, str]:
    """Return what a kubelet says about the volume of a claim, of which so much is free."""
    labels = {"namespace": "team", "persistentvolumeclaim": claim}
    return {
        name("kubelet_volume_stats_available_bytes", **labels): steady(free * 10 * GIB),
        name("kubelet_volume_stats_capacity_bytes", **labels): steady(10 * GIB),
    }


def _rest_of_operator() -> Iterator[tuple[str, str]]:
    yield operator("passes_total", result="done"), rising(60)
    yield operator("passes_total", result="failed"), steady(0)
    yield operator("queue_oldest_wait_seconds", kind="EtcdCluster"), steady(0)
    yield from waits(0.005).items()
    yield operator("actions_total", action="EvictPod", result="done"), steady(3)
    yield operator("vetoes_total", guard="votes", action="EvictPod"), steady(1)
    yield (
        operator("kubernetes_requests_total", verb="patch", resource="pods", code="200"),
        rising(60),
    )


def _rest_of_cluster() -> Iterator[tuple[str, str]]:
    figures = {"size": 3, "ready_members": 3, "learners": 0, "voters": 3, "serving_voters": 3}
    for family, value in {**figures, "differing_members": 0}.items():
        yield cluster(family), steady(value)
    yield cluster("last_pass_timestamp_seconds"), rising(60)
    yield cluster("last_backup_timestamp_seconds"), rising(60)
    yield cluster("last_verified_backup_timestamp_seconds"), rising(60)
    yield cluster("certificate_expiry_timestamp_seconds", **SECRET), rising(60, 9e5)
    yield cluster("phase", phase="Running"), steady(1)
    yield cluster("phase", phase="Restoring"), steady(0)
    for alarm in ("NOSPACE", "CORRUPT"):
        yield cluster("alarms", alarm=alarm), steady(0)
    for number, pod in enumerate(MEMBERS):
        info = {"member": pod, "role": "follower", "version": "3.6.16", "node": f"n{number}"}
        yield cluster("member_info", **info), steady(1)
        yield cluster("member_ready", member=pod), steady(1)
        yield cluster("member_db_size_bytes", member=pod), steady(GIB)
        yield cluster("member_db_in_use_bytes", member=pod), steady(GIB * 3 / 4)
        yield cluster("member_db_quota_bytes", member=pod), steady(2 * GIB)
        yield from volume(f"data-{pod}", 0.8).items()
    backup = {"namespace": "team", "name": "nightly", "cluster": "db"}
    kept = {"cluster_namespace": "team", "storage": "S3", "verify": "true", "scheduled": "true"}
    yield name("etcd_operator_backup_info", **backup, **kept), steady(1)
    yield name("etcd_operator_backup_created_timestamp_seconds", **backup), steady(0)
    yield name("etcd_operator_backup_consecutive_failures", **backup), steady(0)
    yield name("etcd_operator_backup_next_timestamp_seconds", **backup), rising(60, 3600)


def _rest_of_conditions() -> Iterator[tuple[str, str]]:
    yield condition("Available", "True", "QuorumAvailable"), steady(1)
    yield condition("Ready", "True", "Settled"), steady(1)
    yield condition("Progressing", "False", "Settled"), steady(1)
    yield condition("Degraded", "False", "AsExpected"), steady(1)
    yield condition("QuorumHealthy", "True", "MajorityAnswers"), steady(1)
    yield condition("CertificatesValid", "True", "AllValid"), steady(1)
    yield condition("BackupHealthy", "True", "BackedUp"), steady(1)


def _rest_of_members() -> Iterator[tuple[str, str]]:
    for pod in MEMBERS:
        yield member("etcd_server_has_leader", pod), steady(1)
        yield member("etcd_server_leader_changes_seen_total", pod), steady(1)
        yield member("etcd_server_proposals_failed_total", pod), steady(0)
        yield member("etcd_server_proposals_committed_total", pod), rising(6000)
        yield member("etcd_server_proposals_applied_total", pod), rising(6000)
        handled = {"grpc_service": "etcdserverpb.KV", "grpc_method": "Put"}
        yield member("grpc_server_handled_total", pod, grpc_code="OK", **handled), rising(6000)
        yield from bucket("etcd_disk_wal_fsync_duration_seconds", pod, 0.005).items()
        yield from bucket("etcd_disk_backend_commit_duration_seconds", pod, 0.005).items()
        yield from bucket("etcd_network_peer_round_trip_time_seconds", pod, 0.005, To="x").items()
        unary = {**handled, "grpc_type": "unary"}
        yield from bucket("grpc_server_handling_seconds", pod, 0.005, **unary).items()


REST: Final[Series] = dict(
    [*_rest_of_operator(), *_rest_of_cluster(), *_rest_of_conditions(), *_rest_of_members()]
)


def scrape(series: Series) -> dict[str, str]:
    """Return the series as both replicas show them: what would count twice, does so here."""
    scraped = {}
    for text, values in series.items():
        doubled = text.startswith(
            ("etcd_operator_cluster_", "etcd_operator_backup_", "etcd_operator_restore_")
        )
        for replica in REPLICAS if doubled else REPLICAS[:1]:
            scraped[f'{text[:-1]},instance="{replica}"}}'] = values
    for replica in REPLICAS:
        leading = operator("leading", instance=replica)
        values = series.get(f"leading-{replica}", steady(replica == REPLICAS[0]))
        if values:
            scraped[leading] = values
            scraped[operator("shard_held", instance=replica, shard="0")] = values
    return {text: values for text, values in scraped.items() if values and "leading-" not in text}
