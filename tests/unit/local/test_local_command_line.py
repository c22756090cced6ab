import argparse

import pytest

from local.__main__ import kubectl, read_options
from local.errors import LocalError


def test_what_follows_the_dashes_is_left_alone() -> None:
    options = read_options(["kubectl", "--", "get", "pods", "--", "-A"])
    assert options.act is kubectl
    assert options.command == ["get", "pods", "--", "-A"]


def test_up_makes_one_node_unless_told_otherwise() -> None:
    assert read_options(["up"]).nodes == 1
    options: argparse.Namespace = read_options(["up", "--nodes", "3", "--fast-faults"])
    assert (options.nodes, options.fast_faults) == (3, True)


@pytest.mark.parametrize("words", [["down", "--", "x"], ["exec", "1"]])
def test_misplaced_commands_are_refused(words: list[str]) -> None:
    with pytest.raises(LocalError):
        read_options(words)
