"""Labels and annotations that users give to objects which the operator makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field

from etcd_operator.api.cel.rule import build_rule
from etcd_operator.api.model import Model
from etcd_operator.json_types import Json

MOST_KEYS: Final = 32
LABEL_KEY: Final = (
    "([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
LABEL_VALUE: Final = "([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
# By these objects find each other: another value would give a Pod to another Service or Job.
RESERVED_PREFIXES: Final = ("etcd.etcd.io/", "batch.kubernetes.io/", "apps.kubernetes.io/")
RESERVED_KEYS: Final = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/managed-by",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "statefulset.kubernetes.io/pod-name",
)

LabelValue = Annotated[str, Field(max_length=63)]
AnnotationValue = Annotated[str, Field(max_length=2048)]


class InheritedMetadata(Model):
    """Labels and annotations that all objects of a cluster get."""

    labels: Mapping[str, LabelValue] | None = Field(
        None, max_length=MOST_KEYS, description="Labels for every object."
    )
    annotations: Mapping[str, AnnotationValue] | None = Field(
        None, max_length=MOST_KEYS, description="Annotations for every object."
    )


def is_reserved(key: str) -> bool:
    """Whether a label or an annotation is the operator's or a controller's own."""
    return key.startswith(RESERVED_PREFIXES) or key in RESERVED_KEYS


def check_metadata(
    path: str, labels: Mapping[str, str] | None, annotations: Mapping[str, str] | None
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with labels and annotations: the field, and a sentence."""
    for kind, given in (("labels", labels or {}), ("annotations", annotations or {})):
        for key, value in given.items():
            field = f"{path}.{kind}.{key[:100]}"
            if is_reserved(key):
                yield field, f"{field} is set by the operator itself: remove it."
            elif not re.fullmatch(LABEL_KEY, key):
                yield field, f"{field} is not a key: {KEY_REMEDY}."
            elif kind == "labels" and not re.fullmatch(LABEL_VALUE, value):
                yield field, f"{field} {value[:100]} is not the value of a label: {VALUE_REMEDY}."


KEY_REMEDY: Final = "use letters, digits, dashes, underscores and dots, such as example.com/team"
VALUE_REMEDY: Final = "use up to 63 letters, digits, dashes, underscores and dots"


def metadata_rules(path: str) -> dict[str, list[Json]]:
    """Return the same for the API server, as rules in CEL by the path of the field."""
    prefixes = " && ".join(f"!k.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES)
    keys = ", ".join(f"'{key}'" for key in RESERVED_KEYS)
    both = [
        build_rule(
            f"self.all(k, {prefixes} && !(k in [{keys}]))",
            "the keys of etcd.etcd.io and those that the operator sets itself cannot be given: "
            "remove them",
        ),
        build_rule(
            f"self.all(k, size(k) <= 317 && k.matches('^{LABEL_KEY}$'))",
            f"a key is not one of Kubernetes: {KEY_REMEDY}",
        ),
    ]
    value = build_rule(
        f"self.all(k, self[k].matches('^{LABEL_VALUE}$'))",
        f"a value is not that of a label: {VALUE_REMEDY}",
    )
    return {f"{path}.labels": [*both, value], f"{path}.annotations": both}
