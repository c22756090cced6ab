"""Consent of a namespace to be read from another: an annotation that names the other one.

Whoever may annotate an EtcdCluster or an EtcdBackup may read its data; whoever may create an
EtcdBackup or EtcdRestore elsewhere may not. So the one being read has to say yes, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping

from etcd_operator.api.backup import EtcdBackup
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.model.naming import ANNOTATION_BACKUP_FROM


def allows(annotations: Mapping[str, str], namespace: str) -> bool:
    """Whether an object with these annotations may be read from this namespace."""
    words = {word.strip() for word in annotations.get(ANNOTATION_BACKUP_FROM, "").split(",")}
    return namespace in words or "*" in words


def may_back_up(cluster: EtcdCluster, namespace: str) -> bool:
    """Whether EtcdBackups of this namespace may be about this cluster."""
    return cluster.namespace == namespace or allows(cluster.annotations, namespace)


def may_restore(backup: EtcdBackup, cluster: EtcdCluster | None, namespace: str) -> bool:
    """Whether EtcdRestores of this namespace may read this EtcdBackup.

    `cluster` is the one that was backed up: beside the EtcdBackup its consent counts as well.
    """
    if backup.namespace == namespace or allows(backup.annotations, namespace):
        return True
    beside = cluster is not None and cluster.namespace == backup.namespace
    return beside and cluster is not None and allows(cluster.annotations, namespace)


def may_copy_spec(cluster: EtcdCluster, backup: EtcdBackup | None, namespace: str) -> bool:
    """Whether EtcdRestores of this namespace may make a cluster with the spec of this one."""
    if may_back_up(cluster, namespace):
        return True
    beside = backup is not None and backup.namespace == cluster.namespace
    return beside and backup is not None and allows(backup.annotations, namespace)
