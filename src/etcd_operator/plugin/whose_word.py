"""Whose word it is that a Pod is the operator's, and whether Kubernetes bears it out.

The namespace of the operator stands in an annotation of the EtcdCluster, which whoever may edit the
EtcdCluster may write; a Lease and a Pod of any name may be in a namespace of theirs. What they
cannot write is that the Pod's ServiceAccount may change the status of EtcdClusters.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.errors import Forbidden
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import CLUSTERS, PODS, Kind

# That of deploy/install.yaml: nobody but an administrator writes there.
DEFAULT_NAMESPACE: Final = "etcd-operator-system"
REVIEWS: Final = Kind("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview")


async def vouch(own: Session, cluster: Json, place: str, pod: str) -> str:
    """Compare a Pod that is said to be the operator's with what its ServiceAccount may do.

    Returns an empty text if Kubernetes bears it out, else a sentence that says whose word it is.
    Raises PluginError if Kubernetes says that it is none, and KubeError.
    """
    try:
        allowed = await _ask(own, cluster, place, pod)
    except Forbidden as error:
        return "" if place == DEFAULT_NAMESPACE else _say_word(place, pod, error)
    if allowed:
        return ""
    raise PluginError(
        f"Pod {pod} in namespace {place} is no operator: its ServiceAccount may not change the "
        f"status of EtcdCluster {cluster['metadata']['name']}. The annotation "
        f"{ANNOTATION_OPERATOR} of the EtcdCluster names that namespace.",
        Exit.NO_OPERATOR,
    )


async def _ask(own: Session, cluster: Json, place: str, pod: str) -> bool:
    live = await own.api.get(PODS, place, pod)
    account = live["spec"].get("serviceAccountName") or "default"
    review = {
        "apiVersion": REVIEWS.api_version,
        "kind": REVIEWS.name,
        "spec": {
            "user": f"system:serviceaccount:{place}:{account}",
            "groups": ["system:authenticated", "system:serviceaccounts",
                       f"system:serviceaccounts:{place}"],
            "resourceAttributes": {
                "group": CLUSTERS.group,
                "resource": CLUSTERS.plural,
                "subresource": "status",
                "verb": "patch",
                "namespace": cluster["metadata"]["namespace"],
                "name": cluster["metadata"]["name"],
            },
        },
    }  # fmt: skip
    answer = await own.api.create(REVIEWS, "", review)
    return bool((answer.get("status") or {}).get("allowed"))


def _say_word(place: str, pod: str, error: Forbidden) -> str:
    return (
        f"That Pod {pod} in namespace {place} is the operator says the annotation "
        f"{ANNOTATION_OPERATOR} of the EtcdCluster, which others may have written; whether it has "
        f"the operator's rights you may not ask: {error}."
    )
