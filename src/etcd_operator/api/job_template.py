"""Settings of the Jobs that back up and restore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from etcd_operator.api.metadata import MOST_KEYS, AnnotationValue, LabelValue, check_metadata
from etcd_operator.api.resources import Resources, check_resources
from etcd_operator.api.storage import ApiModel
from etcd_operator.json_types import Json


class JobTemplate(ApiModel):
    """Additions to the Jobs and their Pods; what is given replaces what the cluster says."""

    labels: Mapping[str, LabelValue] | None = Field(
        None,
        max_length=MOST_KEYS,
        description=(
            "Additional labels for the Jobs and their Pods, added to those of the cluster's "
            "podTemplate and inheritedMetadata."
        ),
    )
    annotations: Mapping[str, AnnotationValue] | None = Field(
        None,
        max_length=MOST_KEYS,
        description="Additional annotations for the Jobs and their Pods.",
    )
    node_selector: Mapping[str, str] | None = Field(
        None,
        max_length=MOST_KEYS,
        description="Labels a node must have; those of the cluster's podTemplate if unset.",
    )
    tolerations: tuple[Json, ...] | None = Field(
        None,
        max_length=64,
        description="Taints that are tolerated; those of the cluster's podTemplate if unset.",
    )
    affinity: Json | None = Field(
        None,
        description=(
            "Affinity of the Pods; if unset, the node affinity of the cluster's podTemplate. The "
            "anti-affinity of members does not apply to Jobs."
        ),
    )
    priority_class_name: str | None = Field(
        None,
        max_length=253,
        description="PriorityClass of the Pods; that of the cluster's podTemplate if unset.",
    )
    image_pull_secrets: tuple[Json, ...] | None = Field(
        None,
        max_length=16,
        description="Secrets for pulling images; those of the cluster's podTemplate if unset.",
    )
    security_context: Json | None = Field(
        None, description="Pod security context; given fields replace those of the members."
    )
    resources: Resources | None = Field(
        None,
        description=(
            "Compute resources of each container; if unset, small requests, and limits derived "
            "from those of a member."
        ),
    )


def check_job_template(template: JobTemplate | None) -> Iterator[str]:
    """Yield what is wrong with the settings of Jobs, each in one sentence."""
    if template is None:
        return
    path = "spec.jobTemplate"
    for _, sentence in check_metadata(path, template.labels, template.annotations):
        yield sentence
    for _, sentence in check_resources(f"{path}.resources", template.resources):
        yield sentence
