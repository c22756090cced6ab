import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from local import processes

STAT = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 1000 10"


def test_a_program_may_have_any_name() -> None:
    assert processes.parse_stat(STAT) == ("S", 123456)


def test_a_process_is_recognised_and_another_with_its_pid_is_not(tmp_path: Path) -> None:
    record = tmp_path / "self.json"
    this = processes.observe("self")
    assert this is not None
    assert this == processes.observe(os.getpid())
    processes.save(this, record)
    assert processes.recorded(record) == this
    processes.save(replace(this, started=this.started + 1), record)
    assert processes.recorded(record) is None


def test_what_was_started_runs_on_and_can_be_stopped(tmp_path: Path) -> None:
    record, log = tmp_path / "records" / "x.json", tmp_path / "logs" / "x.log"
    program = "import time; print('hello', flush=True); time.sleep(60)"
    pid = processes.start([sys.executable, "-c", program], log, record, {})
    process = processes.recorded(record)
    assert process is not None
    assert process.pid == pid
    deadline = time.monotonic() + 10
    while "hello" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    processes.stop(record)
    assert processes.observe(pid) is None
    assert not record.exists()
    assert log.read_text() == "hello\n"
    os.waitpid(pid, 0)


def test_stopping_nothing_is_fine(tmp_path: Path) -> None:
    processes.stop(tmp_path / "absent.json")
    assert processes.observe(2**22 + 1) is None
