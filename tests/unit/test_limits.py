"""The limits of the house style: a file, or a function, that outgrows them holds two ideas."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "docs", "deploy", "local", "demo")
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40
IMPORTS = re.compile(r"^\s*import (tests\.[\w.]+)( as|$)", re.MULTILINE)
IMPORTS_FROM = re.compile(r"^\s*from (tests[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)


def find_files(folder: str) -> list[Path]:
    """The Python files in a folder that somebody writes: protoc's are its own."""
    return [path for path in (PROJECT / folder).rglob("*.py") if not path.stem.endswith("_pb2")]


def count_lines(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_text().splitlines())


def find_long_functions(source: str) -> list[str]:
    """The functions above the limit, from `def` to the last line, the docstring included."""
    return [
        node.name
        for node in find_statements(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LINES_OF_A_FUNCTION
    ]


def find_statements(within: ast.AST) -> Iterator[ast.AST]:
    """What stands on lines of its own below a node, down to the innermost; no expression."""
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        below = getattr(within, name, ())
        for node in below if isinstance(below, list) else ():
            yield node
            yield from find_statements(node)


def find_imported_tests(source: str) -> list[str]:
    """The modules of tests among the imports; what several tests need belongs to tests/builders."""
    names = [module for module, _ in IMPORTS.findall(source)]
    for module, parts in IMPORTS_FROM.findall(source):
        names += [f"{module}.{name}" for name in re.findall(r"\w+", parts)]
    return [name for name in names if any(p.startswith("test_") for p in name.split("."))]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_too_long(folder: str) -> None:
    files = find_files(folder)
    assert files
    assert not [str(path) for path in files if count_lines(path) > LINES_OF_A_FILE]


def test_no_function_of_the_operator_is_too_long() -> None:
    long = {path.name: find_long_functions(path.read_text()) for path in find_files("src")}
    assert not {name: functions for name, functions in long.items() if functions}


@pytest.mark.parametrize(("lines", "found"), [(40, []), (41, ["f"])])
def test_the_last_line_that_is_allowed(lines: int, found: list[str]) -> None:
    assert find_long_functions("def f():\n" + "    pass\n" * (lines - 1)) == found


@pytest.mark.parametrize(
    "outside",
    [
        "class A:\n{}",
        "async def f():\n{}",
        "if a:\n pass\nelse:\n{}",
        "try:\n{}\nfinally:\n pass",
        "try:\n pass\nexcept A:\n{}",
        "try:\n pass\nfinally:\n{}",
        "for a in b:\n pass\nelse:\n{}",
        "match a:\n case _:\n{}",
    ],
)
def test_a_long_function_is_found_wherever_it_stands(outside: str) -> None:
    inner = "   def g():\n" + "    pass\n" * LINES_OF_A_FUNCTION
    assert "g" in find_long_functions(outside.format(inner))


def test_no_test_imports_another() -> None:
    found = {str(path): find_imported_tests(path.read_text()) for path in find_files("tests")}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tests.builders.space import alarmed", []),
        ("from other.test_space import alarmed", []),
        ("from tests.unit.test_space import alarmed", ["tests.unit.test_space.alarmed"]),
        ("import tests.unit.test_space", ["tests.unit.test_space"]),
        ("from tests.unit import test_space", ["tests.unit.test_space"]),
        ("from tests.unit import (\n    one,\n    test_space,\n)", ["tests.unit.test_space"]),
    ],
)
def test_an_imported_test_is_found(source: str, found: list[str]) -> None:
    assert find_imported_tests(source) == found
