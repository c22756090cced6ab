"""EtcdClusters as the user names them, and what their status says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

from etcd_operator.core.reasons.condition_types import (
    AVAILABLE,
    BACKUP_HEALTHY,
    CERTIFICATES_VALID,
    DEGRADED,
    QUORUM_HEALTHY,
    READY,
)
from etcd_operator.errors import Forbidden, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import CLUSTERS, Kind

LABEL_CLUSTER: Final = "etcd.etcd.io/cluster"
NO_KIND: Final = (
    "This Kubernetes has no kind {kind}: the operator is not installed, or one of another version "
    "is. Install it: kubectl apply --server-side -f deploy/install.yaml"
)
# Status of a condition when nothing is wrong, where that is not False.
GOOD: Final = {
    AVAILABLE: "True",
    READY: "True",
    QUORUM_HEALTHY: "True",
    CERTIFICATES_VALID: "True",
    BACKUP_HEALTHY: "True",
}

# Of an object; another would be another path of the API server.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.:_-]*")


async def find_cluster(session: Session, name: str) -> Json:
    """Return an EtcdCluster; raises PluginError with the nearest names if there is none."""
    return await find_object(session, CLUSTERS, name)


async def select_clusters(session: Session, name: str) -> list[Json]:
    """Return the named EtcdCluster, or all of them."""
    if name:
        return [await find_cluster(session, name)]
    return await list_all(session, CLUSTERS, session.namespace)


async def find_object(session: Session, kind: Kind, name: str) -> Json:
    """Return an object by name; raises PluginError with the nearest names if there is none."""
    if _NAME.fullmatch(name):
        try:
            return await session.api.get(kind, session.home, name)
        except NotFound:
            pass
    try:
        known = [item["metadata"]["name"] for item in await list_all(session, kind, session.home)]
    except Forbidden:
        known = []
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)[:5]
    others = f" There is {', '.join(near)}." if near else ""
    raise PluginError(
        f"Namespace {session.home} has no {kind.name} {name}.{others}", Exit.NOT_FOUND
    )


async def list_all(
    session: Session, kind: Kind, namespace: str | None, selector: str = "", fields: str = ""
) -> list[Json]:
    """Return all objects of a kind; raises PluginError if Kubernetes does not know the kind.

    A list leaves out of what kind its items are: here they are as if each had been read alone.
    """
    try:
        return [
            {"apiVersion": kind.api_version, "kind": kind.name, **item}
            async for page in session.api.list_pages(
                kind, namespace, selector, field_selector=fields
            )
            for item in page["items"]
        ]
    except NotFound as error:
        raise PluginError(NO_KIND.format(kind=kind.name), Exit.NO_OPERATOR) from error


def status_of(cluster: Json) -> Json:
    """Return the status of an object; empty before there is any."""
    return cluster.get("status") or {}


def conditions_of(cluster: Json) -> dict[str, Json]:
    """Return the conditions of an object by type."""
    return {each["type"]: each for each in status_of(cluster).get("conditions") or ()}


def is_good(condition: Json) -> bool:
    """Whether a condition says that nothing is wrong, whichever of its values that is."""
    return bool(condition["status"] == GOOD.get(condition["type"], "False"))


def is_seen(cluster: Json) -> bool:
    """Whether the status is about the spec as it is now."""
    observed = status_of(cluster).get("observedGeneration", 0)
    return bool(observed >= cluster["metadata"].get("generation", 0))


def judge_verdict(cluster: Json) -> tuple[str, str]:
    """Return the reason and the sentence of the operator; for a cluster without any, why."""
    ready = conditions_of(cluster).get(READY)
    if ready is None:
        return "NotSeen", "No operator has looked at this EtcdCluster yet."
    return ready.get("reason", ""), status_of(cluster).get("message") or ready.get("message", "")


def rank(cluster: Json) -> tuple[int, str, str]:
    """Return the key that puts the worst cluster first."""
    conditions, phase = conditions_of(cluster), status_of(cluster).get("phase")
    checks = (
        phase == "Failed",
        _is(conditions, AVAILABLE, "False") and phase != "Stopped",
        _is(conditions, QUORUM_HEALTHY, "False"),
        READY not in conditions,
        _is(conditions, DEGRADED, "True"),
        not is_seen(cluster),
        any(not is_good(each) for each in conditions.values()),
    )
    worst = next((place for place, found in enumerate(checks) if found), len(checks))
    metadata = cluster["metadata"]
    return worst, metadata["namespace"], metadata["name"]


def _is(conditions: dict[str, Json], kind: str, status: str) -> bool:
    return kind in conditions and conditions[kind]["status"] == status


def members_of(cluster: Json) -> list[Json]:
    """Return the members as the status shows them, by name."""
    return list(status_of(cluster).get("members") or ())


def list_versions(members: Iterable[Json]) -> str:
    """Return the versions that members run."""
    return ", ".join(sorted({m["version"] for m in members if m.get("version")}))


def selector_of(cluster: Json) -> str:
    """Return the label selector of a cluster's objects."""
    return f"{LABEL_CLUSTER}={cluster['metadata']['name']}"
