"""A real Prometheus with its Alertmanager, and a receiver of what that delivers, in one Pod.

Rules and scrape configurations are the shipped ones, at a pace. Kubelets are scraped as well, as
most installations do; the shipped files leave that to them.
"""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.alerts.pace import SHIPPED, Pace
from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.monitoring_files import (
    INTERVAL,
    build_rules,
    build_scrape_configs,
    build_secure_scrape_config,
)
from deploy.target import Target, ask_local
from etcd_operator.core.model.naming import Naming
from etcd_operator.json_types import Json
from local.prometheus_image import PROMETHEUS_IMAGE
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.prometheus_sidecar import PORT as SIDECAR
from tests.injection.session import own_namespace

NAME: Final = "prometheus"
SERVER: Final = 9090
# It is the limit of a scrape as well: on a busy machine some take two or three seconds, and one
# that fails ends the series, and with that how long an alert has waited.
SCRAPE_SECONDS: Final = 5
FAST_INTERVAL: Final = f"{SCRAPE_SECONDS}s"
SECRETS: Final = "/etc/prometheus/secrets"
ALERTMANAGER: Final = 9093
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_SIDECAR: Final = (Path(__file__).parent / "prometheus_sidecar.py").read_text()


@dataclass(frozen=True, slots=True)
class Notice:
    """A delivered notification about one alert; `received` is the receiver's clock."""

    alert: str
    labels: dict[str, str]
    firing: bool
    received: float
    runbook: str = ""

    def is_about(self, alert: str, labels: dict[str, str]) -> bool:
        """Whether it is one of this alert, with at least these labels."""
        return self.alert == alert and labels.items() <= self.labels.items()


@dataclass
class Prometheus:
    """The Pod, asked through the API server's proxy: that works wherever kubectl does."""

    target: Target
    namespace: str

    def query(self, expression: str) -> list[Json]:
        """Return the samples that an expression has now."""
        words = urllib.parse.urlencode({"query": expression})
        answer = json.loads(self.ask(SERVER, f"api/v1/query?{words}"))
        found: list[Json] = answer["data"]["result"]
        return found

    def query_range(self, expression: str, begin: float, end: float) -> list[Json]:
        """Return the series that an expression had, second by second."""
        asked = {"query": expression, "start": begin, "end": end, "step": 1}
        answer = json.loads(self.ask(SERVER, f"api/v1/query_range?{urllib.parse.urlencode(asked)}"))
        found: list[Json] = answer["data"]["result"]
        return found

    def ask(self, port: int, path: str) -> str:
        """Return what one of the three programs answers."""
        pod = f"/api/v1/namespaces/{self.namespace}/pods/{NAME}:{port}/proxy/{path}"
        return self.target.run("get", "--raw", pod)

    def hide(self, namespace: str = "") -> None:
        """Let no Pod of this namespace be a target, and of every other; without one, of all."""
        self.ask(SIDECAR, f"hide/{namespace}")

    def notices(self) -> list[Notice]:
        """Return all that was delivered, oldest first."""
        return [
            Notice(
                each["labels"]["alertname"],
                each["labels"],
                each["status"] == "firing",
                each["received"],
                each["annotations"].get("runbook_url", ""),
            )
            for each in json.loads(self.ask(SIDECAR, ""))
        ]

    def firing(self, labels: dict[str, str]) -> set[str]:
        """Return the names of the alerts with these labels that fire now, by Prometheus itself."""
        return {name for name, state in self._active(labels) if state == "firing"}

    def _active(self, labels: dict[str, str]) -> set[tuple[str, str]]:
        """Alerts whose expressions hold: the name of each, and whether it fires or is pending."""
        active = json.loads(self.ask(SERVER, "api/v1/alerts"))["data"]["alerts"]
        return {
            (each["labels"]["alertname"], each["state"])
            for each in active
            if labels.items() <= each["labels"].items()
        }

    def wait_fired(
        self, alert: str, labels: dict[str, str], since: float, seconds: float = 90.0
    ) -> Notice:
        """Wait until the receiver was told, after a time, that an alert fires."""
        found: list[Notice] = []

        def told() -> bool:
            found[:] = [each for each in self._told(alert, labels, since) if each.firing]
            return bool(found)

        wait_until(f"{alert} fires", told, seconds)
        return found[0]

    def wait_cleared(
        self, alert: str, labels: dict[str, str], since: float, seconds: float = 90.0
    ) -> Notice:
        """Wait until the receiver was told that it fires no more, for no member; the last word.

        An alert that is pending again had a gap in its series, and nothing was mended.
        """

        def cleared() -> bool:
            newest = {json.dumps(n.labels, sort_keys=True): n for n in told()}
            is_active = any(name == alert for name, _ in self._active(labels))
            return not any(n.firing for n in newest.values()) and not is_active

        def told() -> list[Notice]:
            return self._told(alert, labels, since)

        wait_until(f"{alert} clears", cleared, seconds)
        return told()[-1]

    def _told(self, alert: str, labels: dict[str, str], since: float) -> list[Notice]:
        return [n for n in self.notices() if n.is_about(alert, labels) and n.received >= since]


def name_own() -> str:
    """Return the namespace of the Prometheus of this process: each worker of pytest has one."""
    return f"e2e-prometheus-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def hide_members(cluster: Cluster) -> Callable[[], None]:
    """Let its members be no targets; returns what makes them targets again."""
    prometheus = Prometheus(cluster.target, name_own())
    prometheus.hide(cluster.namespace)
    return prometheus.hide


@contextmanager
def running(
    target: Target, name: str, pace: Pace = SHIPPED, interval: str = INTERVAL, secured: str = ""
) -> Iterator[Prometheus]:
    """Run it in a namespace of its own; the local cluster is given its image.

    `secured` names an EtcdCluster there, perhaps one to come, whose metrics have TLS.
    """
    ask_local("image", "prometheus")
    with own_namespace(target, name):
        rights = _rights(name)
        try:
            target.apply(*rights, _configuration(name, pace, interval, secured))
            target.apply(_pod(target, name, secured))
            target.run("wait", f"pod/{NAME}", f"--namespace={name}", "--for=condition=Ready")
            prometheus = Prometheus(target, name)
            wait_until(
                "the operator is scraped", lambda: bool(prometheus.query("etcd_operator_leading"))
            )
            yield prometheus
        finally:
            for each in rights[1:]:
                target.run("delete", each["kind"], each["metadata"]["name"], "--ignore-not-found")


def _configuration(namespace: str, pace: Pace, interval: str, secured: str) -> Json:
    scraped = [*build_scrape_configs(interval)["scrape_configs"], _kubelets()]
    if secured:
        naming = Naming(namespace, secured, "")
        scraped += build_secure_scrape_config(naming, SECRETS, interval)["scrape_configs"]
    server = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["/etc/monitoring/rules.yaml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"localhost:{ALERTMANAGER}"]}]}]
        },
        "scrape_configs": [_discover_over_http(config, interval) for config in scraped],
    }
    route = {"receiver": "test", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    url = f"http://localhost:{SIDECAR}/"
    alertmanager = {
        "route": {**route, "repeat_interval": "24h"},
        "receivers": [
            {"name": "test", "webhook_configs": [{"url": url, "send_resolved": True}]},
        ],
    }
    files = {
        "prometheus.yaml": server,
        "rules.yaml": build_rules(pace),
        "alertmanager.yaml": alertmanager,
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {path: yaml.safe_dump(content) for path, content in files.items()},
    }


def _discover_over_http(config: Json, interval: str) -> Json:
    """Return the configuration with the sidecar in place of discovery by Kubernetes."""
    role = config["kubernetes_sd_configs"][0]["role"]
    url = f"http://localhost:{SIDECAR}/{role}s"
    rest = {key: value for key, value in config.items() if key != "kubernetes_sd_configs"}
    return {**rest, "http_sd_configs": [{"url": url, "refresh_interval": interval}]}


def _kubelets() -> Json:
    return {
        "job_name": "kubelet",
        "scheme": "https",
        "tls_config": {"insecure_skip_verify": True},
        "authorization": {"credentials_file": _TOKEN},
        "kubernetes_sd_configs": [{"role": "node"}],
    }


def _rights(namespace: str) -> list[Json]:
    authority = "rbac.authorization.k8s.io"
    reads = ["get", "list", "watch"]
    name = f"{NAME}-{namespace}"
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": namespace},
        },
        {
            "apiVersion": f"{authority}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [
                {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": reads},
                {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
            ],
        },
        {
            "apiVersion": f"{authority}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": authority, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
    ]


def _pod(target: Target, namespace: str, secured: str) -> Json:
    place = f"--namespace={OPERATOR_NAMESPACE}"
    deployment = target.read("get", "deployment", OPERATOR, place)
    operator_image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    server = [
        "prometheus",
        "--config.file=/etc/monitoring/prometheus.yaml",
        "--storage.tsdb.path=/data/prometheus",
    ]
    alertmanager = [
        "prometheus-alertmanager",
        "--config.file=/etc/monitoring/alertmanager.yaml",
        "--storage.path=/data/alertmanager",
        "--cluster.listen-address=",
    ]
    python = ["/opt/operator/bin/python", "-c", _SIDECAR]
    containers = [
        _container("server", PROMETHEUS_IMAGE, server, SERVER, "/-/ready"),
        _container("alertmanager", PROMETHEUS_IMAGE, alertmanager, ALERTMANAGER, "/-/ready"),
        _container("sidecar", operator_image, python, SIDECAR, "/"),
    ]
    volumes: list[Json] = [
        {"name": "configuration", "configMap": {"name": NAME}},
        {"name": "data", "emptyDir": {}},
    ]
    if secured:
        secret = Naming(namespace, secured, "").client_secret
        # Prometheus runs before the EtcdCluster has its certificates.
        volumes.append({"name": secret, "secret": {"secretName": secret, "optional": True}})
        mount: Json = {"name": secret, "mountPath": f"{SECRETS}/{secret}", "readOnly": True}
        containers[0]["volumeMounts"].append(mount)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "serviceAccountName": NAME,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": containers,
            "volumes": volumes,
        },
    }


def _container(name: str, image: str, command: list[str], port: int, ready: str) -> Json:
    confined: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "readinessProbe": {"httpGet": {"path": ready, "port": port}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/etc/monitoring"},
            {"name": "data", "mountPath": "/data"},
        ],
        "securityContext": confined,
    }
