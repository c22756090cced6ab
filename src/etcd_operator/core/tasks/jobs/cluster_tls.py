"""TLS for the Job of a backup: certificates and flags of a cluster that has it.

Our steps show the operator's own certificate, as the operator does. The etcd of the trial presents
what the members present and trusts whom they trust, so that with authentication, which is part of
the data, the same certificate opens it.
"""

from __future__ import annotations

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE
from etcd_operator.core.certificates.wanted import presented_secret
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.tasks.jobs.paths import IDENTITY, PRESENTED, TRUST
from etcd_operator.json_types import Json


def add_volumes(job: Json, cluster: EtcdCluster) -> None:
    """Add what is mounted to the Pod of a Job."""
    naming = Naming(cluster.namespace, cluster.name, cluster.uid)
    pod = job["spec"]["template"]["spec"]
    pod["volumes"] += [
        _secret("identity", naming.operator_secret),
        _secret("presented", presented_secret(cluster.spec, naming)),
        {"name": "trust", "configMap": {"name": naming.config_map}},
    ]
    for container in (*pod["initContainers"], *pod["containers"]):
        if container["name"] in ("snapshot", "store"):
            container["volumeMounts"].append(_mount("identity", IDENTITY))
        if container["name"] == "etcd":
            container["volumeMounts"] += [_mount("presented", PRESENTED), _mount("trust", TRUST)]


def render_flags() -> list[str]:
    """The flags with which the etcd of the trial serves as the members do."""
    return [
        f"--cert-file={PRESENTED}/tls.crt",
        f"--key-file={PRESENTED}/tls.key",
        "--client-cert-auth",
        f"--trusted-ca-file={TRUST}/{CLIENT_TRUST_FILE}",
    ]


def _secret(volume: str, secret: str) -> Json:
    return {"name": volume, "secret": {"secretName": secret, "defaultMode": 0o440}}


def _mount(volume: str, path: str) -> Json:
    return {"name": volume, "mountPath": path, "readOnly": True}
