"""What other projects alert on, and which alert here says the same: read in their own files."""

from __future__ import annotations

from typing import Final, NamedTuple

_GITHUB: Final = "https://github.com"


class Theirs(NamedTuple):
    """An alert, or several of a kind, of another project; `why` where there is none here."""

    names: str
    ours: tuple[str, ...] = ()
    why: str = ""


class Source(NamedTuple):
    """A file with alerts of another project, at the commit that was read."""

    title: str
    url: str
    alerts: tuple[Theirs, ...]


SOURCES: Final = (
    Source(
        "etcd's mixin",
        f"{_GITHUB}/etcd-io/etcd/blob/c34dc7ee0048fd2bcc44d50beff002e5e8069b69/contrib/mixin/alerts/alerts.libsonnet",
        (
            Theirs("etcdMembersDown", ("EtcdMemberDown", "EtcdSlowPeers")),
            Theirs("etcdInsufficientMembers", ("EtcdNoQuorum",)),
            Theirs("etcdNoLeader", ("EtcdNoLeader",)),
            Theirs("etcdHighNumberOfLeaderChanges", ("EtcdLeaderChanges",)),
            Theirs(
                "etcdHighNumberOfFailedGRPCRequests, twice",
                ("EtcdRequestsFailing", "EtcdManyRequestsFailing"),
            ),
            Theirs("etcdGRPCRequestsSlow", ("EtcdSlowRequests",)),
            Theirs("etcdMemberCommunicationSlow", ("EtcdSlowPeers",)),
            Theirs("etcdHighNumberOfFailedProposals", ("EtcdProposalsFailing",)),
            Theirs("etcdHighFsyncDurations, twice", ("EtcdSlowFsync", "EtcdVerySlowFsync")),
            Theirs("etcdHighCommitDurations", ("EtcdSlowCommit",)),
            Theirs("etcdDatabaseQuotaLowSpace", ("EtcdQuotaLow", "EtcdQuotaAlmostUsed")),
            Theirs("etcdExcessiveDatabaseGrowth", ("EtcdDatabaseGrowing",)),
            Theirs("etcdDatabaseHighFragmentationRatio", ("EtcdFragmented",)),
        ),
    ),
    Source(
        "CloudNativePG's chart",
        f"{_GITHUB}/cloudnative-pg/charts/tree/b21ad2dac7992215b8572007adb7448e3c8cc5db/charts/cluster/prometheus_rules",
        (
            Theirs("CNPGClusterOffline", ("EtcdUnavailable", "EtcdNoQuorum")),
            Theirs(
                "CNPGClusterHAWarning, CNPGClusterHACritical",
                ("EtcdQuorumAtRisk", "EtcdMemberDown"),
            ),
            Theirs("CNPGInstanceMetricsAbsent", ("EtcdMembersNotScraped",)),
            Theirs("CNPGClusterInstancesOnSameNode", ("EtcdMembersShareNode",)),
            Theirs(
                "CNPGClusterZoneSpreadWarning",
                why="The operator does not read the labels of nodes; a "
                "topologySpreadConstraint keeps members apart.",
            ),
            Theirs(
                "CNPGClusterLowDiskSpaceWarning, …Critical",
                ("EtcdVolumeLow", "EtcdVolumeAlmostFull"),
            ),
            Theirs(
                "CNPGClusterHighReplicationLag, CNPGClusterPhysicalReplicationLag…",
                ("EtcdApplyBehind", "EtcdLearnerStuck"),
            ),
            Theirs("CNPGClusterHighConnections…", why="etcd has no limit that connections use up."),
            Theirs("CNPGClusterLogicalReplication…", why="There is no such thing in etcd."),
        ),
    ),
    Source(
        "CloudNativePG's sample",
        f"{_GITHUB}/cloudnative-pg/cloudnative-pg/blob/2feec2803bad8210e760338297e251b15531a429/docs/src/samples/monitoring/prometheusrule.yaml",
        (
            Theirs(
                "CNPGReconcileErrors", ("EtcdOperatorPassesFailing", "EtcdClusterNotReconciled")
            ),
            Theirs("LastFailedArchiveTime", ("EtcdBackupFailing", "EtcdBackupMissed")),
            Theirs("PGReplication, ReplicaFailingReplication", ("EtcdApplyBehind", "EtcdNoLeader")),
            Theirs("LongRunningTransaction, BackendsWaiting", ("EtcdSlowRequests",)),
            Theirs(
                "PGDatabaseXidAge, DatabaseDeadlockConflicts",
                why="etcd has neither: its revisions do not wrap, and a transaction takes no lock.",
            ),
        ),
    ),
    Source(
        "Strimzi's rules",
        f"{_GITHUB}/strimzi/strimzi-kafka-operator/tree/2e84886b5e7cf4cec924332779bf57f65837acfa/examples/metrics/prometheus-install/prometheus-rules",
        (
            Theirs("KafkaRunningOutOfSpace", ("EtcdVolumeLow", "EtcdVolumeAlmostFull")),
            Theirs(
                "UnderReplicatedPartitions, UnderMinIsrPartitionCount",
                ("EtcdMemberDown", "EtcdQuorumAtRisk"),
            ),
            Theirs("OfflinePartitions, AbnormalControllerState", ("EtcdNoLeader", "EtcdNoQuorum")),
            Theirs("OfflineLogDirectoryCount", ("EtcdReplacementStuck", "EtcdDiskBeingDeleted")),
            Theirs("ScrapeProblem", ("EtcdMembersNotScraped",)),
            Theirs("KafkaNodeContainersDown", ("EtcdUnavailable", "EtcdNoQuorum")),
            Theirs("KafkaContainerRestartedInTheLast5Minutes", ("EtcdMemberFlapping",)),
            Theirs(
                "CertificateExpiration", ("EtcdCertificateNotRenewed", "EtcdCertificateExpired")
            ),
            Theirs("ClusterOperatorContainerDown", ("EtcdOperatorDown",)),
            Theirs(
                "…NotReady, by kube-state-metrics",
                ("EtcdChangeBlocked", "EtcdChangeStuck", "EtcdUnavailable", "EtcdRestoreStuck"),
            ),
            Theirs("…Deprecated, by kube-state-metrics", why="No field is deprecated so far."),
            Theirs(
                "those of Connect, MirrorMaker and the bridge",
                why="They are about other programs.",
            ),
        ),
    ),
)


def write_sources() -> str:
    """Return the tables of all sources, one after the other."""
    return "".join(f"\n{_write_rows(source)}" for source in SOURCES)


def _write_rows(source: Source) -> str:
    rows = [
        f"| {theirs.names} | {_link(theirs.ours) if theirs.ours else f'none: {theirs.why}'} |\n"
        for theirs in source.alerts
    ]
    return f"| [{source.title}]({source.url}) | Here |\n|---|---|\n" + "".join(rows)


def _link(alerts: tuple[str, ...]) -> str:
    return ", ".join(f"[{name}](runbooks/{name}.md)" for name in alerts)
