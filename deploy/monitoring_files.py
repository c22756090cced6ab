"""The files in deploy/monitoring: rules of the alerts, and how Prometheus finds what to scrape.

Each comes in two forms: for the Prometheus operator, and for the configuration of Prometheus.
Series of the operator name the cluster that they are about by `namespace` and `cluster`, so its
labels are honored; members get the same two from the metadata of their Pods.
"""

from __future__ import annotations

from typing import Final

from deploy.alerts import GROUPS
from deploy.alerts.alert import Alert
from deploy.alerts.pace import SHIPPED, Pace
from deploy.manifests import LABELS, NAME, NAMESPACE, PORT
from etcd_operator.core.model.naming import (
    LABEL_CLUSTER,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    Naming,
)
from etcd_operator.json_types import Json

INTERVAL: Final = "30s"
MEMBERS: Final = f"{NAME}-members"
SERVICE: Final = f"{NAME}-metrics"
# Names of the ports for metrics: without TLS, and with.
METRICS: Final = "metrics"
METRICS_TLS: Final = "metrics-tls"
# What the files for metrics with TLS are about.
EXAMPLE: Final = Naming("default", "db", "")
_POD: Final = "__meta_kubernetes_pod_"
_SERVICE: Final = "__meta_kubernetes_service_"


def build_rules(pace: Pace = SHIPPED) -> Json:
    """Rules as Prometheus reads them: `rule_files`."""
    return {
        "groups": [
            {"name": group, "rules": [_build_rule(pace.change(alert)) for alert in alerts]}
            for group, alerts in GROUPS.items()
        ]
    }


def _build_rule(alert: Alert) -> Json:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": alert.runbook,
        },
    }


def build_prometheus_rule() -> Json:
    """The same rules for the Prometheus operator."""
    return _custom("PrometheusRule", NAME, build_rules())


def build_pod_monitors() -> list[Json]:
    """Pods of the operator and of all clusters, for the Prometheus operator."""
    operator = {
        "selector": {"matchLabels": dict(LABELS)},
        "podMetricsEndpoints": [{"port": "http", "interval": INTERVAL, "honorLabels": True}],
    }
    endpoint = {
        "port": METRICS,
        "interval": INTERVAL,
        "relabelings": [{"sourceLabels": [_label(LABEL_CLUSTER)], "targetLabel": "cluster"}],
    }
    members = {
        "namespaceSelector": {"any": True},
        "selector": {
            "matchLabels": {LABEL_MANAGED_BY: MANAGED_BY},
            "matchExpressions": [{"key": LABEL_CLUSTER, "operator": "Exists"}],
        },
        "podMetricsEndpoints": [endpoint],
    }
    return [_custom("PodMonitor", NAME, operator), _custom("PodMonitor", MEMBERS, members)]


def build_service_monitors() -> list[Json]:
    """The same by Services: that of the peers lists every Pod, one for the operator is added."""
    ports = [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {"clusterIP": "None", "selector": dict(LABELS), "ports": ports},
    }
    operator = {
        "selector": {"matchLabels": dict(LABELS)},
        "endpoints": [{"port": "http", "interval": INTERVAL, "honorLabels": True}],
    }
    endpoint = {
        "port": METRICS,
        "interval": INTERVAL,
        "relabelings": [
            {"sourceLabels": [_label(LABEL_CLUSTER, _SERVICE)], "targetLabel": "cluster"}
        ],
    }
    members = {
        "namespaceSelector": {"any": True},
        "selector": {
            "matchLabels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_COMPONENT: "peer"},
            "matchExpressions": [{"key": LABEL_CLUSTER, "operator": "Exists"}],
        },
        "endpoints": [endpoint],
    }
    monitors = [_custom("ServiceMonitor", NAME, operator)]
    return [service, *monitors, _custom("ServiceMonitor", MEMBERS, members)]


def build_scrape_configs(interval: str = INTERVAL) -> Json:
    """The same Pods, for the configuration of Prometheus."""
    operator = {
        "job_name": NAME,
        "honor_labels": True,
        "scrape_interval": interval,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [NAMESPACE]}}],
        "relabel_configs": [
            *(_keep(_label(label), value) for label, value in LABELS.items()),
            _keep(f"{_POD}container_port_number", str(PORT)),
            *_name_pod(),
        ],
    }
    members = {
        "job_name": MEMBERS,
        "scrape_interval": interval,
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            _keep(_label(LABEL_MANAGED_BY), MANAGED_BY),
            _keep(_label(LABEL_CLUSTER), ".+"),
            _keep(f"{_POD}container_port_name", METRICS),
            *_name_pod(),
            {"source_labels": [_label(LABEL_CLUSTER)], "target_label": "cluster"},
        ],
    }
    return {"scrape_configs": [operator, members]}


def build_secure_scrape_config(
    naming: Naming = EXAMPLE, place: str = "/etc/prometheus/secrets", interval: str = INTERVAL
) -> Json:
    """One EtcdCluster whose metrics have TLS; its Secret for clients is mounted below `place`."""
    secret = f"{place}/{naming.client_secret}"
    members = {
        "job_name": f"etcd-{naming.name}",
        "scheme": "https",
        "tls_config": {
            "server_name": naming.client_service,
            "ca_file": f"{secret}/ca.crt",
            "cert_file": f"{secret}/tls.crt",
            "key_file": f"{secret}/tls.key",
        },
        "scrape_interval": interval,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [naming.namespace]}}],
        "relabel_configs": [
            *(_keep(_label(label), value) for label, value in _select(naming).items()),
            _keep(f"{_POD}container_port_name", METRICS_TLS),
            *_name_pod(),
            {"source_labels": [_label(LABEL_CLUSTER)], "target_label": "cluster"},
        ],
    }
    return {"scrape_configs": [members]}


def build_secure_pod_monitor() -> Json:
    """The same for the Prometheus operator. Each EtcdCluster has a CA of its own."""
    naming = EXAMPLE

    def of_secret(key: str) -> Json:
        return {"name": naming.client_secret, "key": key}

    endpoint = {
        "port": METRICS_TLS,
        "scheme": "https",
        "interval": INTERVAL,
        "tlsConfig": {
            "serverName": naming.client_service,
            "ca": {"secret": of_secret("ca.crt")},
            "cert": {"secret": of_secret("tls.crt")},
            "keySecret": of_secret("tls.key"),
        },
        "relabelings": [{"sourceLabels": [_label(LABEL_CLUSTER)], "targetLabel": "cluster"}],
    }
    selector = {"matchLabels": _select(naming)}
    spec = {"selector": selector, "podMetricsEndpoints": [endpoint]}
    monitor = _custom("PodMonitor", f"etcd-{naming.name}", spec)
    monitor["metadata"]["namespace"] = naming.namespace
    return monitor


def _select(naming: Naming) -> dict[str, str]:
    """Labels of the members of an EtcdCluster, whichever UID it has."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_CLUSTER: naming.name}


def _custom(kind: str, name: str, spec: Json) -> Json:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": dict(LABELS)}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


def _label(name: str, source: str = _POD) -> str:
    """The name under which Prometheus finds a label of a Pod, or of a Service."""
    return f"{source}label_{name.replace('.', '_').replace('/', '_').replace('-', '_')}"


def _keep(source: str, value: str) -> Json:
    return {"source_labels": [source], "regex": value, "action": "keep"}


def _name_pod() -> list[Json]:
    return [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_POD}name"], "target_label": "pod"},
    ]
