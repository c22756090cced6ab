from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from etcd_operator.plugin import completion
from etcd_operator.plugin.app import READ, VERBS, load_verb, move_place
from etcd_operator.plugin.exits import Exit
from tests.builders.exhaustive import exhaustive
from tests.builders.plugin import Terminal

# What takes longer to import than a short command may take, or is no part of a user's tool.
HEAVY = (
    *("grpc", "cryptography", "lightkube", "httpx2", "msgspec", "rich", "typer.rich_utils", "yaml"),
    *("etcd_operator.api", "etcd_operator.runtime", "etcd_operator.simulation"),
    *("etcd_operator.core.model", "etcd_operator.core.plan"),
)

# Verbs that show what is, and of those what is one file in one form.
READS = {name for name, verb in VERBS.items() if verb.group == READ} | {"upgrade", "migrate"}
FILES = {"record": "a recording is JSON", "report": "a report is a zip file"}


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_and_an_example(name: str) -> None:
    ended = Terminal().type(name, "--help")
    assert ended.code == 0
    assert f"Usage: kubectl etcd {name}" in ended.out
    summary = load_verb(name, VERBS[name]).get_short_help_str(200)
    assert summary.endswith(".")
    for example in VERBS[name].examples:
        assert example.split()[0] == name
        assert f"kubectl etcd {example}" in " ".join(ended.out.split())
    assert VERBS[name].examples


def test_the_list_of_verbs_has_their_whole_summaries_by_group() -> None:
    said = " ".join(Terminal().type("--help").out.split())
    for name, verb in VERBS.items():
        summary = load_verb(name, verb).get_short_help_str(200)
        assert f"{name} {summary}" in said
        assert said.index(f" {verb.group}: ") < said.index(f" {name} {summary}")


@pytest.mark.parametrize("name", sorted(READS - FILES.keys()))
def test_every_verb_that_reads_prints_documents(name: str) -> None:
    options = {each.name: each for each in load_verb(name, VERBS[name]).params}
    assert options["output"].opts == ["--output", "-o"]
    assert "json or yaml for programs" in Terminal().type(name, "--help").out


@pytest.mark.parametrize("name", VERBS)
def test_every_option_says_what_it_takes(name: str) -> None:
    taking = [
        each for each in load_verb(name, VERBS[name]).params if not getattr(each, "is_flag", False)
    ]
    assert [
        each.name for each in taking if each.param_type_name == "option" and not each.metavar
    ] == []


def test_every_exit_code_says_what_it_means() -> None:
    assert [int(each) for each in Exit] == list(range(len(Exit)))
    assert all(each.meaning.endswith(".") for each in Exit)


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (("-n", "a", "status", "db"), ["status", "-n", "a", "db"]),
        (("--namespace=a", "--context", "b", "logs"), ["logs", "--namespace=a", "--context", "b"]),
        (("-A", "backups"), ["backups", "-A"]),
        (("status", "-n", "a"), ["status", "-n", "a"]),
        (("--version",), ["--version"]),
        (("-n",), ["-n"]),
        ((), []),
    ],
)
def test_where_to_look_may_stand_before_the_verb(words: tuple[str, ...], moved: list[str]) -> None:
    assert move_place(words) == moved


def test_an_unknown_verb_is_a_usage_error() -> None:
    ended = Terminal().type("stats")
    assert ended.code == Exit.USAGE
    assert "No such command 'stats'. Did you mean 'status'" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        (completion.PROGRAM, "scale", "--w"),
        *exhaustive(
            ("kubectl-etcd", "--help"),
            ("kubectl-etcd", "--version"),
            ("kubectl-etcd", "status", "--help"),
            (completion.PROGRAM, "s"),
        ),
    ],
    ids=" ".join,
)
def test_help_and_completion_load_nothing_heavy(words: tuple[str, ...]) -> None:
    told, loaded = run_and_list(
        f"import sys\nsys.argv = {list(words)}\n"
        "from etcd_operator.plugin.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
    )
    assert told.strip()
    assert "etcd_operator.plugin.app" in loaded
    assert [module for module in loaded if module.startswith(HEAVY)] == []


def test_the_screen_of_a_cluster_loads_no_models() -> None:
    """They are twice what all else takes until it is shown."""
    place = "etcd_operator.plugin"
    parts = ("cluster_view", "screens", "version_paths")
    _, loaded = run_and_list("".join(f"import {place}.{part}\n" for part in parts))
    assert f"{place}.screens" in loaded
    assert "pydantic" not in loaded


def run_and_list(program: str) -> tuple[str, list[str]]:
    """Run a program; return what it prints, and the modules that are loaded then."""
    said = subprocess.run(
        [sys.executable, "-c", f"{program}import sys\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "src")},
    )
    return said.stdout, said.stderr.split()
