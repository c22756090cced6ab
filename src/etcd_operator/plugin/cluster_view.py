"""One cluster as a document: what its status, Pods, disks, backups, Events and members say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from etcd_operator.core.reasons.condition_types import AVAILABLE
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import (
    conditions_of,
    find_cluster,
    is_good,
    is_seen,
    judge_verdict,
    list_versions,
    members_of,
    selector_of,
    status_of,
)
from etcd_operator.plugin.console import parse_time
from etcd_operator.plugin.next_steps import find_steps
from etcd_operator.plugin.rights import Gaps
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import BACKUPS, CLAIMS, EVENTS, PODS

METRICS_PORT: Final = 2381
MOST_EVENTS: Final = 8
_LINE: Final = re.compile(r"^([a-z_]+)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
# Of etcd's own metrics (https://etcd.io/docs/v3.6/metrics/): what each tells of a member.
_METRICS: Final = {
    "etcd_debugging_mvcc_current_revision": "revision",
    "etcd_mvcc_db_total_size_in_bytes": "dbSize",
    "etcd_mvcc_db_total_size_in_use_in_bytes": "dbInUse",
    "etcd_server_quota_backend_bytes": "dbQuota",
}


def summarize(cluster: Json) -> Json:
    """Return a cluster as a row of all of them."""
    metadata, status, members = cluster["metadata"], status_of(cluster), members_of(cluster)
    reason, message = judge_verdict(cluster)
    bad = [c["type"] for c in conditions_of(cluster).values() if not is_good(c)]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "phase": status.get("phase", ""),
        "reason": reason,
        "message": message,
        "size": cluster["spec"].get("size", 3),
        "ready": status.get("readyReplicas", 0),
        "version": list_versions(members),
        "wantedVersion": cluster["spec"].get("version", ""),
        "paused": bool(cluster["spec"].get("paused")),
        "specSeen": is_seen(cluster),
        "concerns": bad,
    }


async def describe(session: Session, name: str, gaps: Gaps) -> Json:
    """Return everything about a cluster that the user may read; `missing` names the rest."""
    cluster = await find_cluster(session, name)
    place = cluster["metadata"]["namespace"]
    about = f"involvedObject.kind=EtcdCluster,involvedObject.name={name}"
    pods, claims, backups, events = await asyncio.gather(
        gaps.list_or_none(session, PODS, place, selector_of(cluster)),
        gaps.list_or_none(session, CLAIMS, place, selector_of(cluster)),
        gaps.list_or_none(session, BACKUPS, place),
        gaps.list_or_none(session, EVENTS, place, fields=about),
    )
    metrics = await read_metrics(session, gaps, pods)
    return {
        **summarize(cluster),
        "clusterID": status_of(cluster).get("clusterID", ""),
        "conditions": [_describe_condition(c) for c in conditions_of(cluster).values()],
        "nextSteps": find_steps(name, _list_reasons(cluster)),
        "members": _describe_members(cluster, pods, claims, metrics),
        "certificates": describe_certificates(cluster),
        "backups": [describe_backup(b) for b in backups if is_backup_of(b, cluster)],
        "versionsThatMayFollow": _find_versions(cluster),
        "events": _describe_events(events),
        "missing": gaps.sentences,
    }


def _list_reasons(cluster: Json) -> list[str]:
    """Return the reason of the verdict, then those of conditions of which it may say nothing.

    Before the first members have started, a cluster is not available for lack of a quorum.
    """
    others = [c for kind, c in conditions_of(cluster).items() if kind != AVAILABLE]
    return [judge_verdict(cluster)[0], *(each.get("reason", "") for each in others)]


def _describe_condition(condition: Json) -> Json:
    kept = ("type", "status", "reason", "message", "lastTransitionTime")
    return {key: condition.get(key, "") for key in kept} | {"good": is_good(condition)}


async def read_metrics(session: Session, gaps: Gaps, pods: list[Json]) -> dict[str, Json]:
    """Return what the members' own metrics say, by name of the Pod.

    The API server fetches them: that needs the right to get pods/proxy, and no certificate.
    """
    running = [pod for pod in pods if (pod.get("status") or {}).get("podIP")]
    texts = await asyncio.gather(*(_read_one(session, gaps, pod["metadata"]) for pod in running))
    return {
        pod["metadata"]["name"]: parse_metrics(text)
        for pod, text in zip(running, texts, strict=True)
        if text
    }


async def _read_one(session: Session, gaps: Gaps, metadata: Json) -> str:
    target = f"{metadata['name']}:{METRICS_PORT}"
    path = PODS.path(metadata["namespace"], target, "proxy") + "/metrics"
    right = f"get pods/proxy in namespace {metadata['namespace']}"
    return await gaps.attempt(right, session.api.read_text(path, {}), "", elsewhere=True)


def parse_metrics(text: str) -> Json:
    """Return revision and sizes from the metrics of a member; unknown ones are left out."""
    found: Mapping[str, str] = dict(_LINE.findall(text))
    read = {key: _read_count(found[name]) for name, key in _METRICS.items() if name in found}
    return {key: count for key, count in read.items() if count is not None}


def _read_count(text: str) -> int | None:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None


def _describe_members(
    cluster: Json, pods: list[Json], claims: list[Json], metrics: dict[str, Json]
) -> list[Json]:
    by_name = {pod["metadata"]["name"]: pod for pod in pods}
    disks = {claim["metadata"]["name"]: claim for claim in claims}
    shown = {member["name"]: member for member in members_of(cluster)}
    newest = max((m["revision"] for m in metrics.values() if "revision" in m), default=0)
    found = []
    for name in sorted({*shown, *by_name}):
        member, own = shown.get(name, {}), metrics.get(name, {})
        revision = own.get("revision")
        found.append(
            {
                "name": name,
                "id": member.get("id", ""),
                "role": member.get("role", ""),
                "ready": bool(member.get("ready")),
                "version": member.get("version", ""),
                "revision": revision,
                "revisionLag": None if revision is None else newest - revision,
                "dbInUse": own.get("dbInUse"),
                "dbSize": own.get("dbSize", member.get("dbSize")),
                "dbQuota": own.get("dbQuota"),
                **_describe_disk(disks.get(f"data-{name}")),
                **_describe_pod(by_name.get(name)),
                "problem": member.get("message", ""),
            }
        )
    return found


def _describe_disk(claim: Json | None) -> Json:
    if claim is None:
        return {"disk": ""}
    status = claim.get("status") or {}
    amount = (status.get("capacity") or {}).get("storage", "")
    return {"disk": amount if status.get("phase") == "Bound" else status.get("phase", "")}


def _describe_pod(pod: Json | None) -> Json:
    if pod is None:
        return {"node": "", "restarts": None}
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    restarts = sum(each.get("restartCount", 0) for each in statuses)
    return {"node": pod["spec"].get("nodeName", ""), "restarts": restarts}


def describe_certificates(cluster: Json) -> list[Json]:
    """Return the certificates of a cluster with the days that are left, the next to end first."""
    now = datetime.now(UTC)
    found = []
    for each in status_of(cluster).get("certificates") or ():
        end = parse_time(each.get("notAfter"))
        days = (end - now).days if end else None
        found.append({"secret": each["secret"], "notAfter": each.get("notAfter"), "daysLeft": days})
    return sorted(found, key=lambda c: c["notAfter"] or "")


def is_backup_of(backup: Json, cluster: Json) -> bool:
    """Whether an EtcdBackup is of this EtcdCluster."""
    spec, metadata = backup["spec"], cluster["metadata"]
    place = spec.get("clusterNamespace") or backup["metadata"]["namespace"]
    return (place, spec.get("clusterName")) == (metadata["namespace"], metadata["name"])


def describe_backup(backup: Json) -> Json:
    """Return an EtcdBackup as a document: when it last succeeded, and what comes next."""
    status = status_of(backup)
    verified = conditions_of(backup).get("Verified", {})
    return {
        "namespace": backup["metadata"]["namespace"],
        "name": backup["metadata"]["name"],
        "cluster": backup["spec"].get("clusterName", ""),
        "phase": status.get("phase", ""),
        "schedule": backup["spec"].get("schedule", ""),
        "suspended": bool(backup["spec"].get("suspend")),
        "lastComplete": status.get("completionTime"),
        "verified": verified.get("status", "Unknown"),
        "revision": status.get("etcdRevision"),
        "size": status.get("backupSize"),
        "url": status.get("storagePath", ""),
        "next": status.get("retryTime") or status.get("nextScheduleTime"),
        "failures": status.get("consecutiveFailures", 0),
        "message": status.get("message", ""),
    }


def _describe_events(events: list[Json]) -> list[Json]:
    def moment(event: Json) -> str:
        series = event.get("series") or {}
        times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
        found = next(filter(None, times), event["metadata"].get("creationTimestamp"))
        return str(found or "")

    latest = sorted(events, key=moment)[-MOST_EVENTS:]
    return [
        {
            "time": moment(event),
            "type": event.get("type", ""),
            "reason": event.get("reason", ""),
            "message": event.get("message", ""),
        }
        for event in latest
    ]


def _find_versions(cluster: Json) -> list[str]:
    """Return the versions that may follow the lowest one that members run."""
    from etcd_operator.plugin.version_paths import list_followers

    running = [each["version"] for each in members_of(cluster) if each.get("version")]
    return list_followers(running, image=bool(cluster["spec"].get("image")))
