"""What happens to a cluster while its operator is disturbed, and what must be true after each step.

A step is something that a user does or that fails, and a wait until the cluster has settled. Then
everything written before is read, and etcd, Kubernetes and the status agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from etcd_operator.core.model.naming import ANNOTATION_QUARANTINED
from etcd_operator.json_types import Json
from tests.e2e.foreign_etcd import ForeignEtcd
from tests.e2e.harness import SMALL, Cluster, wait_until
from tests.injection.boundaries import Mode
from tests.injection.story import (
    DELETE,
    SETTLE_SECONDS,
    Step,
    Story,
    create,
    ignore,
    settle,
    wait_gone,
)
from tests.injection.tls_stories import TLS_STORIES

AGREE_SECONDS: Final = 20.0
# What differs between two clusters that are alike.
VOLATILE: Final = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "generation",
    "namespace",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "healthCheckNodePort",
)
# Each cluster has CAs of its own.
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
_KEY_ID: Final = re.compile(r"\b[0-9a-f]{40}\b")
# The nightly level has every mode at every boundary of every story: `make injection`.
SAMPLE: Final = (
    ("resize", Mode.KILL, 1.0),
    ("roll", Mode.STALE, 0.3),
    ("replace", Mode.LOST, 0.3),
    ("rest", Mode.REFUSED, 0.3),
    ("roll", Mode.LATE, 0.2),
    ("replace", Mode.SLOW, 0.1),
)


def _scale(before: int, size: int) -> Step:
    return Step(f"{before} to {size}", lambda c: c.scale(size), settle(size), size)


def _change_resources(cluster: Cluster) -> None:
    cluster.patch(resources={**SMALL, "requests": {"cpu": "11m", "memory": "32Mi"}})


def _wait_rolled(cluster: Cluster) -> None:
    def rolled() -> bool:
        pods = cluster.objects("pods")
        wanted = {p["spec"]["containers"][0]["resources"]["requests"]["cpu"] for p in pods}
        return len(pods) == 3 and wanted == {"11m"}

    wait_until("every Pod is new", rolled, SETTLE_SECONDS)
    cluster.wait_running(3, SETTLE_SECONDS)


def _lose_disk(cluster: Cluster) -> None:
    cluster.kubectl("delete", "pvc", "data-c-1", "--wait=false")
    cluster.kubectl("delete", "pod", "c-1")


def _replaced() -> tuple[Callable[[Cluster], None], Callable[[Cluster], None]]:
    known: dict[str, str] = {}

    def act(cluster: Cluster) -> None:
        known["id"] = cluster.member("c-1")["id"]
        _lose_disk(cluster)

    def wait(cluster: Cluster) -> None:
        wait_until("it is another", lambda: _id_of_other(cluster) != known["id"], SETTLE_SECONDS)
        cluster.wait_running(3, SETTLE_SECONDS)

    return act, wait


def _id_of_other(cluster: Cluster) -> str:
    ids = {member["name"]: str(member["id"]) for member in cluster.status()["members"]}
    return ids["c-1"]


def _give_up_majority(cluster: Cluster) -> None:
    request = {"clusterID": cluster.status()["clusterID"], "acceptedRevision": 2}
    cluster.kubectl("delete", "pvc", "data-c-1", "data-c-2", "--wait=false")
    cluster.kubectl("delete", "pod", "c-1", "c-2", "--grace-period=0", "--force")
    # An approval counts only for a loss that was reported before.
    cluster.wait_reason("QuorumHealthy", "MajorityLost", SETTLE_SECONDS)
    cluster.patch(recovery={"quorumLoss": request})


def _wait_recovered(cluster: Cluster) -> None:
    wait_until(
        "the recovery is over", lambda: bool(cluster.status().get("lastRecovery")), SETTLE_SECONDS
    )
    cluster.wait_running(3, SETTLE_SECONDS)


def _set_peer_tls(*, enabled: bool) -> Step:
    tls = {"clientTLSEnabled": False, "peerTLSEnabled": enabled}
    becomes = "On" if enabled else "Off"

    def wait(cluster: Cluster) -> None:
        def is_set() -> bool:
            return bool(cluster.status()["peerTLS"] == becomes)

        wait_until(f"TLS between members is {becomes}", is_set, SETTLE_SECONDS)
        cluster.wait_running(3, SETTLE_SECONDS)

    return Step(f"peers {becomes}", lambda c: c.patch(security={"tls": tls}), wait, 3)


def _take_over(cluster: Cluster) -> None:
    """A cluster that nobody operates is there, with a key, and an EtcdCluster takes it over."""
    old = ForeignEtcd(cluster.target, cluster.namespace)
    old.create()
    old.etcdctl("put", *BEFORE)
    joined = {"source": {"statefulSet": old.name}, "takeOver": "Automatic"}
    cluster.create(size=3, bootstrap={"joinExisting": joined})


def _wait_taken_over(cluster: Cluster) -> None:
    old = ForeignEtcd(cluster.target, cluster.namespace)
    wait_until("the old members have gone", lambda: not old.get()["spec"]["replicas"], 600)
    cluster.wait_running(3, SETTLE_SECONDS)
    key, value = BEFORE
    assert cluster.read_key(key) == value, "what was written before the take-over"


def _delete_both(cluster: Cluster) -> None:
    """Delete the EtcdCluster, and what the take-over leaves to a person."""
    cluster.delete(wait=False)
    old = ForeignEtcd(cluster.target, cluster.namespace)
    cluster.kubectl("delete", "statefulset,service", old.name, "--wait=false")
    cluster.kubectl("delete", "service", "clients", "--wait=false")
    cluster.kubectl("delete", "pvc", "--selector=app=old", "--wait=false")


def _wait_forgotten(cluster: Cluster) -> None:
    """As after every story, and the volumes that were set aside go as well."""
    wait_gone(cluster)
    for volume in cluster.target.read("get", "pv")["items"]:
        annotations = volume["metadata"].get("annotations") or {}
        if annotations.get(ANNOTATION_QUARANTINED, "").startswith(f"{cluster.namespace}/"):
            cluster.target.run("delete", "pv", volume["metadata"]["name"], "--wait=false")


# A key and its value in the members that are taken over.
BEFORE: Final = ("before", "the take-over")
STOP: Final = Step(
    "stop",
    lambda c: c.scale(0),
    lambda c: ignore(c.wait_phase("Stopped", SETTLE_SECONDS)),
    0,
)


def build_stories() -> tuple[Story, ...]:
    """Every story; each uses the name `c` in a namespace of its own."""
    return (
        Story("resize", "3.6.16", (create(1), _scale(1, 3), _scale(3, 1), DELETE)),
        Story(
            "roll",
            "3.5.35",
            (create(3), Step("roll", _change_resources, _wait_rolled, 3), DELETE),
        ),
        Story("replace", "3.6.16", (create(3), Step("replace", *_replaced(), 3), DELETE)),
        Story("rest", "3.5.35", (create(3), STOP, _scale(0, 3), DELETE)),
        Story(
            "recover",
            "3.6.16",
            (
                create(3),
                Step("recover", _give_up_majority, _wait_recovered, 3),
                Step("delete", lambda c: c.delete(wait=False), _wait_forgotten, 0),
            ),
        ),
        Story(
            "peertls",
            "3.6.16",
            (create(3), _set_peer_tls(enabled=True), _set_peer_tls(enabled=False), DELETE),
        ),
        Story(
            "takeover",
            "3.5.35",
            (
                Step("take over", _take_over, _wait_taken_over, 3),
                Step("delete", _delete_both, wait_gone, 0),
            ),
        ),
        *TLS_STORIES,
    )


def verify(cluster: Cluster, step: Step, written: dict[str, str]) -> None:
    """After a step: everything that was acknowledged is there, and all views agree."""
    if not step.size:
        return
    for key, value in written.items():
        assert cluster.read_key(key) == value, f"{key} after {step.name}"
    wait_until("all views agree", lambda: _agrees(cluster, step.size), AGREE_SECONDS)
    key = step.name.replace(" ", "-")
    cluster.put(key, "written")
    written[key] = "written"


def _agrees(cluster: Cluster, size: int) -> bool:
    """A view may be behind for a moment: an operator has just begun."""
    try:
        cluster.assert_agreement(size)
    except (AssertionError, StopIteration):
        return False
    return True


def portray(cluster: Cluster) -> Json:
    """The objects of a cluster without what differs between two clusters that are alike."""
    cluster_uid = cluster.get()["metadata"]["uid"]
    found: Json = {}
    for kind in ("statefulset", "service", "configmap", "pdb", "networkpolicy"):
        for item in cluster.objects(kind):
            kept = {part: item[part] for part in ("spec", "data") if part in item}
            labels = item["metadata"].get("labels")
            text = _clean({**kept, "labels": labels}, (cluster_uid, cluster.namespace))
            found[f"{kind}/{item['metadata']['name']}"] = text
    for pod in cluster.objects("pods"):
        container = pod["spec"]["containers"][0]
        found[f"pod/{pod['metadata']['name']}"] = {
            "image": container["image"],
            "resources": container["resources"],
            "role": pod["metadata"]["labels"].get("etcd.etcd.io/role"),
        }
    return found


def _clean(value: Any, names: tuple[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v, names) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, list):
        return [_clean(v, names) for v in value]
    if isinstance(value, str):
        value = _KEY_ID.sub("KEY ID", _CERTIFICATE.sub("CERTIFICATE", value))
        for name, stands_for in zip(names, ("UID", "NAMESPACE"), strict=True):
            value = value.replace(name, stands_for)
    return value
