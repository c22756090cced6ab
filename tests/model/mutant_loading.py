"""Loads a mutant: into a function that is there already, or in the place of its module."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Final

from tests.model.mutation import SOURCES, Mutant, is_in_body, spoil

_WRAPPED: Final = ("__wrapped__", "__func__", "fget", "func")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the mutant in the place of its module, which is not imported yet."""

    def __init__(self, mutant: Mutant) -> None:
        assert mutant.module_name not in sys.modules
        self._name = mutant.module_name
        self._path = str(SOURCES / mutant.module)
        self._code = compile(spoil(mutant), self._path, "exec")

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """The specification of the mutated module; None for all others."""
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._path)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """The changed code; never anything cached."""
        return self._code

    def get_source(self, fullname: str) -> None:  # noqa: ARG002
        """No source: a traceback shows that of the file."""
        return


def exchange(mutant: Mutant) -> bool:
    """Give the code of the mutant to a function that is loaded; False where that cannot be."""
    function = _find_function(mutant)
    if function is None or not is_in_body(mutant):
        return False
    changed = _find_code(compile(spoil(mutant), function.__code__.co_filename, "exec"), mutant)
    if len(changed) != 1 or changed[0].co_freevars != function.__code__.co_freevars:
        return False
    function.__code__ = changed[0]
    _forget_results()
    return True


def _forget_results() -> None:
    """Clear what functions remember: the code of before has worked it out."""
    for name, module in list(sys.modules.items()):
        if name.startswith("etcd_operator."):
            for found in vars(module).values():
                if clear := getattr(found, "cache_clear", None):
                    clear()


def _find_function(mutant: Mutant) -> FunctionType | None:
    """The function as it is loaded, below whatever decorates it."""
    found: object = sys.modules[mutant.module_name]
    for name in mutant.function.split("."):
        found = vars(found).get(name)
    while found is not None and not isinstance(found, FunctionType):
        found = next((getattr(found, n) for n in _WRAPPED if hasattr(found, n)), None)
    # A decorator of ours is a function as well, with another name.
    while found is not None and found.__code__.co_qualname != mutant.function:
        found = getattr(found, "__wrapped__", None)
    return found


def _find_code(code: CodeType, mutant: Mutant) -> list[CodeType]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    found = [each for each in inner if each.co_qualname == mutant.function]
    return found + [deeper for each in inner for deeper in _find_code(each, mutant)]
