import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local import processes, supervisor

LIVE = "import os,sys,time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(60)"


def wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_ends_is_started_again_and_a_stop_is_the_end(tmp_path: Path) -> None:
    told, record = tmp_path / "told", tmp_path / "x.json"

    def lives() -> list[int]:
        return [int(line) for line in told.read_text().splitlines()] if told.exists() else []

    command = [sys.executable, "-m", "local.supervisor", sys.executable, "-c", LIVE, str(told)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    pid = processes.start(command, tmp_path / "x.log", record, environment)
    wait(lambda: len(lives()) == 1)
    os.kill(lives()[0], signal.SIGKILL)
    wait(lambda: len(lives()) == 2)
    processes.stop(record)
    os.waitpid(pid, 0)
    assert processes.observe(lives()[1]) is None
    assert "ended with status -9" in (tmp_path / "x.log").read_text()


def test_a_kill_reaches_both_at_once(tmp_path: Path) -> None:
    told, record = tmp_path / "told", tmp_path / "x.json"
    command = [sys.executable, "-m", "local.supervisor", sys.executable, "-c", LIVE, str(told)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    pid = processes.start(command, tmp_path / "x.log", record, environment)
    wait(lambda: told.exists() and told.read_text().endswith("\n"))
    processes.stop(record, kill=True)
    os.waitpid(pid, 0)
    wait(lambda: processes.observe(int(told.read_text())) is None)


def test_one_that_never_lives_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_RESTART_DELAY", 0.0)
    before = signal.getsignal(signal.SIGTERM)
    assert supervisor.keep([sys.executable, "-c", "raise SystemExit(3)"]) == 1
    assert signal.getsignal(signal.SIGTERM) == before
