"""Signals while a verb works, and while it asks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import typer

from etcd_operator.plugin import session
from etcd_operator.plugin.exits import Exit
from etcd_operator.plugin.interrupts import end_as_interrupts
from etcd_operator.plugin.session import Place, Session
from tests.builders.plugin import Terminal
from tests.fakes.user_api import put_cluster, put_pods

DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def _in_a_terminal() -> Iterator[None]:
    """What runs in the background, or under nohup, has some of these ignored from the start."""
    before = {number: signal.signal(number, usual) for number, usual in DEFAULTS.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_a_verb_after_its_keys_are_removed(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(session, "connect", terminal.api.session)

    async def work(own: Session) -> Exit:
        with TemporaryDirectory(dir=tmp_path):
            asyncio.get_running_loop().call_soon(signal.raise_signal, number)
            await asyncio.Event().wait()
        return Exit.DONE

    before = signal.getsignal(number)
    with pytest.raises(typer.Exit) as ended:
        session.run(Place(), work)
    assert ended.value.exit_code == CODES[number]
    assert list(tmp_path.iterdir()) == []
    assert terminal.api.closed
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_a_question_at_once(number: signal.Signals) -> None:
    terminal = Terminal()
    put_cluster(terminal.server)
    put_pods(terminal.server)
    read = []

    def interrupt() -> None:
        signal.raise_signal(number)
        read.append("the answer")

    ended = terminal.type("scale", "db", "1", answer="y\n", meanwhile=interrupt)
    assert (ended.code, read) == (CODES[number], [])
    assert not [said for said, _ in terminal.server.sent if said.startswith("patch")]


def test_a_signal_that_nohup_has_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with end_as_interrupts():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_ends_a_verb_whose_interrupts_are_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with end_as_interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupts.code == CODES[signal.SIGTERM]
