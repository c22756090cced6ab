"""What of a live object differs from ours, what is taken back, and what is tolerated."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.objects.drift import find_differences, find_drift, find_foreign
from etcd_operator.core.plan.planner import plan
from etcd_operator.json_types import Json
from tests.builders.certificates import secured
from tests.builders.rich import RICH
from tests.builders.snapshots import change_child, formed

DEFAULTS = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "serviceAccount": "default",
}


def body(kind: str = "StatefulSet") -> Json:
    """A live object at rest, with what the API server adds."""
    name = next(name for known, name in formed(3).children if known == kind)
    found = copy.deepcopy(formed(3).children[kind, name].body)
    if kind == "StatefulSet":
        pod(found).update(DEFAULTS)
        etcd(found)["livenessProbe"].update(successThreshold=1, terminationGracePeriodSeconds=9)
        etcd(found)["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
        pod(found)["volumes"][0]["configMap"]["defaultMode"] = 420
    return found


def pod(live: Json) -> Json:
    """The spec of the Pods of a StatefulSet."""
    found: Json = live["spec"]["template"]["spec"]
    return found


def etcd(live: Json) -> Json:
    """The container of etcd."""
    found: Json = pod(live)["containers"][0]
    return found


def annotate(live: Json, **annotations: str) -> None:
    """Set annotations of the template; `__` is a slash and `_` a dot."""
    known = live["spec"]["template"]["metadata"].setdefault("annotations", {})
    known.update({k.replace("__", "/").replace("_", "."): v for k, v in annotations.items()})


def rendered(kind: str = "StatefulSet") -> Json:
    """What we want it to be."""
    name = next(name for known, name in formed(3).children if known == kind)
    spoilt = copy.deepcopy(formed(3).children[kind, name].body)
    spoilt["metadata"]["labels"] = {}
    (action,) = plan(change_child(formed(3), kind, name, body=spoilt)).actions
    assert isinstance(action, ApplyObject)
    return action.manifest


TOLERATED: dict[str, Callable[[Json], object]] = {
    "a rollout restart": lambda o: annotate(o, kubectl_kubernetes_io__restartedAt="now"),
    "a label of the template": lambda o: o["spec"]["template"]["metadata"]["labels"].update(a="b"),
    "a label of the object": lambda o: o["metadata"]["labels"].update(team="a"),
    "a second owner": lambda o: o["metadata"]["ownerReferences"].append({"uid": "x"}),
    "a sidecar": lambda o: pod(o)["containers"].append({"name": "proxy", "image": "x"}),
    "a sidecar in front": lambda o: pod(o)["containers"].insert(0, {"name": "proxy"}),
    "an init container": lambda o: pod(o).update(initContainers=[{"name": "proxy-init"}]),
    "a volume": lambda o: pod(o)["volumes"].append({"name": "certs", "emptyDir": {}}),
    "a mount elsewhere": lambda o: etcd(o)["volumeMounts"].append(
        {"name": "certs", "mountPath": "/var/run/secrets/proxy"}
    ),
    "a variable": lambda o: etcd(o)["env"].append({"name": "HTTPS_PROXY", "value": "x"}),
    "a port": lambda o: etcd(o)["ports"].insert(0, {"containerPort": 9, "protocol": "TCP"}),
    "a pull secret": lambda o: pod(o).update(imagePullSecrets=[{"name": "mirror"}]),
    "a toleration": lambda o: pod(o).update(tolerations=[{"operator": "Exists"}]),
    "a limit": lambda o: etcd(o)["resources"]["limits"].update({"ephemeral-storage": "1Gi"}),
}


PEER = ("Service", "db-peer")


def test_the_service_of_an_older_operator_gets_the_ports_that_are_new() -> None:
    """No template changes with it, so nobody is rolled."""
    scene = formed(3)
    body = copy.deepcopy(scene.children[PEER].body)
    (removed,) = (port for port in body["spec"]["ports"] if port["name"] == "metrics")
    body["spec"]["ports"].remove(removed)
    (action,) = plan(change_child(scene, *PEER, body=body)).actions
    assert isinstance(action, ApplyObject)
    assert action.manifest["metadata"]["name"] == "db-peer"
    assert removed in action.manifest["spec"]["ports"]


@pytest.mark.parametrize("name", TOLERATED)
def test_what_does_no_harm_is_tolerated(name: str) -> None:
    live = body()
    TOLERATED[name](live)
    assert find_differences(rendered(), live) == ()
    assert find_foreign(rendered(), live) == {}
    assert plan(change_child(formed(3), "StatefulSet", "db", body=live)).actions == ()


POD = "spec.template.spec"
ETCD = f"{POD}.containers[etcd]"
FOREIGN: dict[str, tuple[Callable[[Json], object], str]] = {
    "a variable of etcd": (
        lambda o: etcd(o)["env"].append({"name": "ETCD_LOG_LEVEL", "value": "debug"}),
        f"{ETCD}.env[ETCD_LOG_LEVEL]",
    ),
    "another value of ours": (
        lambda o: etcd(o).update(env=[{"name": "POD_NAME", "value": "db-7"}]),
        f"{ETCD}.env[POD_NAME].value",
    ),
    "variables from elsewhere": (
        lambda o: etcd(o).update(envFrom=[{"configMapRef": {"name": "x"}}]),
        f"{ETCD}.envFrom",
    ),
    "a mount over the data": (
        lambda o: etcd(o)["volumeMounts"].append({"name": "x", "mountPath": "/var/lib/etcd/new/"}),
        f"{ETCD}.volumeMounts[/var/lib/etcd/new/]",
    ),
    "a mount over the data by another spelling": (
        lambda o: etcd(o)["volumeMounts"].append({"name": "x", "mountPath": "//var/./lib//etcd"}),
        f"{ETCD}.volumeMounts[//var/./lib//etcd]",
    ),
    "a mount over the program": (
        lambda o: etcd(o)["volumeMounts"].append({"name": "x", "mountPath": "/usr/local/bin"}),
        f"{ETCD}.volumeMounts[/usr/local/bin]",
    ),
    "a mount above everything": (
        lambda o: etcd(o)["volumeMounts"].append({"name": "x", "mountPath": "/"}),
        f"{ETCD}.volumeMounts[/]",
    ),
    "another directory of the disk": (
        lambda o: etcd(o)["volumeMounts"][0].update(subPath="b"),
        f"{ETCD}.volumeMounts[/var/lib/etcd].subPath",
    ),
    "another source of a volume": (
        lambda o: pod(o)["volumes"][0].update(emptyDir={}),
        f"{POD}.volumes[config].emptyDir",
    ),
    "a part of a volume": (
        lambda o: pod(o)["volumes"][0]["configMap"].update(items=[]),
        f"{POD}.volumes[config].configMap.items",
    ),
    "a second kind of probe": (
        lambda o: etcd(o)["livenessProbe"].update(exec={"command": ["false"]}),
        f"{ETCD}.livenessProbe.exec",
    ),
    "a hook": (lambda o: etcd(o).update(lifecycle={"preStop": {}}), f"{ETCD}.lifecycle"),
    "a capability": (
        lambda o: etcd(o)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
        f"{ETCD}.securityContext.capabilities.add",
    ),
    "another user": (
        lambda o: etcd(o)["securityContext"].update(runAsUser=0),
        f"{ETCD}.securityContext.runAsUser",
    ),
    "a port of the node": (
        lambda o: etcd(o)["ports"][0].update(hostPort=2379),
        f"{ETCD}.ports[2379/TCP].hostPort",
    ),
    "other ordinals": (lambda o: o["spec"].update(ordinals={"start": 1}), "spec.ordinals"),
    "another strategy": (
        lambda o: o["spec"].update(updateStrategy={"type": "OnDelete", "rollingUpdate": {}}),
        "spec.updateStrategy.rollingUpdate",
    ),
    "a mark of ours": (
        lambda o: annotate(o, etcd_etcd_io__trust="k1"),
        "spec.template.metadata.annotations.etcd.etcd.io/trust",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_endangers_is_taken_back(name: str) -> None:
    """By a patch: an apply leaves it to its owner, or the API server refuses two of a kind."""
    change, path = FOREIGN[name]
    live = body()
    change(live)
    assert path in [d.path for d in find_differences(rendered(), live) if d.foreign]
    merged = merge(live, find_foreign(rendered(), live))
    assert not any(difference.foreign for difference in find_differences(rendered(), merged))
    (action,) = plan(change_child(formed(3), "StatefulSet", "db", body=live)).actions
    assert isinstance(action, ApplyObject)


def merge(live: Json, patch: Json) -> Json:
    """A merge patch as the API server carries it out."""
    merged = {key: value for key, value in live.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        if isinstance(value, dict):
            merged[key] = merge(live.get(key) or {}, value)
        elif value is not None:
            merged[key] = value
    return merged


def test_two_of_a_kind_are_made_one_in_one_write() -> None:
    """Between two writes the volume would have no source, which is an empty directory."""
    live = body()
    live["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    pod(live)["volumes"][0] = {"name": "config", "emptyDir": {}}
    etcd(live)["env"] = [{"name": "POD_NAME", "value": "x"}, {"name": "KEPT", "value": "y"}]
    merged = merge(live, find_foreign(rendered(), live))
    wanted = rendered()
    assert merged["spec"]["updateStrategy"] == wanted["spec"]["updateStrategy"]
    assert pod(merged)["volumes"] == pod(wanted)["volumes"]
    assert etcd(merged)["env"] == [*etcd(wanted)["env"], {"name": "KEPT", "value": "y"}]


@pytest.mark.parametrize(
    ("kind", "change", "path"),
    [
        ("ConfigMap", {"data": {"stray": "x"}}, "data.stray"),
        ("ConfigMap", {"data": {"path": "x"}}, "data.path"),
        ("ConfigMap", {"binaryData": {"a": "eA=="}}, "binaryData"),
        ("Service", {"spec": {"selector": {"a": "b"}}}, "spec.selector.a"),
        ("PodDisruptionBudget", {"spec": {"minAvailable": 3}}, "spec.minAvailable"),
    ],
)
def test_small_objects_are_ours_where_it_matters(kind: str, change: Json, path: str) -> None:
    live = merge(body(kind), change)
    assert [d.path for d in find_differences(rendered(kind), live) if d.foreign] == [path]
    assert find_differences(rendered(kind), merge(live, find_foreign(rendered(kind), live))) == ()


@pytest.mark.parametrize(
    ("want", "have"),
    [
        ({"value": "", "key": "a"}, {"key": "a"}),
        ({"value": None, "key": "a"}, {"key": "a"}),
        ({"cpu": "0.5Gi"}, {"cpu": "512Mi"}),
    ],
)
def test_what_the_api_server_does_not_keep_is_no_drift(want: Json, have: Json) -> None:
    assert find_drift({"spec": {"tolerations": [want]}}, {"spec": {"tolerations": [have]}}) is None
    assert find_drift({"spec": {"tolerations": [have]}}, {"spec": {"tolerations": [{}]}})


@pytest.mark.parametrize("scene", [formed(3), formed(3, **RICH), secured(3)], ids=lambda _: "")
def test_what_was_rendered_is_as_rendered(scene: Any) -> None:
    assert all(find_drift(child.body, child.body) is None for child in scene.children.values())
