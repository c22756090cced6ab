"""`recover`: the approval to go on from one member after the majority is lost for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.json_types import Json
from etcd_operator.plugin import session
from etcd_operator.plugin.ask import confirm_name, show_steps
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Name, Namespace, Timeout, Wait
from etcd_operator.plugin.session import Place, Session

if TYPE_CHECKING:
    from etcd_operator.plugin.rights import Gaps

DEFAULT_TIMEOUT: Final = 1200


def recover(
    name: Name,
    revision: Annotated[
        int,
        typer.Option(
            "--accepted-revision",
            metavar="REVISION",
            help="Lowest revision to go on from; by default the highest that a member has.",
            min=0,
        ),
    ] = 0,
    approve: Annotated[
        str,
        typer.Option("--approve", metavar="NAME", help="Name of the cluster again; for scripts."),
    ] = "",
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Approve the recovery from a lost majority: acknowledged writes may be lost.

    Shows the revision of each member and the operator's steps to the end, and asks for the name of
    the cluster.
    """
    place = Place(context, namespace)
    session.run(
        place, lambda own: _recover(own, name, revision, approve, wait=wait, timeout=timeout)
    )


async def _recover(
    own: Session, name: str, revision: int, approve: str, *, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.cluster_view import read_metrics
    from etcd_operator.plugin.clusters import find_cluster, list_all, selector_of
    from etcd_operator.plugin.rights import Gaps
    from etcd_operator.runtime.kubernetes.api import PODS

    cluster = await find_cluster(own, name)
    cluster_id = _insist_on_loss(cluster)
    pods = await list_all(own, PODS, own.home, selector_of(cluster))
    gaps = Gaps()
    metrics = await read_metrics(own, gaps, pods)
    _show_revisions(cluster, metrics, gaps)
    highest = max((each.get("revision", 0) for each in metrics.values()), default=0)
    accepted = revision or highest
    if not accepted:
        raise PluginError(
            "No member says its revision: bring one up, or give --accepted-revision.", Exit.FAILED
        )
    approval = {"clusterID": cluster_id, "acceptedRevision": accepted}
    if not approve:
        await show_steps(own, cluster, {"recovery": {"quorumLoss": approval}})
    confirm_name(_warn(name, accepted, highest), name, answered=approve)
    written = await change_spec(own, cluster, recovery={"quorumLoss": approval})
    done = f"spec.recovery.quorumLoss of EtcdCluster {name} approves revision {accepted} and later."
    return await end(own, written, done, wait=wait, timeout=timeout)


def _insist_on_loss(cluster: Json) -> str:
    """Return the cluster ID; raises PluginError unless the operator reports a lost majority."""
    from etcd_operator.plugin.clusters import conditions_of, status_of

    name, quorum = cluster["metadata"]["name"], conditions_of(cluster).get(QUORUM_HEALTHY, {})
    cluster_id = str(status_of(cluster).get("clusterID", ""))
    if quorum.get("status") != "False" or not cluster_id:
        raise PluginError(
            f"EtcdCluster {name} has not lost its majority: QuorumHealthy is "
            f"{quorum.get('status', 'not known')}. An approval would be void.",
            Exit.FAILED,
        )
    return cluster_id


def _show_revisions(cluster: Json, metrics: dict[str, Json], gaps: Gaps) -> None:
    from etcd_operator.plugin.clusters import members_of
    from etcd_operator.plugin.console import open_console, table
    from etcd_operator.plugin.screens import render_missing

    names = sorted({*(m["name"] for m in members_of(cluster)), *metrics})
    rows = ((each, metrics.get(each, {}).get("revision", "unknown")) for each in names)
    screen = open_console()
    screen.print(table(("member", "revision"), rows))
    for part in render_missing(gaps.sentences):
        screen.print(part)


def _warn(name: str, accepted: int, highest: int) -> str:
    unknown = f" No member that runs is known to have it: the highest is {highest or 'not known'}."
    return (
        f"EtcdCluster {name} goes on from the most advanced member that runs, if that has revision "
        f"{accepted} or a later one. Writes that only lost members had are lost. If members may "
        "still come back with their disks, bring them back instead: that loses nothing."
        f"{unknown if accepted > highest else ''}"
    )
