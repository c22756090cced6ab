"""Names, labels, annotations and addresses of everything that belongs to a cluster.

All names are functions of the cluster's name and the member's ordinal, so two passes (or two
operators) can never create the same thing twice: the API server catches the duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import SIZES, EtcdCluster
from etcd_operator.api.metadata import InheritedMetadata
from etcd_operator.api.wal import WAL_VOLUME
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.model.address import Address, join_port
from etcd_operator.core.model.issuer_stage import NO_ISSUER, IssuerStage
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.peer_stage import NO_PEER_TLS, PeerStage

# The largest cluster has so many members: no member has a higher ordinal than the last of these.
MOST_MEMBERS: Final = SIZES[-1]
# Names of the templates of claims: with one for the log, a member has two disks.
DATA_TEMPLATE: Final = "data"
WAL_TEMPLATE: Final = WAL_VOLUME
_ORDINALS: Final = {str(ordinal): ordinal for ordinal in range(MOST_MEMBERS)}

FINALIZER: Final = "etcd.etcd.io/finalizer"
# Kubernetes' own, of a deletion with --cascade=orphan.
ORPHAN: Final = "orphan"

LABEL_CLUSTER: Final = "etcd.etcd.io/cluster"
LABEL_CLUSTER_UID: Final = "etcd.etcd.io/cluster-uid"
LABEL_ROLE: Final = "etcd.etcd.io/role"
# On the Jobs of backups and restores, and their Pods: which of the two.
LABEL_TASK: Final = "etcd.etcd.io/task"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
MANAGED_BY: Final = "etcd-operator"

# On the operator's own Pods.
OPERATOR_LABELS: Final = {"app.kubernetes.io/name": "etcd-operator"}

ROLE_VOTER: Final = "voter"
ROLE_LEARNER: Final = "learner"
# Of a voter whose Pod is about to end: the client Service leads to it no more.
ROLE_LEAVING: Final = "leaving"

# What must survive the loss of `status`, kept on the ConfigMap that carries the gate; the first and
# `bootstrap` also on the StatefulSet, which somebody would have to delete as well.
ANNOTATION_CLUSTER_ID: Final = "etcd.etcd.io/cluster-id"
ANNOTATION_MEMBERS: Final = "etcd.etcd.io/members"
# How many ordinals, from 0 on, may be announced to etcd: written before the first of them is. A
# member that a client of etcd adds beyond them is not the operator's.
ANNOTATION_ANNOUNCED: Final = "etcd.etcd.io/announced"
ANNOTATION_BOOTSTRAP: Final = "etcd.etcd.io/bootstrap"
# Beside `bootstrap`: a Pod was Ready, so a majority served, before the cluster ID was recorded.
ANNOTATION_SERVED: Final = "etcd.etcd.io/served"
# On the StatefulSet: Pods that it has not created. Writing it has Kubernetes look again.
ANNOTATION_MISSING_PODS: Final = "etcd.etcd.io/missing-pods"
ANNOTATION_RECOVERY: Final = "etcd.etcd.io/recovery"
ANNOTATION_RECOVERED: Final = "etcd.etcd.io/recovered"
ANNOTATION_SPENT: Final = "etcd.etcd.io/spent-approvals"
# On the gate: ordinals and IDs of members whose data differed, until all members agree again.
ANNOTATION_DIFFERED: Final = "etcd.etcd.io/differed"
# On a PersistentVolume that was set aside: which claim's it was.
ANNOTATION_QUARANTINED: Final = "etcd.etcd.io/quarantined-from"
# Beside it: the reclaim policy that the volume had until then.
ANNOTATION_RECLAIM: Final = "etcd.etcd.io/reclaim-policy"
# Changes whenever what we want of an object changes, so that a removed field is noticed too.
ANNOTATION_FINGERPRINT: Final = "etcd.etcd.io/fingerprint"

# On the gate and on the Pod template: which certificate authorities the members trust.
ANNOTATION_TRUST: Final = "etcd.etcd.io/trust"
# On the gate: what is encrypted.
ANNOTATION_TLS: Final = "etcd.etcd.io/tls"
# On the Pods of members that serve clients plain text and TLS.
ANNOTATION_CLIENT_TLS: Final = "etcd.etcd.io/client-tls"
# Volume of a member with the certificate that clients see.
SERVER_VOLUME: Final = "server-tls"
# On the gate: the lowest version that members ran last, and the oldest one in their logs.
ANNOTATION_VERSION: Final = "etcd.etcd.io/version"
# On the StatefulSet: the version of etcd in an image whose name need not say it.
ANNOTATION_IMAGE_VERSION: Final = "etcd.etcd.io/image-version"
# On the StatefulSet: a hash of what its claim template was handed down by `inheritedMetadata`.
ANNOTATION_CLAIM_METADATA: Final = "etcd.etcd.io/claim-metadata"
# On the Secret of a certificate authority: the spec's caGeneration that it was made for.
ANNOTATION_CA_GENERATION: Final = "etcd.etcd.io/ca-generation"

# On a connection Secret: a hash of what it was made of, and one of what was written into it.
ANNOTATION_CONNECTION: Final = "etcd.etcd.io/connection"
ANNOTATION_CONTENT: Final = "etcd.etcd.io/content"

# On the EtcdCluster: the namespaces whose EtcdBackups may read it, with commas between; * for all.
ANNOTATION_BACKUP_FROM: Final = "etcd.etcd.io/backup-from"

# On an EtcdCluster or EtcdBackup: from which level on the operator logs about it.
ANNOTATION_LOG_LEVEL: Final = "etcd.etcd.io/log-level"

# On the Pod template: what the members' configuration means beyond membership.
ANNOTATION_CONFIG: Final = "etcd.etcd.io/config"

# On the StatefulSet: what its template was asked for by, its content, and whether a new version of
# the operator has changed it last (else the spec has).
ANNOTATION_ASKED: Final = "etcd.etcd.io/asked"
ANNOTATION_TEMPLATE: Final = "etcd.etcd.io/template"
ANNOTATION_CHANGED_BY: Final = "etcd.etcd.io/template-changed-by"

# On the StatefulSet: a hash of its template but for CPU and memory, and of the revisions of which
# the same is true.
ANNOTATION_RESIZABLE: Final = "etcd.etcd.io/resizable-from"
# On a Pod: a hash of the CPU and memory that Kubernetes was asked to give it, and when.
ANNOTATION_RESIZE: Final = "etcd.etcd.io/resize"
RESIZE_REFUSED: Final = "refused"

# Ends the name of the file that a member is given in a recovery from a lost majority.
FORCED: Final = "-forced"

CLIENT_PORT: Final = 2379
PEER_PORT: Final = 2380
METRICS_PORT: Final = 2381
METRICS_TLS_PORT: Final = 2382


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of one cluster; `domain` is the DNS domain of the Kubernetes cluster.

    Whether clients and peers speak TLS is part of every URL; `peer_stage`, `issuer_stage` and
    `peer_issuer` are the gate's, or the spec's. `mounted_server` is the Secret that the live
    template mounts for clients to see, if any. `inherited_…` are labels and annotations that the
    spec gives to every object. `service_hosts` and `member_addresses`: see `addresses`.
    """

    namespace: str
    name: str
    uid: str
    domain: str = "cluster.local"
    client_tls: bool = False
    peer_stage: PeerStage = NO_PEER_TLS
    issuer_stage: IssuerStage = NO_ISSUER
    peer_issuer: PeerIssuer = PeerIssuer.OWN
    mounted_server: str = ""
    inherited_labels: tuple[tuple[str, str], ...] = ()
    inherited_annotations: tuple[tuple[str, str], ...] = ()
    service_hosts: tuple[str, ...] = ()
    member_addresses: tuple[Address, ...] = ()

    @classmethod
    def of(cls, cluster: EtcdCluster, domain: str) -> Naming:
        """The names of this cluster, its URLs as its spec wants them."""
        inherited = cluster.spec.inherited_metadata or InheritedMetadata()
        return cls(
            cluster.namespace,
            cluster.name,
            cluster.uid,
            domain,
            client_tls=cluster.spec.client_tls,
            peer_stage=PeerStage.of(tls=cluster.spec.peer_tls),
            issuer_stage=IssuerStage.of(issued=issuer_of(cluster.spec) is not None),
            inherited_labels=tuple((inherited.labels or {}).items()),
            inherited_annotations=tuple((inherited.annotations or {}).items()),
        )

    @property
    def statefulset(self) -> str:
        """The StatefulSet, and the prefix of its Pods."""
        return self.name

    @property
    def peer_service(self) -> str:
        """The headless Service that gives each member its DNS name."""
        return f"{self.name}-peer"

    @property
    def client_service(self) -> str:
        """The Service that clients use."""
        return f"{self.name}-client"

    @property
    def config_map(self) -> str:
        """The ConfigMap with one etcd configuration file per member: the gate."""
        return f"{self.name}-config"

    @property
    def client_authority(self) -> str:
        """The Secret with the certificate authority of clients and of what they see."""
        return f"{self.name}-client-ca"

    @property
    def peer_authority(self) -> str:
        """The Secret with the certificate authority of the members among themselves."""
        return f"{self.name}-peer-ca"

    @property
    def server_secret(self) -> str:
        """The Secret with the certificate that clients see."""
        return f"{self.name}-server-tls"

    @property
    def peer_secret(self) -> str:
        """The Secret with the certificates of the members among themselves."""
        return f"{self.name}-peer-tls"

    @property
    def issuer_secret(self) -> str:
        """The Secret with an issuer's first certificate, which no member shows: it tells its CA."""
        return f"{self.name}-issuer-tls"

    @property
    def client_secret(self) -> str:
        """The Secret that clients mount."""
        return f"{self.name}-client-tls"

    @property
    def operator_secret(self) -> str:
        """The Secret with the operator's own client certificate."""
        return f"{self.name}-operator-tls"

    @property
    def operator_password(self) -> str:
        """The Secret with the password of the operator's own user, where members have no TLS."""
        return f"{self.name}-operator-password"

    @property
    def root_password(self) -> str:
        """The Secret with the password of etcd's user root, if the spec names none."""
        return f"{self.name}-root-password"

    @property
    def server_certificate(self) -> str:
        """The Certificate of cert-manager for what clients see."""
        return f"{self.name}-server"

    @property
    def client_certificate(self) -> str:
        """The Certificate of cert-manager for what clients show."""
        return f"{self.name}-client"

    def user_secret(self, user: str) -> str:
        """The Secret with the client certificate of one of etcd's users."""
        return f"{self.name}-user-{user}"

    def connection_secret(self, user: str = "") -> str:
        """The Secret that tells clients all about a connection: as a user, or as nobody."""
        return f"{self.name}-connection-{user}" if user else f"{self.name}-connection"

    @property
    def disruption_budget(self) -> str:
        """The PodDisruptionBudget over the voters."""
        return self.name

    @property
    def network_policy(self) -> str:
        """The NetworkPolicy over the members, if there is to be one."""
        return self.name

    @property
    def token(self) -> str:
        """The initial-cluster-token: unique to this life of the cluster, whatever its name."""
        return f"{self.namespace}-{self.name}-{self.uid}"

    def member(self, ordinal: int) -> str:
        """The name of a member and of its Pod."""
        return f"{self.name}-{ordinal}"

    def claim(self, ordinal: int, *, wal: bool = False) -> str:
        """The PersistentVolumeClaim with a member's data directory, or its write-ahead log."""
        return f"{WAL_TEMPLATE if wal else DATA_TEMPLATE}-{self.name}-{ordinal}"

    def config_key(self, ordinal: int) -> str:
        """The key of a member's configuration file in the ConfigMap."""
        return f"{self.name}-{ordinal}.yaml"

    def forced_config_key(self, ordinal: int) -> str:
        """The key of the file with which a member becomes a cluster of its own."""
        return f"{self.name}-{ordinal}{FORCED}.yaml"

    def host(self, ordinal: int) -> str:
        """A member's DNS name."""
        return f"{self.member(ordinal)}.{self.peer_service}.{self.namespace}.svc.{self.domain}"

    def peer_url(self, ordinal: int) -> str:
        """Where the other members reach a member that starts now."""
        return f"{self.peer_stage.scheme}://{self.host(ordinal)}:{PEER_PORT}"

    def peer_urls(self, ordinal: int) -> tuple[str, str]:
        """Where others reach a member in plain text, and where with TLS."""
        place = f"{self.host(ordinal)}:{PEER_PORT}"
        return f"http://{place}", f"https://{place}"

    def gives_urls(self, ordinal: int, urls: tuple[str, ...]) -> bool:
        """Whether these are peer URLs that the operator gives a member: one of them, or both."""
        return bool(urls) and set(urls) <= set(self.peer_urls(ordinal))

    def client_url(self, ordinal: int, *, tls: bool | None = None) -> str:
        """Where clients reach a member; `tls` if it is not, or not yet, as the spec has it."""
        secure = self.client_tls if tls is None else tls
        return f"http{'s' * secure}://{self.host(ordinal)}:{CLIENT_PORT}"

    def external_url(self, ordinal: int, *, tls: bool | None = None) -> str:
        """The URL of a member for clients outside Kubernetes; empty if there is none."""
        secure = self.client_tls if tls is None else tls
        for address in self.member_addresses:
            if address.ordinal == ordinal:
                return f"http{'s' * secure}://{join_port(address.host, address.port)}"
        return ""

    def advertised_urls(self, ordinal: int, mode: ClientTls | None = None) -> tuple[str, ...]:
        """The client URLs that a member tells others: within Kubernetes, then outside.

        One of each scheme that it serves, plain text first: whoever takes the first one is served.
        """
        kinds = (self.client_tls,) if mode is None else tuple(s == "https" for s in mode.schemes)
        told = [self.client_url(ordinal, tls=tls) for tls in kinds]
        told += [self.external_url(ordinal, tls=tls) for tls in kinds]
        return tuple(filter(None, told))

    def ordinal_of_member(self, member: Member) -> int | None:
        """The ordinal of which a member's peer URLs name the host, however they spell it; or None.

        Only the host's first two labels count, so a changed cluster domain loses nobody. Whether
        the member is the operator's is another question: see `ownership`.
        """
        for host in member.peer_hosts:
            first, _, rest = host.partition(".")
            if rest == self.peer_service or rest.startswith(f"{self.peer_service}."):
                return ordinal_of_pod(first, self.name)
        return None

    @property
    def selector(self) -> dict[str, str]:
        """The labels that select this cluster's members, and never those of an earlier life."""
        return select_members(self.name, self.uid)

    def labels(self, component: str = "database") -> dict[str, str]:
        """The labels of every object of this cluster."""
        return {**dict(self.inherited_labels), **self.own_labels(component)}

    def own_labels(self, component: str = "database") -> dict[str, str]:
        """Those of them that no user can change."""
        return {
            **self.selector,
            LABEL_COMPONENT: component,
            LABEL_MANAGED_BY: MANAGED_BY,
        }


def select_members(cluster: str, uid: str) -> dict[str, str]:
    """The labels by which a StatefulSet, Services and budgets select a cluster's members."""
    return {
        "app.kubernetes.io/name": "etcd",
        "app.kubernetes.io/instance": cluster,
        LABEL_CLUSTER: cluster,
        LABEL_CLUSTER_UID: uid,
    }


def cluster_of_pod(name: str) -> str:
    """The cluster that could have a member whose Pod has this name; empty if none could.

    Its label says the same, until somebody takes it off.
    """
    prefix, _, number = name.rpartition("-")
    return prefix if number in _ORDINALS else ""


def cluster_of_host(host: str) -> str:
    """The EtcdCluster, as NAMESPACE/NAME, that has a member of this DNS name; empty if none could.

    The namespace is missing where the name is too short to say it.
    """
    pod, _, rest = host.partition(".")
    service, _, rest = rest.partition(".")
    name, namespace = cluster_of_pod(pod), rest.partition(".")[0]
    if not name or service != f"{name}-peer":
        return ""
    return f"{namespace}/{name}" if namespace else name


def ordinal_of_pod(name: str, cluster: str) -> int | None:
    """The ordinal of the member whose Pod has this name; None for every other Pod.

    The whole name counts: a copy of a member's Pod is not a member, whatever its labels say.
    """
    prefix, _, number = name.rpartition("-")
    return _ORDINALS.get(number) if prefix == cluster else None


def ordinal_of_claim(name: str, cluster: str) -> int | None:
    """The ordinal of the member whose disk has this name; None for copies, clones and backups."""
    ordinal = ordinal_of_pod(name, f"{DATA_TEMPLATE}-{cluster}")
    return ordinal_of_pod(name, f"{WAL_TEMPLATE}-{cluster}") if ordinal is None else ordinal


def is_wal_claim(name: str, cluster: str) -> bool:
    """Whether a claim of this name is the disk of a member's write-ahead log."""
    return ordinal_of_pod(name, f"{WAL_TEMPLATE}-{cluster}") is not None
