"""Leave user and group IDs of Pods to the platform.

OpenShift gives each namespace a range of IDs, and refuses a Pod that asks for others; a Pod that
asks for none gets the first of the range. That is a setting of the operator, since no field of an
object can say "not set": it counts wherever a user does not say otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.pod_template import PodTemplate

IDS: Final = ("runAsUser", "runAsGroup", "fsGroup")


def leave_out_user_ids(cluster: EtcdCluster) -> EtcdCluster:
    """Return the cluster as if its spec left the IDs out, but for those that it gives."""
    template = cluster.spec.pod_template or PodTemplate()
    context = {**dict.fromkeys(IDS), **dict(template.security_context or {})}
    template = template.model_copy(update={"security_context": context})
    return replace(cluster, spec=cluster.spec.model_copy(update={"pod_template": template}))
