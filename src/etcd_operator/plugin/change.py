"""Changes of an EtcdCluster, as a user makes them: a part of the spec, or an annotation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from etcd_operator.json_types import Json
from etcd_operator.plugin.console import say
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.follow import Goal, cluster_goal, follow
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import CLUSTERS

DEFAULT_TIMEOUT: Final = 600


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


async def annotate(session: Session, cluster: Json, key: str, value: str) -> Json:
    """Write an annotation of exactly this EtcdCluster; returns it as it is then."""
    return await _patch(session, cluster, {"metadata": {"annotations": {key: value}}})


async def _patch(session: Session, cluster: Json, patch: Json) -> Json:
    metadata = cluster["metadata"]
    fenced = {**patch, "metadata": {**patch.get("metadata", {}), "uid": metadata["uid"]}}
    return await session.api.merge_patch(CLUSTERS, metadata["namespace"], metadata["name"], fenced)


async def end(
    session: Session,
    written: Json,
    done: str,
    *,
    wait: bool,
    timeout: float,
    is_reached: Callable[[Json], bool] | None = None,
    goal: Goal | None = None,
) -> Exit:
    """Say what was written, and with `wait` show what comes of it; returns the exit code."""
    say(done)
    if not wait:
        return Exit.DONE
    goal = goal or (cluster_goal(is_reached) if is_reached else cluster_goal())
    return await follow(session, written, goal, timeout)
