"""One deliberate fault in the planner, and a process that loads it instead of the original."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

CORE: Final = "etcd_operator.core"
KILLED: Final = 0
SURVIVED: Final = 1
BROKEN: Final = 2


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `module` the text `old` becomes `new`; `probes` are tried until one notices."""

    name: str
    module: str
    old: str
    new: str
    probes: tuple[str, ...]


class Loader(importlib.abc.SourceLoader):
    """Loads one module from changed source."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002
        """Where the module would come from."""
        return self._path

    def get_data(self, path: str) -> bytes:
        """The changed source; never anything cached."""
        if path.endswith(".pyc"):
            raise OSError(path)
        return self._source

    def path_stats(self, path: str) -> dict[str, float]:
        """No statistics: so nothing is cached."""
        raise OSError(path)


class Finder(importlib.abc.MetaPathFinder):
    """Puts the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._module = f"{CORE}.{mutant.module}"
        self._path = str(_locate(mutant.module))
        self._source = spoil(mutant).encode()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """The specification of the mutated module; None for all others."""
        if fullname != self._module:
            return None
        loader = Loader(self._path, self._source)
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


def spoil(mutant: Mutant) -> str:
    """The source of the module with the fault in it; a ValueError if it is not in one place."""
    path = _locate(mutant.module)
    source = path.read_text() if path.is_file() else ""
    if source.count(mutant.old) != 1:
        raise ValueError(f"{mutant.old!r} is {source.count(mutant.old)} times in {path}")
    return source.replace(mutant.old, mutant.new)


def _locate(module: str) -> Path:
    specification = importlib.util.find_spec("etcd_operator")
    assert specification is not None
    assert specification.submodule_search_locations
    root = Path(specification.submodule_search_locations[0])
    return root.joinpath("core", *module.split(".")).with_suffix(".py")


def run(mutant: Mutant, probe: Callable[[Mutant], str | None]) -> tuple[int, str]:
    """Run a probe with the mutant in a process of its own: what became of it, and why."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code, text = _run_here(mutant, probe)
        os.write(writer, text.encode()[:4000])
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), text


def _run_here(mutant: Mutant, probe: Callable[[Mutant], str | None]) -> tuple[int, str]:
    try:
        sys.meta_path.insert(0, Finder(mutant))
    except ValueError as error:
        return BROKEN, str(error)
    try:
        noticed = probe(mutant)
    except LookupError as error:
        return BROKEN, str(error)
    except Exception as error:  # noqa: BLE001 (a planner that breaks was noticed)
        return KILLED, f"{type(error).__name__}: {error}"
    return (SURVIVED, "") if noticed is None else (KILLED, noticed)
