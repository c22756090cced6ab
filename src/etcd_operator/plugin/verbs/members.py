"""`replace`, `move-leader` and `defrag`: one member, or what the members do among themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.errors import NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin import console, session
from etcd_operator.plugin.ask import confirm, confirm_change
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Name, Namespace, Timeout, Wait, Yes
from etcd_operator.plugin.session import Place, Session

DEFAULT_TIMEOUT: Final = 600
ANNOTATION_REPLACE: Final = "etcd.etcd.io/replace-member"
LABEL_CLUSTER: Final = "etcd.etcd.io/cluster"


def replace(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Name of the member: db-1.")],
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Replace a member: out of etcd, its disk deleted, in again as a learner; asks first."""
    place = Place(context, namespace)
    session.run(place, lambda own: _replace(own, member, yes=yes, wait=wait, timeout=timeout))


async def _replace(own: Session, member: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.plugin.change import annotate, end
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.follow import is_settled
    from etcd_operator.runtime.kubernetes.api import PODS
    from etcd_operator.simulation.change import Change

    pod = await _find_member(own, member)
    labels = pod["metadata"].get("labels") or {}
    cluster = await find_cluster(own, labels[LABEL_CLUSTER])
    before = _id_of(cluster, member)
    told = (
        f"{member} leaves etcd, its disk is deleted, and it joins again with the data of the "
        "others; only while they have a majority without it."
    )
    await confirm_change(own, cluster, told, yes=yes, asked=Change(replaced=(member,)))
    await annotate(own, pod, ANNOTATION_REPLACE, "true", PODS)
    return await end(
        own,
        cluster,
        f"Pod {member} has the annotation {ANNOTATION_REPLACE}=true.",
        wait=wait,
        timeout=timeout,
        is_reached=lambda live: is_settled(live) and _id_of(live, member) not in ("", before),
    )


async def _find_member(own: Session, member: str) -> Json:
    from etcd_operator.plugin.clusters import list_all
    from etcd_operator.runtime.kubernetes.api import PODS

    try:
        pod = await own.api.get(PODS, own.home, member)
        if LABEL_CLUSTER in (pod["metadata"].get("labels") or {}):
            return pod
    except NotFound:
        pass
    known = [p["metadata"]["name"] for p in await list_all(own, PODS, own.home, LABEL_CLUSTER)]
    others = f" There is {', '.join(sorted(known))}." if known else ""
    raise PluginError(
        f"Namespace {own.home} has no Pod {member} of an etcd cluster.{others}", Exit.NOT_FOUND
    )


def _id_of(cluster: Json, member: str) -> str:
    from etcd_operator.plugin.clusters import members_of

    return next((m.get("id", "") for m in members_of(cluster) if m["name"] == member), "")


def move_leader(
    name: Name,
    to: Annotated[str, typer.Option("--to", metavar="MEMBER", help="Member that is to lead.")],
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = 120,
) -> None:
    """Let another member lead; a write in that moment is delayed for milliseconds."""
    place = Place(context, namespace)
    session.run(place, lambda own: _move_leader(own, name, to, wait=wait, timeout=timeout))


async def _move_leader(own: Session, name: str, to: str, *, wait: bool, timeout: float) -> Exit:
    from etcd_operator.core.model.requests import ANNOTATION_MOVE_LEADER, write_time
    from etcd_operator.plugin.change import annotate, end
    from etcd_operator.plugin.clusters import find_cluster, members_of

    cluster = await find_cluster(own, name)
    _insist_on_majority(cluster)
    roles = {member["name"]: member.get("role") for member in members_of(cluster)}
    if roles.get(to) not in ("leader", "follower"):
        voters = ", ".join(each for each, role in roles.items() if role in ("leader", "follower"))
        raise PluginError(f"{to} is no voter of EtcdCluster {name}: {voters}.", Exit.NOT_FOUND)
    if roles[to] == "leader":
        console.say(f"{to} leads already.")
        return Exit.DONE
    request = f"{to} {write_time(datetime.now(UTC))}"
    written = await annotate(own, cluster, ANNOTATION_MOVE_LEADER, request)

    def leads(live: Json) -> bool:
        return any(m["name"] == to and m.get("role") == "leader" for m in members_of(live))

    done = f"EtcdCluster {name} has the annotation {ANNOTATION_MOVE_LEADER}={request}."
    return await end(own, written, done, wait=wait, timeout=timeout, is_reached=leads)


def _insist_on_majority(cluster: Json) -> None:
    """Raise PluginError where etcd would carry nothing out, with what the operator says of it."""
    from etcd_operator.plugin.clusters import conditions_of
    from etcd_operator.plugin.next_steps import find_steps

    name = cluster["metadata"]["name"]
    quorum = conditions_of(cluster).get(QUORUM_HEALTHY)
    if quorum is None or quorum["status"] == "True":
        return
    steps = find_steps(name, [quorum.get("reason", "")])
    said = f"Nothing was changed, because EtcdCluster {name} has no majority that answers"
    raise PluginError(" ".join([f"{said}: {quorum.get('message', '')}", *steps]), Exit.FAILED)


def defrag(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Give unused space of the database files back, one member at a time; asks first."""
    place = Place(context, namespace)
    session.run(place, lambda own: _defrag(own, name, yes=yes, wait=wait, timeout=timeout))


async def _defrag(own: Session, name: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.core.model.requests import ANNOTATION_DEFRAGMENT, write_time
    from etcd_operator.plugin.change import annotate, end
    from etcd_operator.plugin.clusters import find_cluster, members_of

    cluster = await find_cluster(own, name)
    _insist_on_majority(cluster)
    wasteful = await _find_wasteful(own, cluster)
    if not wasteful:
        console.say("No member has 1 MiB or more, and a tenth of it unused: nothing to give back.")
        return Exit.DONE
    confirm(
        f"{', '.join(wasteful)} of EtcdCluster {name}: defragmented one at a time, the leader "
        "last. A member serves nobody meanwhile.",
        yes=yes,
    )
    moment = write_time(datetime.now(UTC))
    written = await annotate(own, cluster, ANNOTATION_DEFRAGMENT, moment)

    def has_shrunk(live: Json) -> bool:
        sizes = {member["name"]: member.get("dbSize", 0) for member in members_of(live)}
        return all(sizes.get(each, 0) < before for each, before in wasteful.items())

    done = f"EtcdCluster {name} has the annotation {ANNOTATION_DEFRAGMENT}={moment}."
    return await end(own, written, done, wait=wait, timeout=timeout, is_reached=has_shrunk)


async def _find_wasteful(own: Session, cluster: Json) -> dict[str, int]:
    """Return the members that a defragmentation makes smaller, with the sizes of their files.

    Raises PluginError if the metrics of a member cannot be read.
    """
    from etcd_operator.core.model.requests import is_worth_defragmenting
    from etcd_operator.plugin.cluster_view import read_metrics
    from etcd_operator.plugin.clusters import list_all, selector_of
    from etcd_operator.plugin.rights import Gaps
    from etcd_operator.runtime.kubernetes.api import PODS

    gaps = Gaps()
    pods = await list_all(own, PODS, own.home, selector_of(cluster))
    metrics = await read_metrics(own, gaps, pods)
    if gaps.sentences:
        raise PluginError(f"Nothing was changed: {gaps.sentences[0]}.", gaps.code)
    return {
        name: each["dbSize"]
        for name, each in metrics.items()
        if is_worth_defragmenting(each["dbSize"], each["dbInUse"])
    }
