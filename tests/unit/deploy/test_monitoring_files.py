"""What the monitors select is there: labels and ports of the objects that the operator renders."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.manifests import build_installation
from deploy.monitoring_files import (
    build_pod_monitors,
    build_scrape_configs,
    build_secure_pod_monitor,
    build_secure_scrape_config,
    build_service_monitors,
)
from deploy.resource_state import build_resource_state
from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.crd import DEFINITIONS, build_crd
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.cluster_objects import render_client_service, render_peer_service
from tests.builders.certificates import secured
from tests.builders.snapshots import formed
from tests.e2e.prometheus_sidecar import find_pods

NAMING = Naming("default", "db", "0c1c2c3c")
SPEC = EtcdClusterSpec()


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector selects an object with these labels."""
    exist = [each["key"] for each in selector.get("matchExpressions", ())]
    return selector["matchLabels"].items() <= labels.items() and set(exist) <= labels.keys()


def port_names(ports: list[dict[str, Any]]) -> set[str]:
    """The names of ports."""
    return {port["name"] for port in ports}


def test_a_service_monitor_finds_the_service_that_lists_every_member() -> None:
    _, _, members = (each["spec"] for each in build_service_monitors())
    peers, clients = render_peer_service(SPEC, NAMING), render_client_service(SPEC, NAMING)
    assert selects(members["selector"], peers["metadata"]["labels"])
    assert not selects(members["selector"], clients["metadata"]["labels"])
    assert members["endpoints"][0]["port"] in port_names(peers["spec"]["ports"])
    assert peers["spec"]["publishNotReadyAddresses"], "a member that is not Ready is scraped too"


def test_the_service_of_the_operator_leads_to_its_pods() -> None:
    service, operator, _ = build_service_monitors()
    (deployment,) = (each for each in build_installation() if each["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    target = service["spec"]["ports"][0]["targetPort"]
    assert target in port_names(template["spec"]["containers"][0]["ports"])
    assert selects(operator["spec"]["selector"], service["metadata"]["labels"])
    assert operator["spec"]["endpoints"][0]["honorLabels"]


PLAIN, SECURE = formed(3), secured(3, metricsTLSEnabled=True)


@pytest.mark.parametrize(
    ("monitor", "finds", "leaves_out"),
    [
        (build_pod_monitors()[1], PLAIN, SECURE),
        (build_secure_pod_monitor(), SECURE, PLAIN),
    ],
)
def test_a_pod_monitor_finds_the_members_that_it_can_ask(
    monitor: dict[str, Any], finds: Snapshot, leaves_out: Snapshot
) -> None:
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    template = find_template(finds)
    assert selects(monitor["spec"]["selector"], template["metadata"]["labels"])
    assert endpoint["port"] in port_names(template["spec"]["containers"][0]["ports"])
    other = find_template(leaves_out)
    assert endpoint["port"] not in port_names(other["spec"]["containers"][0]["ports"])


@pytest.mark.parametrize(
    ("job", "finds", "port"),
    [
        (build_scrape_configs()["scrape_configs"][1], PLAIN, 2381),
        (build_secure_scrape_config()["scrape_configs"][0], SECURE, 2382),
    ],
)
def test_a_scrape_config_keeps_the_one_port_that_it_can_ask(
    job: dict[str, Any], finds: Snapshot, port: int
) -> None:
    for scene in (PLAIN, SECURE):
        template = find_template(scene)
        metadata = {**template["metadata"], "namespace": "default", "name": "db-0"}
        pod = {**template, "metadata": metadata, "status": {"podIP": "10.0.0.1"}}
        kept = [each for each in find_pods([pod]) if is_kept(each["labels"], job)]
        wanted = [[f"10.0.0.1:{port}"]] if scene is finds else []
        assert [each["targets"] for each in kept] == wanted


def is_kept(labels: dict[str, str], job: dict[str, Any]) -> bool:
    """Whether the rules of a job keep a target."""
    rules = [rule for rule in job["relabel_configs"] if rule.get("action") == "keep"]
    assert len(rules) == 3
    return all(
        re.fullmatch(rule["regex"], labels.get(rule["source_labels"][0], "")) for rule in rules
    )


def find_template(snapshot: Snapshot) -> dict[str, Any]:
    """The template of the members' Pods."""
    live = snapshot.statefulset
    assert live is not None
    found: dict[str, Any] = live.body["spec"]["template"]
    return found


def test_the_monitor_with_tls_shows_the_certificate_of_clients() -> None:
    (endpoint,) = build_secure_pod_monitor()["spec"]["podMetricsEndpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["keySecret"] == {"name": "db-client-tls", "key": "tls.key"}
    assert endpoint["tlsConfig"]["serverName"] == "db-client"


RESOURCES = build_resource_state()["spec"]["resources"]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r["groupVersionKind"]["kind"])
def test_kube_state_metrics_reads_fields_that_there_are(resource: dict[str, Any]) -> None:
    kind = resource["groupVersionKind"]["kind"]
    (crd,) = (c for c in map(build_crd, DEFINITIONS) if c["spec"]["names"]["kind"] == kind)
    (version,) = crd["spec"]["versions"]
    for metric in resource["metrics"]:
        each = metric["each"]
        (told,) = (each[form] for form in ("gauge", "info", "stateSet") if form in each)
        for path in [told["path"]] if "path" in told else list(told["labelsFromPath"].values()):
            schema = version["schema"]["openAPIV3Schema"]
            for name in path:
                schema = schema["properties"][name]
        if each["type"] == "StateSet":
            assert told["list"] == schema["enum"]
