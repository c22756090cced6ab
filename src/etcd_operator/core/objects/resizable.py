"""Record of the templates from which the one of now differs in CPU and memory alone.

Pods of these need not be made anew: Kubernetes can resize them. The record stands on the
StatefulSet, beside the template and not in it, and only where the spec asks for it.
"""

from __future__ import annotations

import copy
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.model.compute import RESIZABLE
from etcd_operator.core.model.naming import ANNOTATION_RESIZABLE, ANNOTATION_TEMPLATE
from etcd_operator.core.objects.metadata import fingerprint
from etcd_operator.json_types import Json

# Pods of a template that was replaced more often are made anew.
MOST_REVISIONS: Final = 32


def record_resizable(spec: EtcdClusterSpec, template: Json, live: Json | None) -> dict[str, str]:
    """Return the annotation for a template; `live` is the StatefulSet with the one of before."""
    if not spec.in_place_resize:
        return {}
    rest = fingerprint(_without_compute(template))
    known = ((live or {}).get("metadata") or {}).get("annotations") or {}
    before, revisions = read_record(known.get(ANNOTATION_RESIZABLE, ""))
    if before != rest:
        revisions = ()
    elif known.get(ANNOTATION_TEMPLATE) != fingerprint(template):
        revisions = (*revisions, *_current_revision(live))
    return {ANNOTATION_RESIZABLE: f"{rest} {','.join(revisions[-MOST_REVISIONS:])}"}


def is_resizable(live: Json, revision: str) -> bool:
    """Whether the template of this revision differs from that of now in CPU and memory alone."""
    known = (live.get("metadata") or {}).get("annotations") or {}
    _, revisions = read_record(known.get(ANNOTATION_RESIZABLE, ""))
    return fingerprint([revision]) in revisions


def read_record(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of all but CPU and memory, and those of revisions; empty without a record."""
    rest, _, revisions = text.partition(" ")
    return rest, tuple(filter(None, revisions.split(",")))[-MOST_REVISIONS:]


def _current_revision(live: Json | None) -> tuple[str, ...]:
    """The revision of the template of before, if the controller has said which it is."""
    body = live or {}
    status, metadata = body.get("status") or {}, body.get("metadata") or {}
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return ()
    revision = status.get("updateRevision", "")
    return (fingerprint([revision]),) if revision else ()


def _without_compute(template: Json) -> Json:
    rest = copy.deepcopy(template)
    container = rest["spec"]["containers"][0]
    others = {
        section: {name: amount for name, amount in amounts.items() if name not in RESIZABLE}
        for section, amounts in container.pop("resources", {}).items()
    }
    container["resources"] = {section: amounts for section, amounts in others.items() if amounts}
    return rest
