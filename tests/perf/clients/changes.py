"""The planned changes and failures during which a client writes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.chaos.site import Site
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import SecuredCluster

SIZE: Final = 5
FROM: Final = "v3.5.35"
TO: Final = "v3.6.16"
CHANGE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its name in the results, and what makes it and returns when it is over."""

    name: str
    make: Callable[[SecuredCluster], None]


def roll(cluster: SecuredCluster) -> None:
    """Change something that every member has to be replaced for."""
    before = set(cluster.uids("pods").values())
    mark = str(random.getrandbits(32))
    cluster.patch(podTemplate={"annotations": {"bench.example.com/mark": mark}})
    _wait_for_others(cluster, before)


def upgrade(cluster: SecuredCluster) -> None:
    """Ask for the next minor version."""
    before = set(cluster.uids("pods").values())
    cluster.patch(version=TO)
    _wait_for_others(cluster, before)


def shrink(cluster: SecuredCluster) -> None:
    """Shrink to three."""
    _resize(cluster, 3)


def grow_and_shrink(cluster: SecuredCluster) -> None:
    """Grow to five and shrink to three."""
    for size in (5, 3):
        _resize(cluster, size)


def lose_disk(cluster: SecuredCluster) -> None:
    """Delete the disk of a follower with its Pod."""
    member = _site(cluster).follower()
    before = cluster.uids("pods")[member]
    cluster.kubectl("delete", "pvc", f"data-{member}", "--wait=false")
    cluster.kubectl("delete", "pod", member, "--wait=false")
    _wait_for_others(cluster, {before})


def drain(cluster: SecuredCluster) -> None:
    """Delete the Pod of a follower, as a drain would."""
    member = _site(cluster).follower()
    before = cluster.uids("pods")[member]
    cluster.kubectl("delete", "pod", member, "--wait=false")
    _wait_for_others(cluster, {before})


def kill_leader(cluster: SecuredCluster) -> None:
    """Kill the process that leads."""
    site = _site(cluster)
    leader = site.leader()
    before = _restarts(cluster, leader)
    site.kill_leader()
    wait_until("it runs again", lambda: _restarts(cluster, leader) > before, CHANGE_SECONDS)
    _wait_for_rest(cluster)


CHANGES: Final = (
    # Connections that were opened at five members lead to all five of them.
    Change("5 → 3", shrink),
    Change("roll", roll),
    Change("upgrade from 3.5 to 3.6", upgrade),
    Change("3 → 5 → 3", grow_and_shrink),
    Change("a follower's Pod is deleted", drain),
    Change("the leader is killed", kill_leader),
    Change("a follower's disk is lost", lose_disk),
)


def _site(cluster: SecuredCluster) -> Site:
    return Site(cluster.target, cluster, random.Random(), 1, TO)


def _wait_for_rest(cluster: Cluster) -> None:
    cluster.wait_running(int(cluster.get()["spec"]["size"]), CHANGE_SECONDS)


def _resize(cluster: Cluster, size: int) -> None:
    cluster.scale(size)
    _wait_for_rest(cluster)
    wait_until("no other Pod is left", lambda: len(cluster.uids("pods")) == size)


def _restarts(cluster: Cluster, member: str) -> int:
    statuses = cluster.pod(member)["status"]["containerStatuses"]
    return sum(int(status["restartCount"]) for status in statuses)


def _wait_for_others(cluster: Cluster, before: set[str]) -> None:
    """Wait until no Pod of before is left and the cluster is at rest."""
    wait_until(
        "every Pod is another",
        lambda: not before & set(cluster.uids("pods").values()),
        CHANGE_SECONDS,
    )
    _wait_for_rest(cluster)
