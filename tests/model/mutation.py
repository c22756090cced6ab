"""One deliberate fault: a piece of syntax in one function, and what stands in its place."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import etcd_operator

SOURCES: Final = Path(etcd_operator.__file__).parent

# A node, the field of its parent that holds it, and where in that field it begins and ends.
Place = tuple[ast.AST, str, int, int]
# An expression may stand alone, as a statement.
_EXPRESSIONS: Final = (ast.expr, ast.pattern, ast.Expr)


@dataclass(frozen=True, slots=True)
class Mutant:
    """In one function of a module the syntax `replace` becomes `by`.

    `module` is a file below `src/etcd_operator`, `function` a qualified name ("Snapshot.seats"), or
    "" for what stands in no function. `replace` is an expression, one or more statements, a keyword
    argument (`name=value`) or a pattern (`case …`), written in any layout; it has to occur exactly
    once. An empty `by` takes it out of its list: a statement, an argument, an operand of `and`.
    Unit tests are tried first; `probes` are the scenarios of the model that notice it as well.
    """

    name: str
    module: str
    function: str
    replace: str
    by: str
    probes: tuple[str, ...] = ()

    @property
    def module_name(self) -> str:
        """The dotted name of the module."""
        name = ".".join(("etcd_operator", *Path(self.module).with_suffix("").parts))
        return name.removesuffix(".__init__")


def spoil(mutant: Mutant) -> ast.Module:
    """The syntax tree of the module with the fault in it; a ValueError where it does not fit."""
    tree = _parse(mutant)
    _spoil(tree, mutant)
    return ast.fix_missing_locations(tree)


def _spoil(tree: ast.Module, mutant: Mutant) -> None:
    places = list(_find_places(_find_function(tree, mutant), _read(mutant.replace)))
    if len(places) != 1:
        where = f"{mutant.function or 'the module itself'} of {mutant.module}"
        raise ValueError(f"{mutant.replace!r} is {len(places)} times in {where}")
    _put(places[0], _read(mutant.by), mutant.by)


def is_in_body(mutant: Mutant) -> bool:
    """Whether only the body of a function changes: not what runs when the module is imported."""
    if not mutant.function:
        return False
    function = _find_function(_parse(mutant), mutant)
    if isinstance(function, ast.ClassDef):
        return False
    body = ast.Module(body=function.body, type_ignores=[])
    return bool(list(_find_places(body, _read(mutant.replace))))


def find_changed(mutant: Mutant) -> tuple[str, str]:
    """The text of what a module has at its top, without the fault in it and with it.

    A function or a class; the module itself if the fault stands in none.
    """
    source, before = _read_outermost(SOURCES, mutant.module, mutant.function.partition(".")[0])
    tree = ast.parse(source)
    _spoil(tree, mutant)
    return before, ast.unparse(tree)


@cache
def _read_outermost(folder: Path, module: str, name: str) -> tuple[str, str]:
    """What a module has at its top: its source, and the text of its syntax; "": all of it."""
    text = (folder / module).read_text()
    found = _find_function(ast.parse(text), Mutant("", module, name, "", ""))
    if isinstance(found, ast.Module):
        return text, ast.unparse(found)
    begins = min(node.lineno for node in (found, *found.decorator_list))
    lines = text.splitlines(keepends=True)[begins - 1 : found.end_lineno]
    return "".join(lines), ast.unparse(found)


def find_unknown_names(mutant: Mutant, spoilt: str) -> list[str]:
    """Names and attributes in the fault that stand for nothing: it would be noticed for that alone.

    `spoilt` is the second text of `find_changed`. A name has to be the module's, a builtin or
    the function's own; an attribute one that is mentioned anywhere in the operator.
    """
    table = symtable.symtable(spoilt, mutant.module, "exec")
    known = {*_find_symbols(SOURCES / mutant.module), *_name_symbols(table), *dir(builtins)}
    unknown = {name for name in _find_global_names(table) if name not in known}
    new = {
        node.attr
        for part in _read(mutant.by)
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute)
    }
    return sorted(unknown | {name for name in new if not _is_attribute(SOURCES, name)})


@cache
def _find_symbols(path: Path) -> frozenset[str]:
    """The names that a module gives something to."""
    return frozenset(_name_symbols(symtable.symtable(path.read_text(), str(path), "exec")))


def _name_symbols(table: symtable.SymbolTable) -> Iterator[str]:
    for one in table.get_symbols():
        if one.is_assigned() or one.is_imported() or one.is_namespace():
            yield one.get_name()


def _find_global_names(table: symtable.SymbolTable) -> Iterator[str]:
    for one in table.get_symbols():
        if one.is_global() and one.is_referenced():
            yield one.get_name()
    for inner in table.get_children():
        yield from _find_global_names(inner)


def _is_attribute(folder: Path, name: str) -> bool:
    """Whether code in a folder reads or writes an attribute of that name."""
    return any(
        name in _find_attributes(text) for text in _read_sources(folder) if f".{name}" in text
    )


@cache
def _read_sources(folder: Path) -> tuple[str, ...]:
    return tuple(path.read_text() for path in folder.rglob("*.py"))


@cache
def _find_attributes(source: str) -> frozenset[str]:
    nodes = ast.walk(ast.parse(source))
    return frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute))


def _parse(mutant: Mutant) -> ast.Module:
    path = SOURCES / mutant.module
    if not path.is_file():
        raise ValueError(f"there is no {mutant.module}")
    return ast.parse(path.read_text(), str(path))


def _find_function(
    tree: ast.Module, mutant: Mutant
) -> ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef:
    """The function or class that a mutant names; for an empty name the module itself."""
    found: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef = tree
    for name in filter(None, mutant.function.split(".")):
        named = [
            node
            for node in found.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name == name
        ]
        if len(named) != 1:
            raise ValueError(f"{mutant.function} is {len(named)} times in {mutant.module}")
        found = named[0]
    return found


def _read(text: str) -> list[ast.AST]:
    """The nodes that a text stands for: a pattern, an expression, or statements."""
    if text.startswith("case "):
        match = ast.parse(f"match _:\n    {text}:\n        pass").body[0]
        assert isinstance(match, ast.Match)
        return [match.cases[0].pattern]
    # A return outside of a function is syntax all the same.
    statements = ast.parse(text).body
    if len(statements) == 1 and isinstance(statements[0], ast.Expr):
        return [statements[0].value]
    return list(statements)


def _find_places(scope: ast.AST, wanted: list[ast.AST]) -> Iterator[Place]:
    """Where the wanted nodes stand one after the other in a scope."""
    texts, types = [_text(node) for node in wanted], [_type(node) for node in wanted]
    if not texts:
        return
    kinds = (ast.stmt, ast.keyword) if isinstance(wanted[0], ast.stmt) else _EXPRESSIONS
    for parent in _walk(scope):
        if isinstance(parent, ast.Expr):
            continue  # the statement itself was looked at
        for field, value in ast.iter_fields(parent):
            nodes = value if isinstance(value, list) else [value]
            for start in range(len(nodes) - len(texts) + 1):
                run = nodes[start : start + len(texts)]
                if not all(isinstance(node, kinds) for node in run):
                    continue
                # To write a node as text takes long: only where it can be the same.
                if [_type(n) for n in run] == types and [_text(n) for n in run] == texts:
                    yield parent, field, start, start + len(texts)


def _walk(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a scope; of a module or a class without the functions in it."""
    yield scope
    for node in ast.iter_child_nodes(scope):
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not (inner and isinstance(scope, ast.Module | ast.ClassDef)):
            yield from _walk(node)


def _text(node: ast.AST) -> str:
    """A node as text; a keyword argument as the assignment that it looks like."""
    if isinstance(node, ast.keyword) and node.arg:
        return f"{node.arg} = {ast.unparse(node.value)}"
    return ast.unparse(node.value if isinstance(node, ast.Expr) else node)


def _type(node: ast.AST) -> type[ast.AST]:
    """What `_text` writes."""
    if isinstance(node, ast.keyword) and node.arg:
        return ast.Assign
    return type(node.value if isinstance(node, ast.Expr) else node)


def _put(place: Place, new: list[ast.AST], text: str) -> None:
    """Put new nodes in the place of others."""
    parent, field, start, end = place
    value = getattr(parent, field)
    old = value[start] if isinstance(value, list) else value
    if isinstance(old, ast.keyword):
        new = [_as_keyword(node, text) for node in new]
    elif isinstance(old, ast.stmt):
        new = [ast.Expr(node) if isinstance(node, ast.expr) else node for node in new] or (
            [ast.Pass()] if len(value) == end - start else []
        )
    elif not all(isinstance(node, ast.expr | ast.pattern) for node in new):
        raise ValueError(f"{text!r} cannot stand in the place of an expression")
    if isinstance(value, list):
        value[start:end] = new
    elif len(new) == 1:
        setattr(parent, field, new[0])
    else:
        raise ValueError(f"{ast.unparse(old)!r} cannot be left out there")


def _as_keyword(node: ast.AST, text: str) -> ast.keyword:
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        raise ValueError(f"{text!r} cannot stand in the place of a keyword argument")  # noqa: TRY004
    return ast.keyword(node.targets[0].id, node.value)
