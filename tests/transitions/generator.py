"""Changes of a spec, generated from the CRD's schema.

Each property is changed, taken to its bounds, and made invalid. A change comes with everything
else as in the base, so a chain of changes also removes each property again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from etcd_operator.api.crd import build_crd
from etcd_operator.json_types import Json
from tests.transitions.samples import LEFT_OUT, NO_BOUNDS, NOT_HERE, SAMPLES, THE_NAME, TOGETHER

NONSENSE: Final = "nonsense"


@dataclass(frozen=True, slots=True)
class Transition:
    """A property set to a value; `path` has dots, `how` says why this value."""

    path: str
    value: Any
    how: str

    def __str__(self) -> str:
        """As in a report."""
        shown = str(self.value)
        return f"{self.path} {self.how} {shown if len(shown) < 50 else f'{shown[:40]}…'}"

    def apply(self, base: Json, name: str) -> Json:
        """The base's spec with this property changed, for a cluster of this name."""
        spec = copy.deepcopy(base)
        for path, value in {**TOGETHER.get(self.path, {}), self.path: self.value}.items():
            *parents, last = path.split(".")[1:]
            inner = spec
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = _put_name(value, name)
        return spec


def _put_name(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_put_name(each, name) for each in value]
    return value.replace(THE_NAME, name) if isinstance(value, str) else value


def find_properties() -> dict[str, Json]:
    """Every property of the spec that holds a value: path to schema."""
    version = build_crd()["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return dict(_walk("spec", schema))


def _walk(path: str, schema: Json) -> Iterator[tuple[str, Json]]:
    if "properties" not in schema:
        yield path, schema
        return
    for name, inner in schema["properties"].items():
        yield from _walk(f"{path}.{name}", inner)


def valid() -> Iterator[Transition]:
    """Changes that the operator has to carry out."""
    for path, schema in find_properties().items():
        if path in LEFT_OUT:
            continue
        for value in SAMPLES.get(path, ()):
            yield Transition(path, value, "changed to")
        for value in schema.get("enum", ()):
            if value != schema.get("default") and value not in NOT_HERE.get(path, ()):
                yield Transition(path, value, "changed to")
        if schema.get("type") == "boolean":
            yield Transition(path, not schema.get("default", False), "changed to")
        if path not in NO_BOUNDS:
            yield from _bounds(path, schema)


def _bounds(path: str, schema: Json) -> Iterator[Transition]:
    for bound in ("minimum", "maximum"):
        if bound in schema:
            yield Transition(path, schema[bound], f"at its {bound}")


# What no property of a type takes.
WRONG: Final[dict[str, Any]] = {
    "integer": NONSENSE,
    "string": 42,
    "boolean": NONSENSE,
    "array": {},
    "object": NONSENSE,
}
# What the CRD's own rules refuse.
REFUSED: Final[dict[str, tuple[Any, ...]]] = {
    "spec.size": (-1, 2, 4, 10, 11),
    "spec.version": ("3", "latest", "3.4.9", "v3.5", "4.0.0"),
    "spec.image": ("etcd", "etcd:", "e tcd:1", "etcd@sha256:12", "quay.io/coreos/etcd:v3.6.16"),
    "spec.recovery.memberReplacementDelay": (NONSENSE, "9999ms", "1d", "10"),
    "spec.storage.size": (NONSENSE, "0", "-1Gi"),
    "spec.podTemplate.env": ([{"name": "ETCD_NAME", "value": "x"}], [{"name": "A"}, {"name": "A"}]),
    "spec.podTemplate.volumes": ([{"name": "data", "emptyDir": {}}], [{"name": "a"}]),
    "spec.podTemplate.volumeMounts": ([{"name": "absent", "mountPath": "/a"}],),
    "spec.podTemplate.containers": ([{"name": "etcd", "image": "a"}],),
    "spec.podTemplate.initContainers": ([{"name": "etcd", "image": "a"}],),
    "spec.podTemplate.hostAliases": ([{"ip": NONSENSE}],),
    "spec.podTemplate.dnsPolicy": ("None", "Default"),
    "spec.podTemplate.dnsConfig.nameservers": ([NONSENSE],),
}


def invalid() -> Iterator[Transition]:
    """Values that the API server has to refuse."""
    for path, schema in find_properties().items():
        wrong = WRONG.get(schema.get("type", ""), [])
        yield Transition(path, wrong, "of a wrong type")
        if "enum" in schema:
            yield Transition(path, NONSENSE, "invalid")
        yield from _beyond(path, schema)
        for value in REFUSED.get(path, ()):
            yield Transition(path, value, "invalid")


def _beyond(path: str, schema: Json) -> Iterator[Transition]:
    if "minimum" in schema:
        yield Transition(path, schema["minimum"] - 1, "below its minimum")
    if "maximum" in schema:
        yield Transition(path, schema["maximum"] + 1, "above its maximum")
    if "maxItems" in schema:
        yield Transition(path, [{}] * (schema["maxItems"] + 1), "too long:")
    if schema.get("type") == "string" and "maxLength" in schema:
        yield Transition(path, "x" * (schema["maxLength"] + 1), "too long:")
    if schema.get("minLength"):
        yield Transition(path, "", "empty:")
