"""Clusters in which TLS between members is being turned on or off."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core.model.peer_stage import PeerMode, PeerStage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.peer_tls.machine import BOTH, PLAIN, SECURE
from etcd_operator.core.plan.effective_spec import find_effective_spec
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.built_once import built_once
from tests.builders.certificates import secured
from tests.builders.snapshots import NAMING, after_kubernetes, with_members, with_spec

OFF, PREPARED, ON = PeerMode
__all__ = ["BOTH", "OFF", "ON", "PLAIN", "PREPARED", "SECURE", "asked", "at", "listed_at"]


def asked(snapshot: Snapshot, *, tls: bool) -> Snapshot:
    """The same cluster, whose spec asks for TLS between members, or for none."""
    wishes = {"clientTLSEnabled": False, "peerTLSEnabled": tls}
    return with_spec(snapshot, security={"tls": wishes})


@built_once
def at(
    mode: PeerMode, schemes: tuple[str, ...], *, wanted: bool, change: int = 1, size: int = 3
) -> Snapshot:
    """A cluster whose members were all rolled to a mode, and are listed at these URLs."""
    stage = PeerStage(mode, change)
    made = secured(size, clientTLSEnabled=False)
    snapshot = replace(asked(made, tls=wanted), naming=replace(NAMING, peer_stage=stage))
    snapshot = snapshot.evolve(effective=find_effective_spec(snapshot))
    for action in correct_objects(snapshot, choose_layout(snapshot)):
        snapshot = after_kubernetes(snapshot, action)
    pods = tuple(replace(pod, peer_tls=stage.has_certificates) for pod in snapshot.pods)
    return listed_at(replace(snapshot, pods=pods, effective=None), schemes)


def listed_at(snapshot: Snapshot, *schemes: tuple[str, ...]) -> Snapshot:
    """The same cluster; etcd lists each member at its own schemes, or all at the only ones."""
    members = []
    for ordinal, member in enumerate(snapshot.members):
        chosen = schemes[ordinal] if len(schemes) > 1 else schemes[0]
        urls = (u for u in NAMING.peer_urls(ordinal) if u.partition("://")[0] in chosen)
        members.append(replace(member, peer_urls=tuple(urls)))
    return with_members(snapshot, *members)
