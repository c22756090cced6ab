"""Tables on terminals of every width: which columns stay, and that nothing of them is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from etcd_operator.plugin.console import table
from etcd_operator.plugin.screens import render_members

MEMBER = {
    "name": "a-cluster-0", "role": "follower", "ready": True, "version": "3.6.16",
    "revisionLag": 0, "dbInUse": 2**24, "dbSize": 2**25, "dbQuota": 2**31, "disk": "10Gi",
    "node": "worker-17.example.com", "restarts": 0, "problem": "",
}  # fmt: skip


def draw(made: object, width: int) -> list[str]:
    """The lines on a terminal of this width."""
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    with screen.capture() as capture:
        screen.print(made)
    return capture.get().rstrip("\n").split("\n")


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(160, ""), (110, "RESTARTS"), (80, "RESTARTS, NODE, DISK, LAG"), (40, "VERSION")],
)
def test_a_narrow_terminal_does_without_the_least_important_columns(
    width: int, left_out: str
) -> None:
    troubled = {**MEMBER, "name": "a-cluster-1", "problem": "It has no Pod at all."}
    lines = draw(render_members([MEMBER, troubled]), width)
    assert max(map(len, lines)) <= width
    assert "\u2026" not in "".join(lines), "nothing is cut"
    assert {"MEMBER", "ROLE", "READY", "PROBLEM"} <= set(lines[0].split())
    said = [line for line in lines if line.startswith("Left out")]
    assert bool(said) == bool(left_out)
    if left_out:
        assert left_out in " ".join(lines[lines.index(said[0]) :])
        assert not set(left_out.split(", ")) & set(lines[0].split())


def test_a_sentence_is_broken_before_a_column_is_left_out() -> None:
    rows = [("db", "Running", "a message of many words that needs several lines")]
    lines = draw(table(("name", "phase", "message"), rows, ("phase",)), 36)
    assert lines[0].split() == ["NAME", "PHASE", "MESSAGE"]
    assert len(lines) > 2
