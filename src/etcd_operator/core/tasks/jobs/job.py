"""Jobs of backups and restores: a Pod of few rights, with the store's credentials.

The Pod has no token of a ServiceAccount: what it finds out it says with its last words. Secrets are
mounted only into the steps that talk to the store, never into those that run etcd's own programs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from etcd_operator.api.cluster import GROUP, VERSION, EtcdClusterSpec
from etcd_operator.api.job_template import JobTemplate
from etcd_operator.api.storage import (
    AzureAccess,
    BackupEncryption,
    GcsAccess,
    LocalAccess,
    S3Access,
    Scratch,
    find_secrets,
)
from etcd_operator.core.model.naming import LABEL_TASK
from etcd_operator.core.tasks.jobs.paths import ENCRYPTION, SECRETS, SPOOL, STORE, TASK_VARIABLE
from etcd_operator.core.tasks.jobs.pod import (
    etcd_resources,
    own_resources,
    render_annotations,
    render_labels,
    render_placement,
)
from etcd_operator.core.tasks.jobs.status import (
    ANNOTATION_ORDINAL,
    ANNOTATION_OWNER,
    ANNOTATION_RUN,
)
from etcd_operator.json_types import Json

Access = S3Access | GcsAccess | AzureAccess | LocalAccess


@dataclass(frozen=True, slots=True)
class Owner:
    """The EtcdBackup or EtcdRestore that a Job works for."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Work:
    """Task of one Job. `task` is what our own steps read; it holds no secret."""

    owner: Owner
    purpose: str  # backup or restore
    seed: str  # equal for the same try, so that it exists once
    image: str
    cluster: EtcdClusterSpec  # where and how its Pods may run
    access: Access
    task: Json
    timeout_seconds: int
    scratch: Scratch | None
    service_account: str
    run: str = ""
    ordinal: int | None = None
    encryption: BackupEncryption | None = None
    template: JobTemplate = field(default_factory=JobTemplate)

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


def render_job(work: Work, steps: Iterable[Json], last: Json) -> Json:
    """Render a Job of one try."""
    marks = {
        ANNOTATION_OWNER: f"{work.owner.kind}/{work.owner.name}",
        ANNOTATION_RUN: work.run,
    }
    if work.ordinal is not None:
        marks[ANNOTATION_ORDINAL] = str(work.ordinal)
    spec, template = work.cluster, work.template
    labels, pod_labels = render_labels(spec, template, {LABEL_TASK: work.purpose})
    annotations, pod_annotations = render_annotations(spec, template, marks)
    pod = _render_pod(work)
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
            "template": {
                "metadata": {"labels": pod_labels, "annotations": pod_annotations},
                "spec": pod,
            },
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


def _render_pod(work: Work) -> Json:
    pod: Json = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Long enough to take back an upload that is under way.
        "terminationGracePeriodSeconds": 10,
        "volumes": [_spool(work), *_store_volumes(work)],
        **render_placement(work.cluster, work.template),
    }
    if work.service_account:
        pod["serviceAccountName"] = work.service_account
    return pod


def _spool(work: Work) -> Json:
    scratch = work.scratch
    if scratch is None:
        return {"name": "spool", "emptyDir": {}}
    spec: Json = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": str(scratch.size)}},
    }
    if scratch.storage_class_name is not None:
        spec["storageClassName"] = scratch.storage_class_name
    labels, _ = render_labels(work.cluster, work.template, {})
    annotations, _ = render_annotations(work.cluster, work.template, {})
    # Without a label of a member's disk, by which it would be taken for one.
    template: Json = {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}
    return {"name": "spool", "ephemeral": {"volumeClaimTemplate": template}}


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
        "resources": own_resources(work.cluster, work.template),
        "volumeMounts": mounts,
        "securityContext": confine(),
    }


def etcd_step(work: Work, name: str, command: list[str], *, disk: str = "") -> Json:
    """A step of the cluster's etcd image, whose last lines say why it failed."""
    mounts: list[Json] = [{"name": "spool", "mountPath": SPOOL}]
    if disk:
        mounts.append({"name": "data", "mountPath": disk})
    return {
        "name": name,
        "image": str(work.cluster.etcd_image),
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": etcd_resources(work.cluster, work.template),
        "volumeMounts": mounts,
        "securityContext": confine(),
    }


def confine() -> Json:
    """The security context of every container of a Job."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
