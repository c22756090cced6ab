"""Pods that can have the template of now without being made anew: only CPU or memory differ.

Kubernetes changes both in a Pod that runs. What it refuses, or has not done within a minute, is
left to the roll. Only a Pod that is Ready is resized: one that is not may lack what a new Pod has.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Final

from etcd_operator.core.model.compute import Compute, may_become, read_compute
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_resources
from etcd_operator.core.objects.metadata import fingerprint
from etcd_operator.core.objects.resizable import is_resizable
from etcd_operator.json_types import Json

PATIENCE: Final = timedelta(minutes=1)


class Resize(Enum):
    """How far a Pod is on its way to the resources of the template."""

    WANTED = "wanted"
    ASKED = "asked"
    DONE = "done"


def find_resize(snapshot: Snapshot, pod: Pod) -> Resize | None:
    """Return how far a resize of an outdated Pod is; None if it has to be made anew."""
    live = snapshot.statefulset
    if live is None or not snapshot.spec.in_place_resize or not _is_at_work(pod):
        return None
    if not is_resizable(live.body, pod.revision):
        return None
    wanted, now = wanted_compute(snapshot), pod.compute
    # A kubelet that cannot resize does not say what a container has.
    if now is None or pod.compute_in_effect is None:
        return None
    if now == wanted == pod.compute_in_effect and not pod.resize_waits:
        return Resize.DONE
    if not may_become(now, wanted):
        return None
    if pod.resize is None or pod.resize.wanted != hash_compute(wanted):
        return Resize.WANTED if now != wanted else Resize.ASKED
    asked = pod.resize.since
    if asked is None or snapshot.now - asked >= PATIENCE:
        return None
    return Resize.ASKED


def _is_at_work(pod: Pod) -> bool:
    return pod.running and pod.ready and not pod.deleting


def wanted_compute(snapshot: Snapshot) -> Compute:
    """Return CPU and memory of a member by the template of now."""
    return read_compute(wanted_resources(snapshot))


def wanted_resources(snapshot: Snapshot) -> Json:
    """Return the resources of a member by the template of now."""
    return read_resources(snapshot.statefulset.body if snapshot.statefulset else {})


def hash_compute(compute: Compute) -> str:
    """Return a hash by which a request is known again."""
    return fingerprint(sorted([section, name, str(amount)] for section, name, amount in compute))
