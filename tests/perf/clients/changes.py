"""The planned changes and failures during which a client writes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.site import Site
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import SecuredCluster

SIZE: Final = 5
FROM: Final = "v3.5.35"
NEXT: Final = "v3.6.16"
LAST: Final = "v3.7.3"
CHANGE_SECONDS: Final = 120.0
# Two rolls, and twice the time in which clients take their new certificates.
ROTATION_SECONDS: Final = 300.0
OVERLAP: Final = "10s"


@dataclass
class ServedCluster(SecuredCluster):
    """A cluster with clients; `renew_clients` lets them take what their Secret holds now."""

    renew_clients: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its name in the results, and what makes it and returns when it is over."""

    name: str
    make: Callable[[ServedCluster], None]


def roll(cluster: SecuredCluster) -> None:
    """Change something that every member has to be replaced for."""
    before = set(cluster.uids("pods").values())
    mark = str(random.getrandbits(32))
    cluster.patch(podTemplate={"annotations": {"bench.example.com/mark": mark}})
    _wait_for_others(cluster, before)


def upgrade(version: str) -> Callable[[SecuredCluster], None]:
    """Return what asks for another version."""

    def make(cluster: SecuredCluster) -> None:
        before = set(cluster.uids("pods").values())
        cluster.patch(version=version)
        _wait_for_others(cluster, before)

    return make


def rotate(cluster: ServedCluster) -> None:
    """Ask for new authorities, as the page on TLS says; clients follow their Secret meanwhile."""
    before = cluster.read_authorities()
    cluster.patch(security={"tls": {"caGeneration": 1}})

    def is_over() -> bool:
        time.sleep(1)
        cluster.renew_clients()
        cluster.nudge()
        return cluster.trusts_others_than(before)

    wait_until("only the new authorities are trusted", is_over, ROTATION_SECONDS)
    _wait_for_rest(cluster)


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
    Change("upgrade from 3.5 to 3.6", upgrade(NEXT)),
    Change("upgrade from 3.6 to 3.7", upgrade(LAST)),
    Change("rotation of the authorities", rotate),
    Change("3 → 5 → 3", grow_and_shrink),
    Change("a follower's Pod is deleted", drain),
    Change("the leader is killed", kill_leader),
    Change("a follower's disk is lost", lose_disk),
)


def _site(cluster: SecuredCluster) -> Site:
    return Site(cluster.target, cluster, random.Random(), 1, LAST)


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
