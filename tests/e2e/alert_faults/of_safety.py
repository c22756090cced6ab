"""Faults of backups, restores and certificates."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from demo import object_store
from demo.object_store import CREDENTIALS
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate, make_authority
from tests.e2e.alert_faults.fault import Fault, Mend, forbid, nothing, put_secret
from tests.e2e.backup_harness import Task
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import read_secret

EVERY_MINUTE: Final = "* * * * *"
# Five sixths of its life are over when it is put there; a minute is left.
_PAST: Final = timedelta(seconds=315)
_LEFT: Final = timedelta(seconds=63)


def start_store(cluster: Cluster) -> None:
    """Start an object store beside the cluster."""
    object_store.start(cluster.target, cluster.namespace)


def back_up(cluster: Cluster, **spec: Any) -> Task:
    """Create EtcdBackup b of the cluster, in that store."""
    backup = Task(cluster.target, cluster.namespace, "EtcdBackup", "b")
    destination = object_store.ObjectStore(cluster.namespace, "").destination()
    backup.create(clusterName=cluster.name, storageType="S3", s3=destination, **spec)
    return backup


def never_verify(cluster: Cluster) -> Mend:
    """Take backups that nobody restores on trial."""
    back_up(cluster, schedule=EVERY_MINUTE, verify=False)
    return nothing


def verify_first(cluster: Cluster) -> None:
    """Have a schedule whose first backup is verified."""
    cluster.wait_running(1)
    start_store(cluster)
    backup = back_up(cluster, schedule=EVERY_MINUTE)
    wait_until("it is verified", lambda: backup.condition("Verified").get("status") == "True", 150)


def suspend_at_first(cluster: Cluster) -> Mend:
    """Create a schedule that is suspended."""
    back_up(cluster, schedule=EVERY_MINUTE, suspend=True)
    return nothing


def suspend(cluster: Cluster) -> Mend:
    """Suspend the schedule."""
    patch = json.dumps({"spec": {"suspend": True}})
    cluster.kubectl("patch", "etcdbackup", "b", "--type=merge", f"--patch={patch}")
    return nothing


def change_password(cluster: Cluster) -> Mend:
    """Let the store refuse the credentials."""
    right = read_secret(cluster, CREDENTIALS)
    put_secret(cluster, CREDENTIALS, {**right, "AWS_SECRET_ACCESS_KEY": "another"})
    return lambda: put_secret(cluster, CREDENTIALS, right)


def miss_schedule(cluster: Cluster) -> Mend:
    """Let the only member be away when a backup is due, 12 minutes ago by what is recorded."""
    allow = forbid(cluster, "count/pods")
    cluster.kubectl("delete", "pod", "c-0")
    wait_until("it is away", lambda: cluster.condition("QuorumHealthy")["status"] == "False")
    now = datetime.now(UTC)
    due, before = now - timedelta(minutes=12), now - timedelta(days=1)
    backup = back_up(cluster, schedule=f"{due:%-M} {due:%-H} * * *")
    wait_until("it is read", lambda: bool(backup.status().get("nextScheduleTime")))
    recorded = {"status": {"lastScheduleTime": f"{before:%Y-%m-%dT%H:%M:%SZ}"}}
    words = ("patch", "etcdbackup", "b", "--subresource=status", "--type=merge")
    cluster.kubectl(*words, f"--patch={json.dumps(recorded)}")
    return allow


def back_up_once(cluster: Cluster) -> None:
    """Take a backup to restore."""
    cluster.wait_running(1)
    start_store(cluster)
    back_up(cluster, verify=False).wait_completed()


def restore_without_disks(cluster: Cluster) -> Mend:
    """Restore in place while a quota refuses new claims."""
    allow = forbid(cluster, "persistentvolumeclaims")
    restore = Task(cluster.target, cluster.namespace, "EtcdRestore", "r")
    restore.create(backupName="b", clusterName=cluster.name, restoreType="Replace")
    cluster.wait_phase("Restoring")
    return allow


def issue_own(cluster: Cluster) -> None:
    """Put the user's certificate there that the cluster waits for."""
    authority = make_authority("company", datetime.now(UTC))
    put_secret(cluster, "company", {"ca.crt": authority.certificate, "ca.key": authority.key})
    put_certificate(cluster, authority, datetime.now(UTC), timedelta(days=1))


def put_certificate(
    cluster: Cluster, authority: KeyPair, begun: datetime, lifetime: timedelta
) -> None:
    """Issue the server certificate of the cluster into the Secret mine."""
    names = (f"*.c-peer.{cluster.namespace}.svc.cluster.local",)
    pair = issue_certificate(authority, "c", begun, lifetime, names=names, server=True)
    put_secret(cluster, "mine", {"tls.crt": pair.certificate, "tls.key": pair.key})


def let_expire(cluster: Cluster) -> Mend:
    """Put a certificate there that ends in a minute, and no other after it."""
    data = cluster.read("get", "secret", "company")["data"]
    certificate, key = (base64.b64decode(data[name]).decode() for name in ("ca.crt", "ca.key"))
    authority = KeyPair(certificate, key)
    put_certificate(cluster, authority, datetime.now(UTC) - _PAST, _PAST + _LEFT)
    restart(cluster)

    def renew() -> None:
        put_certificate(cluster, authority, datetime.now(UTC), timedelta(days=1))
        restart(cluster)

    return renew


def restart(cluster: Cluster) -> None:
    """Restart the member: the operator reads Secrets every five minutes, and now meanwhile."""
    cluster.kubectl("delete", "pod", "c-0")


SAFETY_FAULTS: Final = (
    Fault(
        "Backups are not verified",
        ("EtcdBackupUnproven",),
        never_verify,
        ("EtcdBackupUnproven",),
        spec={"size": 1},
        prepare=start_store,
        known={"NAME": "b"},
        then=Fault(
            "The store refuses the credentials",
            ("EtcdBackupFailing", "EtcdBackupTooOld"),
            change_password,
            ("EtcdBackupFailing", "EtcdBackupTooOld"),
            known={"NAME": "b"},
        ),
    ),
    Fault(
        "The schedule of backups is suspended",
        ("EtcdBackupTooOld",),
        suspend,
        ("EtcdBackupTooOld",),
        spec={"size": 1},
        prepare=verify_first,
        known={"NAME": "b"},
    ),
    Fault(
        "A schedule is suspended from the beginning",
        ("EtcdBackupTooOld",),
        suspend_at_first,
        ("EtcdBackupTooOld",),
        spec={"size": 1},
        prepare=start_store,
        known={"NAME": "b"},
    ),
    Fault(
        "The cluster has no quorum when a backup is due",
        ("EtcdBackupMissed",),
        miss_schedule,
        ("EtcdBackupMissed",),
        spec={"size": 1},
        known={"NAME": "b"},
    ),
    Fault(
        "A ResourceQuota refuses the disks of a restore in place",
        ("EtcdRestoreStuck",),
        restore_without_disks,
        ("EtcdRestoreStuck",),
        spec={"size": 1},
        prepare=back_up_once,
        known={"NAME": "r"},
    ),
    Fault(
        "A certificate of the user's own ends in a minute",
        ("EtcdCertificateNotRenewed", "EtcdCertificateExpired"),
        let_expire,
        ("EtcdCertificateNotRenewed", "EtcdCertificateExpired"),
        spec={
            "size": 1,
            "security": {"tls": {"certificateSecret": "mine", "caSecret": "company"}},
        },
        prepare=issue_own,
    ),
)
