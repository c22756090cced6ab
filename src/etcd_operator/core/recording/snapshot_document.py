"""Snapshot as a JSON document, and back.

Everything that a pass decides about is in it, and no Secret's content: keys never reach a
Snapshot. `managedFields`, which only tell who wrote what, are left out. A field that
this version does not know is passed over, and one that is missing has its default.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from etcd_operator.api.cluster import GROUP, VERSION, EtcdCluster
from etcd_operator.api.parse import format_time, parse_cluster
from etcd_operator.core.auth.state import EtcdAuth, Grant, PasswordState
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json

# Mappings whose keys are no texts are lists of pairs.
_PAIRS: Final = {"children", "presented", "kept", "probes", "nodes"}
# Written in a form of their own; the effective spec is worked out again.
_OWN: Final = {"cluster", "access", "effective"}


class UnreadableSnapshot(ValueError):
    """A document that is no snapshot."""


def write_snapshot(snapshot: Snapshot) -> Json:
    """Return a snapshot as a document of JSON values."""
    lean = replace(snapshot, children={k: _leave_out(c) for k, c in snapshot.children.items()})
    document: Json = {
        name: adapter.dump_python(
            list(getattr(lean, name).items()) if name in _PAIRS else getattr(lean, name),
            mode="json",
            by_alias=True,
        )
        for name, adapter in _adapters().items()
    }
    return {
        "cluster": _write_cluster(snapshot.cluster),
        "access": _write_auth(snapshot.access),
        **document,
    }


def read_snapshot(document: Json) -> Snapshot:
    """Read a document; raises UnreadableSnapshot with the field for one that is none."""
    try:
        found: dict[str, Any] = {
            "cluster": _read_cluster(document["cluster"]),
            "access": _read_auth(document),
        }
        for name, adapter in _adapters().items():
            if name in document:
                value = adapter.validate_python(document[name])
                found[name] = dict(value) if name in _PAIRS else value
        return Snapshot(**found)
    except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableSnapshot(f"no snapshot of a cluster: {str(error)[:300]}") from error


@functools.cache
def _adapters() -> Mapping[str, TypeAdapter[Any]]:
    """How each field is written and read, by its type."""
    hints = typing.get_type_hints(Snapshot)
    return {
        field.name: TypeAdapter(_pairs(hints[field.name]) if field.name in _PAIRS
                                else hints[field.name])
        for field in dataclasses.fields(Snapshot)
        if field.name not in _OWN
    }  # fmt: skip


def _pairs(mapping: Any) -> Any:
    key, value = typing.get_args(mapping)
    pair: Callable[..., Any] = tuple.__class_getitem__
    return list.__class_getitem__(pair((key, value)))


def _leave_out(child: Child) -> Child:
    metadata = child.body.get("metadata") or {}
    if "managedFields" not in metadata:
        return child
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return replace(child, body={**child.body, "metadata": kept})


def _write_cluster(cluster: EtcdCluster) -> Json:
    """Write an EtcdCluster as the API server has it; `flaws` stand beside it."""
    created = {"creationTimestamp": format_time(cluster.created)} if cluster.created else {}
    deleting = {"deletionTimestamp": "1970-01-01T00:00:00Z"} if cluster.deleting else {}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "EtcdCluster",
        "metadata": {
            "namespace": cluster.namespace,
            "name": cluster.name,
            "uid": cluster.uid,
            "resourceVersion": cluster.resource_version,
            "generation": cluster.generation,
            "finalizers": list(cluster.finalizers),
            "annotations": dict(cluster.annotations),
            **created,
            **deleting,
        },
        "spec": cluster.spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "status": cluster.status.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "flaws": list(cluster.flaws),
    }


def _read_cluster(raw: Json) -> EtcdCluster:
    cluster = parse_cluster(raw)
    return replace(cluster, flaws=tuple(raw.get("flaws") or cluster.flaws))


def _write_auth(access: EtcdAuth | None) -> Json | None:
    if access is None:
        return None
    return {
        "enabled": access.enabled,
        "users": {user: sorted(roles) for user, roles in access.users.items()},
        "roles": {
            role: sorted([g.kind, g.key.hex(), g.range_end.hex()] for g in grants)
            for role, grants in access.roles.items()
        },
        "passwords": {user: state.value for user, state in access.passwords.items()},
        "revision": access.revision,
    }


def _read_auth(document: Json) -> EtcdAuth | None:
    access = document.get("access")
    if access is None:
        return None
    roles: Mapping[str, Iterable[list[str]]] = access["roles"]
    return EtcdAuth(
        bool(access["enabled"]),
        {user: frozenset(roles) for user, roles in access["users"].items()},
        {
            role: frozenset(
                Grant(kind, bytes.fromhex(key), bytes.fromhex(end)) for kind, key, end in grants
            )
            for role, grants in roles.items()
        },
        {user: PasswordState(state) for user, state in (access.get("passwords") or {}).items()},
        int(access.get("revision", 0)),
    )
