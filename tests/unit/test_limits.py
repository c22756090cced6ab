"""The limits of the house style: a file, or a function, that outgrows them holds two ideas."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "docs", "deploy", "local", "demo")
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40


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
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LINES_OF_A_FUNCTION
    ]


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
