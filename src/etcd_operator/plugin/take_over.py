"""A take-over as `migrate status` shows it: its stage, and which members are there, old and new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.source import title_source
from etcd_operator.core.takeover.record import TakeOver, find_take_over
from etcd_operator.errors import NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import find_cluster, judge_verdict, members_of
from etcd_operator.plugin.mirror import describe_mirror, find_mirror
from etcd_operator.plugin.next_steps import find_steps
from etcd_operator.plugin.rights import Gaps
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import CONFIG_MAPS, STATEFUL_SETS
from etcd_operator.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType


async def find_record(own: Session, name: str) -> tuple[Json, TakeOver | None]:
    """Return the EtcdCluster, and the record of its take-over, which is kept on the gate."""
    cluster = await find_cluster(own, name)
    return cluster, await _read_record(own, cluster)


async def _read_record(own: Session, cluster: Json) -> TakeOver | None:
    metadata = cluster["metadata"]
    naming = Naming(own.home, metadata["name"], metadata["uid"])
    try:
        gate = await own.api.get(CONFIG_MAPS, naming.namespace, naming.config_map)
    except NotFound:
        return None
    return find_take_over(gate["metadata"].get("annotations") or {})


async def describe(own: Session, name: str) -> Json:
    """Return a take-over, or a mirror, as a document."""
    cluster, gaps = await find_cluster(own, name), Gaps()
    read = _read_record(own, cluster)
    record = await gaps.attempt(f"get configmaps in namespace {own.home}", read, None)
    reason, message = judge_verdict(cluster)
    view = {
        "name": name,
        "takeOver": await _describe_record(own, cluster, record, gaps) if record else None,
        "reason": reason,
        "message": message,
        "nextSteps": find_steps(name, [reason]),
        "missing": gaps.sentences,
    }
    if found := find_mirror(cluster):
        view["mirror"] = found
    return view


async def _describe_record(own: Session, cluster: Json, record: TakeOver, gaps: Gaps) -> Json:
    joined = [each["name"] for each in members_of(cluster) if each.get("role") != "learner"]
    return {
        "stage": record.stage.value,
        "statefulSet": record.source or None,
        "members": len(record.members),
        "oldMembersLeft": await gaps.attempt(
            f"get statefulsets in namespace {own.home}", _find_left(own, record), None
        ),
        "newVoters": [name for name in joined if name.startswith(cluster["metadata"]["name"])],
        "comparedAtRevision": record.revision or None,
    }


async def _find_left(own: Session, record: TakeOver) -> list[str] | None:
    """Return the Pods of old members that their StatefulSet still has; None for endpoints."""
    if not record.source:
        return None
    try:
        live = await own.api.get(STATEFUL_SETS, own.home, record.source)
    except NotFound:
        return []
    start = int((live["spec"].get("ordinals") or {}).get("start") or 0)
    end = start + int(live["spec"].get("replicas", 1))
    return [f"{record.source}-{each}" for each in sorted(record.members) if start <= each < end]


def render(view: Json) -> RenderableType:
    """Return a take-over, or a mirror, for people."""
    from rich.text import Text

    lines = [view["message"], *view["nextSteps"]]
    lines += [f"Not shown: {sentence}" for sentence in view["missing"]]
    if mirror := view.get("mirror"):
        lines.insert(0, describe_mirror(mirror))
    elif view["takeOver"] or not view["missing"]:
        lines[:0] = _say_take_over(view["name"], view["takeOver"])
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def _say_take_over(name: str, found: Json | None) -> list[str]:
    if found is None:
        return [f"EtcdCluster {name} takes over no other cluster now."]
    title = title_source(found["statefulSet"] or "")
    said = [f"Stage {found['stage']}: {counted(found['members'], 'member')} of {title}."]
    left = found["oldMembersLeft"]
    if left is not None:
        said.append(f"Old members that are still there: {', '.join(left) or 'none'}.")
    said.append(f"New members that vote: {', '.join(found['newVoters']) or 'none yet'}.")
    return said
