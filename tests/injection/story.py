"""A story: steps in the life of one cluster, while its operator is disturbed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.harness import Cluster, wait_until

SETTLE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Step:
    """`act` begins it, `wait` returns when it is over; `size` members serve then, 0 none."""

    name: str
    act: Callable[[Cluster], None]
    wait: Callable[[Cluster], None]
    size: int


# What is there for as long as a story is told.
Beside = Callable[[Cluster, Path], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Story:
    """Steps in the life of one cluster, from its creation to its deletion.

    `cluster` is how clients reach it, and `beside` is told with a directory for what it writes.
    """

    name: str
    version: str
    steps: tuple[Step, ...]
    cluster: type[Cluster] = Cluster
    beside: Beside = field(default=lambda _cluster, _place: nullcontext())


def settle(size: int) -> Callable[[Cluster], None]:
    """Wait until it is running with this many members."""
    return lambda cluster: ignore(cluster.wait_running(size, SETTLE_SECONDS))


def ignore(_: object) -> None:
    """Nothing: a step returns nothing."""
    return


def create(size: int) -> Step:
    """The step in which it is created."""
    return Step(f"create {size}", lambda c: c.create(size=size), settle(size), size)


def wait_gone(cluster: Cluster) -> None:
    """Wait until nothing of it is left."""

    def gone() -> bool:
        names = cluster.kubectl("get", "etcd", "--output=name").split()
        kinds = ("statefulset", "pods", "pvc", "service", "configmap", "pdb")
        return not names and not any(cluster.objects(kind) for kind in kinds)

    wait_until("nothing of it is left", gone, SETTLE_SECONDS)


DELETE: Final = Step("delete", lambda c: c.delete(wait=False), wait_gone, 0)
