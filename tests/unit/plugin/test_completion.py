from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from etcd_operator.errors import KubeUnavailable
from etcd_operator.plugin import app, completion, session
from etcd_operator.plugin.app import VERBS
from etcd_operator.plugin.session import Place, Session
from tests.builders.plugin import Terminal
from tests.fakes.user_api import put_cluster

PressTab = Callable[..., list[str]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    for name in ("db", "db-copy", "web"):
        put_cluster(terminal.server, name)
    monkeypatch.setattr(session, "connect", terminal.api.session)
    return terminal


@pytest.fixture
def press_tab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> PressTab:
    """What kubectl reads after these words, the last of which is being typed."""
    for key in ("_KUBECTL_ETCD_COMPLETE", "COMP_WORDS", "COMP_CWORD"):
        monkeypatch.setenv(key, "")

    def press(*words: str) -> list[str]:
        monkeypatch.setattr("sys.argv", [f"/usr/local/bin/{completion.PROGRAM}", *words])
        app.main()
        return capsys.readouterr().out.splitlines()

    return press


def test_every_verb_with_what_it_does(press_tab: PressTab) -> None:
    *lines, last = press_tab("")
    found = dict(line.split("\t") for line in lines)
    assert found.keys() == VERBS.keys()
    assert all(summary.endswith(".") for summary in found.values())
    assert last == ":4"


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("scale", "--w"), ["--wait\tShow the progress until it is done, or cannot be.", ":4"]),
        (("status", "--output", "j"), ["json", ":4"]),
        (("status", "d"), ["db", "db-copy", ":4"]),
        (("scale", "--namespace", "team", "w"), ["web", ":4"]),
        (("plan", "web", "--filename", ""), [":0"]),
        (("status", "x"), [":0"]),
    ],
)
def test_what_the_last_word_may_become(
    terminal: Terminal, press_tab: PressTab, words: tuple[str, ...], lines: list[str]
) -> None:
    assert press_tab(*words) == lines


def test_without_an_answer_there_are_no_names(terminal: Terminal, press_tab: PressTab) -> None:
    terminal.api.error = KubeUnavailable("no route")
    assert press_tab("status", "") == [":0"]


def test_a_shell_does_not_stand_still_for_long(
    terminal: Terminal, press_tab: PressTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> list[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(completion, "LONGEST", 0.01)
    monkeypatch.setattr(completion, "_list_clusters", hang)
    assert press_tab("status", "") == [":0"]


def test_names_are_of_the_context_and_namespace_that_were_typed(
    terminal: Terminal, press_tab: PressTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []

    def connect(place: Place) -> Session:
        places.append(place)
        return terminal.api.session(place)

    monkeypatch.setattr(session, "connect", connect)
    press_tab("logs", "--context=far", "-n", "team", "")
    assert places == [Place("far", "team")]
