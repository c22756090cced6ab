"""The page about the fields of each kind, from the CustomResourceDefinitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from etcd_operator.api.crd import BACKUP, RESTORE, Definition, build_crd
from etcd_operator.json_types import Json

INTRODUCTION: Final = """\
# API reference

An `EtcdCluster` is one etcd cluster. The kind is namespaced, its group and version are
`{api_version}`, and its short name is `{short}`.

The API server sets the defaults and checks the rules on this page. The operator checks them again:
a spec that cannot be carried out is refused with the reason `InvalidSpec` and a message, and
running members are not changed.

* `kubectl get {short}` prints {columns}. `-o wide` adds {wide}.
* `kubectl scale {short}/NAME --replicas=N` sets `{scale}`.
* `kubectl explain {short}.spec` prints the same descriptions.

"""


def write_fields() -> str:
    """Return the page."""
    crd = build_crd()["spec"]
    version = crd["versions"][0]
    columns = version["additionalPrinterColumns"]
    root = version["schema"]["openAPIV3Schema"]
    introduction = INTRODUCTION.format(
        api_version=f"{crd['group']}/{version['name']}",
        short=crd["names"]["shortNames"][0],
        columns=_enumerate(c["name"] for c in columns if not c.get("priority")),
        wide=_enumerate(c["name"] for c in columns if c.get("priority")),
        scale=version["subresources"]["scale"]["specReplicasPath"].removeprefix("."),
    )
    sections = [
        *_describe("spec", root["properties"]["spec"]),
        _write_rules(root),
        *_describe("status", root["properties"]["status"]),
        *(_write_kind(kind) for kind in (BACKUP, RESTORE)),
    ]
    return introduction + "\n".join(sections)


def _write_kind(kind: Definition) -> str:
    """The part of the page about another kind; what stands above is not repeated."""
    version = build_crd(kind)["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    columns = version["additionalPrinterColumns"]
    shown = (c["name"] for c in columns if not c.get("priority"))
    template = root["properties"]["spec"]["properties"].get("clusterTemplate")
    if template:
        del template["properties"]
        template["description"] += " Its fields are those of an EtcdCluster."
    lines = [
        f"# {kind.kind}",
        "",
        f"`kubectl get {kind.kind.lower()}` prints {_enumerate(shown)}.",
        "",
    ]
    parts = [
        "\n".join(lines),
        *_describe(f"{kind.kind} spec", root["properties"]["spec"]),
        _write_rules(root).replace("## Rules", f"## {kind.kind} rules"),
        *_describe(f"{kind.kind} status", root["properties"]["status"]),
    ]
    return "\n".join(parts)


def _enumerate(words: Iterator[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _describe(path: str, schema: Json) -> Iterator[str]:
    """Yield a section for an object and for every object below it."""
    lines = [f"## {path}", "", schema.get("description", ""), ""]
    lines += ["| Field | Type | Default | Description |", "|---|---|---|---|"]
    required = schema.get("required", ())
    below = []
    for name, field in schema["properties"].items():
        default = _format_default(field) or ("required" if name in required else "")
        cells = [f"`{name}`", _name_type(field), default, field.get("description", "")]
        lines.append(f"| {' | '.join(cells)} |")
        inner = field.get("items", field)
        if "properties" in inner:
            below.append((f"{path}.{name}{'[]' if inner is not field else ''}", inner))
    yield "\n".join([*lines, ""])
    for inner_path, inner in below:
        yield from _describe(inner_path, inner)


def _format_default(field: Json) -> str:
    default = field.get("default")
    if default is None or isinstance(default, dict):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _name_type(field: Json) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" if value else "empty" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    kind = str(field["type"])
    if kind == "array":
        inner = _name_type(field["items"])
        return f"list of {inner}s{_limit(field, 'Items', 'at most')}"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"map of {_plural(_name_type(values))}" if values else "object"
    if field.get("format") == "date-time":
        return "time"
    return kind + _limit(field, "Length", "at most") + _range(field)


def _plural(kind: str) -> str:
    word, comma, limit = kind.partition(",")
    many = word.removesuffix("y") + "ies" if word.endswith("y") else f"{word}s"
    return f"{many}{comma}{limit}"


def _limit(field: Json, what: str, words: str) -> str:
    most = field.get(f"max{what}")
    unit = {"Length": " characters", "Items": ""}[what]
    return f", {words} {most}{unit}" if most else ""


def _range(field: Json) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def _write_rules(root: Json) -> str:
    lines = [
        "## Rules",
        "",
        "The API server refuses a change that breaks one of these.",
        "",
        "| Field | What it says |",
        "|---|---|",
    ]
    for path, rule in _find_rules("", root):
        place = rule.get("fieldPath", "").removeprefix(".") or path or "metadata.name"
        lines.append(f"| `{place}` | {_read_message(rule)} |")
    return "\n".join([*lines, ""])


def _find_rules(path: str, schema: Json) -> Iterator[tuple[str, Json]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}".removeprefix(".")
        yield from _find_rules(inner, field)
        yield from _find_rules(f"{inner}[]", field.get("items", {}))


def _read_message(rule: Json) -> str:
    """The message, or what a message expression says, with … for what it looks up."""
    if "message" in rule:
        return str(rule["message"])
    parts = rule["messageExpression"].split(" + ")
    return "".join(part.strip("'") if part.startswith("'") else "…" for part in parts)
