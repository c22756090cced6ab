"""The configuration by which kube-state-metrics shows EtcdClusters, EtcdBackups and EtcdRestores.

It is for those who have no access to the operator's own metrics, or want to compare the two: it
reads the objects and nothing of etcd. Source of the form: kube-state-metrics,
docs/metrics/extend/customresourcestate-metrics.md.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api import backup, restore
from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import GROUP, KIND, VERSION, Phase
from etcd_operator.core.reasons.registry import (
    BACKUP_CONDITIONS,
    CLUSTER_CONDITIONS,
    RESTORE_CONDITIONS,
)
from etcd_operator.json_types import Json

# What the metrics of each kind begin with.
PREFIXES: Final = {KIND: "etcdcluster", backup.KIND: "etcdbackup", restore.KIND: "etcdrestore"}


def build_resource_state() -> Json:
    """Return the configuration, for `--custom-resource-state-config-file`."""
    tasks = [phase.value for phase in TaskPhase]
    clusters = [
        _gauge("spec_size", "Members wanted.", "spec", "size"),
        _gauge("status_replicas", "Members in etcd.", "status", "replicas"),
        _gauge("status_ready_replicas", "Members that are Ready.", "status", "readyReplicas"),
        _gauge(
            "status_observed_generation",
            "The generation that the status is about.",
            "status",
            "observedGeneration",
        ),
        _info("info", "The version that is wanted.", version=["spec", "version"]),
        _phase([phase.value for phase in Phase]),
        _conditions([condition.type for condition in CLUSTER_CONDITIONS]),
    ]
    backups = [
        _gauge(
            "status_last_completion_time",
            "When the newest backup was complete, in seconds.",
            "status",
            "completionTime",
        ),
        _gauge("status_backup_size", "Its size in bytes.", "status", "backupSize"),
        _gauge(
            "status_consecutive_failures",
            "Tries that failed since.",
            "status",
            "consecutiveFailures",
        ),
        _info("info", "The cluster that is backed up.", cluster=["spec", "clusterName"]),
        _phase(tasks),
        _conditions([condition.type for condition in BACKUP_CONDITIONS]),
    ]
    restores = [
        _info("info", "The cluster that is restored.", cluster=["spec", "clusterName"]),
        _phase(tasks),
        _conditions([condition.type for condition in RESTORE_CONDITIONS]),
    ]
    resources = [
        _resource(KIND, clusters),
        _resource(backup.KIND, backups),
        _resource(restore.KIND, restores),
    ]
    return {"kind": "CustomResourceStateMetrics", "spec": {"resources": resources}}


def _resource(kind: str, metrics: list[Json]) -> Json:
    return {
        "groupVersionKind": {"group": GROUP, "version": VERSION, "kind": kind},
        "metricNamePrefix": PREFIXES[kind],
        "labelsFromPath": {"name": ["metadata", "name"], "namespace": ["metadata", "namespace"]},
        "metrics": metrics,
    }


def _gauge(name: str, text: str, *path: str) -> Json:
    return {
        "name": name,
        "help": text,
        "each": {"type": "Gauge", "gauge": {"path": list(path), "nilIsZero": True}},
    }


def _info(name: str, text: str, **labels: list[str]) -> Json:
    return {
        "name": name,
        "help": text,
        "each": {"type": "Info", "info": {"labelsFromPath": labels}},
    }


def _phase(phases: list[str]) -> Json:
    states = {"path": ["status", "phase"], "labelName": "phase", "list": phases}
    return {
        "name": "status_phase",
        "help": "1 for the phase that it is in.",
        "each": {"type": "StateSet", "stateSet": states},
    }


def _conditions(kinds: list[str]) -> Json:
    """True is 1, False and Unknown are 0: so kube-state-metrics reads a status."""
    gauge = {
        "path": ["status", "conditions"],
        "labelsFromPath": {"type": ["type"], "reason": ["reason"]},
        "valueFrom": ["status"],
    }
    return {
        "name": "status_condition",
        "help": f"Whether each condition is True: {', '.join(kinds)}.",
        "each": {"type": "Gauge", "gauge": gauge},
    }
