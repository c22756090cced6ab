"""Values of the chart `etcd-operator`; its defaults are those of `deploy/install.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from deploy.charts.values_file import ChartValues
from deploy.manifests import IMAGE, build_installation
from deploy.monitoring_files import INTERVAL
from etcd_operator.core.sharding.shards import MOST_SHARDS
from etcd_operator.json_types import Json
from etcd_operator.settings import read_settings

_DEPLOYMENT: Final = next(each for each in build_installation() if each["kind"] == "Deployment")
_POD: Final[Json] = _DEPLOYMENT["spec"]["template"]["spec"]
_CONTAINER: Final[Json] = _POD["containers"][0]
_SETTINGS: Final = read_settings({})

Labels = dict[str, str]
Name = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class ImageValues(ChartValues):
    """The image of the operator."""

    repository: str = Field(
        IMAGE.partition(":")[0],
        min_length=1,
        pattern=r"^[^@\s]+$",
        description="Repository, with the registry where it is not the default one.",
    )
    tag: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$",
        description="Tag; the version of the chart if empty.",
    )
    digest: str = Field(
        "",
        pattern=r"^(sha256:[0-9a-f]{64})?$",
        description="Digest, such as sha256:…; it counts before the tag.",
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        _CONTAINER["imagePullPolicy"], description="When the kubelet pulls the image."
    )
    pull_secrets: list[dict[str, str]] = Field(
        [], description="Secrets for pulling it, each as {name: …}."
    )


class CrdValues(ChartValues):
    """The CustomResourceDefinitions."""

    install: bool = Field(
        default=True, description="Whether the chart has the CustomResourceDefinitions."
    )
    keep: bool = Field(
        default=True,
        description="Whether they stay when the release is uninstalled. Without them Kubernetes "
        "deletes every EtcdCluster, EtcdBackup and EtcdRestore.",
    )
    annotations: Labels = Field({}, description="Annotations for them.")


class RbacValues(ChartValues):
    """The rights of the operator."""

    create: bool = Field(default=True, description="Whether the chart has Roles and bindings.")
    cluster_resources: bool = Field(
        default=False,
        description="With watchNamespaces: whether the operator may also read Nodes, and keep "
        "PersistentVolumes, which are of no namespace. Without, it never finds out that the node "
        "of a member is gone for good, and no restore in place keeps the old volumes.",
    )


class ServiceAccountValues(ChartValues):
    """The ServiceAccount of the operator."""

    create: bool = Field(default=True, description="Whether the chart has the ServiceAccount.")
    name: Name = Field("", description="Its name; that of the Deployment if empty.")
    annotations: Labels = Field({}, description="Annotations for it, e.g. for a cloud's identity.")


class SettingsValues(ChartValues):
    """Settings of the process."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    cluster_domain: Name = Field(
        "", description="DNS domain of Kubernetes; read from /etc/resolv.conf if empty."
    )
    workers: int = Field(
        _SETTINGS.workers, ge=1, le=1000, description="How many clusters are reconciled at a time."
    )
    shards: int = Field(
        _SETTINGS.shards,
        ge=1,
        le=MOST_SHARDS,
        description="By how many shards the replicas share the clusters: from 1000 clusters on, "
        "two or three for each replica. With one, one replica acts.",
    )
    upgrade_rolls: int = Field(
        _SETTINGS.upgrade_rolls,
        ge=1,
        le=1000,
        description="How many clusters at a time are rolled because a new version of the operator "
        "has another Pod template.",
    )
    assign_user_ids: bool = Field(
        _SETTINGS.assign_user_ids,
        description="Whether Pods ask for user and group IDs. Set it to false on OpenShift, which "
        "assigns them itself.",
    )


class BudgetValues(ChartValues):
    """The PodDisruptionBudget of the operator."""

    enabled: bool = Field(default=True, description="Whether there is a PodDisruptionBudget.")
    max_unavailable: int = Field(
        1, ge=1, description="How many replicas a drain of nodes may stop at a time."
    )


class PolicyValues(ChartValues):
    """The NetworkPolicy of the operator."""

    enabled: bool = Field(
        default=False, description="Whether there is one. The kubelet's probes pass it anyway."
    )
    metrics_from: list[Json] = Field(
        [],
        description="Peers that may read the metrics at port 8081, as in a NetworkPolicy; nobody "
        "if empty.",
    )


class MonitorValues(ChartValues):
    """A monitor of the Prometheus operator."""

    enabled: bool = Field(default=False, description="Whether it is made.")
    interval: str = Field(
        INTERVAL, pattern=r"^[0-9]+(ms|s|m|h)$", description="How often Prometheus scrapes."
    )
    labels: Labels = Field({}, description="Labels by which your Prometheus selects it.")


class RuleValues(ChartValues):
    """The alerts of deploy/monitoring."""

    enabled: bool = Field(default=False, description="Whether it is made.")
    labels: Labels = Field({}, description="Labels by which your Prometheus selects it.")


class DashboardValues(ChartValues):
    """The dashboards of deploy/monitoring."""

    enabled: bool = Field(default=False, description="Whether they are made.")
    labels: Labels = Field(
        {"grafana_dashboard": "1"}, description="Labels by which Grafana's sidecar finds them."
    )
    annotations: Labels = Field({}, description="Annotations, e.g. the folder in Grafana.")


class MonitoringValues(ChartValues):
    """What the Prometheus operator is told."""

    annotations: bool = Field(
        default=True,
        description="Whether Pods of the operator have the annotations prometheus.io/scrape and "
        "prometheus.io/port.",
    )
    pod_monitor: MonitorValues = Field(
        MonitorValues(), description="PodMonitors of the operator and of the members."
    )
    service_monitor: MonitorValues = Field(
        MonitorValues(),
        description="ServiceMonitors of the operator, with a Service, and of the members, where "
        "PodMonitors are not wanted. Take one of the two: with both, every series is there twice.",
    )
    prometheus_rule: RuleValues = Field(
        RuleValues(), description="PrometheusRule with all alerts, each with its runbook."
    )
    dashboards: DashboardValues = Field(
        DashboardValues(), description="ConfigMaps with the dashboards, for Grafana's sidecar."
    )


class OperatorValues(ChartValues):
    """All values of the chart."""

    fullname_override: Name = Field(
        "", description="Name of every object; etcd-operator if empty. The Leases have their own."
    )
    common_labels: Labels = Field({}, description="Labels for every object.")
    image: ImageValues = Field(ImageValues(), description="Image of the operator.")
    replicas: int = Field(
        _DEPLOYMENT["spec"]["replicas"],
        ge=0,
        le=9,
        description="Number of replicas. One acts, and the others take over from it, unless "
        "settings.shards lets them share the clusters; 0 stops the operator, and the members go "
        "on.",
    )
    watch_namespaces: list[Namespace] = Field(
        [],
        description="Namespaces that are served; all if empty. With a list the operator has a Role "
        "in each of them and no ClusterRole. They have to exist.",
    )
    settings: SettingsValues = Field(SettingsValues(), description="Settings of the process.")
    extra_env: list[Json] = Field([], description="Further environment variables.")
    crds: CrdValues = Field(CrdValues(), description="CustomResourceDefinitions.")
    rbac: RbacValues = Field(RbacValues(), description="Rights of the operator.")
    service_account: ServiceAccountValues = Field(
        ServiceAccountValues(), description="ServiceAccount of the operator."
    )
    resources: Json = Field(_CONTAINER["resources"], description="Requests and limits.")
    pod_security_context: Json = Field(
        _POD["securityContext"],
        description="Security context of the Pods, as the restricted Pod Security Standard wants.",
    )
    security_context: Json = Field(
        _CONTAINER["securityContext"], description="Security context of the container."
    )
    pod_labels: Labels = Field({}, description="Further labels for the Pods.")
    pod_annotations: Labels = Field({}, description="Further annotations for the Pods.")
    priority_class_name: Name = Field(
        "", description="PriorityClass, e.g. system-cluster-critical in kube-system."
    )
    termination_grace_period_seconds: int = Field(
        _POD["terminationGracePeriodSeconds"], ge=0, description="Time to hand over the Leases."
    )
    node_selector: Labels = Field({}, description="Labels that a node must have.")
    tolerations: list[Json] = Field([], description="Taints that are tolerated.")
    affinity: dict[str, Any] = Field(
        _POD["affinity"], description="Affinity; replicas prefer to be on different nodes."
    )
    topology_spread_constraints: list[Json] = Field(
        [], description="How replicas spread over zones and nodes."
    )
    pod_disruption_budget: BudgetValues = Field(
        BudgetValues(), description="PodDisruptionBudget of the operator."
    )
    network_policy: PolicyValues = Field(
        PolicyValues(), description="NetworkPolicy of the operator, to which nobody else connects."
    )
    monitoring: MonitoringValues = Field(
        MonitoringValues(), description="Metrics and alerts: docs/monitoring.md."
    )
