"""Values of the chart `etcd-cluster`: those of Bitnami's etcd chart, as far as they have a meaning.

Each says which field of the EtcdCluster it becomes. Values of Bitnami that have no meaning here are
listed too, with what to do in their place: the chart refuses them with that sentence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from deploy.charts.disk_values import Labels, PersistenceValues, RetentionValues
from deploy.charts.values_file import ChartValues, becomes, refused
from etcd_operator.json_types import Json
from local.programs import ESSENTIAL_ETCD

Size = Annotated[int, Field(ge=0, le=9)]


class ImageValues(ChartValues):
    """The image of etcd; its tag is the version."""

    registry: str = becomes("quay.io", "repository", "Registry.")
    repository: str = becomes("coreos/etcd", "repository", "Repository.")
    tag: str = becomes(
        ESSENTIAL_ETCD, "version", "Version of etcd: the whole tag, such as v3.6.16."
    )
    catalog: str = becomes(
        "",
        "imageCatalogRef.name",
        "ConfigMap with the image of each version, in place of registry and repository.",
    )
    digest: str = becomes("", "image", "Digest; `tag` still says which version of etcd it is.")
    pull_secrets: list[str] = becomes([], "podTemplate.imagePullSecrets", "Names of Secrets.")
    debug: Any = refused("set logLevel to debug")
    pull_policy: Any = refused("images are pulled where they are absent: remove it")


class RbacValues(ChartValues):
    """Users and roles of etcd."""

    create: bool = becomes(
        default=False,
        field="security.auth.enabled",
        text=(
            "Whether etcd's authentication is on; without auth.client.secureTransport every user "
            "needs a passwordSecret."
        ),
    )
    roles: list[Json] = becomes([], "security.auth.roles", "Roles, as in the EtcdCluster.")
    users: list[Json] = becomes([], "security.auth.users", "Users, as in the EtcdCluster.")
    mode: Literal["Managed", "Additive", "Unmanaged"] = becomes(
        "Managed",
        "security.auth.mode",
        "Additive leaves users and roles alone that others create, Unmanaged all.",
    )
    root_password_secret: str = becomes(
        "",
        "security.auth.rootPasswordSecret",
        "Secret of the type kubernetes.io/basic-auth with root's password, where clients have no "
        "TLS.",
    )
    jwt: Json = becomes(
        {},
        "security.auth.jwt",
        "JSON Web Tokens: keySecret, signMethod and lifetime, as in the EtcdCluster.",
    )
    root_password: Any = refused("put it into a Secret, and name that in rootPasswordSecret")
    existing_secret: Any = refused(
        "copy it to one of the type kubernetes.io/basic-auth, and name that in rootPasswordSecret"
    )
    allow_none_authentication: Any = refused("set auth.rbac.create to false for access without")


class ClientValues(ChartValues):
    """TLS for clients."""

    secure_transport: bool = becomes(
        default=False,
        field="security.tls.clientTLSEnabled",
        text="Whether clients use TLS, with certificates on both sides.",
    )
    use_auto_tls: bool = becomes(
        default=True,
        field="security.tls.autoTLS",
        text="Whether the operator issues the server certificate, from a CA of the cluster.",
        alias="useAutoTLS",
    )
    existing_secret: str = becomes(
        "", "security.tls.certificateSecret", "Secret with your own tls.crt and tls.key."
    )
    enable_authentication: Any = refused("clients always show a certificate where TLS is on")


class PeerValues(ChartValues):
    """TLS between members."""

    secure_transport: bool = becomes(
        default=False,
        field="security.tls.peerTLSEnabled",
        text="Whether members use TLS, with certificates that the operator issues.",
    )
    use_auto_tls: Any = refused(
        "the operator issues the certificates of members itself", alias="useAutoTLS"
    )
    existing_secret: Any = refused("the operator issues the certificates of members itself")


class MetricsTlsValues(ChartValues):
    """TLS for metrics."""

    secure_transport: bool = becomes(
        default=False,
        field="security.tls.metricsTLSEnabled",
        text="Whether metrics are served with TLS; needs auth.client.secureTransport.",
    )


class AuthValues(ChartValues):
    """TLS, users, roles."""

    rbac: RbacValues = Field(RbacValues(), description="Users and roles of etcd.")
    client: ClientValues = Field(ClientValues(), description="TLS for clients.")
    peer: PeerValues = Field(PeerValues(), description="TLS between members.")
    metrics: MetricsTlsValues = Field(MetricsTlsValues(), description="TLS for metrics.")
    token: Any = refused(
        "etcd's simple tokens are used: remove it, or name a Secret with the key in auth.rbac.jwt "
        "for JSON Web Tokens"
    )


class PolicyValues(ChartValues):
    """The NetworkPolicy of the members."""

    enabled: bool = becomes(
        default=False, field="security.networkPolicy.enabled", text="Whether there is one."
    )
    allow_external: bool = becomes(
        default=True,
        field="security.networkPolicy.clientFrom",
        text="Whether Pods of every namespace may connect; else those of the namespace.",
    )
    metrics_from: list[Json] = becomes(
        [],
        "security.networkPolicy.metricsFrom",
        "Peers that may read the metrics, as in a NetworkPolicy; everybody if empty.",
    )


class ServicePortValues(ChartValues):
    """Port of the Service."""

    client: int = becomes(2379, "service.port", "Port of the Service for clients.")
    peer: Any = refused("members reach each other by a Service of their own: remove it")
    metrics: Any = refused("metrics are at port 2381 of each member: remove it")


class NodePortValues(ChartValues):
    """Port on the nodes."""

    client: str | int = becomes(
        "", "service.nodePort", "Port on the nodes; if empty, Kubernetes chooses."
    )
    peer: Any = refused("members reach each other by a Service of their own: remove it")


class ServiceValues(ChartValues):
    """The Service for clients."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = becomes(
        "ClusterIP", "service.type", "Type of the Service."
    )
    annotations: Labels = becomes({}, "service.annotations", "Annotations of the Service.")
    ports: ServicePortValues = Field(ServicePortValues(), description="Port of the Service.")
    node_ports: NodePortValues = Field(NodePortValues(), description="Port on the nodes.")
    load_balancer_class: str = becomes("", "service.loadBalancerClass", "Which load balancer.")
    external_traffic_policy: Literal["Cluster", "Local"] = becomes(
        "Cluster", "service.externalTrafficPolicy", "With Local, members see clients' addresses."
    )
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] = becomes(
        "PreferDualStack", "service.ipFamilyPolicy", "One IP family or two."
    )
    ip_families: list[Literal["IPv4", "IPv6"]] = becomes(
        [], "service.ipFamilies", "IP families; those of Kubernetes if empty."
    )
    enabled: Any = refused("there always is a Service for clients: remove it")
    cluster_ip: Any = refused("Kubernetes chooses the address: remove it", alias="clusterIP")
    load_balancer_ip: Any = refused(
        "name the address in an annotation that your load balancer reads", alias="loadBalancerIP"
    )
    load_balancer_source_ranges: Any = refused("restrict clients by networkPolicy")
    external_ips: Any = refused("use type LoadBalancer or NodePort", alias="externalIPs")
    session_affinity: Any = refused("clients keep their connections: remove it")


class DefragmentationValues(ChartValues):
    """Routine defragmentation."""

    enabled: bool = becomes(
        default=False,
        field="maintenance.defragmentation",
        text="Whether members with much unused space are defragmented, one at a time.",
    )
    window: Json = becomes(
        {}, "maintenance.defragmentation.window", "Time of day, as in the EtcdCluster."
    )
    cronjob: Any = refused("set defrag.window to the time of day at which it may run")


class CronValues(ChartValues):
    """When backups are taken."""

    schedule: str = becomes("*/30 * * * *", "EtcdBackup schedule", "As in a CronJob.")
    snapshot_history_limit: int = Field(
        1,
        ge=1,
        le=100000,
        description="How many backups are kept.",
        json_schema_extra={"becomes": "EtcdBackup retentionPolicy.maxBackups"},
    )


class RecoveryValues(ChartValues):
    """An EtcdBackup of the cluster."""

    enabled: bool = becomes(default=False, field="EtcdBackup", text="Whether there is one.")
    cronjob: CronValues = Field(CronValues(), description="When backups are taken.")
    storage: Json = becomes(
        {},
        "EtcdBackup",
        "storageType with s3, gcs, azure or local, as in the EtcdBackup; required.",
    )
    pvc: Any = refused("name a claim in disasterRecovery.storage: {storageType: Local, local: …}")


class TimingValues(ChartValues):
    """Timings of a probe; the operator's where they are unset."""

    enabled: Literal[True] = becomes(
        default=True,
        field="podTemplate",
        text="Members always have probes: true is the only value.",
    )
    initial_delay_seconds: int | None = becomes(
        None, "podTemplate.….initialDelaySeconds", "Seconds before the first try."
    )
    period_seconds: int | None = becomes(
        None, "podTemplate.….periodSeconds", "Seconds between two tries."
    )
    timeout_seconds: int | None = becomes(
        None, "podTemplate.….timeoutSeconds", "Seconds until a try has failed."
    )
    failure_threshold: int | None = becomes(
        None, "podTemplate.….failureThreshold", "How many tries in a row have to fail."
    )
    success_threshold: Any = refused("one success is enough: remove it")


class ClusterValues(ChartValues):
    """All values of the chart."""

    fullname_override: str = becomes("", "metadata.name", "Name; that of the release if empty.")
    common_labels: Labels = becomes({}, "inheritedMetadata.labels", "Labels for every object.")
    common_annotations: Labels = becomes(
        {}, "inheritedMetadata.annotations", "Annotations for every object."
    )
    replica_count: Size = becomes(3, "size", "Number of members: 1, 3, 5, 7 or 9; 0 stops it.")
    image: ImageValues = Field(ImageValues(), description="Image of etcd.")
    auth: AuthValues = Field(AuthValues(), description="TLS, users, roles.")
    persistence: PersistenceValues = Field(PersistenceValues(), description="Disk of each member.")
    persistent_volume_claim_retention_policy: RetentionValues = Field(
        RetentionValues(), description="What happens to disks that are no longer needed."
    )
    connection_secrets: bool = becomes(
        default=False,
        field="connectionSecrets",
        text="Whether Secrets tell clients how to connect, as in docs/how-to/connect.md.",
    )
    in_place_resize: bool = becomes(
        default=False,
        field="inPlaceResize",
        text="Whether changes of resources reach running Pods without a restart.",
    )
    resources: Json = becomes({}, "resources", "Requests and limits of each member.")
    auto_compaction_mode: Literal["", "periodic", "revision"] = becomes(
        "", "etcdConfig.autoCompactionMode", "By age or by number."
    )
    auto_compaction_retention: str = becomes(
        "", "etcdConfig.autoCompactionRetention", "How much history is kept, e.g. 1h."
    )
    log_level: str = becomes("", "etcdConfig.logLevel", "Log level of etcd.")
    etcd_config: Json = becomes(
        {}, "etcdConfig", "Further options, as in the EtcdCluster: quotaBackendBytes, extraArgs, …"
    )
    pod_labels: Labels = becomes({}, "podTemplate.labels", "Labels for the Pods.")
    pod_annotations: Labels = becomes({}, "podTemplate.annotations", "Annotations for the Pods.")
    node_selector: Labels = becomes({}, "podTemplate.nodeSelector", "Labels of the nodes.")
    tolerations: list[Json] = becomes([], "podTemplate.tolerations", "Taints that are tolerated.")
    affinity: Json = becomes(
        {}, "podTemplate.affinity", "Affinity; if empty, members prefer different nodes."
    )
    topology_spread_constraints: list[Json] = becomes(
        [], "podTemplate.topologySpreadConstraints", "How members spread."
    )
    priority_class_name: str = becomes("", "podTemplate.priorityClassName", "PriorityClass.")
    scheduler_name: str = becomes("", "podTemplate.schedulerName", "Scheduler of the Pods.")
    runtime_class_name: str = becomes("", "podTemplate.runtimeClassName", "RuntimeClass.")
    termination_grace_period_seconds: int | None = becomes(
        None,
        "podTemplate.terminationGracePeriodSeconds",
        "Seconds that a member has to end; 30 if unset.",
    )
    host_aliases: list[Json] = becomes([], "podTemplate.hostAliases", "Lines of /etc/hosts.")
    dns_policy: Literal["", "ClusterFirst", "None"] = becomes(
        "", "podTemplate.dnsPolicy", "None with name servers in dnsConfig, or ClusterFirst."
    )
    dns_config: Json = becomes({}, "podTemplate.dnsConfig", "Settings of the resolver.")
    extra_env_vars: list[Json] = becomes(
        [], "podTemplate.env", "Variables of etcd's process; ETCD_… belong to etcdConfig."
    )
    extra_volumes: list[Json] = becomes(
        [], "podTemplate.volumes", "Additional volumes: configMap, secret, emptyDir, csi, …"
    )
    extra_volume_mounts: list[Json] = becomes(
        [], "podTemplate.volumeMounts", "Mounts of these volumes in etcd's container."
    )
    init_containers: list[Json] = becomes(
        [], "podTemplate.initContainers", "Containers that run before etcd."
    )
    sidecars: list[Json] = becomes([], "podTemplate.containers", "Containers beside etcd.")
    liveness_probe: TimingValues = Field(
        TimingValues(), description="Timings of etcd's liveness probe."
    )
    readiness_probe: TimingValues = Field(
        TimingValues(), description="Timings of etcd's readiness probe."
    )
    pod_security_context: Json = becomes(
        {}, "podTemplate.securityContext", "Fields in place of the restricted defaults."
    )
    network_policy: PolicyValues = Field(PolicyValues(), description="NetworkPolicy of members.")
    service: ServiceValues = Field(ServiceValues(), description="Service for clients.")
    member_addresses: Json = becomes(
        {},
        "memberAddresses",
        "Addresses of each member outside, as in the EtcdCluster: names, port, service.",
    )
    defrag: DefragmentationValues = Field(
        DefragmentationValues(), description="Routine defragmentation."
    )
    disaster_recovery: RecoveryValues = Field(RecoveryValues(), description="Scheduled backups.")

    architecture: Any = refused("remove it")
    args: Any = refused("set options of etcd in etcdConfig.extraArgs")
    cluster_domain: Any = refused("the operator finds the domain: remove it")
    command: Any = refused("the operator starts etcd: remove it")
    configuration: Any = refused("set options of etcd in etcdConfig")
    container_security_context: Any = refused("set podSecurityContext")
    container_ports: Any = refused("members listen on 2379, 2380 and, for metrics, 2381")
    diagnostic_mode: Any = refused("remove it, and see docs/how-to/troubleshoot.md")
    existing_configmap: Any = refused("set options of etcd in etcdConfig")
    extra_deploy: Any = refused("apply other objects by themselves")
    extra_env_vars_cm: Any = refused("set options of etcd in etcdConfig", alias="extraEnvVarsCM")
    extra_env_vars_secret: Any = refused("set options of etcd in etcdConfig")
    initial_cluster_state: Any = refused("the operator decides it: remove it")
    initial_cluster_token: Any = refused("the operator decides it: remove it")
    lifecycle_hooks: Any = refused("the operator adds and removes members: remove it")
    max_procs: Any = refused("set resources")
    metrics: Any = refused("members serve metrics on port 2381: docs/monitoring.md has monitors")
    name_override: Any = refused("use fullnameOverride")
    node_affinity_preset: Any = refused("set affinity")
    pdb: Any = refused("every cluster has a PodDisruptionBudget for its quorum: remove it")
    pod_affinity_preset: Any = refused("set affinity")
    pod_anti_affinity_preset: Any = refused("members prefer different nodes; set affinity for more")
    pod_management_policy: Any = refused("the operator orders the members: remove it")
    pre_upgrade_job: Any = refused("the operator changes the membership: remove it")
    remove_member_on_container_termination: Any = refused("members leave only by replicaCount")
    resources_preset: Any = refused("use resources")
    service_account: Any = refused("members need no rights: remove it")
    start_from_snapshot: Any = refused("make an EtcdRestore: docs/how-to/restore.md")
    startup_probe: Any = refused("the operator sets the probes: remove it")
    update_strategy: Any = refused("the operator rolls the members, the leader last: remove it")
    volume_permissions: Any = refused("disks belong to the group of the Pods: remove it")
