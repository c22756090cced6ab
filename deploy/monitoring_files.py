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
    LABEL_MANAGED_BY,
    MANAGED_BY,
    METRICS_PORT,
)
from etcd_operator.json_types import Json

INTERVAL: Final = "30s"
MEMBERS: Final = f"{NAME}-members"
_POD: Final = "__meta_kubernetes_pod_"


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
        "port": "metrics",
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
            _keep(f"{_POD}container_port_number", str(METRICS_PORT)),
            *_name_pod(),
            {"source_labels": [_label(LABEL_CLUSTER)], "target_label": "cluster"},
        ],
    }
    return {"scrape_configs": [operator, members]}


def _custom(kind: str, name: str, spec: Json) -> Json:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": dict(LABELS)}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


def _label(name: str) -> str:
    """The name under which Prometheus finds a label of a Pod."""
    return f"{_POD}label_{name.replace('.', '_').replace('/', '_').replace('-', '_')}"


def _keep(source: str, value: str) -> Json:
    return {"source_labels": [source], "regex": value, "action": "keep"}


def _name_pod() -> list[Json]:
    return [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_POD}name"], "target_label": "pod"},
    ]
