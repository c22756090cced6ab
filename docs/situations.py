"""The section about shared clusters, read from the tests that bring each situation about.

A test with `@pytest.mark.situation(KIND, "what others do", "what comes of it")` is one row. The
syntax trees are read, so that writing the page imports no test.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parent.parent
MARK: Final = "situation"

KINDS: Final = {
    "data": "Data and Secrets of others",
    "spec": "Recovery by a corrected spec",
    "coexist": "Coexistence with policies and controllers",
    "told": "Reported causes",
    "etcd": "etcd and its clients",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """One row: what others do, what comes of it, and the test, by its path and name."""

    kind: str
    what: str
    outcome: str
    path: Path
    test: str

    @property
    def level(self) -> str:
        """The level of tests, by the folder: unit, model, etcd, e2e."""
        return self.path.parts[1]


def find_situations(project: Path = PROJECT) -> list[Situation]:
    """Return every situation of the tree; raises ValueError for a mark that names no known kind."""
    found: list[Situation] = []
    for path in sorted((project / "tests").rglob("*.py")):
        text = path.read_text()
        if f"mark.{MARK}(" in text:
            found += _read(path.relative_to(project), ast.parse(text))
    return found


def _read(path: Path, tree: ast.Module) -> Iterator[Situation]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(f".{MARK}"):
                words = [ast.literal_eval(argument) for argument in decorator.args]
                if len(words) != 3 or words[0] not in KINDS:
                    kinds = ", ".join(KINDS)
                    raise ValueError(
                        f"{path}: {node.name}: a situation has a kind ({kinds}), what others do, "
                        f"and what comes of it; this one has {words}"
                    )
                kind, what, outcome = words
                yield Situation(kind, what, outcome, path, node.name)


def write_situations(situations: list[Situation]) -> list[str]:
    """Return the lines of the section: a table for each kind that has rows."""
    lines = [
        "## In shared clusters\n",
        (
            "What users, tenants, policies and other controllers do to a cluster and its objects, "
            "and the outcome. Each row is a test.\n"
        ),
    ]
    for kind, title in KINDS.items():
        rows = [one for one in situations if one.kind == kind]
        if rows:
            lines += [f"### {title}\n", "| Situation | Outcome | Test |", "|---|---|---|"]
            lines += [_write_row(one) for one in rows]
            lines.append("")
    return lines


def _write_row(one: Situation) -> str:
    link = f"[{one.level}: {one.path.stem.removeprefix('test_')}](../{one.path})"
    return f"| {one.what} | {one.outcome} | {link} |"
