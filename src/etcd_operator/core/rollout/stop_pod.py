"""How a Pod of a member is stopped: who serves is evicted, and nobody else has to be."""

from __future__ import annotations

from etcd_operator.core.actions import DeleteObject, EvictPod
from etcd_operator.core.model.live_objects import Pod


def stop_pod(pod: Pod, why: str) -> DeleteObject | EvictPod:
    """Stop one Pod; if it is Ready only as far as every PodDisruptionBudget allows.

    A budget counts a Pod that is not Ready as gone already, and would refuse the remedy. It goes as
    it was looked at: one that has become Ready meanwhile stays.
    """
    if pod.ready:
        return EvictPod(pod.name, pod.uid, why)
    return DeleteObject("Pod", pod.name, pod.uid, why, pod.resource_version)
