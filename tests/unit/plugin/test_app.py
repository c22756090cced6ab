from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from etcd_operator.plugin.app import VERBS, load_verb
from etcd_operator.plugin.exits import Exit
from tests.builders.plugin import Terminal

# What takes longer to import than a short command may take, or is no part of a user's tool.
HEAVY = ("grpc", "cryptography", "lightkube", "httpx2", "msgspec", "rich.table", "yaml")


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


def test_every_exit_code_says_what_it_means() -> None:
    assert [int(each) for each in Exit] == list(range(len(Exit)))
    assert all(each.meaning.endswith(".") for each in Exit)


def test_an_unknown_verb_is_a_usage_error() -> None:
    ended = Terminal().type("stats")
    assert ended.code == Exit.USAGE
    assert "No such command 'stats'" in ended.err


def test_help_and_completion_load_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from etcd_operator.plugin.app import load_verb, VERBS\n"
        "[load_verb(name, verb) for name, verb in VERBS.items()]\n"
        "print(*sys.modules, sep='\\n')"
    )
    source = str(Path(__file__).resolve().parents[3] / "src")
    command = [sys.executable, "-c", program]
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": source}
    )
    loaded = said.stdout.split()
    assert "etcd_operator.plugin.verbs.status" in loaded
    assert not [module for module in loaded if module.startswith(HEAVY)]
