"""One cluster goes through many specs; each time it has to end as a new cluster with that spec."""

from __future__ import annotations

from typing import Any, Final

from deploy.target import TargetError
from etcd_operator.json_types import Json
from tests.e2e.harness import SMALL, Cluster, wait_until
from tests.injection.stories import portray
from tests.transitions.generator import Transition

BASE: Final[Json] = {
    "size": 1,
    "version": "v3.5.21",
    "resources": SMALL,
    "storage": {"size": "1Gi"},
}
SECONDS: Final = 120.0


def bring(cluster: Cluster, spec: Json) -> Json:
    """Give a cluster this spec, as `kubectl apply` does; return what it looks like then."""
    manifest = {**cluster.manifest(), "spec": spec}
    cluster.target.apply(manifest)
    size = int(spec["size"])
    cluster.wait_running(size, SECONDS)
    wanted = str(spec.get("storage", {}).get("size", "10Gi"))
    wait_until("the disks have their size", lambda: _disk_sizes(cluster) == {wanted}, SECONDS)
    return {**portray(cluster), "disks": sorted(_disk_sizes(cluster))}


def _disk_sizes(cluster: Cluster) -> set[str]:
    disks = cluster.objects("pvc")
    return {disk["spec"]["resources"]["requests"]["storage"] for disk in disks}


def differ(changed: Json, fresh: Json) -> str:
    """Where two pictures differ; empty if they do not."""
    return _differ(changed, fresh, "")


def _differ(one: Any, other: Any, path: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            found = _differ(one.get(key), other.get(key), f"{path}.{key}")
            if found:
                return found
        return ""
    # An empty structure is as none: a server-side apply that empties one may leave either.
    same = one == other or (one in (None, {}) and other in (None, {}))
    return "" if same else f"{path}: {one} after the change, {other} when new"


def is_refused(cluster: Cluster, change: Transition) -> str:
    """Ask the API server without effect; return what it says against the change, empty if not."""
    manifest = {**cluster.manifest(), "spec": change.apply(BASE, cluster.name)}
    try:
        cluster.target.apply(manifest, dry_run=True)
    except TargetError as error:
        return str(error)
    return ""
