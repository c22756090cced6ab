"""Alerts about clusters as the operator sees them: quorum, members, data, space, changes."""

from __future__ import annotations

from typing import Final

from deploy.alerts.alert import (
    CLUSTER,
    MEMBER,
    NAMED,
    Alert,
    any_condition,
    condition,
    of_cluster,
    of_member,
)
from etcd_operator.api.release import TESTED_MINORS
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.reasons.registry import BLOCKED, alert_of
from etcd_operator.core.reasons.registry import CLUSTER as CLUSTER_REASONS

FOUR_DAYS: Final = 4 * 24 * 3600
LARGE: Final = 100 * 2**20
# A roll changes each member twice; four of them within an hour are nobody's fault.
OF_ROLLS: Final = 8
_MEMBER: Final = f"Member {{{{ $labels.member }}}} of {NAMED}"
_PERCENT: Final = "{{ $value | humanizePercentage }}"
_SIZE: Final = of_member("member_db_size_bytes")
_QUOTA: Final = of_member("member_db_quota_bytes")
_IN_USE: Final = of_member("member_db_in_use_bytes")
_VOTERS: Final = of_cluster("voters")
# The versions that the tests run with, those apart from which 3.6 cannot follow safely.
_TESTED: Final = "|".join(f"{major}[.]{minor}" for major, minor in TESTED_MINORS)
_UNSAFE: Final = "3[.]5[.]([0-9]|1[0-9]|2[0-5])"
# Kubernetes' own; the name of a member's claim tells its cluster.
_VOLUME: Final = "kubelet_volume_stats"
_OF_CLAIM: Final = "data-(.+)-[0-9]+"
_INFO: Final = f"max by ({MEMBER}, version) (etcd_operator_cluster_member_info"
_NODES: Final = (
    f"count by ({CLUSTER}, node) (max by ({MEMBER}, node) "
    '(etcd_operator_cluster_member_info{role!="learner",node!=""}))'
)
BLOCKING: Final = tuple(reason for reason in CLUSTER_REASONS if alert_of(reason) == BLOCKED)

_CLAIM: Final = f"The disk {{{{ $labels.persistentvolumeclaim }}}} of {NAMED}"


def _free_space() -> str:
    """The part of each member's volume that is free, as its kubelet says."""

    def of_claims(name: str) -> str:
        series = f'{_VOLUME}_{name}{{persistentvolumeclaim=~"data-.+-[0-9]+"}}'
        named = f'label_replace({series}, "cluster", "$1", "persistentvolumeclaim", "{_OF_CLAIM}")'
        return f"max by ({CLUSTER}, persistentvolumeclaim) ({named})"

    share = f"{of_claims('available_bytes')} / {of_claims('capacity_bytes')}"
    return f"({share} and on ({CLUSTER}) {of_cluster('size')})"


CLUSTER_ALERTS: Final = (
    Alert(
        "EtcdNoQuorum",
        condition("QuorumHealthy", "False"),
        "1m",
        "critical",
        "An etcd cluster has lost its quorum.",
        f"A majority of the voters of {NAMED} does not answer: no client can write.",
    ),
    Alert(
        "EtcdQuorumAtRisk",
        f"({of_cluster('serving_voters')} - floor({_VOTERS} / 2) - 1 < 1) and ({_VOTERS} > 2)",
        "10m",
        "warning",
        "An etcd cluster is one failure away from losing its quorum.",
        f"If one more voter of {NAMED} fails, no client can write.",
    ),
    Alert(
        "EtcdUnavailable",
        of_cluster(
            "condition",
            f'{{condition="Available",status="False",reason!="{routine.STOPPED.name}"}}',
        )
        + " == 1",
        "15m",
        "critical",
        "Clients cannot use an etcd cluster.",
        f"{NAMED} has not been available for 15 minutes.",
    ),
    Alert(
        "EtcdMemberDown",
        f"{of_member('member_ready')} == 0",
        "15m",
        "warning",
        "A member of an etcd cluster is down.",
        f"{_MEMBER} has not been ready for 15 minutes.",
    ),
    Alert(
        "EtcdMemberFlapping",
        f"max by ({MEMBER}) (changes(etcd_operator_cluster_member_ready[1h])) > {OF_ROLLS}",
        "0m",
        "warning",
        "A member of an etcd cluster comes and goes.",
        f"{_MEMBER} became ready or unready {{{{ $value }}}} times within an hour.",
    ),
    Alert(
        "EtcdMembersShareNode",
        f"max by ({CLUSTER}) ({_NODES}) > on ({CLUSTER}) floor(({_VOTERS} - 1) / 2) "
        f"and on ({CLUSTER}) ({_VOTERS} > 2)",
        "30m",
        "warning",
        "The loss of one node would cost an etcd cluster its quorum.",
        f"{{{{ $value }}}} voters of {NAMED} run on the same node.",
    ),
    Alert(
        "EtcdNoSpace",
        of_cluster("alarms", '{alarm="NOSPACE"}') + " > 0",
        "1m",
        "critical",
        "An etcd cluster refuses writes because its space quota is exceeded.",
        f"etcd in {NAMED} raised the alarm NOSPACE.",
    ),
    Alert(
        "EtcdMemberCorrupt",
        of_cluster("alarms", '{alarm="CORRUPT"}') + " > 0",
        "0m",
        "critical",
        "etcd found corrupt data.",
        f"etcd in {NAMED} raised the alarm CORRUPT.",
    ),
    Alert(
        "EtcdDataDiffers",
        of_cluster("differing_members") + " > 0",
        "5m",
        "critical",
        "Members of an etcd cluster do not have the same data.",
        f"{{{{ $value }}}} members of {NAMED} have other data than the cluster, or may have.",
    ),
    Alert(
        "EtcdQuotaLow",
        f"{_SIZE} / {_QUOTA} > 0.75",
        "10m",
        "warning",
        "A database of etcd has used three quarters of its quota.",
        f"{_MEMBER} uses {_PERCENT} of its quota.",
    ),
    Alert(
        "EtcdQuotaAlmostUsed",
        f"{_SIZE} / {_QUOTA} > 0.9",
        "5m",
        "critical",
        "A database of etcd is about to exceed its quota.",
        f"{_MEMBER} uses {_PERCENT} of its quota; beyond it etcd refuses writes.",
    ),
    Alert(
        "EtcdVolumeLow",
        f"{_free_space()} < 0.2",
        "10m",
        "warning",
        "A volume of etcd has less than a fifth left.",
        f"{_CLAIM} has {_PERCENT} left.",
    ),
    Alert(
        "EtcdVolumeAlmostFull",
        f"{_free_space()} < 0.1",
        "5m",
        "critical",
        "A volume of etcd is about to be full.",
        f"{_CLAIM} has {_PERCENT} left; when it is full, its member ends.",
    ),
    Alert(
        "EtcdDatabaseGrowing",
        f"(max by ({MEMBER}) (predict_linear(etcd_operator_cluster_member_db_size_bytes[6h], "
        f"{FOUR_DAYS})) > {_QUOTA}) and ({_SIZE} / {_QUOTA} > 0.25)",
        "1h",
        "warning",
        "A database of etcd reaches its quota within four days.",
        f"{_MEMBER} grows so fast that it exceeds its quota within four days.",
    ),
    Alert(
        "EtcdFragmented",
        f"({_IN_USE} / {_SIZE} < 0.5) and ({_SIZE} > {LARGE})",
        "6h",
        "warning",
        "Most of a database file of etcd is unused.",
        f"{_MEMBER} uses {_PERCENT} of its database file.",
    ),
    Alert(
        "EtcdLearnerStuck",
        of_cluster("learners") + " > 0",
        "1h",
        "warning",
        "A learner has not become a voter.",
        f"{NAMED} has had a learner for an hour.",
    ),
    Alert(
        "EtcdChangeStuck",
        condition("Progressing", "True"),
        "2h",
        "warning",
        "A change of an etcd cluster does not end.",
        f"{NAMED} has been changing for two hours: scaling, rolling or replacing members.",
    ),
    Alert(
        BLOCKED,
        condition("Ready", "False", *BLOCKING),
        "15m",
        "warning",
        "An etcd cluster waits for a person.",
        f"The operator changes nothing in {NAMED} until somebody acts: see the reason and message "
        "of the condition Ready.",
    ),
    Alert(
        "EtcdReplacementStuck",
        any_condition(
            attention.MEMBER_STUCK, attention.CANNOT_REPLACE_MEMBER, attention.MEMBER_NOT_JOINING
        ),
        "30m",
        "warning",
        "A member of an etcd cluster is stuck and not replaced.",
        f"A member of {NAMED} does not come up, and its replacement waits or cannot be done.",
    ),
    Alert(
        "EtcdDiskBeingDeleted",
        any_condition(verdicts.DISK_BEING_DELETED),
        "0m",
        "critical",
        "A disk is being deleted under a running member.",
        f"A claim of {NAMED} was deleted; the disk goes as soon as the Pod of its member ends.",
    ),
    Alert(
        "EtcdRefusedByKubernetes",
        any_condition(attention.REFUSED_BY_KUBERNETES),
        "10m",
        "warning",
        "Kubernetes refuses changes of an etcd cluster.",
        f"The API server refuses what the operator writes for {NAMED}.",
    ),
    Alert(
        "EtcdQuorumLossApprovalStands",
        condition("QuorumLossApproved", "True", verdicts.QUORUM_LOSS_APPROVED),
        "15m",
        "critical",
        "spec.recovery.quorumLoss approves a recovery from one member.",
        f"Unless the majority of {NAMED} comes back, the cluster goes on from one member, and "
        "writes may be lost.",
    ),
    Alert(
        "EtcdVersionSkew",
        f"count by ({CLUSTER}) (count by ({CLUSTER}, version) "
        '(etcd_operator_cluster_member_info{version!=""})) > 1',
        "2h",
        "warning",
        "Members of an etcd cluster run different versions.",
        f"Members of {NAMED} have run {{{{ $value }}}} versions of etcd for two hours.",
    ),
    Alert(
        "EtcdVersionUnsupported",
        f'{_INFO}{{version!="",version!~"({_TESTED})[.].+"}}) == 1 '
        f'or {_INFO}{{version=~"{_UNSAFE}"}}) == 1',
        "1h",
        "warning",
        "A member of an etcd cluster runs a version that is not supported.",
        f"{_MEMBER} runs etcd {{{{ $labels.version }}}}, which the operator is not tested with, or "
        "which is no safe start for an upgrade to 3.6.",
    ),
)
