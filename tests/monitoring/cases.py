"""For each alert what fires it, what is only close to that, and when Prometheus is asked.

Each case is told by what differs from a healthy cluster; an empty value takes a series away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.monitoring.series import (
    GIB,
    MEMBERS,
    REST,
    SECRET,
    Series,
    bucket,
    cluster,
    condition,
    member,
    name,
    operator,
    rising,
    steady,
    volume,
    waits,
)


@dataclass(frozen=True, slots=True)
class Case:
    """`fires` differs from rest so that the alert fires at this minute; `quiet` does not.

    `also_fires` and `also_quiet` are a second fault, if the alert is about two.
    """

    minute: int
    fires: Series
    quiet: Series = field(default_factory=dict)
    step: str = "1m"
    also_fires: Series = field(default_factory=dict)
    also_quiet: Series = field(default_factory=dict)


def _condition(kind: str, status: str, reason: str) -> dict[str, str]:
    """A condition that takes the place of the one at rest."""
    there = {text: "" for text in REST if f'condition="{kind}"' in text}
    return {**there, condition(kind, status, reason): steady(1)}


def _fails(code: str, a_minute: float) -> dict[str, str]:
    labels = {"grpc_service": "etcdserverpb.KV", "grpc_method": "Put", "grpc_code": code}
    return {member("grpc_server_handled_total", "db-0", **labels): rising(a_minute)}


def _slow(histogram: str, seconds: float, **labels: str) -> dict[str, str]:
    return bucket(histogram, "db-0", seconds, **labels)


def _sizes(size: float) -> dict[str, str]:
    return {cluster("member_db_size_bytes", member="db-0"): steady(size)}


def _info(**changes: str) -> dict[str, str]:
    """The member db-0 with other labels than at rest."""
    there = {text: "" for text in REST if "member_info" in text and 'member="db-0"' in text}
    labels = {"member": "db-0", "role": "follower", "version": "3.6.16", "node": "n0", **changes}
    return {**there, cluster("member_info", **labels): steady(1)}


def _restore(phase: str) -> str:
    """The series of an EtcdRestore that makes another cluster."""
    labels = {"namespace": "team", "name": "copy", "cluster": "db-copy", "phase": phase}
    return name("etcd_operator_restore_phase", **labels)


_READY = cluster("member_ready", member="db-0")
_FSYNC = "etcd_disk_wal_fsync_duration_seconds"
_COMMIT = "etcd_disk_backend_commit_duration_seconds"
_UNARY = {"grpc_service": "etcdserverpb.KV", "grpc_method": "Put", "grpc_type": "unary"}
_BACKUP = {"namespace": "team", "name": "nightly", "cluster": "db"}
_FAILURES = name("etcd_operator_backup_consecutive_failures", **_BACKUP)
_DUE = name("etcd_operator_backup_next_timestamp_seconds", **_BACKUP)
_KEPT = {"cluster_namespace": "team", "storage": "S3", "verify": "true"}
_SCHEDULED = name("etcd_operator_backup_info", **_BACKUP, **_KEPT, scheduled="true")
_ONCE = name("etcd_operator_backup_info", **_BACKUP, **_KEPT, scheduled="false")
_VETOED = operator("vetoes_total", guard="votes", action="EvictPod")
_REFUSED = operator("kubernetes_requests_total", verb="patch", resource="pods", code="503")
_HELD_BACK = operator("kubernetes_requests_total", verb="evict", resource="pods", code="429")
_ANSWERED = operator("kubernetes_requests_total", verb="get", resource="pods", code="404")
_EXPIRY = cluster("certificate_expiry_timestamp_seconds", **SECRET)
_VERIFIED = cluster("last_verified_backup_timestamp_seconds")
_CREATED = name("etcd_operator_backup_created_timestamp_seconds", **_BACKUP)
_NONE_YET = {_VERIFIED: steady(0), cluster("last_backup_timestamp_seconds"): steady(0)}
_PASS = cluster("last_pass_timestamp_seconds")
_SILENT_MEMBER = {member("etcd_server_has_leader", "db-2"): ""}
_SILENT_MEMBERS = {member("etcd_server_has_leader", pod): "" for pod in MEMBERS}

OPERATOR_CASES: Final[Mapping[str, Case]] = {
    "EtcdOperatorDown": Case(10, {"leading-a": "", "leading-b": ""}, {"leading-b": ""}),
    "EtcdOperatorNotLeading": Case(10, {"leading-a": steady(0)}, {"leading-a": "1x4 0x3 1x600"}),
    "EtcdOperatorTwoLeaders": Case(10, {"leading-b": steady(1)}, {"leading-b": "0x4 1 0x600"}),
    "EtcdOperatorPassesFailing": Case(
        40,
        {operator("passes_total", result="failed"): rising(90)},
        {operator("passes_total", result="failed"): rising(30)},
    ),
    "EtcdClusterNotReconciled": Case(30, {_PASS: steady(0)}, {_PASS: "0x9 600+60x600"}),
    "EtcdOperatorQueueLate": Case(
        15,
        waits(20),
        {operator("queue_oldest_wait_seconds", kind="EtcdCluster"): "0x3 60x3 0x600", **waits(5)},
    ),
    "EtcdOperatorVetoes": Case(40, {_VETOED: rising(1)}, {_VETOED: "1x5 2x600"}),
    "EtcdOperatorKubernetesErrors": Case(
        40, {_REFUSED: rising(12)}, {_ANSWERED: rising(60), _HELD_BACK: rising(60)}
    ),
}

CLUSTER_CASES: Final[Mapping[str, Case]] = {
    "EtcdNoQuorum": Case(
        3,
        _condition("QuorumHealthy", "False", "MajorityLost"),
        _condition("QuorumHealthy", "Unknown", "Stopped"),
    ),
    "EtcdQuorumAtRisk": Case(
        12,
        {cluster("serving_voters"): steady(2)},
        {cluster("voters"): steady(5), cluster("serving_voters"): steady(4)},
    ),
    "EtcdUnavailable": Case(
        20,
        _condition("Available", "False", "NoReadyMember"),
        _condition("Available", "False", "Stopped"),
    ),
    "EtcdMemberDown": Case(20, {_READY: steady(0)}, {_READY: "1x5 0x10 1x600"}),
    "EtcdMemberFlapping": Case(
        20,
        {_READY: "1 0 1 0 1 0 1 0 1 0 1x600"},
        {_READY: "1 0 1 0 1 0 1 0 1x600"},  # four rolls
    ),
    "EtcdMembersShareNode": Case(40, _info(node="n1"), _info(node="n1", role="learner")),
    "EtcdNoSpace": Case(
        3,
        {cluster("alarms", alarm="NOSPACE"): steady(1)},
        {cluster("alarms", alarm="CORRUPT"): steady(1)},
    ),
    "EtcdMemberCorrupt": Case(
        3,
        {cluster("alarms", alarm="CORRUPT"): steady(1)},
        {cluster("alarms", alarm="NOSPACE"): steady(1)},
    ),
    "EtcdDataDiffers": Case(
        8,
        {cluster("differing_members"): steady(1)},
        {cluster("differing_members"): "0 1x3 0x600"},
    ),
    "EtcdQuotaLow": Case(15, _sizes(1.6 * GIB), _sizes(1.4 * GIB)),
    "EtcdQuotaAlmostUsed": Case(10, _sizes(1.9 * GIB), _sizes(1.7 * GIB)),
    "EtcdDatabaseGrowing": Case(
        200,
        {cluster("member_db_size_bytes", member="db-0"): rising(2**18, GIB)},
        {cluster("member_db_size_bytes", member="db-0"): rising(2**16, GIB)},
    ),
    "EtcdFragmented": Case(
        400,
        {cluster("member_db_in_use_bytes", member="db-0"): steady(GIB / 4)},
        {
            cluster("member_db_in_use_bytes", member="db-0"): steady(2**20),
            **_sizes(90 * 2**20),
        },
    ),
    "EtcdLearnerStuck": Case(
        70, {cluster("learners"): steady(1)}, {cluster("learners"): "0x5 1x50 0x600"}
    ),
    "EtcdChangeStuck": Case(
        130,
        _condition("Progressing", "True", "RollingUpdate"),
        {condition("Progressing", "True", "RollingUpdate"): "1x60 stale"},
    ),
    "EtcdChangeBlocked": Case(
        20, _condition("Ready", "False", "InvalidSpec"), _condition("Ready", "False", "Paused")
    ),
    "EtcdReplacementStuck": Case(
        40,
        _condition("Degraded", "True", "CannotReplaceMember"),
        _condition("Degraded", "True", "MembersUnavailable"),
    ),
    "EtcdDiskBeingDeleted": Case(
        2,
        _condition("Degraded", "True", "DiskBeingDeleted"),
        _condition("Degraded", "True", "MembersUnavailable"),
    ),
    "EtcdRefusedByKubernetes": Case(
        15,
        _condition("Ready", "False", "RefusedByKubernetes"),
        _condition("Ready", "False", "RollingUpdate"),
    ),
    "EtcdQuorumLossApprovalStands": Case(
        20,
        _condition("QuorumLossApproved", "True", "QuorumLossApproved"),
        _condition("QuorumLossApproved", "False", "ApprovalCarriedOut"),
    ),
    "EtcdVolumeLow": Case(15, volume("data-db-0", 0.15), volume("data-postgres-0", 0.15)),
    "EtcdVolumeAlmostFull": Case(10, volume("data-db-0", 0.05), volume("data-db-0", 0.15)),
    "EtcdVersionUnsupported": Case(70, _info(version="3.5.25"), _info(version="3.5.26")),
    "EtcdVersionSkew": Case(130, _info(version="3.5.35"), _info(version="")),
}

SAFETY_CASES: Final[Mapping[str, Case]] = {
    "EtcdBackupFailing": Case(10, {_FAILURES: steady(2)}, {_FAILURES: steady(1)}),
    "EtcdBackupMissed": Case(
        15,
        _condition("BackupHealthy", "False", "BackupOverdue"),
        _condition("BackupHealthy", "Unknown", "UpgradeWaits"),
    ),
    "EtcdBackupUnproven": Case(
        70,
        {_VERIFIED: steady(0)},
        _NONE_YET,
    ),
    "EtcdBackupTooOld": Case(
        10 * 24 * 60,
        {_VERIFIED: steady(1), _DUE: steady(0)},  # none is due: the schedule is suspended
        {_VERIFIED: steady(1), _SCHEDULED: "", _ONCE: steady(1)},
        step="1h",
        also_fires={**_NONE_YET, _DUE: steady(0)},  # suspended before there was any
        also_quiet={**_NONE_YET, _CREATED: steady(7 * 24 * 3600)},
    ),
    "EtcdRestoreStuck": Case(
        130,
        {cluster("phase", phase="Restoring"): steady(1)},
        {cluster("phase", phase="Restoring"): "1x100 0x600"},
        also_fires={_restore("Running"): steady(1)},
        also_quiet={_restore("Completed"): steady(1), _restore("Failed"): steady(1)},
    ),
    "EtcdCertificateNotRenewed": Case(
        40,
        _condition("CertificatesValid", "False", "RenewalHeld"),
        {condition("CertificatesValid", "False", "ExpiringSoon"): "1x20 stale"},
    ),
    "EtcdCertificateExpired": Case(10, {_EXPIRY: steady(300)}, {_EXPIRY: steady(3600)}),
}

MEMBER_CASES: Final[Mapping[str, Case]] = {
    "EtcdNoLeader": Case(
        3,
        {member("etcd_server_has_leader", "db-0"): steady(0)},
        {member("etcd_server_has_leader", "db-0"): "1 0 1x600"},
    ),
    "EtcdLeaderChanges": Case(
        20,
        {member("etcd_server_leader_changes_seen_total", "db-0"): rising(1)},
        {member("etcd_server_leader_changes_seen_total", "db-0"): "1x5 2x5 3x600"},
    ),
    "EtcdProposalsFailing": Case(
        40,
        {member("etcd_server_proposals_failed_total", "db-0"): rising(360)},
        {member("etcd_server_proposals_failed_total", "db-0"): rising(240)},
    ),
    "EtcdApplyBehind": Case(
        10,
        {member("etcd_server_proposals_applied_total", "db-0"): rising(5000)},
        {member("etcd_server_proposals_applied_total", "db-0"): rising(6000, -2000)},
    ),
    "EtcdSlowFsync": Case(20, _slow(_FSYNC, 0.5), _slow(_FSYNC, 0.25)),
    "EtcdVerySlowFsync": Case(20, _slow(_FSYNC, 2), _slow(_FSYNC, 0.5)),
    "EtcdSlowCommit": Case(20, _slow(_COMMIT, 0.5), _slow(_COMMIT, 0.15)),
    "EtcdSlowPeers": Case(
        20,
        _slow("etcd_network_peer_round_trip_time_seconds", 0.25, To="x"),
        _slow("etcd_network_peer_round_trip_time_seconds", 0.05, To="x"),
    ),
    "EtcdRequestsFailing": Case(
        20, _fails("Unavailable", 600), _fails("Unavailable", 60) | _fails("NotFound", 6000)
    ),
    "EtcdManyRequestsFailing": Case(15, _fails("Internal", 2000), _fails("Internal", 600)),
    "EtcdMembersNotScraped": Case(
        20, _SILENT_MEMBER, {**_SILENT_MEMBERS, cluster("ready_members"): steady(0)}
    ),
    "EtcdSlowRequests": Case(
        20,
        _slow("grpc_server_handling_seconds", 0.25, **_UNARY)
        | bucket("grpc_server_handling_seconds", "db-1", 0.25, **_UNARY),
        _slow("grpc_server_handling_seconds", 0.05, **_UNARY),
    ),
}

CASES: Final[Mapping[str, Case]] = {
    **OPERATOR_CASES,
    **CLUSTER_CASES,
    **SAFETY_CASES,
    **MEMBER_CASES,
}
