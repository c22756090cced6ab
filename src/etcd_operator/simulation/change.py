"""A change that a preview begins with: another spec, a deletion, members to replace, a restore."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.in_place_restore.record import ANNOTATION_WISH
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import OperatorError
from etcd_operator.json_types import Json
from etcd_operator.simulation.merge_patch import LAST_APPLIED, find_applied, merge

DEEPEST: Final = 16
# In place of the uid of an EtcdRestore that does not exist yet.
PREVIEWED_RESTORE: Final = "previewed"


class ChangeError(OperatorError):
    """A change that names no field of the spec, or gives it no value."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a user would do: `cluster` is the EtcdCluster as changed, None if it stays.

    `deleted`: the EtcdCluster is deleted; `replaced` are the members whose Pods get the annotation
    that asks for their replacement; `restored`: an EtcdRestore asks to replace what the cluster
    holds.
    """

    cluster: EtcdCluster | None = None
    deleted: bool = False
    replaced: tuple[str, ...] = ()
    restored: bool = False


NO_CHANGE: Final = Change()


def set_fields(spec: Json, assignments: Mapping[str, Any]) -> Json:
    """Return a copy of a spec with fields set by path, such as spec.size or storage.size.

    Raises ChangeError for a path through a value that has no fields.
    """
    changed = deepcopy(spec)
    for path, value in assignments.items():
        parts = path.removeprefix("spec.").split(".")
        if not all(parts) or len(parts) > DEEPEST:
            raise ChangeError(f"{path} is no path of a field: write spec.size=5, for example.")
        here = changed
        for part in parts[:-1]:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise ChangeError(f"{path}: {part} has no fields, its value is {here!r}.")
        here[parts[-1]] = value
    return changed


def apply_manifest(cluster: EtcdCluster, wanted: Json) -> Json:
    """Return the spec as `kubectl apply` makes it from that of a manifest.

    What it has applied before and is not in the manifest goes; what others have set stays.
    """
    try:
        before = json.loads(cluster.annotations.get(LAST_APPLIED, "{}"))["spec"]
    except (ValueError, KeyError, TypeError, RecursionError):  # anybody may write it
        before = {}
    patch = find_applied(before if isinstance(before, dict) else {}, wanted)
    return merge(dump_spec(cluster), patch)


def dump_spec(cluster: EtcdCluster) -> Json:
    """Return the spec as a document, with what is set in it alone."""
    spec: Json = cluster.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return spec


def change_spec(cluster: EtcdCluster, spec: Json) -> EtcdCluster:
    """Return an EtcdCluster with another spec; what cannot be understood are its flaws."""
    metadata = {
        "namespace": cluster.namespace,
        "name": cluster.name,
        "uid": cluster.uid,
        "generation": cluster.generation + 1,
    }
    parsed = parse_cluster({"metadata": metadata, "spec": spec})
    return replace(cluster, spec=parsed.spec, flaws=parsed.flaws, generation=parsed.generation)


def request(snapshot: Snapshot, change: Change) -> Snapshot:
    """Return the snapshot in which what a change asks for beside the spec has been asked for.

    Raises ChangeError for a member that is not there.
    """
    snapshot = replace_members(snapshot, change.replaced)
    if not change.restored or ANNOTATION_WISH in snapshot.cluster.annotations:
        return snapshot
    annotations = {**snapshot.cluster.annotations, ANNOTATION_WISH: PREVIEWED_RESTORE}
    return replace(snapshot, cluster=replace(snapshot.cluster, annotations=annotations))


def replace_members(snapshot: Snapshot, names: tuple[str, ...]) -> Snapshot:
    """Return the snapshot in which somebody has asked to replace these members."""
    missing = set(names) - {pod.name for pod in snapshot.pods}
    if missing:
        raise ChangeError(f"There is no member {', '.join(sorted(missing))}.")
    pods = tuple(
        replace(pod, replace_asked=pod.replace_asked or pod.name in names) for pod in snapshot.pods
    )
    return replace(snapshot, pods=pods)
