"""Where everything lies: the tree, the cache that survives, the state that `down` removes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.digests import digest_texts

LABEL = "etcd-operator"
DEFAULT_STATE = Path("/var/lib/etcd-operator-local")
# What every cluster of this machine shares: notes of changes to the host, gone with a reboot.
HOST_NOTES = Path("/run/etcd-operator-local")
TREE = Path(__file__).resolve().parent
PROJECT = TREE.parent
MANIFESTS = TREE / "manifests"
# What the API server notes of requests.
AUDIT_POLICY = TREE / "audit.yaml"


@dataclass(frozen=True, slots=True)
class Places:
    """`cache` only saves time and may be deleted whenever nothing runs; `state` is the cluster."""

    state: Path
    cache: Path

    @property
    def label(self) -> str:
        """How namespaces, links and cgroups begin: clusters of different states do not meet."""
        if self.state == DEFAULT_STATE:
            return LABEL
        return f"{LABEL[:7]}-{digest_texts([str(self.state)])[:6]}"

    @property
    def programs(self) -> Path:
        """Built programs, one directory per content hash."""
        return self.cache / "programs"

    @property
    def images(self) -> Path:
        """Image archives, one file per content hash."""
        return self.cache / "images"

    @property
    def build_lock(self) -> Path:
        """Held by whoever writes to the cache."""
        return self.cache / "build.lock"

    @property
    def cluster_lock(self) -> Path:
        """Held by whoever starts or stops this cluster. Outside `state`, which comes and goes."""
        return self.cache / f"{self.label}.lock"

    @property
    def bin(self) -> Path:
        """Links to kubectl, etcdctl and the cluster's own programs."""
        return self.state / "bin"

    @property
    def keys(self) -> Path:
        """Certificates, keys and kubeconfigs of this cluster."""
        return self.state / "keys"

    @property
    def kubeconfig(self) -> Path:
        """The user's way in, with every right."""
        return self.keys / "admin.kubeconfig"

    @property
    def records(self) -> Path:
        """One file per process that was started."""
        return self.state / "processes"

    @property
    def logs(self) -> Path:
        """Logs of the control plane, and one directory per node."""
        return self.state / "logs"

    @property
    def audit_log(self) -> Path:
        """Every request of the operator, one JSON object in a line; older ones in files beside."""
        return self.logs / "audit.log"

    @property
    def volumes(self) -> Path:
        """Directories behind the PersistentVolumes: one directory per node."""
        return self.state / "volumes"

    @property
    def etcd_data(self) -> Path:
        """The API server's own etcd."""
        return self.state / "etcd"

    def node(self, name: str) -> Path:
        """The disks and the configuration of a node."""
        return self.state / "nodes" / name


def read_places(environment: Mapping[str, str]) -> Places:
    """Read the two overrides; both directories may be absent yet."""
    state = environment.get("ETCD_OPERATOR_STATE") or str(DEFAULT_STATE)
    cache = environment.get("ETCD_OPERATOR_CACHE") or "~/.cache/etcd-operator"
    return Places(
        state=Path(state).expanduser().absolute(), cache=Path(cache).expanduser().absolute()
    )
