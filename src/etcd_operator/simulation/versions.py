"""Version of the modelled etcd cluster: what it stores as, its downgrade, and who may join.

The cluster's version is the minor version as which all members speak and store; its leader changes
it when every member, learners too, has said its own (server/etcdserver/version/monitor.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from etcd_operator.api.release import STEPS_DOWN, Minor, Version
from etcd_operator.simulation.world import NO_MINOR, Etcd, State

Change = tuple[State, str | None]


def minor_at(state: State, ordinal: int) -> Minor:
    """The minor version that the Pod of this ordinal runs; (0, 0) without one."""
    pod = state.pods[ordinal]
    return read_minor(pod.revision) if pod else NO_MINOR


def read_minor(revision: str) -> Minor:
    """The minor version of a revision of the StatefulSet."""
    return Version(revision.partition(" ")[0]).minor


def may_join(etcd: Etcd, minor: Minor) -> bool:
    """Whether etcd lets a new member of this version join (`allowedVersionRange`).

    During a downgrade the cluster has to be of exactly the next minor version.
    """
    if etcd.speaks == NO_MINOR:
        return True
    major, number = minor
    return etcd.speaks == (major, number + 1) if any(etcd.downgrade) else etcd.speaks <= minor


def set_downgrade(state: State, target: Minor) -> Change:
    """Enable a downgrade, or end it (NO_MINOR)."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0:
        return state, "no leader"
    if any(target) and any(etcd.downgrade):
        return state, "downgrade in process"
    if any(target) and STEPS_DOWN.get(etcd.speaks) != target:
        return state, "invalid downgrade target"
    return state._replace(etcd=etcd._replace(downgrade=target)), None


def version_steps(state: State, *, all_up: bool) -> Iterator[tuple[str, State]]:
    """What the leader does about versions; only while every member says its own.

    Nothing beside members that are not of the model's own Pods, for nobody knows what those say.
    """
    etcd = state.etcd
    if etcd is None or not all_up or etcd.foreign or etcd.old or etcd.speaks == NO_MINOR:
        return
    run = {minor_at(state, line.ordinal) for line in etcd.members}
    if any(etcd.downgrade):
        if run == {etcd.downgrade}:
            ended = etcd._replace(downgrade=NO_MINOR)
            yield "etcd: all run the version of the downgrade", state._replace(etcd=ended)
        elif etcd.speaks != etcd.downgrade:
            down = etcd._replace(speaks=etcd.downgrade)
            yield f"etcd: stores as {Version.name_minor(down.speaks)}", state._replace(etcd=down)
    elif run and etcd.speaks < min(run):
        up = etcd._replace(speaks=min(run))
        yield f"etcd: stores as {Version.name_minor(up.speaks)}", state._replace(etcd=up)
