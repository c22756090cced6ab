"""One rule of `x-kubernetes-validations`, as the API server takes it."""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.json_types import Json


@dataclass(frozen=True, slots=True)
class Said:
    """A message that names the value, as a CEL expression."""

    expression: str


def build_rule(
    rule: str, message: str | Said, *, reason: str = "FieldValueInvalid", path: str = ""
) -> Json:
    """Return a rule with its message; `path` is that of the field below the place of the rule."""
    made: Json = {"rule": rule, "reason": reason}
    if isinstance(message, Said):
        made["messageExpression"] = message.expression
    else:
        made["message"] = message
    if path:
        made["fieldPath"] = path
    return made
