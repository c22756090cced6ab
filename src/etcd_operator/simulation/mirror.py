"""A mirror in the modelled world: its Jobs come and go, and nothing is copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from etcd_operator.core.actions import MirrorAction, StartMirror, StopMirror
from etcd_operator.core.mirror.state import MirrorJob, MirrorState
from etcd_operator.simulation.origin import Beyond


def edit_mirror(action: MirrorAction) -> Callable[[Beyond], Beyond]:
    """Return how what is known of a mirror becomes another."""
    return lambda beyond: replace(beyond, mirror=_apply(action, beyond.mirror or MirrorState()))


def _apply(action: MirrorAction, before: MirrorState) -> MirrorState:
    match action:
        case StartMirror(name=name):
            made = MirrorJob(name, f"new-{name}", "running")
            return replace(before, jobs=(*before.jobs, made))
        case StopMirror(uid=uid):
            return replace(before, jobs=tuple(job for job in before.jobs if job.uid != uid))
        case _:
            return replace(before, progress=None)
