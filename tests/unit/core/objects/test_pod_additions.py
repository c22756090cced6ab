"""What users add to the members' Pods stands in the template beside the member's own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from etcd_operator.api.pod_template import (
    OWN_CONTAINER,
    OWN_PATHS,
    OWN_PORT_NAMES,
    OWN_PORTS,
    OWN_VARIABLE,
    OWN_VOLUMES,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.drift import find_differences
from etcd_operator.core.objects.etcd_config import LOOPBACK_HTTP_PORT
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.planner import choose_layout
from etcd_operator.json_types import Json
from tests.builders.certificates import secured
from tests.builders.snapshots import NAMING, new, with_spec

ADDITIONS: Json = {
    "schedulerName": "batch",
    "runtimeClassName": "kata",
    "terminationGracePeriodSeconds": 60,
    "hostAliases": [{"ip": "10.0.0.3", "hostnames": ["registry.example"]}],
    "dnsPolicy": "None",
    "dnsConfig": {"nameservers": ["10.0.0.10"], "options": [{"name": "ndots", "value": "2"}]},
    "env": [
        {"name": "GOGC", "value": "80"},
        {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
    ],
    "volumes": [
        {"name": "scratch", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ],
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "readOnly": True}],
    "initContainers": [{"name": "first", "image": "first:1", "restartPolicy": "Always"}],
    "containers": [
        {
            "name": "proxy",
            "image": "proxy:1",
            "resources": {"limits": {"cpu": 1, "memory": "64Mi"}},
            "readinessProbe": {"httpGet": {"port": 8080}},
            "securityContext": {"runAsUser": 1000, "privileged": True},
        }
    ],
    "livenessProbe": {"failureThreshold": 90},
    "readinessProbe": {"timeoutSeconds": 5},
}


def rendered(snapshot: Snapshot) -> Json:
    """The StatefulSet of a cluster that has none yet."""
    made: Json = render_statefulset(snapshot.cluster.spec, NAMING, choose_layout(snapshot), None)
    return made


def pod(**template: Any) -> Json:
    """The Pod of a template with these additions."""
    found: Json = rendered(new(3, podTemplate=template))["spec"]["template"]["spec"]
    return found


def test_additions_stand_beside_what_is_the_members_own() -> None:
    plain, added = pod(), pod(**ADDITIONS)
    etcd, proxy = added["containers"]
    own = plain["containers"][0]
    assert etcd["env"] == [*own["env"], *ADDITIONS["env"]]
    assert etcd["volumeMounts"] == [*own["volumeMounts"], *ADDITIONS["volumeMounts"]]
    assert added["volumes"] == [*plain["volumes"], *ADDITIONS["volumes"]]
    assert {k: etcd[k] for k in ("args", "command", "ports")} == {
        k: own[k] for k in ("args", "command", "ports")
    }
    same = ("schedulerName", "runtimeClassName", "hostAliases", "dnsPolicy", "dnsConfig")
    assert {name: added[name] for name in same} == {name: ADDITIONS[name] for name in same}
    assert added["terminationGracePeriodSeconds"] == 60
    assert proxy["resources"] == {"limits": {"cpu": "1", "memory": "64Mi"}}


def test_timings_that_are_not_given_stay_the_operators() -> None:
    etcd, own = pod(**ADDITIONS)["containers"][0], pod()["containers"][0]
    assert etcd["livenessProbe"] == {**own["livenessProbe"], "failureThreshold": 90}
    assert etcd["readinessProbe"] == {**own["readinessProbe"], "timeoutSeconds": 5}


def test_containers_beside_etcd_get_no_privileges() -> None:
    added = pod(**ADDITIONS)
    (first,), proxy = added["initContainers"], added["containers"][1]
    none: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert first["securityContext"] == none
    assert proxy["securityContext"] == {**none, "runAsUser": 1000}


def test_without_additions_the_template_has_none_of_the_fields() -> None:
    absent = {"schedulerName", "runtimeClassName", "hostAliases", "dnsPolicy", "dnsConfig"}
    assert not (absent | {"initContainers"}) & pod().keys()


def test_names_that_users_cannot_take_are_those_that_are_rendered() -> None:
    tls = {"metricsTLSEnabled": True, "peerTLSEnabled": True}
    signing = {"tls": tls, "auth": {"jwt": {"keySecret": "key"}}}
    found = rendered(with_spec(secured(3, **tls), security=signing))["spec"]
    made = found["template"]["spec"]
    (etcd,) = made["containers"]
    plain = pod()["containers"][0]["ports"]
    claims = [claim["metadata"]["name"] for claim in found["volumeClaimTemplates"]]
    assert {*claims, *(volume["name"] for volume in made["volumes"])} == set(OWN_VOLUMES)
    assert etcd["name"] == OWN_CONTAINER
    assert [variable["name"] for variable in etcd["env"]] == [OWN_VARIABLE]
    ports = [*etcd["ports"], *plain]
    # Containers of a Pod share its addresses, also the one that etcd listens at for itself alone.
    assert {*(port["containerPort"] for port in ports), LOOPBACK_HTTP_PORT} == set(OWN_PORTS)
    assert {port["name"] for port in ports} == set(OWN_PORT_NAMES)
    for path in (*(mount["mountPath"] for mount in etcd["volumeMounts"]), etcd["command"][0]):
        assert any(path == own or path.startswith(f"{own}/") for own in OWN_PATHS)


def test_defaults_of_the_server_in_additions_are_no_drift() -> None:
    wanted = rendered(new(3, podTemplate=ADDITIONS))
    live = copy.deepcopy(wanted)
    made = live["spec"]["template"]["spec"]
    made["containers"][0]["env"][2]["valueFrom"]["resourceFieldRef"]["divisor"] = "0"
    made["containers"][1]["readinessProbe"]["httpGet"] |= {"path": "/", "scheme": "HTTP"}
    made["containers"][1] |= {"terminationMessagePath": "/dev/termination-log"}
    made["initContainers"][0] |= {"imagePullPolicy": "IfNotPresent"}
    made["volumes"][-1]["projected"]["defaultMode"] = 0o644
    sources = made["volumes"][-1]["projected"]["sources"]
    sources[0]["serviceAccountToken"]["expirationSeconds"] = 3600
    assert find_differences(wanted, live) == ()


@pytest.mark.parametrize("kind", ["initContainers", "containers", "hostAliases"])
def test_what_others_add_beside_additions_stays(kind: str) -> None:
    wanted = rendered(new(3, podTemplate=ADDITIONS))
    live = copy.deepcopy(wanted)
    added = {"name": "theirs", "image": "theirs:1", "ip": "10.0.0.9"}
    live["spec"]["template"]["spec"][kind].append(added)
    assert find_differences(wanted, live) == ()


def test_what_kubernetes_does_anyway_changes_no_pod() -> None:
    asked = {"schedulerName": "default-scheduler", "dnsPolicy": "ClusterFirst"}
    assert pod(**asked) == pod()
