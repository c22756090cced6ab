"""The security context of Pods: the restricted Pod Security Standard, and what a user changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from etcd_operator.json_types import Json

NON_ROOT: Final = 65532


def render_security_context(*given: Mapping[str, Any] | None) -> Json:
    """Return the context of a Pod; later ones of those given come first, and null leaves out."""
    context: Json = {
        "runAsNonRoot": True,
        "runAsUser": NON_ROOT,
        "runAsGroup": NON_ROOT,
        "fsGroup": NON_ROOT,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for fields in given:
        context.update(fields or {})
    return {name: value for name, value in context.items() if value is not None}
