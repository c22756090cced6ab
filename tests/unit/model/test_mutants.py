"""Every mutant is one that can be made: its text stands in its module, and its probes exist.

Code that moves takes the text of a mutant with it. Such a mutant would break nothing, and only the
long run of all mutants would say so.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.model.mutants_list import MUTANTS
from tests.model.mutation import Mutant, spoil
from tests.model.probes import is_known


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_text_is_in_one_place_and_what_becomes_of_it_is_python(mutant: Mutant) -> None:
    assert mutant.old != mutant.new
    assert compile(spoil(mutant), mutant.module, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_probes_exist(mutant: Mutant) -> None:
    assert mutant.probes
    assert [name for name in mutant.probes if not is_known(name)] == []


def test_a_name_is_that_of_one_mutant() -> None:
    assert [name for name, times in Counter(m.name for m in MUTANTS).items() if times > 1] == []


@pytest.mark.parametrize(
    ("module", "old"),
    [("quorum", "no such text"), ("quorum", "return"), ("no_module", "return")],
    ids=["nowhere", "in several places", "in no module"],
)
def test_a_text_that_is_not_in_one_place_makes_no_mutant(module: str, old: str) -> None:
    with pytest.raises(ValueError, match="times in"):
        spoil(Mutant("", module, old, "", ()))


@pytest.mark.parametrize(
    "name", ["unit: no such subject", "explored: no such one", "no such scenario", "guard: none"]
)
def test_a_probe_that_does_not_exist_is_not_known(name: str) -> None:
    assert not is_known(name)
