"""The chart of the operator, rendered by Helm: its defaults are install.yaml, its values count."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from deploy.__main__ import MONITORING
from deploy.manifests import (
    CLUSTER_WIDE,
    LABELS,
    LEASE_RULES,
    NAMESPACE,
    OWN_POD_RULES,
    build_installation,
    build_namespaced_installation,
)
from deploy.monitoring_files import build_pod_monitors, build_rules, build_service_monitors
from etcd_operator.json_types import Json
from tests.charts.rendering import (
    CHARTS,
    KEEP,
    HelmError,
    name_object,
    pick,
    render,
    run_helm,
    without_helm,
)

CHART = "etcd-operator"
DIGEST = "sha256:" + "a" * 64


def pod_of(values: Json) -> Json:
    spec: Json = pick(render(CHART, values), "Deployment")["spec"]["template"]["spec"]
    return spec


def environment_of(values: Json) -> dict[str, Any]:
    (container,) = pod_of(values)["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def by_name(manifests: Iterable[Json]) -> dict[tuple[str, str, str], Json]:
    return {name_object(each): each for each in manifests}


def test_lint_finds_nothing() -> None:
    assert "0 chart(s) failed" in run_helm("lint", "--strict", str(CHARTS / CHART))


def test_defaults_are_install_yaml_object_by_object() -> None:
    rendered = by_name([without_helm(each) for each in render(CHART, namespace=NAMESPACE)])
    # Helm makes the namespace itself: --create-namespace.
    wanted = [each for each in build_installation() if each["kind"] != "Namespace"]
    # A CRD of install.yaml has no labels.
    for manifest in rendered.values():
        if manifest["kind"] == "CustomResourceDefinition":
            labels = manifest["metadata"].pop("labels")
            assert labels.items() >= LABELS.items()
            if left := dict(labels.items() - LABELS.items()):
                manifest["metadata"]["labels"] = left
    assert rendered == by_name(wanted)


def test_its_own_namespace_is_install_namespaced_yaml() -> None:
    values = {"watchNamespaces": [NAMESPACE], "crds": {"install": False}}
    rendered = by_name([without_helm(each) for each in render(CHART, values, NAMESPACE)])
    wanted = by_name(
        each
        for each in build_namespaced_installation()
        if each["kind"] not in ("Namespace", "CustomResourceDefinition")
    )
    for manifest in (rendered[name] for name in rendered if name[0] == "Deployment"):
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        container["env"][-1] = {  # a list of one name, in place of a reference to that name
            "name": "WATCH_NAMESPACES",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        }
    assert rendered == wanted


def test_crds_stay_when_the_release_goes_unless_told_otherwise() -> None:
    for keep, wanted in ((True, KEEP), (False, {})):
        values = {"crds": {"keep": keep, "annotations": {"a": "b"}}}
        crds = [e for e in render(CHART, values) if e["kind"] == "CustomResourceDefinition"]
        assert len(crds) == 3
        assert [crd["metadata"]["annotations"] for crd in crds] == [{"a": "b"} | wanted] * 3


def test_a_list_of_namespaces_has_a_role_in_each_and_none_of_the_cluster() -> None:
    rendered = render(CHART, {"watchNamespaces": ["a", "b"]}, "ops")
    names = {name_object(each) for each in rendered}
    assert {("Role", "a", CHART), ("Role", "b", CHART), ("RoleBinding", "a", CHART)} <= names
    assert not {kind for kind, _, _ in names} & {"ClusterRole", "ClusterRoleBinding"}
    for binding in (each for each in rendered if each["kind"] == "RoleBinding"):
        assert [subject["namespace"] for subject in binding["subjects"]] == ["ops"]
    assert environment_of({"watchNamespaces": ["a", "b"]})["WATCH_NAMESPACES"] == "a,b"


def test_an_operator_reads_the_image_of_its_own_pod_wherever_it_is() -> None:
    """Jobs of backups run from it."""
    for served, added in ((["a"], OWN_POD_RULES), (["a", "ops"], []), ([], [])):
        rendered = render(CHART, {"watchNamespaces": served}, "ops")
        role = by_name(rendered)["Role", "ops", f"{CHART}-lease"]
        assert role["rules"] == [*LEASE_RULES, *added]


def test_a_list_of_namespaces_with_nodes_and_volumes() -> None:
    rendered = render(CHART, {"watchNamespaces": ["a"], "rbac": {"clusterResources": True}}, "ops")
    role = pick(rendered, "ClusterRole")
    assert role["metadata"]["name"] == "etcd-operator-ops"
    assert [rule["resources"][0] for rule in role["rules"]] == list(CLUSTER_WIDE)
    assert pick(rendered, "ClusterRoleBinding")["roleRef"]["name"] == "etcd-operator-ops"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"repository": "r.io/x", "tag": "v1"}, "r.io/x:v1"),
        ({"repository": "r.io:5000/x", "tag": "v1", "digest": DIGEST}, f"r.io:5000/x@{DIGEST}"),
    ],
)
def test_image(image: Json, name: str) -> None:
    assert pod_of({"image": image})["containers"][0]["image"] == name


def test_settings_become_environment() -> None:
    assert environment_of({}).keys() == {"POD_NAME", "POD_NAMESPACE"}
    values = {
        "settings": {
            "logLevel": "debug",
            "clusterDomain": "k8s.test",
            "workers": 8,
            "shards": 4,
            "upgradeRolls": 5,
            "assignUserIds": False,
        },
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "p"}],
    }
    found = environment_of(values)
    assert {name: value for name, value in found.items() if value} == {
        "LOG_LEVEL": "debug",
        "CLUSTER_DOMAIN": "k8s.test",
        "WORKERS": "8",
        "SHARDS": "4",
        "UPGRADE_ROLLS": "5",
        "ASSIGN_USER_IDS": "false",
        "HTTPS_PROXY": "p",
    }
    # OpenShift assigns the operator's own as well.
    assert "runAsUser" not in pod_of(values)["securityContext"]
    assert pod_of(values)["securityContext"]["runAsNonRoot"] is True


def test_pods_are_scheduled_as_the_values_say() -> None:
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    values: Json = {
        "priorityClassName": "high",
        "nodeSelector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": spread,
        "resources": {"limits": {"memory": "1Gi"}},
    }
    pod = pod_of(values)
    for name in values.keys() - {"affinity", "resources"}:
        assert pod[name] == values[name]
    assert pod["affinity"].keys() == {"nodeAffinity", "podAntiAffinity"}
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "1Gi"}


def test_labels_of_pods_keep_those_that_select_them() -> None:
    values = {"podLabels": {"team": "x"}, "podAnnotations": {"a": "b"}, "commonLabels": {"c": "d"}}
    rendered = render(CHART, values)
    template = pick(rendered, "Deployment")["spec"]["template"]["metadata"]
    assert template["labels"] == LABELS | {"team": "x"}
    assert template["annotations"]["a"] == "b"
    assert all(each["metadata"]["labels"]["c"] == "d" for each in rendered)


def test_a_label_of_the_chart_counts_before_one_of_the_values() -> None:
    other = dict.fromkeys(LABELS, "x") | {"servicebinding.io/provisioned-service": "false"}
    monitors = {"enabled": True, "labels": other}
    values = {
        "podLabels": other,
        "commonLabels": other,
        "monitoring": {"podMonitor": monitors, "prometheusRule": monitors},
    }
    rendered = render(CHART, values)
    pods = pick(rendered, "Deployment")["spec"]["template"]["metadata"]
    for labels in (pods["labels"], *(each["metadata"]["labels"] for each in rendered)):
        assert LABELS.items() <= labels.items()


def test_a_name_stays_one_whatever_yaml_takes_it_for() -> None:
    names = {
        "fullnameOverride": "123",
        "watchNamespaces": ["123"],
        "rbac": {"clusterResources": True},
        "priorityClassName": "123",
        "commonLabels": {"a": "123"},
    }
    words = ("template", "123", str(CHARTS / CHART), "--namespace=123", "--values=-")
    rendered = run_helm(*words, stdin=json.dumps(names))
    assert [line for line in rendered.splitlines() if line.endswith(" 123")] == []


def test_monitors_and_alerts_are_those_of_deploy_monitoring() -> None:
    on = {"enabled": True, "labels": {"release": "prometheus"}}
    monitoring = {"podMonitor": on, "prometheusRule": on, "serviceMonitor": on}
    rendered = render(CHART, {"monitoring": monitoring}, NAMESPACE)
    monitors = [each["spec"] for each in rendered if each["kind"] == "PodMonitor"]
    assert monitors == [each["spec"] for each in build_pod_monitors()]
    rule = pick(rendered, "PrometheusRule")
    assert rule["spec"] == build_rules()
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    service = pick(rendered, "Service")
    monitor, members = (each for each in rendered if each["kind"] == "ServiceMonitor")
    assert members["spec"] == build_service_monitors()[2]["spec"]
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    assert [each["port"] for each in monitor["spec"]["endpoints"]] == ["http"]
    ports = pod_of({})["containers"][0]["ports"]
    assert service["spec"]["ports"][0]["targetPort"] in [port["name"] for port in ports]


@pytest.mark.parametrize("peers", [[], [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]])
def test_only_those_who_are_named_read_the_metrics_of_the_operator(peers: list[Json]) -> None:
    values = {"networkPolicy": {"enabled": True, "metricsFrom": peers}}
    spec = pick(render(CHART, values), "NetworkPolicy")["spec"]
    assert spec["podSelector"]["matchLabels"].items() <= LABELS.items()
    assert spec["policyTypes"] == ["Ingress"]
    assert [rule["from"] for rule in spec.get("ingress", ())] == ([peers] if peers else [])
    ports = {port["port"] for rule in spec.get("ingress", ()) for port in rule["ports"]}
    assert ports <= {port["name"] for port in pod_of({})["containers"][0]["ports"]}


def test_dashboards_are_those_of_deploy_monitoring() -> None:
    dashboards = {"enabled": True, "labels": {"find": "me"}, "annotations": {"folder": "etcd"}}
    rendered = render(CHART, {"monitoring": {"dashboards": dashboards}})
    maps = [each for each in rendered if each["kind"] == "ConfigMap"]
    found = {name: text for each in maps for name, text in each["data"].items()}
    written = MONITORING / "dashboards"
    assert found == {path.name: path.read_text() for path in written.glob("*.json")}
    assert len(found) == len(maps) >= 2
    assert all(each["metadata"]["labels"]["find"] == "me" for each in maps)
    assert all(each["metadata"]["annotations"] == {"folder": "etcd"} for each in maps)


@pytest.mark.parametrize("kind", ["podMonitor", "serviceMonitor"])
def test_members_of_the_served_namespaces_are_scraped(kind: str) -> None:
    values = {"watchNamespaces": ["a"], "monitoring": {kind: {"enabled": True}}}
    _, members = (each for each in render(CHART, values) if each["kind"].lower() == kind.lower())
    assert members["spec"]["namespaceSelector"] == {"matchNames": ["a"]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
        ({"replica": 1}, "additional properties 'replica' not allowed"),
        ({"image": {"digest": "latest"}}, "at '/image/digest': 'latest' does not match pattern"),
        ({"image": {"repository": ""}}, "at '/image/repository'"),
        ({"watchNamespaces": "a,b"}, "at '/watchNamespaces': got string, want array"),
        ({"watchNamespaces": ["A_B"]}, "at '/watchNamespaces/0': 'A_B' does not match pattern"),
        ({"settings": {"logLevel": "loud"}}, "at '/settings/logLevel': value must be one of"),
        ({"settings": {"clusterDomain": "a b"}}, "at '/settings/clusterDomain': 'a b' does not"),
        ({"settings": {"workers": 0}}, "at '/settings/workers': minimum: got 0, want 1"),
        ({"monitoring": {"podMonitor": {"enabled": "yes"}}}, "got string, want boolean"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(values: Json, said: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(CHART, values)
    assert said in str(refused.value)


def test_notes_say_how_to_go_on() -> None:
    words = ("install", "r", str(CHARTS / CHART), "--dry-run=client", "--namespace=ops")
    notes = run_helm(*words).partition("NOTES:\n")[2]
    assert "kubectl -n ops rollout status deployment/etcd-operator" in notes
    assert "kubectl -n default wait --for=condition=Ready etcd/db" in notes
    assert "leaves the CustomResourceDefinitions, every EtcdCluster and its data" in notes
    (example,) = yaml.safe_load_all(notes.partition("<<EOF\n")[2].partition("  EOF")[0])
    assert example["spec"] == {"size": 3}
    warned = run_helm(*words, "--set=crds.keep=false").partition("NOTES:\n")[2]
    assert "WARNING: crds.keep is false" in warned
