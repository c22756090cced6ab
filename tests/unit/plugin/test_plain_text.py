"""What others have written, as a terminal may show it."""

from __future__ import annotations

import json

import pytest
import yaml
from rich.text import Text

from etcd_operator.plugin.console import complain, open_console, say, show, show_document, table
from etcd_operator.plugin.options import Output
from etcd_operator.plugin.plain_text import is_plain, plain, plain_line, plain_view

HOSTILE = "a\x1b[31mred\x1b]0;owned\x07 \x9b31m \u202ertl\nforged: line"
SHOWN = r"a\x1b[31mred\x1b]0;owned\x07 \x9b31m \u202ertl"


def test_what_a_terminal_obeys_is_escaped_and_all_else_stays() -> None:
    assert plain("naïve 日本 😀\t:name: [red]") == "naïve 日本 😀\t:name: [red]"
    assert plain(HOSTILE) == f"{SHOWN}\nforged: line"
    assert plain_line(HOSTILE) == f"{SHOWN} forged: line"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\x85", "\u2028"])
def test_nothing_looks_like_another_line(line_break: str) -> None:
    assert plain_view({"a": [f"one{line_break}two", 3]}) == {"a": ["one two", 3]}


def test_tables_and_sentences_are_shown_so(capsys: pytest.CaptureFixture[str]) -> None:
    show(
        [HOSTILE],
        Output.TEXT,
        lambda view: table(("message", "type"), [(view[0], Text(view[0], style="red"))]),
    )
    open_console().print(Text.assemble((HOSTILE, "bold")))
    say(HOSTILE)
    complain(HOSTILE)
    told = capsys.readouterr()
    assert is_plain(told.out)
    assert is_plain(told.err)
    assert r"\x1b[31mred" in told.out


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_documents_say_the_same(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    show_document({"message": HOSTILE}, output)
    text = capsys.readouterr().out
    assert is_plain(text)
    read = json.loads if output is Output.JSON else yaml.safe_load
    assert read(text) == {"message": HOSTILE}


def test_emoji_are_what_somebody_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print(table(("peer",), [("[fd00:100::1]",)]))
    assert "[fd00:100::1]" in capsys.readouterr().out


def test_in_a_pipe_no_line_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A script reads names whole, and a command can be copied."""
    prefix, command = "p" * 200, f"`kubectl annotate etcd db {'x' * 200}=1`"
    open_console().print(table(("prefix", "keys"), [(prefix, 12345)]))
    open_console().print(Text(f"To go on: {command}."))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [prefix, "12345"]
    assert command in lines[2]
