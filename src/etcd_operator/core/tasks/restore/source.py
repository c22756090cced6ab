"""Which backup an EtcdRestore is about, and which cluster is to be made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from etcd_operator.api.backup import BackupSource, EtcdBackup, TaskPhase
from etcd_operator.api.cluster import EtcdCluster, EtcdClusterSpec, EtcdClusterStatus
from etcd_operator.api.release import NO_VERSION, Version
from etcd_operator.api.restore import EtcdRestore, EtcdRestoreSpec
from etcd_operator.api.storage import BackupEncryption, S3Access
from etcd_operator.api.validation import find_problems
from etcd_operator.core.model.live_objects import Claim, PodProblem
from etcd_operator.core.model.naming import ANNOTATION_BACKUP_FROM
from etcd_operator.core.reasons import restores
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.tasks.consent import may_copy_spec, may_restore
from etcd_operator.core.tasks.jobs.job import Access
from etcd_operator.core.tasks.jobs.status import Task, TaskPod
from etcd_operator.core.tasks.store_problems import find_store_problem
from etcd_operator.wording import agree, them

_KINDS: Final = {"s3": "s3", "gs": "gcs", "az": "azure", "file": "local"}


@dataclass(frozen=True, slots=True)
class RestoreView:
    """All that is known about an EtcdRestore.

    `backup` is the one it names, `original` the cluster that was backed up, `target` the one to
    make, `claims` the disks under the target's names. `warnings` are those of Events about its Jobs
    and their Pods, by the uid of either.
    """

    restore: EtcdRestore
    backup: EtcdBackup | None
    original: EtcdCluster | None
    target: EtcdCluster | None
    claims: tuple[Claim, ...]
    tasks: tuple[Task, ...]
    pods: tuple[TaskPod, ...]
    now: datetime
    domain: str
    image: str
    warnings: Mapping[str, PodProblem] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A backup by its URL, how to reach it, and the etcd that made it, if that is known.

    `only_encrypted`: it is known to be encrypted, so one that is not was put there by somebody.
    """

    url: str
    access: Access
    version: Version = NO_VERSION
    encryption: BackupEncryption | None = None
    only_encrypted: bool = False


class Stop(Exception):
    """Nothing more can be done now: a phase, a reason and a sentence."""

    def __init__(self, phase: TaskPhase, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.phase, self.reason, self.message = phase, reason, message


def find_source(view: RestoreView, spec: EtcdRestoreSpec) -> Source:
    """Return the backup that is restored; raises Stop."""
    if spec.source is not None:
        return Source(
            spec.source.url,
            _read_access(spec.source),
            encryption=spec.encryption,
            only_encrypted=spec.encryption is not None,
        )
    namespace = spec.backup_namespace or view.restore.namespace
    backup = view.backup
    if backup is None:
        raise Stop(
            TaskPhase.PENDING,
            restores.NO_BACKUP,
            f"EtcdBackup {spec.backup_name} does not exist in namespace {namespace}: name one that "
            "does, or the backup itself in spec.source.url.",
        )
    if not may_restore(backup, view.original, view.restore.namespace):
        raise _refuse_foreign("EtcdBackup", backup.name, namespace, view.restore.namespace)
    pinned = view.restore.status.source_url or backup.status.storage_path
    destination = backup.spec.destination if backup.spec else None
    if not pinned or destination is None:
        raise Stop(
            TaskPhase.PENDING,
            restores.NO_BACKUP,
            f"EtcdBackup {spec.backup_name} has no complete backup yet: "
            f"{backup.status.message[:500]}",
        )
    known = pinned == backup.status.storage_path and bool(backup.status.key_fingerprint)
    return Source(
        pinned,
        _check_access(destination, f"the field of EtcdBackup {backup.name}"),
        Version(backup.status.etcd_version),
        spec.encryption or (backup.spec.encryption if backup.spec else None),
        only_encrypted=known or spec.encryption is not None,
    )


def _refuse_foreign(kind: str, name: str, theirs: str, ours: str) -> Stop:
    return Stop(
        TaskPhase.PENDING,
        restores.NOT_ALLOWED,
        f"{kind} {name} of namespace {theirs} does not allow it: annotate it with "
        f"{ANNOTATION_BACKUP_FROM}={ours}.",
    )


def _read_access(source: BackupSource) -> Access:
    field = _KINDS[source.url.partition("://")[0]]
    found: Access | None = getattr(source, field)
    if found is not None:
        return _check_access(found, f"spec.source.{field}")
    if field == "s3":
        return S3Access()
    raise Stop(
        TaskPhase.FAILED,
        restores.INVALID_SPEC,
        f"spec.source.url {source.url} needs spec.source.{field}, which says how to reach it.",
    )


def _check_access(access: Access, field: str) -> Access:
    problem = find_store_problem(access, field)
    if problem:
        raise Stop(TaskPhase.FAILED, restores.INVALID_SPEC, problem)
    return access


def choose_template(view: RestoreView, spec: EtcdRestoreSpec, source: Source) -> EtcdClusterSpec:
    """Return the spec of the new cluster: the one given, or that of the old; raises Stop."""
    if spec.cluster_template is not None:
        return spec.cluster_template
    original, namespace = view.original, view.restore.namespace
    if original is not None:
        if not may_copy_spec(original, view.backup, namespace):
            # The spec may name what its namespace keeps to itself: repositories, users, roles.
            raise _refuse_foreign("EtcdCluster", original.name, original.namespace, namespace)
        if original.flaws:  # a default stands where the cluster has what nobody understands
            raise Stop(TaskPhase.FAILED, restores.INVALID_SPEC, name_flaws(original))
        size = max(original.spec.size, 1)
        # What it once joined is not what the backup is of.
        update = {"size": size, "paused": False, "bootstrap": None}
        return original.spec.model_copy(update=update)
    raise Stop(
        TaskPhase.FAILED,
        restores.INVALID_SPEC,
        "The EtcdCluster that was backed up does not exist any more: set spec.clusterTemplate, "
        f"with version {source.version.tag} or later.",
    )


def name_flaws(cluster: EtcdCluster) -> str:
    """Say what of a cluster's spec has to be corrected before it counts for a restore."""
    return f"EtcdCluster {cluster.name} has to be corrected: {' '.join(cluster.flaws)}"


# Of `storage.ephemeral` in a template.
NO_RESTORE: Final = (
    "storage.ephemeral is not for a restore, which fills disks: name a clusterTemplate without it."
)


def check_template(
    view: RestoreView, spec: EtcdRestoreSpec, template: EtcdClusterSpec, source: Source
) -> None:
    """Find what is wrong with making this cluster of that backup; raises Stop."""
    draft = EtcdCluster(
        namespace=view.restore.namespace,
        name=spec.cluster_name,
        uid="",
        resource_version="",
        generation=0,
        deleting=False,
        finalizers=(),
        annotations={},
        spec=template,
        status=EtcdClusterStatus(),
    )
    problems = find_problems(draft)
    if problems:
        raise Stop(
            TaskPhase.FAILED,
            restores.INVALID_SPEC,
            " ".join(problem.sentence for problem in problems),
        )
    _check_beginning(template)
    check_version(source, template, "spec.clusterTemplate.version")
    if view.claims:
        names = ", ".join(sorted(claim.name for claim in view.claims))
        raise Stop(
            TaskPhase.FAILED,
            restores.NAME_TAKEN,
            f"PersistentVolumeClaim {names} {agree(len(view.claims), 'hold')} data of an earlier "
            f"cluster of this name: delete {them(len(view.claims))} if the data is not needed, or "
            "choose another spec.clusterName.",
        )


def _check_beginning(template: EtcdClusterSpec) -> None:
    """Refuse what a cluster that begins with a backup cannot be; raises Stop."""
    begins = template.bootstrap
    for wrong, words in (
        (template.size == 0, "size must not be 0."),
        (template.joins is not None, "bootstrap.joinExisting is not for a restore: remove it."),
        (begins and begins.mirror is not None, "bootstrap.mirror is not for a restore: remove it."),
        (template.storage.ephemeral is not None, NO_RESTORE),
    ):
        if wrong:
            said = f"spec.clusterTemplate.{words}"
            raise Stop(TaskPhase.FAILED, restores.INVALID_SPEC, said)


def check_version(source: Source, spec: EtcdClusterSpec, field: str) -> None:
    """Refuse a cluster too old to read the backup, as far as is known; raises Stop."""
    made_by = source.version.release
    if made_by is not None and spec.minor < made_by[:2]:
        raise Stop(
            TaskPhase.FAILED,
            restores.NEWER_ETCD,
            f"The backup was made by etcd {source.version}, which {spec.version} cannot read: "
            f"set {field} to {source.version.tag} or later.",
        )
