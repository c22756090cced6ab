"""Generate the CustomResourceDefinitions from the models: what is documented is what is checked.

Kubernetes wants a structural schema: no references, no unions, a type everywhere. pydantic's JSON
Schema is translated into one; anything that cannot be is an error here, not a surprise there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from etcd_operator.api import backup, restore
from etcd_operator.api.cel.backup import BACKUP_RULES, RESTORE_RULES
from etcd_operator.api.cel.cluster import CEL_RULES
from etcd_operator.api.cel.pod_template import name_keyed_lists
from etcd_operator.api.cluster import (
    GROUP,
    KIND,
    PLURAL,
    VERSION,
    EtcdClusterSpec,
    EtcdClusterStatus,
)
from etcd_operator.api.quantity import Quantity
from etcd_operator.api.release import Version
from etcd_operator.json_types import Json

Column = tuple[str, str, str, int]

COLUMNS: Final = (
    ("Phase", "string", ".status.phase", 0),
    ("Size", "integer", ".spec.size", 0),
    ("Ready", "integer", ".status.readyReplicas", 0),
    ("Version", "string", ".spec.version", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", ".status.message", 1),
)

_FREE: Final[Json] = {"x-kubernetes-preserve-unknown-fields": True}
_MAYBE_FREE: Final[Json] = {"type": "object", "nullable": True, **_FREE}
# Rules see of an object of free form only the fields that are declared.
_CLAIM_TEMPLATE: Final[Json] = {
    "properties": {
        "spec": {
            **_MAYBE_FREE,
            "properties": {
                "volumeName": {"type": "string", "nullable": True},
                "dataSource": _MAYBE_FREE,
                "dataSourceRef": _MAYBE_FREE,
            },
        }
    }
}
_SEEN_BY_RULES: Final[dict[str, Json]] = {
    f"{spec}.storage.volumeClaimTemplate": _CLAIM_TEMPLATE
    for spec in ("spec", "spec.clusterTemplate")
}


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind: its models, how kubectl shows it, and the rules that the API server checks."""

    kind: str
    plural: str
    description: str
    columns: tuple[Column, ...]
    spec: type[BaseModel]
    status: type[BaseModel]
    rules: Mapping[str, list[Json]]
    map_lists: Mapping[str, str] = field(default_factory=lambda: {"status.conditions": "type"})
    subresources: Mapping[str, Json] = field(default_factory=lambda: {"status": {}})
    # Only a kind whose spec has no required field can do without one.
    spec_default: bool = False
    short_names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


CLUSTER: Final = Definition(
    kind=KIND,
    plural=PLURAL,
    description="EtcdCluster is an etcd cluster that the operator runs.",
    columns=COLUMNS,
    spec=EtcdClusterSpec,
    status=EtcdClusterStatus,
    rules=CEL_RULES,
    map_lists={
        "status.conditions": "type",
        "status.members": "name",
        **name_keyed_lists("spec.podTemplate"),
        # Several owners may each apply their own entries.
        "spec.security.auth.users": "name",
        "spec.security.auth.roles": "name",
    },
    subresources={
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.size",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    },
    spec_default=True,
    short_names=("etcd",),
    # Of the Service Binding Specification 1.1: `status.binding.name` is a Secret to connect with.
    labels={"servicebinding.io/provisioned-service": "true"},
)
BACKUP: Final = Definition(
    kind=backup.KIND,
    plural=backup.PLURAL,
    description="EtcdBackup is a backup of an EtcdCluster, or a schedule of backups.",
    columns=(
        ("Phase", "string", ".status.phase", 0),
        ("Cluster", "string", ".spec.clusterName", 0),
        ("Storage", "string", ".spec.storageType", 0),
        ("Size", "string", ".status.backupSize", 0),
        ("Last", "date", ".status.completionTime", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Schedule", "string", ".spec.schedule", 1),
        ("Message", "string", ".status.message", 1),
    ),
    spec=backup.EtcdBackupSpec,
    status=backup.EtcdBackupStatus,
    rules=BACKUP_RULES,
)
RESTORE: Final = Definition(
    kind=restore.KIND,
    plural=restore.PLURAL,
    description="EtcdRestore makes an EtcdCluster from a backup.",
    columns=(
        ("Phase", "string", ".status.phase", 0),
        ("Backup", "string", ".spec.backupName", 0),
        ("Cluster", "string", ".spec.clusterName", 0),
        ("Type", "string", ".spec.restoreType", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Message", "string", ".status.message", 1),
    ),
    spec=restore.EtcdRestoreSpec,
    status=restore.EtcdRestoreStatus,
    rules=RESTORE_RULES,
)
DEFINITIONS: Final = (CLUSTER, BACKUP, RESTORE)
# For `kubectl get etcd-operator`. Not `all`: `kubectl delete all --all` leaves the disks of a
# StatefulSet as they are, and would delete those of an EtcdCluster with it.
CATEGORY: Final = "etcd-operator"

_INT_OR_STRING: Final[Json] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
    "maxLength": 32,
}
_KEPT: Final[tuple[str, ...]] = (
    "type",
    "description",
    "enum",
    "format",
    "minimum",
    "maximum",
    "pattern",
)
_KEPT_LENGTHS: Final[tuple[str, ...]] = (
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
)
# Of JSON Schema: what is translated into other words, or is nothing that a CRD has to say.
_TRANSLATED: Final = frozenset(
    ("const", "properties", "required", "items", "additionalProperties", "anyOf", "default")
)
_NOT_NEEDED: Final = frozenset(("title", "$defs", "x-quantity"))


def build_crd(definition: Definition = CLUSTER) -> Json:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{definition.plural}.{GROUP}",
            **({"labels": dict(definition.labels)} if definition.labels else {}),
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                **({"shortNames": list(definition.short_names)} if definition.short_names else {}),
                "categories": [CATEGORY],
            },
            "versions": [_build_version(definition)],
        },
    }


def _build_version(definition: Definition) -> Json:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": dict(definition.subresources),
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, **({"priority": rank} if rank else {})}
            for name, kind, path, rank in definition.columns
        ],
        # A copy, in which nothing is shared: what it is made of is kept for the next one.
        "schema": {"openAPIV3Schema": json.loads(json.dumps(_build_root(definition)))},
    }


def _build_root(definition: Definition) -> Json:
    spec = _Translator(definition, definition.spec).translate_model("spec")
    root: Json = {
        "type": "object",
        "description": definition.description,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {**spec, "default": {}} if definition.spec_default else spec,
            "status": _Translator(definition, definition.status).translate_model("status"),
        },
    }
    if not definition.spec_default:
        root["required"] = ["spec"]
    return _with_rules(root, definition, "")


class _JsonSchema(GenerateJsonSchema):
    """JSON Schema in which a default stands as it is written in a manifest."""

    def encode_default(self, dft: Any) -> Any:
        """Return the default as JSON."""
        match dft:
            case Quantity():
                return dft.written
            case Version():
                return dft.text
        return super().encode_default(dft)


@functools.cache
def _describe(model: type[BaseModel]) -> Json:
    """Return the JSON Schema of a model, which takes pydantic a while; nobody changes it."""
    return model.model_json_schema(by_alias=True, schema_generator=_JsonSchema)


class _Translator:
    """Translates the JSON Schema of one model of a kind."""

    def __init__(self, definition: Definition, model: type[BaseModel]) -> None:
        self._definition = definition
        self._schema = _describe(model)
        self._models: Json = self._schema.get("$defs", {})

    def translate_model(self, path: str) -> Json:
        """Translate all of it; `path` is where it stands in the kind."""
        return self._translate(self._schema, path)

    def _translate(self, schema: Json, path: str) -> Json:
        """Translate one schema; `path` is where it stands, for rules and error messages."""
        schema = _resolve(schema, self._models)
        unknown = schema.keys() - {*_KEPT, *_KEPT_LENGTHS} - _TRANSLATED - _NOT_NEEDED
        if unknown:
            raise ValueError(f"{path}: {sorted(unknown)} have no translation")
        if schema.get("x-quantity") and schema.get("type") == "string":
            return self._finish({**_INT_OR_STRING}, schema, path)
        if "anyOf" in schema:
            return self._finish({**_INT_OR_STRING}, schema, path)
        kind = schema.get("type")
        made: Json = {key: schema[key] for key in (*_KEPT, *_KEPT_LENGTHS) if key in schema}
        if "const" in schema:
            made["enum"] = [schema["const"]]
        if kind == "object":
            made.update(self._translate_object(schema, path))
        elif kind == "array":
            made["items"] = self._translate(schema["items"], f"{path}[]")
            if path in self._definition.map_lists:
                made["x-kubernetes-list-type"] = "map"
                made["x-kubernetes-list-map-keys"] = [self._definition.map_lists[path]]
        elif kind == "integer":
            made.setdefault("format", "int64")
        elif kind not in ("string", "boolean"):
            raise ValueError(f"{path}: {schema} has no structural equivalent")
        return self._finish(made, schema, path)

    def _translate_object(self, schema: Json, path: str) -> Json:
        if "properties" in schema:
            made: Json = {
                "properties": {
                    name: self._translate(inner, f"{path}.{name}")
                    for name, inner in schema["properties"].items()
                }
            }
            if schema.get("required"):
                made["required"] = schema["required"]
            return made
        values = schema.get("additionalProperties")
        if isinstance(values, dict) and values:
            return {"additionalProperties": self._translate(values, f"{path}.*")}
        return {**_FREE, **_SEEN_BY_RULES.get(path, {})}

    def _finish(self, made: Json, schema: Json, path: str) -> Json:
        if "description" in schema:
            made["description"] = schema["description"]
        default = schema.get("default")
        if path.startswith("spec") and default is not None:
            # Nested defaults are filled in from the inside, so the outer one only has to exist.
            made["default"] = {} if isinstance(default, dict) else default
        return _with_rules(made, self._definition, path)


def _resolve(schema: Json, definitions: Json) -> Json:
    """Follow references, and drop the `null` of optional fields: absence says the same."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        outer = {key: value for key, value in schema.items() if key != "$ref"}
        return _resolve({**target, **outer}, definitions)
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        outer = {key: value for key, value in schema.items() if key != "anyOf"}
        return _resolve({**_resolve(options[0], definitions), **outer}, definitions)
    if options and {option.get("type") for option in options} != {"string", "integer"}:
        raise ValueError(f"{schema} is a union, which a CRD cannot express")
    return schema


def _with_rules(made: Json, definition: Definition, path: str) -> Json:
    if path in definition.rules:
        made["x-kubernetes-validations"] = definition.rules[path]
    return made
