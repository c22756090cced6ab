"""The Job of a mirror: a Pod of few rights in the namespace of the cluster.

It connects to the source, which the operator never does, and to the client Service of the cluster.
It has no token of a ServiceAccount: how far it is stands in etcd, and why it failed in its last
words. One try each: when the next is due, the operator decides.
"""

from __future__ import annotations

import json
from typing import Final

from etcd_operator.api.job_template import JobTemplate
from etcd_operator.api.mirror import Mirror
from etcd_operator.core.auth.login import find_account_of_jobs
from etcd_operator.core.mirror.places import SOURCE_LOGIN, SOURCE_TLS
from etcd_operator.core.model.naming import CLIENT_PORT, LABEL_TASK
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.tasks.jobs.job import Owner, confine, name_job, refer_to
from etcd_operator.core.tasks.jobs.paths import IDENTITY, LOGIN, LOGIN_VARIABLE, TASK_VARIABLE
from etcd_operator.core.tasks.jobs.pod import (
    own_resources,
    render_annotations,
    render_labels,
    render_placement,
)
from etcd_operator.core.tasks.jobs.status import ANNOTATION_OWNER
from etcd_operator.json_types import Json

PURPOSE: Final = "mirror"
_MODE: Final = 0o440


def render_mirror_job(snapshot: Snapshot, mirror: Mirror, *, cut_over: bool) -> Json:
    """Render the Job that mirrors, or that ends the mirror too; its image is not in it yet."""
    naming, spec = snapshot.naming, snapshot.cluster.spec
    owner = Owner("EtcdCluster", naming.namespace, naming.name, naming.uid)
    text = json.dumps(_write_task(snapshot, mirror, cut_over=cut_over), separators=(",", ":"))
    mounts = {**_mounts_of_source(mirror), **_mounts_of_cluster(snapshot)}
    seed, template = f"{text} {json.dumps(mounts, sort_keys=True)}", JobTemplate()
    # Without the labels of members' Pods: a Service of the user's may select by them, and nobody
    # serves in this one.
    labels, _ = render_labels(spec, template, {LABEL_TASK: PURPOSE})
    marks = {ANNOTATION_OWNER: f"{owner.kind}/{owner.name}"}
    annotations, pod_annotations = render_annotations(spec, template, marks)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_job(owner, seed),
            "namespace": owner.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [refer_to(owner)],
        },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels, "annotations": pod_annotations},
                "spec": _render_pod(snapshot, text, mounts),
            },
        },
    }


def _render_pod(snapshot: Snapshot, text: str, mounts: dict[str, Json]) -> Json:
    """The Pod; `text` is what it is told, and `mounts` are its volumes by path."""
    spec, template = snapshot.cluster.spec, JobTemplate()
    container: Json = {
        "name": PURPOSE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["task", PURPOSE],
        "env": [{"name": TASK_VARIABLE, "value": text}, *_name_user(snapshot)],
        "resources": own_resources(spec, template),
        "volumeMounts": [
            {"name": volume["name"], "mountPath": path, "readOnly": True}
            for path, volume in mounts.items()
        ],
        "securityContext": confine(),
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "volumes": list(mounts.values()),
        "containers": [container],
        **render_placement(spec, template),
    }


def _write_task(snapshot: Snapshot, mirror: Mirror, *, cut_over: bool) -> Json:
    """What the Job is told; it holds no secret."""
    naming = snapshot.naming
    host = f"{naming.client_service}.{naming.namespace}.svc"
    return {
        "endpoints": list(mirror.source.endpoints),
        "prefix": mirror.prefix,
        "leasedKeys": mirror.leased_keys,
        "target": f"{host}:{CLIENT_PORT}",
        "targetTls": snapshot.cluster.spec.client_tls,
        "cutOver": cut_over,
    }


def _mounts_of_source(mirror: Mirror) -> dict[str, Json]:
    """Volumes by their path. A Secret that does not exist is told by the Job, in a sentence."""
    source, found = mirror.source, {}
    if secret := source.client_certificate_secret or source.ca_secret:
        names = (
            ("ca.crt", "tls.crt", "tls.key") if source.client_certificate_secret else ("ca.crt",)
        )
        found[SOURCE_TLS] = _render_volume("source-tls", secret, *names, optional=True)
    if secret := source.password_secret:
        found[SOURCE_LOGIN] = _render_volume(
            "source-login", secret, "username", "password", optional=True
        )
    return found


def _mounts_of_cluster(snapshot: Snapshot) -> dict[str, Json]:
    spec, found = snapshot.cluster.spec, {}
    if spec.client_tls:
        secret = snapshot.naming.operator_secret
        found[IDENTITY] = _render_volume("identity", secret, "ca.crt", "tls.crt", "tls.key")
    if account := find_account_of_jobs(snapshot.cluster):
        found[LOGIN] = _render_volume("login", account.secret, "password")
    return found


def _name_user(snapshot: Snapshot) -> list[Json]:
    account = find_account_of_jobs(snapshot.cluster)
    return [{"name": LOGIN_VARIABLE, "value": account.user}] if account else []


def _render_volume(name: str, secret: str, *keys: str, optional: bool = False) -> Json:
    items = [{"key": key, "path": key} for key in keys]
    return {
        "name": name,
        "secret": {
            "secretName": secret,
            "defaultMode": _MODE,
            "items": items,
            **({"optional": True} if optional else {}),
        },
    }
