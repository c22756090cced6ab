"""The page about state machines: every transition is drawn, in words that Mermaid can read."""

from __future__ import annotations

import re

import pytest

from docs.state_machines import PAGES, Page, say_condition, write_state_machines

ARROW = re.compile(r"^    (\S+) --> (\S+): (.+)$", re.MULTILINE)


def name_page(page: Page) -> str:
    """The folder of the machine, as the name of its test."""
    return page.folder


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_every_transition_is_an_arrow(page: Page) -> None:
    section = write_state_machines().partition(f"\n## {page.title}\n")[2].partition("\n## ")[0]
    drawn = [(a, b, label.replace("<br>", " ")) for a, b, label in ARROW.findall(section)]
    assert drawn == [
        (
            row.stage.name if row.stage else "[*]",
            row.to.name if row.to else "[*]",
            say_condition(row.when),
        )
        for row in page.machine.transitions
    ]
    assert drawn


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_every_condition_is_a_clause(page: Page) -> None:
    """Without what ends the text of an arrow in Mermaid."""
    for row in page.machine.rows:
        assert re.fullmatch(r"[^:;#<>|]+[^.:;#<>|]", say_condition(row.when))
        assert (row.do.__doc__ or "").partition("\n\n")[0].endswith(".")
