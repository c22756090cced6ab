"""Merge patches of JSON (RFC 7386): how they apply, and which one makes a document of another."""

from __future__ import annotations

from typing import Final

from etcd_operator.json_types import Json

# The annotation with what `kubectl apply` has applied before.
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def merge(document: Json, patch: Json) -> Json:
    """Return a document as a merge patch makes it."""
    merged = {key: value for key, value in document.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        if isinstance(value, dict):
            before = document.get(key)
            merged[key] = merge(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged


def find_patch(before: Json, after: Json) -> Json:
    """Return the smallest merge patch that makes one document of another."""
    patch: Json = {key: None for key in before if key not in after}
    for key, value in after.items():
        here = before.get(key)
        if isinstance(value, dict) and isinstance(here, dict):
            if inner := find_patch(here, value):
                patch[key] = inner
        elif key not in before or here != value:
            patch[key] = value
    return patch


def find_applied(before: Json, wanted: Json) -> Json:
    """Return the merge patch of `kubectl apply`: all that is wanted, and what only was before goes.

    `before` is what was applied before: what others have set since is in neither, and stays.
    """
    patch: Json = dict.fromkeys(before.keys() - wanted.keys())
    for key, value in wanted.items():
        if isinstance(value, dict):
            earlier = before.get(key)
            patch[key] = find_applied(earlier if isinstance(earlier, dict) else {}, value)
        else:
            patch[key] = value
    return patch
