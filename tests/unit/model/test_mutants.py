"""Every mutant is one that can be made: its syntax stands in its function, and its probes exist.

Code that changes takes the place of a mutant with it. Such a mutant would break nothing, and only
the long run of all mutants would say so.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.model import mutation
from tests.model.mutant_loading import exchange
from tests.model.mutant_processes import Outcome, run_in_processes
from tests.model.mutant_tests import rank_file
from tests.model.mutants import BY_MODEL, BY_UNIT, SURVIVED, summarize
from tests.model.mutants_list import MUTANTS
from tests.model.mutation import Mutant, find_changed, find_unknown_names, is_in_body, spoil
from tests.model.probes import is_known

MODULE = """
from seats import call
LIMITS = {"a": 1}

def judge(x, y=0):
    if x and y and not x.z:
        return call(x, name="a", other=y)
    for each in x:
        yield from each
    match x:
        case int() | str():
            call(y)

class Seat:
    def judge(self):
        return self.x > 0
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "judge.py").write_text(MODULE)
    monkeypatch.setattr(mutation, "SOURCES", tmp_path)
    return "judge.py"


@pytest.mark.exhaustive
@pytest.mark.parametrize("module", sorted({mutant.module for mutant in MUTANTS}))
def test_those_of_a_module_can_be_made(module: str) -> None:
    """Its syntax is in one place, what becomes of it is Python, and its names stand for something.

    One test for each module: most of the time goes into reading it.
    """
    for mutant in (each for each in MUTANTS if each.module == module):
        before, after = find_changed(mutant)
        assert compile(after, module, "exec"), mutant.name
        assert after != before, mutant.name
        assert find_unknown_names(mutant, after) == [], mutant.name


@pytest.mark.parametrize(
    ("by", "unknown"),
    [
        ("x.nowhere and len(y)", ["nowhere"]),
        ("LIMITS and nobody(x, z)", ["nobody", "z"]),
        ("all(each for each in x.z)", []),
    ],
)
def test_a_name_that_stands_for_nothing_is_found(module: str, by: str, unknown: list[str]) -> None:
    mutant = Mutant("", module, "judge", "call(x, name='a', other=y)", by)
    assert find_unknown_names(mutant, find_changed(mutant)[1]) == unknown


def test_their_probes_exist() -> None:
    unknown = {(m.name, name) for m in MUTANTS for name in m.probes if not is_known(name)}
    assert unknown == set()


def test_a_name_is_that_of_one_mutant() -> None:
    assert [name for name, times in Counter(m.name for m in MUTANTS).items() if times > 1] == []


@pytest.mark.parametrize(
    ("function", "replace", "by", "line"),
    [
        ("judge", "not  x.z", "False", "if x and y and False:"),
        ("judge", "not x.z", "", "if x and y:"),
        ("judge", "name='a'", "name='b'", "return call(x, name='b', other=y)"),
        ("judge", "other = y", "", "return call(x, name='a')"),
        ("judge", "yield from each", "", "pass"),
        ("judge", "yield from each", "yield each", "yield each"),
        ("judge", "call(y)", "a = 1\ncall(a)", "a = 1"),
        ("judge", "case int() | str()", "case None", "case None:"),
        ("judge", "0", "1", "def judge(x, y=1):"),
        ("Seat.judge", "self.x > 0", "True", "return True"),
        ("", "{'a': 1}", "{}", "LIMITS = {}"),
    ],
)
def test_a_piece_of_syntax_is_exchanged(
    module: str, function: str, replace: str, by: str, line: str
) -> None:
    tree = spoil(Mutant("", module, function, replace, by))
    assert line in [each.strip() for each in ast.unparse(tree).splitlines()]
    assert line not in [each.strip() for each in ast.unparse(ast.parse(MODULE)).splitlines()]


@pytest.mark.parametrize(
    ("function", "replace", "by", "why"),
    [
        ("judge", "no_such", "", "is 0 times in judge"),
        ("judge", "x", "y", "times in judge"),
        ("", "self.x > 0", "True", "is 0 times in the module itself"),
        ("nobody", "x", "y", "nobody is 0 times"),
        ("judge", "x.z", "return 1", "cannot stand in the place of an expression"),
        ("judge", "name='a'", "x", "cannot stand in the place of a keyword"),
        ("judge", "not x.z", "a, b\nc", "cannot stand in the place of an expression"),
        ("Seat.judge", "0", "", "cannot be left out"),
    ],
)
def test_what_does_not_fit_makes_no_mutant(
    module: str, function: str, replace: str, by: str, why: str
) -> None:
    if function == "Seat.judge":
        replace = "self.x"
    with pytest.raises(ValueError, match=why):
        spoil(Mutant("", module, function, replace, by))


def test_a_module_that_is_not_there_makes_no_mutant() -> None:
    with pytest.raises(ValueError, match=r"there is no core/none\.py"):
        spoil(Mutant("", "core/none.py", "", "1", "2"))


@pytest.mark.parametrize(
    ("function", "replace", "in_body"),
    [("judge", "not x.z", True), ("judge", "0", False), ("", "{'a': 1}", False)],
)
def test_what_runs_on_import_is_no_body(
    module: str, function: str, replace: str, in_body: bool
) -> None:
    assert is_in_body(Mutant("", module, function, replace, "None")) == in_body


@pytest.mark.parametrize("name", ["unit: quorum", "no such scenario", "guard: none"])
def test_a_probe_that_does_not_exist_is_not_known(name: str) -> None:
    assert not is_known(name)


def test_a_loaded_function_is_exchanged_in_one_process_alone() -> None:
    from etcd_operator.core.model.quorum import majority

    mutant = Mutant("", "core/model/quorum.py", "majority", "voters // 2 + 1", "voters")

    def work() -> Outcome:
        assert exchange(mutant)
        return Outcome(0, str(majority(5)))

    assert list(run_in_processes([("a", work)], 2)) == [("a", Outcome(0, "5"))]
    assert majority(5) == 3


def test_what_the_code_of_before_has_worked_out_is_forgotten() -> None:
    from etcd_operator.core.model.naming import Naming
    from etcd_operator.core.objects.rendered import disruption_budget

    naming = Naming("default", "db", "uid")
    mutant = Mutant("", "core/objects/cluster_objects.py", "render_disruption_budget",
                    "'IfHealthyBudget'", "'AlwaysAllow'")  # fmt: skip

    def work() -> Outcome:
        disruption_budget(naming, 0)
        assert exchange(mutant)
        return Outcome(0, str(disruption_budget(naming, 0)["spec"]["unhealthyPodEvictionPolicy"]))

    assert list(run_in_processes([("a", work)], 1)) == [("a", Outcome(0, "AlwaysAllow"))]


def test_what_breaks_in_a_process_is_told() -> None:
    def work() -> Outcome:
        raise LookupError("nothing there")

    assert list(run_in_processes([("a", work)], 1)) == [
        ("a", Outcome(1, "LookupError: nothing there"))
    ]


def test_files_of_tests_are_ordered_by_the_words_of_a_module(tmp_path: Path) -> None:
    names = ["membership/test_grow.py", "test_plan.py", "test_about.py", "membership/test_scale.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("scale" if "about" in name else "")
    mutant = Mutant("", "core/membership/scale.py", "_grow", "", "")
    ordered = sorted((tmp_path / n for n in names), key=lambda path: rank_file(path, mutant))
    assert [str(path.relative_to(tmp_path)) for path in ordered] == [
        names[3],
        names[0],
        names[2],
        names[1],
    ]


@pytest.mark.parametrize(
    ("code", "word"), [(SURVIVED, "1 SURVIVED"), (1, "1 COULD NOT BE RUN"), (-9, "1 COULD NOT")]
)
def test_who_was_not_killed_is_named_and_fails_the_run(
    capsys: pytest.CaptureFixture[str], code: int, word: str
) -> None:
    killed = [("a", Outcome(BY_UNIT, "")), ("b", Outcome(BY_MODEL, ""))]
    assert summarize(killed, 60) == 0
    assert summarize([*killed, ("removes everybody", Outcome(code, ""))], 60) == 1
    output = capsys.readouterr().out
    assert word in output
    assert output.endswith("  removes everybody\n")
