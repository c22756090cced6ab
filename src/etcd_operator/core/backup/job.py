"""What the Jobs of backups and restores share: a Pod of few rights, with the store's credentials.

The Pod has no token of a ServiceAccount: what it finds out it says with its last words. Secrets are
mounted only into the steps that talk to the store, never into those that run etcd's own programs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from etcd_operator.api.cluster import GROUP, VERSION, EtcdClusterSpec, PodTemplate
from etcd_operator.api.storage import (
    AzureAccess,
    BackupEncryption,
    GcsAccess,
    LocalAccess,
    S3Access,
    Scratch,
    find_secrets,
)
from etcd_operator.core.backup.places import (
    ENCRYPTION,
    SECRETS,
    SPOOL,
    STORE,
    TASK_VARIABLE,
)
from etcd_operator.core.backup.task import (
    ANNOTATION_ORDINAL,
    ANNOTATION_OWNER,
    ANNOTATION_RUN,
)
from etcd_operator.core.naming import LABEL_MANAGED_BY, LABEL_TASK, MANAGED_BY
from etcd_operator.core.render.statefulset import NON_ROOT

Json = dict[str, Any]
Access = S3Access | GcsAccess | AzureAccess | LocalAccess

# Our own steps; a stream goes through them in pieces, whatever the size of the database.
OWN_RESOURCES: Final[Json] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}
# Etcd's programs hold an index of all keys in memory: how much depends on the data.
ETCD_RESOURCES: Final[Json] = {"requests": {"cpu": "50m", "memory": "64Mi"}}


@dataclass(frozen=True, slots=True)
class Owner:
    """The EtcdBackup or EtcdRestore that a Job works for."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one Job is about. `task` is what our own steps read; it holds no secret."""

    owner: Owner
    purpose: str  # backup or restore
    seed: str  # equal for the same try, so that it exists once
    image: str
    access: Access
    task: Json
    timeout_seconds: int
    scratch: Scratch | None
    service_account: str
    run: str = ""
    ordinal: int | None = None
    encryption: BackupEncryption | None = None

    @property
    def secrets(self) -> dict[str, str]:
        """The Secrets that the steps which talk to the store find, by directory."""
        found = find_secrets(self.access)
        if self.encryption is not None:
            found[ENCRYPTION] = self.encryption.key_secret
        return found


def name_job(owner: Owner, seed: str) -> str:
    """Return the name of the Job of one try."""
    unique = hashlib.sha256(f"{owner.uid} {seed}".encode()).hexdigest()[:10]
    return f"{owner.name[:48].rstrip('-.').replace('.', '-')}-{unique}"


def render_job(work: Work, spec: EtcdClusterSpec, steps: Iterable[Json], last: Json) -> Json:
    """Render a Job of one try; `spec` is the cluster's, for where and how its Pods may run."""
    annotations = {
        ANNOTATION_OWNER: f"{work.owner.kind}/{work.owner.name}",
        ANNOTATION_RUN: work.run,
    }
    if work.ordinal is not None:
        annotations[ANNOTATION_ORDINAL] = str(work.ordinal)
    labels = {LABEL_TASK: work.purpose, LABEL_MANAGED_BY: MANAGED_BY}
    pod = _render_pod(work, spec.pod_template or PodTemplate())
    pod["initContainers"] = list(steps)
    pod["containers"] = [last]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_job(work.owner, work.seed),
            "namespace": work.owner.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [refer_to(work.owner)],
        },
        "spec": {
            # One try: when the next one is due is decided, and said, by the operator.
            "backoffLimit": 0,
            "activeDeadlineSeconds": work.timeout_seconds,
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
        },
    }


def refer_to(owner: Owner) -> Json:
    """The reference that lets Kubernetes delete what belongs to an object that is gone."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _render_pod(work: Work, wishes: PodTemplate) -> Json:
    pod: Json = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Long enough to take back an upload that is under way.
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NON_ROOT,
            "runAsGroup": NON_ROOT,
            "fsGroup": NON_ROOT,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [_spool(work.scratch), *_store_volumes(work)],
    }
    optional = {
        "nodeSelector": dict(wishes.node_selector or {}),
        "tolerations": list(wishes.tolerations or ()),
        "affinity": dict(wishes.affinity or {}),
        "priorityClassName": wishes.priority_class_name,
        "imagePullSecrets": list(wishes.image_pull_secrets or ()),
        "serviceAccountName": work.service_account,
    }
    pod.update({key: value for key, value in optional.items() if value})
    return pod


def _spool(scratch: Scratch | None) -> Json:
    if scratch is None:
        return {"name": "spool", "emptyDir": {}}
    spec: Json = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": scratch.size}},
    }
    if scratch.storage_class_name is not None:
        spec["storageClassName"] = scratch.storage_class_name
    return {"name": "spool", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}


def _store_volumes(work: Work) -> list[Json]:
    volumes: list[Json] = [
        # A Secret that does not exist is told by the step that needs it, in a sentence.
        {"name": f"secret-{directory}", "secret": {"secretName": name, "optional": True}}
        for directory, name in work.secrets.items()
    ]
    if isinstance(work.access, LocalAccess):
        claim = {"claimName": work.access.claim_name}
        volumes.append({"name": "store", "persistentVolumeClaim": claim})
    return volumes


def own_step(work: Work, name: str, *, store: bool, disk: str = "") -> Json:
    """A step of the operator's own image. `store`: it talks to the store; `disk`: a member's."""
    mounts: list[Json] = [{"name": "spool", "mountPath": SPOOL}]
    if store:
        mounts += [
            {"name": f"secret-{directory}", "mountPath": f"{SECRETS}/{directory}", "readOnly": True}
            for directory in work.secrets
        ]
        if isinstance(work.access, LocalAccess):
            mounts.append({"name": "store", "mountPath": STORE})
    if disk:
        mounts.append({"name": "data", "mountPath": disk})
    return {
        "name": name,
        "image": work.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["task", name],
        "env": [
            {"name": TASK_VARIABLE, "value": json.dumps(work.task, separators=(",", ":"))},
            {"name": "JOB_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        ],
        "resources": OWN_RESOURCES,
        "volumeMounts": mounts,
        "securityContext": _confined(),
    }


def etcd_step(name: str, image: str, command: list[str], *, disk: str = "") -> Json:
    """A step of the cluster's etcd image, whose last lines say why it failed."""
    mounts: list[Json] = [{"name": "spool", "mountPath": SPOOL}]
    if disk:
        mounts.append({"name": "data", "mountPath": disk})
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": ETCD_RESOURCES,
        "volumeMounts": mounts,
        "securityContext": _confined(),
    }


def _confined() -> Json:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
