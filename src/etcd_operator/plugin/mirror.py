"""A mirror as `kubectl etcd migrate` shows and approves it."""

from __future__ import annotations

from etcd_operator.json_types import Json
from etcd_operator.plugin.ask import confirm
from etcd_operator.plugin.change import annotate, end
from etcd_operator.plugin.clusters import status_of
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.wording import counted

NOT_KEPT = "revisions, versions of keys, leases, users and the cluster ID"


def find_mirror(cluster: Json) -> Json | None:
    """How far the mirror of a cluster is; None if it never had one."""
    asks = ((cluster.get("spec") or {}).get("bootstrap") or {}).get("mirror")
    found: Json | None = status_of(cluster).get("mirror")
    return found or ({"phase": "Starting"} if asks else None)


def is_cut_over(cluster: Json) -> bool:
    """Whether its cut-over is over."""
    return (find_mirror(cluster) or {}).get("phase") == "CutOver"


def describe_mirror(view: Json) -> str:
    """How far it is, in a line."""
    keys = f"{view.get('keys', 0)} of {counted(view.get('total', 0), 'key')} compared"
    leased = view.get("leasedKeys", 0)
    left = f", {leased} with a lease left out" if leased else ""
    return f"Mirror {view['phase']}: {keys}{left}, lag {counted(view.get('lag', 0), 'revision')}."


async def approve_mirror(
    own: Session, cluster: Json, *, yes: bool, wait: bool, timeout: float
) -> Exit:
    """Approve the cut-over of the mirror that is there."""
    from etcd_operator.core.mirror.progress import ANNOTATION_CUT_OVER

    name, view = cluster["metadata"]["name"], find_mirror(cluster) or {}
    approval = view.get("approval", "")
    if view.get("phase") != "Following" or not approval:
        raise PluginError(
            f"The mirror of EtcdCluster {name} does not wait for an approval: see `kubectl etcd "
            f"migrate status {name}`.",
            Exit.FAILED,
        )
    confirm(
        f"EtcdCluster {name} is cut over from etcd cluster {view.get('sourceClusterID', '')} as "
        f"soon as nobody writes there any more. Not kept: {NOT_KEPT}.",
        yes=yes,
    )
    written = await annotate(own, cluster, ANNOTATION_CUT_OVER, approval)
    done = f"The cut-over of EtcdCluster {name} is approved."
    return await end(own, written, done, wait=wait, timeout=timeout, is_reached=is_cut_over)
