"""What the rules may delete, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from etcd_operator import core
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.objects import apply as apply

RECORDS: Final = {"statefulset": "StatefulSet", "config_map": "ConfigMap"}  # of a Snapshot


def find_deleted_kinds() -> set[str]:
    """Return every kind that a DeleteObject in the core can name."""
    found: set[str] = set()
    texts = (path.read_text() for path in Path(next(iter(core.__path__))).rglob("*.py"))
    for text in (text for text in texts if DeleteObject.__name__ in text):
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef):
                for call in _calls_of(DeleteObject.__name__, function):
                    found |= _resolve_kind(call.args[0], function)
    return found


def _calls_of(name: str, function: ast.FunctionDef) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _resolve_kind(node: ast.expr, function: ast.FunctionDef) -> set[str]:
    """A constant, or `x.kind` of an x that is one of the objects named by a Snapshot."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    assert isinstance(node, ast.Attribute), f"write a kind, or x.kind: {ast.unparse(node)}"
    assert node.attr == "kind"
    kinds = set(_find_records(node.value, function))
    assert kinds, f"which kinds can {ast.unparse(node)} in {function.name} be?"
    return kinds


def _find_records(node: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
    if isinstance(node, ast.Tuple):
        for element in node.elts:
            yield from _find_records(element, function)
    elif isinstance(node, ast.Attribute):
        yield RECORDS[node.attr]
    elif isinstance(node, ast.Name):
        for source in _sources_of(node.id, function):
            yield from _find_records(source, function)


def _sources_of(name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
    """What a local name is assigned from, or loops over."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets, source = node.targets, node.value
        elif isinstance(node, ast.For):
            targets, source = [node.target], node.iter
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            yield source
