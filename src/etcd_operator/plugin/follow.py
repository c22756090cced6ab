"""Progress of what was asked for, shown live, until the operator's verdict.

Nothing here looks at Pods: what counts is what the operator says of the object that was changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from etcd_operator.core.reasons.condition_types import READY
from etcd_operator.errors import KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import conditions_of, is_seen, judge_verdict, status_of
from etcd_operator.plugin.console import say
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.serving import Renewals
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import CLUSTERS, Kind

LOOK_AGAIN: Final = 0.5
# So long the API server may be away, and so long a change may stay unseen.
PATIENCE: Final = 30.0
# A reason that blocks may pass by itself at first, such as while a webhook starts.
BLOCKED_FOR: Final = 15.0


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for; `tell` is the line about an object, `fails` whether it never will."""

    kind: Kind
    is_reached: Callable[[Json], bool]
    tell: Callable[[Json], str]
    fails: Callable[[Json], bool]


def is_settled(cluster: Json) -> bool:
    """Whether the cluster is exactly as its present spec wants it."""
    ready = conditions_of(cluster).get(READY) or {}
    return is_seen(cluster) and ready.get("status") == "True"


def cluster_goal(is_reached: Callable[[Json], bool] = is_settled) -> Goal:
    """Return the goal for an EtcdCluster: by default that it is as its spec wants it."""
    return Goal(CLUSTERS, is_reached, tell_cluster, _is_blocked)


def task_goal(kind: Kind) -> Goal:
    """Return the goal for an EtcdBackup or EtcdRestore: that it is complete."""
    return Goal(
        kind,
        lambda task: status_of(task).get("phase") == "Completed",
        tell_task,
        lambda task: status_of(task).get("phase") == "Failed" and is_seen(task),
    )


def tell_cluster(cluster: Json) -> str:
    """Return the line about a cluster: phase, members that are ready, and the verdict."""
    status = status_of(cluster)
    reason, message = judge_verdict(cluster)
    ready = f"{status.get('readyReplicas', 0)}/{cluster['spec'].get('size', 3)}"
    return f"{status.get('phase') or 'Pending':10} {ready:>5}  {reason}: {message}"


def tell_task(task: Json) -> str:
    """Return the line about a backup or a restore."""
    status = status_of(task)
    return f"{status.get('phase') or 'Pending':10} {status.get('message', '')}".rstrip()


@cache
def _blocking() -> frozenset[str]:
    from etcd_operator.core.reasons.registry import CLUSTER

    return frozenset(reason.name for reason in CLUSTER if reason.blocks)


def _is_blocked(cluster: Json) -> bool:
    paused = bool(cluster["spec"].get("paused"))
    return is_seen(cluster) and (paused or judge_verdict(cluster)[0] in _blocking())


async def follow(session: Session, written: Json, goal: Goal, timeout: float) -> Exit:
    """Print each change of an object until the goal is reached; returns the exit code.

    `written` is the object as the API server answered the change. Raises PluginError with a
    sentence when it is not reached.
    """
    metadata, begun = written["metadata"], time.monotonic()
    told, blocked_since = "", None
    renewals = Renewals(session, written)
    while True:
        now = time.monotonic()
        live = await _look(session, goal.kind, metadata)
        seen = live["metadata"].get("generation", 0) >= metadata.get("generation", 0)
        line = goal.tell(live)
        if line != told:
            say(f"{now - begun:5.0f}s  {line}")
            told = line
        if seen and goal.is_reached(live):
            return Exit.DONE
        blocked_since = (blocked_since or now) if seen and goal.fails(live) else None
        if blocked_since is not None and now - blocked_since >= BLOCKED_FOR:
            raise PluginError(f"It does not go on: {line.strip()}{_say_steps(live)}", Exit.FAILED)
        if not is_seen(live) and now - begun >= PATIENCE:
            raise PluginError(
                f"No operator has looked at {goal.kind.name} {metadata['name']} for "
                f"{PATIENCE:.0f} s: see whether it runs, and serves this namespace.",
                Exit.NO_OPERATOR,
            )
        await renewals.check(now)
        if now - begun >= timeout:
            raise PluginError(
                f"Not reached within {timeout:.0f} s; the operator goes on: {line.strip()}"
                f"{_say_steps(live)}",
                Exit.TIMED_OUT,
            )
        await asyncio.sleep(LOOK_AGAIN)


def _say_steps(live: Json) -> str:
    from etcd_operator.plugin.next_steps import find_steps

    steps = find_steps(live["metadata"]["name"], [judge_verdict(live)[0]])
    return "".join(f" {step}" for step in steps)


async def _look(session: Session, kind: Kind, metadata: Json) -> Json:
    """Return the live object; waits while the API server does not answer, for a while."""
    begun = time.monotonic()
    while True:
        try:
            live = await session.api.get(kind, metadata["namespace"], metadata["name"])
        except KubeUnavailable:
            if time.monotonic() - begun >= PATIENCE:
                raise
            await asyncio.sleep(LOOK_AGAIN)
            continue
        except NotFound:
            live = None
        if live is None or live["metadata"]["uid"] != metadata["uid"]:
            raise PluginError(f"{kind.name} {metadata['name']} was deleted meanwhile.", Exit.FAILED)
        return live
