"""Additions to the members' Pods, under the field names of a PodSpec.

What the operator has to compare has a schema: names, paths, ports. The rest of a volume, a probe or
a variable's source is of free form, as Kubernetes judges it when the StatefulSet is written. Fields
by which a container or a volume gets more than the restricted Pod Security Standard allows do not
exist: whoever may write an EtcdCluster need not have the right to make Pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from etcd_operator.api.hosts import HostName
from etcd_operator.api.model import Model
from etcd_operator.api.resources import Resources
from etcd_operator.json_types import Json

# What the operator itself puts into a member's Pod.
OWN_CONTAINER: Final = "etcd"
OWN_VOLUMES: Final = ("data", "config", "server-tls", "peer-tls", "token-key")
OWN_PORTS: Final = (2379, 2380, 2381, 2382, 2383)
OWN_PORT_NAMES: Final = ("client", "peer", "metrics", "health", "metrics-tls")
OWN_PATHS: Final = ("/var/lib/etcd", "/etc/etcd", "/etc/etcd-tls", "/usr/local/bin")
OWN_VARIABLE: Final = "POD_NAME"
# etcd's own settings, as it names them in the environment.
ETCD_VARIABLES: Final = "ETCD_"

# The kinds of volumes of the restricted Pod Security Standard that hold no disk of a member.
VOLUME_SOURCES: Final = (
    "configMap",
    "secret",
    "projected",
    "downwardAPI",
    "emptyDir",
    "csi",
)
# A member that does not answer for less would be restarted while it writes to a slow disk.
LEAST_PATIENCE_SECONDS: Final = 30
LIVENESS_PERIOD: Final = 10
LIVENESS_FAILURES: Final = 60

Word = Annotated[str, Field(max_length=4096)]


class EnvVar(Model):
    """An environment variable."""

    name: str = Field(min_length=1, max_length=253, description="Name of the variable.")
    value: str | None = Field(None, max_length=4096, description="Its value.")
    value_from: Json | None = Field(
        None,
        description="Source of its value, as in a Pod: configMapKeyRef, secretKeyRef, fieldRef, …",
    )


class Volume(Model):
    """A volume, with one source as in a Pod."""

    name: str = Field(min_length=1, max_length=63, description="Name of the volume.")
    config_map: Json | None = Field(None, description="A ConfigMap.")
    secret: Json | None = Field(None, description="A Secret.")
    projected: Json | None = Field(None, description="Several sources in one directory.")
    downward_api: Json | None = Field(None, alias="downwardAPI", description="Fields of the Pod.")
    empty_dir: Json | None = Field(None, description="A directory that ends with the Pod.")
    csi: Json | None = Field(None, description="An inline volume of a CSI driver.")


class VolumeMount(Model):
    """Where a volume of `podTemplate.volumes` is mounted."""

    name: str = Field(min_length=1, max_length=63, description="Name of the volume.")
    mount_path: str = Field(min_length=1, max_length=512, description="Path in the container.")
    sub_path: str | None = Field(None, max_length=512, description="Path in the volume.")
    read_only: bool | None = Field(None, description="Whether it cannot be written to.")


class ContainerPort(Model):
    """A port of a container."""

    name: str | None = Field(None, max_length=15, description="Name of the port.")
    container_port: int = Field(ge=1, le=65535, description="Number of the port.")
    protocol: Literal["TCP", "UDP", "SCTP"] | None = Field(
        None, description="Protocol; TCP if unset."
    )


class ContainerSecurity(Model):
    """As whom a container runs. It never has capabilities or privileges."""

    run_as_user: int | None = Field(None, ge=0, description="User ID; the Pod's if unset.")
    run_as_group: int | None = Field(None, ge=0, description="Group ID; the Pod's if unset.")
    run_as_non_root: bool | None = Field(None, description="Whether user ID 0 is refused.")
    read_only_root_filesystem: bool | None = Field(
        None, description="Whether the image's files cannot be written to."
    )


class Container(Model):
    """A container beside etcd."""

    name: str = Field(min_length=1, max_length=63, description="Name; etcd is the member itself.")
    image: str = Field(min_length=1, max_length=512, description="Image.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="When the image is pulled."
    )
    command: tuple[Word, ...] | None = Field(None, max_length=64, description="The program.")
    args: tuple[Word, ...] | None = Field(None, max_length=64, description="Its arguments.")
    env: tuple[EnvVar, ...] | None = Field(None, max_length=64, description="Its environment.")
    ports: tuple[ContainerPort, ...] | None = Field(
        None, max_length=16, description="Ports; those of etcd are taken."
    )
    resources: Resources | None = Field(None, description="Compute resources.")
    volume_mounts: tuple[VolumeMount, ...] | None = Field(
        None, max_length=16, description="Mounts of volumes of podTemplate.volumes."
    )
    liveness_probe: Json | None = Field(None, description="When it is restarted, as in a Pod.")
    readiness_probe: Json | None = Field(
        None, description="When it is ready; until then the member's Pod is not Ready either."
    )
    startup_probe: Json | None = Field(None, description="When it has started, as in a Pod.")
    security_context: ContainerSecurity | None = Field(None, description="As whom it runs.")


class InitContainer(Container):
    """A container that runs before etcd, or with restartPolicy Always beside it."""

    restart_policy: Literal["Always"] | None = Field(
        None, description="Always for a sidecar that starts before etcd and ends after it."
    )


class ProbeTimings(Model):
    """Timings of a probe; what is not given has the operator's value."""

    initial_delay_seconds: int | None = Field(
        None, ge=0, le=3600, description="Seconds before the first try."
    )
    period_seconds: int | None = Field(None, ge=1, le=300, description="Seconds between two tries.")
    timeout_seconds: int | None = Field(
        None, ge=1, le=300, description="Seconds until a try has failed."
    )
    failure_threshold: int | None = Field(
        None, ge=1, le=1000, description="How many tries in a row have to fail."
    )


class HostAlias(Model):
    """A line of /etc/hosts."""

    ip: str = Field(min_length=1, max_length=64, description="IP address.")
    hostnames: tuple[HostName, ...] | None = Field(None, max_length=16, description="Names for it.")


class DnsOption(Model):
    """An option of the resolver."""

    name: str = Field(min_length=1, max_length=64, description="Name of the option.")
    value: str | None = Field(None, max_length=64, description="Its value.")


class DnsConfig(Model):
    """Settings of the resolver, in addition to those of dnsPolicy."""

    nameservers: tuple[HostName, ...] | None = Field(
        None, max_length=3, description="IP addresses of name servers."
    )
    searches: tuple[HostName, ...] | None = Field(
        None, max_length=32, description="Domains in which names are looked up."
    )
    options: tuple[DnsOption, ...] | None = Field(
        None, max_length=16, description="Options of the resolver, e.g. ndots."
    )


class PodTemplate(Model):
    """Additions to the members' Pods."""

    labels: Mapping[str, str] | None = Field(None, description="Additional labels for the Pods.")
    annotations: Mapping[str, str] | None = Field(None, description="Annotations for the Pods.")
    node_selector: Mapping[str, str] | None = Field(
        None, description="Labels a node must have to run a member."
    )
    tolerations: tuple[Json, ...] | None = Field(
        None, max_length=64, description="Taints that the Pods tolerate."
    )
    affinity: Json | None = Field(
        None,
        description="Affinity of the Pods; if unset, members prefer to be on different nodes.",
    )
    topology_spread_constraints: tuple[Json, ...] | None = Field(
        None, max_length=16, description="How members spread over zones and nodes."
    )
    priority_class_name: str | None = Field(
        None, max_length=253, description="PriorityClass of the Pods."
    )
    scheduler_name: str | None = Field(
        None, max_length=253, description="Scheduler of the Pods; the default one if unset."
    )
    runtime_class_name: str | None = Field(
        None, max_length=253, description="RuntimeClass of the Pods."
    )
    image_pull_secrets: tuple[Json, ...] | None = Field(
        None, max_length=16, description="Secrets for pulling the image."
    )
    service_account_name: str | None = Field(
        None, max_length=253, description="ServiceAccount of the Pods; no token is mounted."
    )
    security_context: Json | None = Field(
        None, description="Pod security context; given fields replace the restricted defaults."
    )
    termination_grace_period_seconds: int | None = Field(
        None,
        ge=5,
        le=3600,
        description="Seconds that a member has to end before it is killed; 30 if unset.",
    )
    host_aliases: tuple[HostAlias, ...] | None = Field(
        None, max_length=16, description="Lines of /etc/hosts; names of members are refused."
    )
    dns_policy: Literal["ClusterFirst", "None"] | None = Field(
        None,
        description=(
            "ClusterFirst, the default, or None with name servers in dnsConfig. Members find each "
            "other by names of the Kubernetes cluster, which Default would not look up."
        ),
    )
    dns_config: DnsConfig | None = Field(None, description="Settings of the resolver.")
    env: tuple[EnvVar, ...] | None = Field(
        None,
        max_length=64,
        description="Variables of etcd's process, e.g. GOMEMLIMIT; ETCD_… belong to etcdConfig.",
    )
    volumes: tuple[Volume, ...] | None = Field(
        None,
        max_length=16,
        description=(
            "Additional volumes: configMap, secret, projected, downwardAPI, emptyDir or csi."
        ),
    )
    volume_mounts: tuple[VolumeMount, ...] | None = Field(
        None, max_length=16, description="Mounts of these volumes in the container of etcd."
    )
    init_containers: tuple[InitContainer, ...] | None = Field(
        None,
        max_length=8,
        description="Containers that run before etcd; with restartPolicy Always beside it.",
    )
    containers: tuple[Container, ...] | None = Field(
        None, max_length=8, description="Containers beside etcd."
    )
    liveness_probe: ProbeTimings | None = Field(
        None,
        description=(
            "Timings of etcd's liveness probe; if unset, every 10 s, and 60 failures restart it."
        ),
    )
    readiness_probe: ProbeTimings | None = Field(
        None,
        description=(
            "Timings of etcd's readiness probe; if unset, every second, and 2 failures make the "
            "Pod unready."
        ),
    )
