"""A scenario: what the user does, what may go wrong, and how far to look."""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.disk import RetentionPolicy, Storage
from etcd_operator.api.ephemeral import EphemeralVolume
from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.api.maintenance import QuorumLoss, Recovery
from etcd_operator.api.quantity import Quantity
from etcd_operator.api.resources import Resources
from etcd_operator.api.service import MemberAddresses
from etcd_operator.api.wal import WalVolume


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prelude` are moves that come to rest before the exploration begins with `script`.

    A move is "create", "delete", "replace", "undo" or a place in `specs`; the user makes the next
    one of the script at any moment. `budget` bounds how many of the `faults` may happen in one
    history. In a `calm` scenario there is no reason to end any Pod. A `partial` scenario is too
    large to see all of it: all is explored up to `most_states`, or a part of it to its end.
    """

    name: str
    specs: tuple[EtcdClusterSpec, ...]
    script: tuple[str | int, ...]
    prelude: tuple[str | int, ...] = ()
    faults: tuple[str, ...] = ()
    budget: int = 1
    most_states: int = 2_000_000
    partial: bool = False
    calm: bool = False

    @property
    def width(self) -> int:
        """How many ordinals there can be."""
        return max(1, *(spec.size for spec in self.specs))


def approving(spec: EtcdClusterSpec, revision: int = 1) -> EtcdClusterSpec:
    """The spec with an approval to give up a lost majority, for the first life of a cluster."""
    members = (1 << spec.size) - 1  # as the model's etcd makes cluster IDs
    loss = QuorumLoss(cluster_id=f"{0x10000 + members:x}", accepted_revision=revision)
    return spec.model_copy(update={"recovery": Recovery(quorum_loss=loss)})


def pausing(specs: tuple[EtcdClusterSpec, ...]) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, with everything paused."""
    return tuple(spec.model_copy(update={"paused": True}) for spec in specs)


def crashing(specs: tuple[EtcdClusterSpec, ...]) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, with a limit that no process survives."""
    return _limited(specs, {"memory": "1Mi"})


def never_ready(specs: tuple[EtcdClusterSpec, ...]) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, with a limit with which no Pod is Ready in time."""
    return _limited(specs, {"cpu": "1m"})


def _limited(
    specs: tuple[EtcdClusterSpec, ...], limits: dict[str, str | int]
) -> tuple[EtcdClusterSpec, ...]:
    resources = Resources.model_validate({"limits": limits})
    return tuple(spec.model_copy(update={"resources": resources}) for spec in specs)


def resizing(
    specs: tuple[EtcdClusterSpec, ...], memory: str, cpu: str = "1"
) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, whose Pods are resized in place."""
    resources = Resources.model_validate(
        {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": cpu, "memory": memory},
        }
    )
    changes = {"in_place_resize": True, "resources": resources}
    return tuple(spec.model_copy(update=changes) for spec in specs)


def following(specs: tuple[EtcdClusterSpec, ...]) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, with a quota that follows the disks."""
    config = EtcdConfig(quota="FollowsDisk")
    return tuple(spec.model_copy(update={"etcd_config": config}) for spec in specs)


def ephemeral(specs: tuple[EtcdClusterSpec, ...]) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, whose members have emptyDirs."""
    storage = Storage(ephemeral=EphemeralVolume())
    return tuple(spec.model_copy(update={"storage": storage}) for spec in specs)


def two_disks(specs: tuple[EtcdClusterSpec, ...]) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, whose members have a second disk for the write-ahead log."""
    second = {"wal": WalVolume()}
    return tuple(
        spec.model_copy(update={"storage": spec.storage.model_copy(update=second)})
        for spec in specs
    )


def outside(specs: tuple[EtcdClusterSpec, ...], domain: str) -> tuple[EtcdClusterSpec, ...]:
    """The same specs, whose members have addresses outside Kubernetes, in this domain."""
    names = tuple(f"{ordinal}.{domain}" for ordinal in range(max(spec.size for spec in specs)))
    changes = {"member_addresses": MemberAddresses(names=names)}
    return tuple(spec.model_copy(update=changes) for spec in specs)


def is_broken(spec: EtcdClusterSpec) -> bool:
    """Whether a person has to correct the spec."""
    return spec.resources is not None and not spec.in_place_resize


def sizes(
    *numbers: int, version: str = "3.5.21", keep: str = "", disk: str = "10Gi"
) -> tuple[EtcdClusterSpec, ...]:
    """Specs that differ in size; `keep` names when disks of the size `disk` are retained."""
    policy = RetentionPolicy(
        when_deleted="Retain" if keep == "deleted" else "Delete",
        when_scaled="Retain" if keep == "scaled" else "Delete",
    )
    storage = Storage(size=Quantity.parse(disk), retention_policy=policy)
    return tuple(EtcdClusterSpec(size=n, version=version, storage=storage) for n in numbers)
