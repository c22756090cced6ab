"""Rendered objects of a cluster, each made once: the same input gives the very same manifest.

Most passes over a cluster that changes want what the pass before wanted. A spec and the body of a
live object are frozen where they are read, so being the same Python object says that nothing in
them has changed; what is frozen and small is compared by its value. Nobody may write into a
manifest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Generic, TypeVar

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.bootstrap.gate import Layout
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.objects.cluster_objects import (
    render_client_service,
    render_config_map,
    render_disruption_budget,
    render_kept_config_map,
    render_peer_service,
)
from etcd_operator.core.objects.drift import Difference, find_differences
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.json_types import Json

T = TypeVar("T")

# Of each kind; a manifest takes some 10 kB.
REMEMBERED: Final = 64

Files = tuple[tuple[str, str], ...]


class Same(Generic[T]):
    """Key that is equal only to that of the very same object, which it keeps in memory."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value


@lru_cache(REMEMBERED)
def peer_service(spec: Same[EtcdClusterSpec], naming: Naming) -> Json:
    """The headless Service."""
    return render_peer_service(spec.value, naming)


@lru_cache(REMEMBERED)
def client_service(spec: Same[EtcdClusterSpec], naming: Naming) -> Json:
    """The Service for clients."""
    return render_client_service(spec.value, naming)


@lru_cache(REMEMBERED)
def config_map(
    spec: Same[EtcdClusterSpec], naming: Naming, layout: Layout, files: Files, trust: str
) -> Json:
    """The gate."""
    return render_config_map(spec.value, naming, layout, dict(files), trust)


@lru_cache(REMEMBERED)
def kept_config_map(
    live: Same[Json], spec: Same[EtcdClusterSpec], naming: Naming, files: Files, trust: str
) -> Json:
    """The live gate, with the settings of the spec."""
    return render_kept_config_map(live.value, spec.value, naming, dict(files), trust)


@lru_cache(REMEMBERED)
def statefulset(
    spec: Same[EtcdClusterSpec], naming: Naming, layout: Layout, live: Same[Json | None], trust: str
) -> Json:
    """The StatefulSet, with what the live one keeps."""
    return render_statefulset(spec.value, naming, layout, live.value, trust)


@lru_cache(REMEMBERED)
def disruption_budget(naming: Naming, voters_beside_late_learner: int) -> Json:
    """The PodDisruptionBudget."""
    return render_disruption_budget(naming, voters_beside_late_learner)


@lru_cache(4 * REMEMBERED)
def differences(manifest: Same[Json], live: Same[Json]) -> tuple[Difference, ...]:
    """Every field of a live object that differs from its manifest."""
    return find_differences(manifest.value, live.value)
