"""Faults of the operator itself, and of what it needs of Kubernetes."""

from __future__ import annotations

import copy
import json
import socket
from typing import Any, Final

from deploy.installer import ensure_installed, is_installed, wait_for_operator
from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target, name_image
from etcd_operator.json_types import Json
from tests.chaos.site import filter_packets, find_process
from tests.e2e.alert_faults.fault import Fault, Mend, forbid
from tests.e2e.harness import Cluster
from tests.e2e.wire import own_address

_PLACE: Final = f"--namespace={OPERATOR_NAMESPACE}"
_LEASE: Final = f"{OPERATOR}-lease"
_DEPLOYMENT: Final = f"deployment/{OPERATOR}"
_SECOND: Final = f"{OPERATOR}-second"
_BUGGY: Final = "bug"
# A rule that has lost its check: members go however few of the others serve.
_BUG: Final = (
    "from etcd_operator.core.membership import scale\n"
    "scale.keeps_quorum_without = lambda voters, alive, removed: True\n"
)


def stop_operator(cluster: Cluster) -> Mend:
    """Let no replica of the operator run."""
    cluster.target.run("scale", _DEPLOYMENT, _PLACE, "--replicas=0")

    def start() -> None:
        cluster.target.run("scale", _DEPLOYMENT, _PLACE, "--replicas=2")

    return start


def forbid_lease(cluster: Cluster) -> Mend:
    """Take the right to write the Lease away."""
    give_lease_to(cluster, "nobody")
    return lambda: give_back_rights(cluster)


def give_back_rights(cluster: Cluster) -> None:
    """Let the operator write its Lease, whatever the last fault was."""
    give_lease_to(cluster, OPERATOR)


def install_anew(target: Target) -> None:
    """Install the operator as shipped: what others added to a Deployment, an apply leaves there."""
    if not is_installed(target, name_image()):
        target.run("delete", "deployment", OPERATOR, _PLACE, "--ignore-not-found")
        ensure_installed(target)
    target.run("delete", "configmap", _BUGGY, _PLACE, "--ignore-not-found")


def give_lease_to(cluster: Cluster, account: str) -> None:
    """Let this ServiceAccount write the Lease, and no other."""
    subjects = f'[{{"op":"replace","path":"/subjects/0/name","value":"{account}"}}]'
    words = ("patch", "rolebinding", _LEASE, _PLACE, "--type=json", f"--patch={subjects}")
    cluster.target.run(*words)


def install_second(cluster: Cluster) -> Mend:
    """Install the operator once more beside itself, with a Lease in another namespace."""
    found = cluster.target.read("get", "deployment", OPERATOR, _PLACE)
    template = copy.deepcopy(found["spec"]["template"])
    mine = {"example.com/installed": "again"}
    template["metadata"]["labels"] |= mine
    (container,) = template["spec"]["containers"]
    elsewhere = {"POD_NAMESPACE", "WATCH_NAMESPACES"}
    kept = [each for each in container["env"] if each["name"] not in elsewhere]
    container["env"] = kept + [{"name": n, "value": cluster.namespace} for n in sorted(elsewhere)]
    labels = template["metadata"]["labels"]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _SECOND, "namespace": OPERATOR_NAMESPACE},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }
    cluster.target.apply(*_lease_rights(cluster.namespace), deployment)

    def remove() -> None:
        cluster.target.run("delete", "deployment", _SECOND, _PLACE, "--ignore-not-found")

    return remove


def _lease_rights(namespace: str) -> list[Json]:
    authority = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "watch", "create", "update", "patch"],
    }
    metadata = {"name": _SECOND, "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": OPERATOR, "namespace": OPERATOR_NAMESPACE}
    return [
        {
            "apiVersion": f"{authority}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [rule],
        },
        {
            "apiVersion": f"{authority}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": authority, "kind": "Role", "name": _SECOND},
            "subjects": [subject],
        },
    ]


def break_webhook(cluster: Cluster) -> Mend:
    """Let the API server ask a webhook that nobody serves before it writes for the cluster."""
    with socket.create_server((own_address(cluster.target), 0)) as free:
        url = f"https://{free.getsockname()[0]}:{free.getsockname()[1]}/"
    remove = _add_webhook(cluster, url, policy="Fail")
    cluster.patch(podTemplate={"annotations": {"example.com/roll": "1"}})
    return remove


def slow_webhook(cluster: Cluster) -> Mend:
    """Let each write for the cluster wait for a webhook that never answers."""
    server = socket.create_server((own_address(cluster.target), 0))
    address, port = server.getsockname()
    remove = _add_webhook(cluster, f"https://{address}:{port}/", policy="Ignore")
    for number in range(4):
        Cluster(cluster.target, cluster.namespace, f"more-{number}").create(size=1)
    cluster.patch(podTemplate={"annotations": {"example.com/roll": "1"}})

    def answer() -> None:
        remove()
        server.close()

    return answer


def _add_webhook(cluster: Cluster, url: str, policy: str) -> Mend:
    every = {"apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "scope": "Namespaced"}
    kinds = ("configmaps", "services", "statefulsets", "etcdclusters/status", "etcdclusters")
    webhook = {
        "name": "broken.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 15,
        "failurePolicy": policy,
        "clientConfig": {"url": url},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}},
        # Users are served: only the operator is asked about.
        "matchConditions": [
            {
                "name": "operator",
                "expression": f"request.userInfo.username.endsWith(':{OPERATOR}')",
            }
        ],
        "rules": [{**every, "apiGroups": ["*"], "resources": list(kinds)}],
    }
    kind = "ValidatingWebhookConfiguration"
    name = f"broken-{cluster.namespace}"
    made = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind}
    cluster.target.apply({**made, "metadata": {"name": name}, "webhooks": [webhook]})

    def remove() -> None:
        cluster.target.run("delete", kind, name, "--ignore-not-found")

    return remove


def cut_off(cluster: Cluster) -> Mend:
    """Let no packet of the operator reach the API server, nor back."""
    pods = cluster.target.read("get", "pods", _PLACE)["items"]
    sandboxes = [find_process(pod["metadata"]["uid"], "pause") for pod in pods]
    for process in sandboxes:
        filter_packets(process, "-p tcp --dport 443", "-p tcp --sport 443")

    def reconnect() -> None:
        for process in sandboxes:
            filter_packets(process)

    return reconnect


def use_one_worker(cluster: Cluster) -> None:
    """Leave the operator one worker, as many objects leave each of many workers little."""
    cluster.target.run("set", "env", _DEPLOYMENT, _PLACE, "WORKERS=1")
    wait_for_operator(cluster.target)


def break_rule(cluster: Cluster) -> None:
    """Run an operator whose rule about scale-in has a bug; its guards are as they were."""
    metadata = {"name": _BUGGY, "namespace": OPERATOR_NAMESPACE}
    text = {"sitecustomize.py": _BUG}
    bug = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": text}
    cluster.target.apply(bug)
    container: dict[str, Any] = {
        "name": OPERATOR,
        "env": [{"name": "PYTHONPATH", "value": "/bug:/opt/operator/src"}],
        "volumeMounts": [{"name": _BUGGY, "mountPath": "/bug"}],
    }
    volume = {"name": _BUGGY, "configMap": {"name": _BUGGY}}
    spec = {"containers": [container], "volumes": [volume]}
    patch = {"spec": {"template": {"spec": spec}}}
    words = ("patch", "deployment", OPERATOR, _PLACE, "--type=strategic")
    cluster.target.run(*words, f"--patch={json.dumps(patch)}")
    wait_for_operator(cluster.target)


def shrink_too_far(cluster: Cluster) -> Mend:
    """Scale in while two of five members are away."""
    allow = forbid(cluster, "count/pods")
    cluster.kubectl("delete", "pod", "c-0", "c-1")
    cluster.scale(3)
    return allow


OPERATOR_FAULTS: Final = (
    Fault(
        "No replica of the operator runs",
        ("EtcdOperatorDown",),
        stop_operator,
        ("EtcdOperatorDown",),
        felt=True,
    ),
    Fault(
        "The operator may not write its Lease",
        ("EtcdOperatorNotLeading",),
        forbid_lease,
        ("EtcdOperatorNotLeading",),
        felt=True,
    ),
    Fault(
        "The operator is installed twice in one namespace",
        ("EtcdOperatorTwoLeaders",),
        install_second,
        ("EtcdOperatorTwoLeaders",),
        felt=True,
    ),
    Fault(
        "A webhook that nobody serves has to admit what the operator writes",
        ("EtcdOperatorPassesFailing", "EtcdClusterNotReconciled"),
        break_webhook,
        ("EtcdOperatorPassesFailing", "EtcdClusterNotReconciled"),
        spec={"size": 1},
        felt=True,
    ),
    Fault(
        "The operator does not reach the API server",
        ("EtcdOperatorKubernetesErrors",),
        cut_off,
        ("EtcdOperatorKubernetesErrors",),
        felt=True,
    ),
    Fault(
        "A webhook answers none of the writes of an operator with one worker",
        ("EtcdOperatorQueueLate",),
        slow_webhook,
        ("EtcdOperatorQueueLate",),
        spec={"size": 1},
        prepare=use_one_worker,
        felt=True,
    ),
    Fault(
        "A rule of the operator has a bug, and a guard has none",
        ("EtcdOperatorVetoes",),
        shrink_too_far,
        ("EtcdOperatorVetoes",),
        spec={"size": 5},
        prepare=break_rule,
        felt=True,
    ),
)
