"""Write the page about the source: each module by folder, with the first sentence of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[1] / "src" / "etcd_operator"
HEAD: Final = """# Where is what

A feature is a folder: its record, its rule, its guard and what it renders stand together. Import
contracts in `pyproject.toml` check the rest: the core has no I/O, rules know nothing of each
other, guards share no judgement with rules, and `runtime/kubernetes` knows nothing of etcd
clusters. [ARCHITECTURE.md](../../ARCHITECTURE.md) says how a pass goes through these files.
"""


def write_source_map() -> str:
    """Return the page as Markdown."""
    return HEAD + "".join(_write_folders())


def _write_folders() -> Iterator[str]:
    for folder in [SOURCE, *sorted(path for path in SOURCE.rglob("*") if path.is_dir())]:
        modules = [path for path in sorted(folder.glob("*.py")) if _is_ours(path)]
        package = folder / "__init__.py"
        if not modules and not package.exists():
            continue
        name = folder.relative_to(SOURCE.parent)
        lines = sum(len(path.read_text().splitlines()) for path in (*modules, package))
        yield f"\n## {name}\n\n{_first_sentence(package)} {lines} lines.\n"
        if modules:
            yield "\n| Module | What it is |\n|---|---|\n"
            yield from (_write_row(path) for path in modules)


def _is_ours(path: Path) -> bool:
    return path.name != "__init__.py" and not path.stem.endswith("_pb2")


def _write_row(path: Path) -> str:
    link = f"../../src/{path.relative_to(SOURCE.parent)}"
    return f"| [{path.stem}]({link}) | {_first_sentence(path)} |\n"


def _first_sentence(path: Path) -> str:
    # The docstring stands before the first import, and the rest takes most of the time to parse.
    beginning = path.read_text().partition("\nfrom __future__ import")[0]
    text = ast.get_docstring(ast.parse(beginning)) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")
