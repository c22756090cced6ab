"""Changes of an EtcdCluster, as a user makes them: a part of the spec, or an annotation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.errors import Conflict, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import conditions_of
from etcd_operator.plugin.console import say
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.follow import Goal, cluster_goal, follow
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import CLUSTERS, Kind

DEFAULT_TIMEOUT: Final = 600
# The operator writes the status often, and each write is a conflict.
LOOKS: Final = 10
# Fields of the spec of which nothing comes without a majority: members join, leave or are replaced.
_REPLACES: Final = {"size", "version", "podTemplate"}


async def change_spec(session: Session, cluster: Json, **fields: Any) -> Json:
    """Merge fields into the spec of exactly this EtcdCluster; returns it as it is then.

    Raises PluginError if Kubernetes dropped one: its kind is that of another version.
    """
    written = await _patch(session, cluster, {"spec": fields})
    if lost := find_lost(fields, written["spec"]):
        raise PluginError(
            f"Kubernetes does not know spec.{lost}: the operator is of another version than this "
            "plugin. Apply its CustomResourceDefinitions, or use the plugin of its version.",
            Exit.NO_OPERATOR,
        )
    return written


def find_lost(wanted: Json, found: Json, path: str = "") -> str:
    """Return the path of the first field that is not as it was written; empty if all are."""
    for key, value in wanted.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            if lost := find_lost(value, found[key], here):
                return lost
        elif found.get(key) != value:
            return here
    return ""


async def annotate(
    session: Session, body: Json, key: str, value: str, kind: Kind = CLUSTERS
) -> Json:
    """Write an annotation of exactly this object; returns it as it is then."""
    return await _patch(session, body, {"metadata": {"annotations": {key: value}}}, kind)


async def _patch(session: Session, looked_at: Json, patch: Json, kind: Kind = CLUSTERS) -> Json:
    """Merge-patch an object if what is written is as it was looked at, and asked about.

    A write of the status is none of somebody else's changes, so a conflict is looked at again.
    """
    namespace, name = looked_at["metadata"]["namespace"], looked_at["metadata"]["name"]
    for _ in range(LOOKS):
        live = await _read(session, kind, looked_at)
        if _select(live, patch) != _select(looked_at, patch):
            break
        fence = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
        fenced = {**patch, "metadata": {**patch.get("metadata", {}), **fence}}
        try:
            return await session.api.merge_patch(kind, namespace, name, fenced)
        except Conflict:
            continue
    raise PluginError(
        f"Nothing was changed: {kind.name} {name} was changed by somebody else meanwhile; look "
        "again.",
        Exit.FAILED,
    )


async def _read(session: Session, kind: Kind, looked_at: Json) -> Json:
    """Return the live object; raises PluginError if it is not the one that was looked at."""
    metadata = looked_at["metadata"]
    name, other = metadata["name"], "deleted"
    try:
        live = await session.api.get(kind, metadata["namespace"], name)
        if live["metadata"]["uid"] == metadata["uid"]:
            return live
        other = "deleted and created again"
    except NotFound:
        pass
    raise PluginError(
        f"Nothing was changed: {kind.name} {name} was {other} meanwhile.", Exit.FAILED
    )


def _select(body: Json, patch: Json) -> object:
    """Return what a patch would overwrite: the generation of the spec, or its annotations."""
    if "spec" in patch:
        return body["metadata"].get("generation")
    annotations = body["metadata"].get("annotations") or {}
    return {key: annotations.get(key) for key in patch["metadata"]["annotations"]}


async def end(
    session: Session,
    written: Json,
    done: str,
    *,
    wait: bool,
    timeout: float,
    is_reached: Callable[[Json], bool] | None = None,
    goal: Goal | None = None,
    asked: Json | None = None,
) -> Exit:
    """Say what was written, and with `wait` show what comes of it; returns the exit code.

    `asked` are the fields of the spec that were changed: what somebody else makes of them
    meanwhile is not what is waited for, and a PluginError is raised.
    """
    say(done)
    if not wait:
        if asked and _REPLACES & asked.keys():
            _tell_lost_majority(written)
        return Exit.DONE
    goal = goal or (cluster_goal(is_reached) if is_reached else cluster_goal())
    return await follow(session, written, _insist(goal, asked) if asked else goal, timeout)


def _tell_lost_majority(written: Json) -> None:
    """Say why next to nothing may come of a change of a cluster that has no majority."""
    name, quorum = written["metadata"]["name"], conditions_of(written).get(QUORUM_HEALTHY) or {}
    if quorum.get("status") == "False":
        say(
            f"EtcdCluster {name} has no majority now, and little is done before it has one: "
            f"`kubectl etcd status {name}`."
        )


def _insist(goal: Goal, asked: Json) -> Goal:
    def is_reached(live: Json) -> bool:
        if lost := find_lost(asked, live["spec"]):
            raise PluginError(
                f"Somebody else changed spec.{lost} of EtcdCluster {live['metadata']['name']} "
                "meanwhile: what you asked for is not what the operator works on now.",
                Exit.FAILED,
            )
        return goal.is_reached(live)

    return replace(goal, is_reached=is_reached)
