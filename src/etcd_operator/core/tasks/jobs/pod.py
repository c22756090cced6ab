"""Where and how the Pods of Jobs run: by the Job's own settings, else as members do.

Three things of the members are not taken over. Their anti-affinity would keep a Job from every node
that has a member, and labels that it selects by would do the same from the other side. Their limits
are those of the steps that run etcd's programs, since the data is the same; of their requests a Job
has no more than a small part, since it is short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.job_template import JobTemplate
from etcd_operator.api.metadata import InheritedMetadata, is_reserved
from etcd_operator.api.pod_template import PodTemplate
from etcd_operator.api.quantity import Quantity
from etcd_operator.api.resources import Resources
from etcd_operator.core.model.naming import LABEL_MANAGED_BY, MANAGED_BY
from etcd_operator.core.objects.pod_additions import render_placement as render_pod_placement
from etcd_operator.core.objects.resources import find_resources, render_resources
from etcd_operator.core.objects.security_context import render_security_context
from etcd_operator.json_types import Json

# A stream goes through our own steps in pieces, whatever the size of the database.
STEP_MEMORY: Final = Quantity.parse("256Mi")
# The least and the most that a step requests.
REQUESTS: Final = {
    "cpu": (Quantity.parse("50m"), Quantity.parse("100m")),
    "memory": (Quantity.parse("64Mi"), Quantity.parse("128Mi")),
}
# Of an affinity term: by what it selects Pods.
_SELECTORS: Final = ("matchLabelKeys", "mismatchLabelKeys")


def render_placement(spec: EtcdClusterSpec, template: JobTemplate) -> Json:
    """Return the fields of the Pod that say where it runs and as whom."""
    members = spec.pod_template or PodTemplate()
    affinity = template.affinity if template.affinity is not None else _node_affinity(members)
    fields = {
        "nodeSelector": dict(_first(template.node_selector, members.node_selector) or {}),
        "tolerations": list(_first(template.tolerations, members.tolerations) or ()),
        "affinity": dict(affinity),
        "priorityClassName": _first(template.priority_class_name, members.priority_class_name),
        "imagePullSecrets": list(
            _first(template.image_pull_secrets, members.image_pull_secrets) or ()
        ),
    }
    context = render_security_context(members.security_context, template.security_context)
    placed = {key: value for key, value in fields.items() if value}
    return {"securityContext": context, **placed, **render_pod_placement(members)}


def _first(ours: Any, theirs: Any) -> Any:
    """Setting of the Job, also if that is empty; else the members'."""
    return theirs if ours is None else ours


def _node_affinity(members: PodTemplate) -> Json:
    found = dict(members.affinity or {}).get("nodeAffinity")
    return {"nodeAffinity": found} if found else {}


def spread(members: PodTemplate, template: JobTemplate, labels: Mapping[str, str]) -> Json:
    """Return how Pods with these labels spread over nodes and zones, as members would.

    A disk stays where it is first used: two on one node would leave one of two members out that
    must not share a node.
    """
    if template.affinity is not None:
        return {}
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": dict(labels)},
    }
    kind = "preferredDuringSchedulingIgnoredDuringExecution"
    apart: Json = {kind: [{"weight": 100, "podAffinityTerm": term}]}
    keys = {str(t.get("topologyKey", "")) for t in _anti_affinity_terms(members, required=True)}
    if keys - {""}:
        required = [{**term, "topologyKey": key} for key in sorted(keys - {""})]
        apart = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    affinity = {**_node_affinity(members), "podAntiAffinity": apart}
    found: Json = {"affinity": affinity}
    constraints = [
        {
            **{key: value for key, value in dict(given).items() if key not in _SELECTORS},
            "labelSelector": term["labelSelector"],
        }
        for given in members.topology_spread_constraints or ()
    ]
    return {**found, **({"topologySpreadConstraints": constraints} if constraints else {})}


def _anti_affinity_terms(members: PodTemplate, *, required: bool) -> list[Json]:
    apart = dict(members.affinity or {}).get("podAntiAffinity")
    found: list[Json] = []
    if not isinstance(apart, dict):
        return found
    found += _mappings(apart.get("requiredDuringSchedulingIgnoredDuringExecution"))
    if not required:
        weighted = _mappings(apart.get("preferredDuringSchedulingIgnoredDuringExecution"))
        found += _mappings([term.get("podAffinityTerm") for term in weighted])
    return found


def _mappings(given: Any) -> list[Json]:
    """Those of a list that are objects: what a user wrote has no schema."""
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


# Labels and annotations


def render_labels(
    spec: EtcdClusterSpec, template: JobTemplate, own: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels of the Job and those of its Pod; `own` are the operator's, for both."""
    inherited = dict((spec.inherited_metadata or InheritedMetadata()).labels or {})
    given = dict(template.labels or {})
    members = spec.pod_template or PodTemplate()
    kept_apart = set(_selected_labels(members))
    theirs = {
        name: value
        for name, value in dict(members.labels or {}).items()
        if name not in kept_apart and not is_reserved(name)
    }
    managed = {} if LABEL_MANAGED_BY in kept_apart else {LABEL_MANAGED_BY: MANAGED_BY}
    job = {**inherited, **given, LABEL_MANAGED_BY: MANAGED_BY, **own}
    return job, {**inherited, **theirs, **given, **managed, **own}


def render_annotations(
    spec: EtcdClusterSpec, template: JobTemplate, own: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the annotations of the Job and those of its Pod."""
    inherited = dict((spec.inherited_metadata or InheritedMetadata()).annotations or {})
    given = dict(template.annotations or {})
    members = dict((spec.pod_template or PodTemplate()).annotations or {})
    theirs = {name: value for name, value in members.items() if not is_reserved(name)}
    return {**inherited, **given, **own}, {**inherited, **theirs, **given, **own}


def _selected_labels(members: PodTemplate) -> Iterator[str]:
    """The labels by which members are kept apart."""
    for term in _anti_affinity_terms(members, required=False):
        selector = term.get("labelSelector")
        if isinstance(selector, dict):
            yield from (str(key) for key in selector.get("matchLabels") or ())
            for expression in _mappings(selector.get("matchExpressions")):
                yield str(expression.get("key", ""))


# Resources


def own_resources(spec: EtcdClusterSpec, template: JobTemplate) -> Json:
    """Return the resources of a step of our own."""
    if template.resources is not None:
        return render_resources(template.resources)
    members = _of_steps(find_resources(spec).limits)
    cpu = {name: amount for name, amount in members.items() if name == "cpu"}
    return _with_requests(spec, {**cpu, "memory": STEP_MEMORY})


def etcd_resources(spec: EtcdClusterSpec, template: JobTemplate) -> Json:
    """Return the resources of a step that runs etcd's programs: an index of all keys in memory."""
    if template.resources is not None:
        return render_resources(template.resources)
    limits = _of_steps(find_resources(spec).limits)
    if "memory" in limits:
        limits["memory"] = max(limits["memory"], STEP_MEMORY)
    return _with_requests(spec, limits)


def _with_requests(spec: EtcdClusterSpec, limits: dict[str, Quantity]) -> Json:
    """Requests as those of a member, within narrow bounds, and never above the limit."""
    requests = {}
    asked = _of_steps(find_resources(spec).requests)
    for name, (least, most) in REQUESTS.items():
        amount = min(max(asked.get(name, least), least), most)
        requests[name] = min(amount, limits.get(name, amount))
    return render_resources(Resources(requests=requests, limits=limits))


def _of_steps(members: Mapping[str, Quantity] | None) -> dict[str, Quantity]:
    """CPU and memory of a member; an amount that nothing could run with stops no backup."""
    given = members or {}
    return {name: given[name] for name in given if name in REQUESTS and given[name].value > 0}
