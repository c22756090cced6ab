"""Read EtcdBackups and EtcdRestores from JSON, as tolerantly as EtcdClusters are read."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from etcd_operator.api.backup import EtcdBackup, EtcdBackupSpec, EtcdBackupStatus
from etcd_operator.api.parse import parse_time
from etcd_operator.api.restore import EtcdRestore, EtcdRestoreSpec, EtcdRestoreStatus
from etcd_operator.json_types import Json

M = TypeVar("M", bound=BaseModel)


def parse_backup(raw: Json) -> EtcdBackup:
    """Parse a complete EtcdBackup. Never raises for a bad spec or status."""
    spec, flaws = _parse_spec(EtcdBackupSpec, raw.get("spec") or {})
    return EtcdBackup(
        spec=spec,
        status=_parse_status(EtcdBackupStatus, raw.get("status") or {}),
        flaws=flaws,
        annotations=raw["metadata"].get("annotations") or {},
        **_parse_metadata(raw["metadata"]),
    )


def parse_restore(raw: Json) -> EtcdRestore:
    """Parse a complete EtcdRestore. Never raises for a bad spec or status."""
    spec, flaws = _parse_spec(EtcdRestoreSpec, raw.get("spec") or {})
    return EtcdRestore(
        spec=spec,
        status=_parse_status(EtcdRestoreStatus, raw.get("status") or {}),
        flaws=flaws,
        finalizers=tuple(raw["metadata"].get("finalizers") or ()),
        **_parse_metadata(raw["metadata"]),
    )


def _parse_metadata(metadata: Json) -> Json:
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resource_version": metadata.get("resourceVersion", ""),
        "generation": metadata.get("generation", 0),
        "deleting": "deletionTimestamp" in metadata,
        "created": parse_time(metadata.get("creationTimestamp")),
    }


def _parse_spec(model: type[M], raw: Json) -> tuple[M | None, tuple[str, ...]]:
    try:
        return model.model_validate(raw), ()
    except ValidationError as error:
        flaws = tuple(
            f"spec.{'.'.join(str(part) for part in flaw['loc'])} cannot be "
            f"{str(flaw['input'])[:80]!r}: {flaw['msg']}."
            for flaw in error.errors()
        )
        return None, flaws


def _parse_status(model: type[M], raw: Json) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return model()  # only a report: it is written anew
