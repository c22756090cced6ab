"""Read an EtcdCluster from JSON, tolerantly.

The CRD's schema and rules stop bad input at the API server; an object that got past them (an older
CRD, rules removed) must not stop anything else: what cannot be understood is reported as a flaw.
"""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from pydantic import ValidationError

from etcd_operator.api.cluster import EtcdCluster, EtcdClusterSpec, EtcdClusterStatus
from etcd_operator.json_types import Json

# Specs that are kept for all clusters with the same, and their longest text: users write what they
# like.
MOST_SPECS: Final = 128
LONGEST_SPEC: Final = 4096
# Leaving one field out may show what is wrong with another.
MOST_ROUNDS: Final = 8
# What of the status is read again, and not only shown: it outlives a flaw in the rest.
_RECORDS: Final = ("clusterID", "lastRecovery", "spentApprovals", "phase")


def parse_cluster(raw: Json) -> EtcdCluster:
    """Parse a complete object. Never raises for a bad spec or status."""
    metadata = raw["metadata"]
    spec, flaws = _parse_spec(raw.get("spec") or {})
    return EtcdCluster(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        annotations=metadata.get("annotations") or {},
        spec=spec,
        status=_parse_status(raw.get("status") or {}),
        created=parse_time(metadata.get("creationTimestamp")),
        flaws=flaws,
    )


def _parse_spec(raw: Json) -> tuple[EtcdClusterSpec, tuple[str, ...]]:
    """Spec without what cannot be understood; all else counts, such as what becomes of disks."""
    flaws: dict[str, None] = {}
    kept = raw
    for _ in range(MOST_ROUNDS):
        try:
            return _read_spec(kept), tuple(flaws)
        except ValidationError as error:
            found = error.errors()
        kept = deepcopy(kept)
        for flaw in found:
            path = ".".join(("spec", *map(str, flaw["loc"])))
            flaws[f"{path} cannot be {str(flaw['input'])[:80]!r}: {flaw['msg']}."] = None
            if not flaw["loc"]:
                return EtcdClusterSpec(), tuple(flaws)
            _leave_out(kept, flaw["loc"])
    return EtcdClusterSpec(), tuple(flaws)


def _read_spec(raw: Json) -> EtcdClusterSpec:
    """Read a spec: one for all clusters that have the same. Raises ValidationError."""
    written = json.dumps(raw)
    if len(written) > LONGEST_SPEC:
        return EtcdClusterSpec.model_validate(raw)
    return _recall_spec(written)


@lru_cache(MOST_SPECS)
def _recall_spec(written: str) -> EtcdClusterSpec:
    return EtcdClusterSpec.model_validate(json.loads(written))


def _leave_out(raw: Json, path: tuple[int | str, ...]) -> None:
    """Remove the innermost field on this path that is there."""
    holder, name, here = raw, path[0], raw
    for part in path:
        if not isinstance(here, dict) or part not in here:
            break
        holder, name, here = here, part, here[part]
    holder.pop(str(name), None)


def _parse_status(raw: Json) -> EtcdClusterStatus:
    try:
        return EtcdClusterStatus.model_validate(raw)
    except ValidationError:
        # Status is only a report; the rest of what matters is read from etcd and the disks again.
        kept: Json = {}
        for name in _RECORDS:
            with suppress(ValidationError):
                known = EtcdClusterStatus.model_validate({name: raw[name]} if name in raw else {})
                kept |= known.model_dump(exclude_unset=True)
        return EtcdClusterStatus(**kept)


def format_time(moment: datetime) -> str:
    """Write a time as Kubernetes does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str | None) -> datetime | None:
    """Parse an RFC 3339 time as Kubernetes writes it; None for none.

    None also for one that nobody can read: a status and an annotation may have been edited.
    """
    try:
        found = datetime.fromisoformat(text) if text else None
    except (ValueError, TypeError):
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
