"""The Jobs: one that makes a backup, and one for each disk that a restore fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from etcd_operator.api.backup import EtcdBackup, EtcdBackupSpec
from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import EtcdCluster, EtcdClusterSpec
from etcd_operator.api.job_template import JobTemplate
from etcd_operator.api.pod_template import PodTemplate
from etcd_operator.api.restore import EtcdRestore, EtcdRestoreSpec
from etcd_operator.api.wal import WAL_MOUNT
from etcd_operator.core.auth.login import Account, find_account_of_jobs
from etcd_operator.core.model.naming import DATA_TEMPLATE, WAL_TEMPLATE, Naming
from etcd_operator.core.model.peer_tls import list_restored_urls
from etcd_operator.core.objects.etcd_config import (
    DATA_MOUNT,
    find_data_directory,
    find_wal_directory,
)
from etcd_operator.core.tasks.jobs import cluster_tls as cluster_tls
from etcd_operator.core.tasks.jobs.job import Access, Owner, Work, etcd_step, own_step, render_job
from etcd_operator.core.tasks.jobs.paths import LOGIN, LOGIN_VARIABLE, SNAPSHOT, TRIAL, TRIAL_CLIENT
from etcd_operator.core.tasks.jobs.pod import spread
from etcd_operator.core.tasks.restore.source import Source
from etcd_operator.json_types import Json

_TRIAL_PEER: Final = "http://127.0.0.1:2380"
# Below the member's mount: becomes the data directory by one rename, when it is whole.
RESTORING: Final = f"{DATA_MOUNT}/restoring"
RESTORING_WAL: Final = f"{WAL_MOUNT}/restoring"
_UTILITY: Final = "/usr/local/bin/etcdutl"
_SERVER: Final = "/usr/local/bin/etcd"
# The first release whose etcdutl knows --bump-revision.
_KNOWS_BUMP: Final = (3, 5, 10)


def render_backup_job(
    backup: EtcdBackup, spec: EtcdBackupSpec, cluster: EtcdCluster, image: str, seed: str, run: str
) -> Json:
    """Render one try: take the snapshot, restore it for trial, compare, store."""
    destination = spec.destination
    if destination is None:
        raise ValueError("a backup without a destination was not refused")
    endpoints = _find_endpoints(backup, cluster)
    if not any(url.startswith("https:") for url in endpoints):
        cluster = replace(cluster, spec=cluster.spec.serving_clients(ClientTls.OFF))
    work = Work(
        owner=Owner("EtcdBackup", backup.namespace, backup.name, backup.uid),
        purpose="backup",
        seed=seed,
        image=image,
        cluster=cluster.spec,
        access=destination,
        task=_backup_task(backup, spec, cluster, destination, endpoints),
        timeout_seconds=spec.timeout_seconds,
        scratch=spec.scratch,
        service_account=spec.service_account_name,
        template=spec.job_template or JobTemplate(),
        run=run,
        encryption=spec.encryption,
    )
    steps = [own_step(work, "snapshot", store=False)]
    if spec.verify:
        steps += [_trial_restore(work), _trial_server(work)]
    job = render_job(work, steps, own_step(work, "store", store=True))
    if cluster.spec.client_tls:
        cluster_tls.add_volumes(job, cluster)
    if account := find_account_of_jobs(cluster):
        _add_login(job, account)
    return job


def _add_login(job: Json, account: Account) -> None:
    """Mount the password for the steps of ours, which log in as the operator does."""
    pod = job["spec"]["template"]["spec"]
    pod["volumes"].append(
        {
            "name": "login",
            "secret": {
                "secretName": account.secret,
                "defaultMode": 0o440,
                "items": [{"key": "password", "path": "password"}],
            },
        }
    )
    for container in (*pod["initContainers"], *pod["containers"]):
        if container["name"] in ("snapshot", "store"):
            mount = {"name": "login", "mountPath": LOGIN, "readOnly": True}
            container["volumeMounts"].append(mount)
            container["env"].append({"name": LOGIN_VARIABLE, "value": account.user})


def _find_endpoints(backup: EtcdBackup, cluster: EtcdCluster) -> tuple[str, ...]:
    """Client URLs of the members, as each serves now; those without TLS for another namespace.

    The certificates are in the cluster's own.
    """
    urls = tuple(m.client_url for m in cluster.status.members if m.client_url)
    if backup.namespace == cluster.namespace or cluster.spec.client_tls_mode is ClientTls.STRICT:
        return urls
    return tuple(url.replace("https:", "http:", 1) for url in urls)


def _backup_task(
    backup: EtcdBackup,
    spec: EtcdBackupSpec,
    cluster: EtcdCluster,
    destination: Access,
    endpoints: tuple[str, ...],
) -> Json:
    policy = spec.retention_policy
    return {
        "backup": backup.name,
        "backupUid": backup.uid,
        "cluster": cluster.name,
        "namespace": cluster.namespace,
        "clusterId": cluster.status.cluster_id,
        "endpoints": list(endpoints),
        "storageType": spec.storage_type,
        "destination": destination.model_dump(mode="json", by_alias=True),
        "compression": spec.compression,
        "keySecret": spec.encryption.key_secret if spec.encryption else "",
        "verify": spec.verify,
        "retention": policy.model_dump(mode="json", by_alias=True) if policy else {},
    }


def _trial_restore(work: Work) -> Json:
    command = [_UTILITY, "snapshot", "restore", SNAPSHOT, f"--data-dir={TRIAL}", "--name=trial"]
    command += [f"--initial-cluster=trial={_TRIAL_PEER}"]
    command += [f"--initial-advertise-peer-urls={_TRIAL_PEER}"]
    return etcd_step(work, "restore", command)


def _trial_server(work: Work) -> Json:
    """An etcd of its own in the Pod: reachable from nowhere else, and ended with it."""
    spec = work.cluster
    command = [_SERVER, "--name=trial", f"--data-dir={TRIAL}", "--log-level=warn"]
    client = TRIAL_CLIENT.replace("http:", "https:") if spec.client_tls else TRIAL_CLIENT
    command += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
    command += cluster_tls.render_flags() if spec.client_tls else []
    command += [f"--listen-peer-urls={_TRIAL_PEER}"]
    command += [f"--initial-advertise-peer-urls={_TRIAL_PEER}"]
    command += [f"--initial-cluster=trial={_TRIAL_PEER}"]
    # Elected at once, and never short of room: it is only read.
    command += ["--heartbeat-interval=10", "--election-timeout=100"]
    command += [f"--quota-backend-bytes={2**40}"]
    return {**etcd_step(work, "etcd", command), "restartPolicy": "Always"}


def render_restore_job(
    restore: EtcdRestore,
    spec: EtcdRestoreSpec,
    source: Source,
    cluster: EtcdCluster,
    naming: Naming,
    ordinal: int,
    members: int,
    image: str,
    seed: str,
) -> Json:
    """Render one try to fill a member's disk: fetch, check, restore beside, put in place."""
    work = Work(
        owner=Owner("EtcdRestore", restore.namespace, restore.name, restore.uid),
        purpose="restore",
        seed=seed,
        image=image,
        cluster=cluster.spec,
        access=source.access,
        task=_restore_task(restore, spec, source, cluster, naming, ordinal),
        timeout_seconds=spec.timeout_seconds,
        scratch=spec.scratch,
        service_account=spec.service_account_name,
        template=spec.job_template or JobTemplate(),
        ordinal=ordinal,
        encryption=source.encryption,
    )
    urls = {o: list_restored_urls(cluster, naming, o) for o in range(members)}
    steps = [
        own_step(work, "fetch", store=True, disk=DATA_MOUNT),
        _member_restore(work, spec, naming, ordinal, urls),
    ]
    job = render_job(work, steps, own_step(work, "finish", store=False, disk=DATA_MOUNT))
    _use_disks(job["spec"]["template"], naming, ordinal, work)
    return job


def _restore_task(
    restore: EtcdRestore,
    spec: EtcdRestoreSpec,
    source: Source,
    cluster: EtcdCluster,
    naming: Naming,
    ordinal: int,
) -> Json:
    second = {"wal": find_wal_directory(naming, ordinal), "restoringWal": RESTORING_WAL}
    return {
        **(second if cluster.spec.storage.wal else {}),
        "url": source.url,
        "keySecret": source.encryption.key_secret if source.encryption else "",
        "onlyEncrypted": source.only_encrypted,
        "access": source.access.model_dump(mode="json", by_alias=True),
        "restoreUid": restore.uid,
        "version": cluster.spec.tag,
        "skipHashCheck": spec.skip_hash_check,
        "bumpRevision": spec.bump_revision if knows_bump(cluster.spec) else 0,
        "mount": DATA_MOUNT,
        "restoring": RESTORING,
        "data": find_data_directory(cluster.spec, naming, ordinal),
    }


def _use_disks(template: Json, naming: Naming, ordinal: int, work: Work) -> None:
    """Mount a member's disks in the Pod of a Job, and spread those Pods as members are."""
    pod, metadata = template["spec"], template["metadata"]
    claim = {"claimName": naming.claim(ordinal)}
    pod["volumes"].append({"name": DATA_TEMPLATE, "persistentVolumeClaim": claim})
    if work.cluster.storage.wal:
        claim = {"claimName": naming.claim(ordinal, wal=True)}
        pod["volumes"].append({"name": WAL_TEMPLATE, "persistentVolumeClaim": claim})
        for step in (*pod["initContainers"], *pod["containers"]):
            step["volumeMounts"].append({"name": WAL_TEMPLATE, "mountPath": WAL_MOUNT})
    together = {"etcd.etcd.io/restore-uid": work.owner.uid}
    pod.update(spread(work.cluster.pod_template or PodTemplate(), work.template, together))
    metadata["labels"] = {**metadata["labels"], **together}


def render_check_job(
    restore: EtcdRestore,
    spec: EtcdRestoreSpec,
    source: Source,
    cluster: EtcdCluster,
    image: str,
    seed: str,
) -> Json:
    """Render one try to fetch a backup, check it and restore it for trial: it touches no disk."""
    task: Json = {
        "url": source.url,
        "keySecret": source.encryption.key_secret if source.encryption else "",
        "onlyEncrypted": source.only_encrypted,
        "access": source.access.model_dump(mode="json", by_alias=True),
        "version": cluster.spec.tag,
        "skipHashCheck": spec.skip_hash_check,
        "restoring": TRIAL,
    }
    work = Work(
        owner=Owner("EtcdRestore", restore.namespace, restore.name, restore.uid),
        purpose="restore",
        seed=seed,
        image=image,
        cluster=cluster.spec,
        access=source.access,
        task=task,
        timeout_seconds=spec.timeout_seconds,
        scratch=spec.scratch,
        service_account=spec.service_account_name,
        template=spec.job_template or JobTemplate(),
        encryption=source.encryption,
    )
    trial = _trial_restore(work)
    if spec.skip_hash_check:
        trial["command"].append("--skip-hash-check")
    steps = [own_step(work, "fetch", store=True), trial]
    return render_job(work, steps, own_step(work, "checked", store=False))


def knows_bump(spec: EtcdClusterSpec) -> bool:
    """Whether this version's etcdutl can make revisions jump ahead."""
    return spec.release >= _KNOWS_BUMP


def _member_restore(
    work: Work,
    spec: EtcdRestoreSpec,
    naming: Naming,
    ordinal: int,
    urls: Mapping[int, tuple[str, ...]],
) -> Json:
    everyone = ",".join(f"{naming.member(o)}={url}" for o in urls for url in urls[o])
    command = [_UTILITY, "snapshot", "restore", SNAPSHOT, f"--data-dir={RESTORING}"]
    if work.cluster.storage.wal:
        command.append(f"--wal-dir={RESTORING_WAL}")
    command += [f"--name={naming.member(ordinal)}", f"--initial-cluster={everyone}"]
    command += [f"--initial-cluster-token={naming.token}"]
    command += [f"--initial-advertise-peer-urls={','.join(urls[ordinal])}"]
    if spec.bump_revision and knows_bump(work.cluster):
        command += [f"--bump-revision={spec.bump_revision}", "--mark-compacted"]
    if spec.skip_hash_check:
        command.append("--skip-hash-check")
    return etcd_step(work, "restore", command, disk=DATA_MOUNT)
