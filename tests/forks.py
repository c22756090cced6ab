"""Tests on every processor: collected once, then run by forks of the process that did.

A plugin of pytest for thousands of short tests: to collect them takes as long as to run a good part
of them, and no process does so again. A file is run by whichever process is free. The largest come
first, so that all processes end at about the same time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, pairwise
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol

OPTION: Final = "--forks"
# The bytes of the number of a file in the queue, which is a pipe.
NUMBER: Final = 4
Files = list[list[pytest.Item]]
# A report as it goes through a pipe.
Made = pytest.TestReport | dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the number of processes be chosen."""
    # One or two of them wait for a socket or another process most of the time.
    processes = len(os.sched_getaffinity(0)) + 2
    parser.addoption(OPTION, type=int, default=processes, help="Processes that run tests.")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what was collected by forks, unless one process is enough."""
    files = _by_file(session.items)
    processes = min(len(files), session.config.getoption(OPTION))
    if processes < 2 or session.testsfailed or session.config.option.collectonly:
        return None
    # All write below one directory, which this process cleans up.
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # no other way
    _Forks(session, files, processes).run()
    return True


def _by_file(items: list[pytest.Item]) -> Files:
    files: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    return [files[path] for path in sorted(files, key=lambda path: -path.stat().st_size)]


class _Forks:
    """The forks, and what they report."""

    def __init__(self, session: pytest.Session, files: Files, processes: int) -> None:
        self._session = session
        self._files = files
        self._missing = {item.nodeid: item for item in chain(*files)}
        self._reports: list[Connection] = []
        self._processes = self._start(processes)

    def run(self) -> None:
        """Take reports until every process has ended; a test without one has failed."""
        try:
            while self._reports:
                for each in wait(self._reports):
                    assert isinstance(each, Connection)
                    self._take(each)
            for process in self._processes:
                process.join()
        finally:
            for process in self._processes:
                process.kill()
        if ended := [process.exitcode for process in self._processes if process.exitcode]:
            for item in self._missing.values():
                self._tell(item, [_fail(item, ended)])
            raise self._session.Failed(f"a process that ran tests ended with {ended}")

    def _start(self, processes: int) -> list[ForkProcess]:
        queue, filled = os.pipe()
        numbers = range(len(self._files))
        os.write(filled, b"".join(number.to_bytes(NUMBER, "big") for number in numbers))
        os.close(filled)
        started = []
        for _ in range(processes):
            received, sent = multiprocessing.Pipe(duplex=False)
            self._reports.append(received)
            arguments = (self._session.config, self._files, queue, self._reports, sent)
            process = multiprocessing.get_context("fork").Process(target=_run, args=arguments)
            process.start()
            started.append(process)
            sent.close()
        os.close(queue)
        return started

    def _take(self, reports: Connection) -> None:
        try:
            test, made = reports.recv()
        except EOFError:
            self._reports.remove(reports)
            return
        item = self._missing.pop(test)
        self._tell(item, [self._load(each) for each in made])
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)

    def _load(self, made: Made) -> pytest.TestReport:
        if isinstance(made, pytest.TestReport):
            return made
        config = self._session.config
        report = config.hook.pytest_report_from_serializable(config=config, data=made)
        assert isinstance(report, pytest.TestReport)
        return report

    def _tell(self, item: pytest.Item, reports: list[pytest.TestReport]) -> None:
        hook, test = item.ihook, {"nodeid": item.nodeid, "location": reports[0].location}
        hook.pytest_runtest_logstart(**test)
        for each in reports:
            hook.pytest_runtest_logreport(report=each)
        hook.pytest_runtest_logfinish(**test)


def _fail(item: pytest.Item, ended: list[int]) -> pytest.TestReport:
    told = f"It was not run to its end: a process that ran tests ended with {ended}."
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", told, "call")


def _run(
    config: pytest.Config, files: Files, queue: int, others: list[Connection], sent: Connection
) -> None:
    """Run files until there is none left: all that a fork does."""
    for each in others:
        each.close()
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    # The file that output is captured in has one offset for all processes that were forked with it.
    capture.stop_global_capturing()
    capture.start_global_capturing()
    config.pluginmanager.register(_Reporter(sent))
    for item, following in pairwise(chain(_take_items(files, queue), [None])):
        config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    capture.stop_global_capturing()
    # What is garbage yet may have something to say.
    config._ensure_unconfigure()


def _take_items(files: Files, queue: int) -> Iterator[pytest.Item]:
    while number := os.read(queue, NUMBER):
        yield from files[int.from_bytes(number, "big")]


class _Reporter:
    """What a fork does with reports: it sends them, and nothing else."""

    def __init__(self, sent: Connection) -> None:
        self._sent = sent

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test and send its reports, in one piece."""
        dump = item.config.hook.pytest_report_to_serializable
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        # One that has no traceback, as nearly all, can be sent as it is.
        made: list[Made] = [
            each if each.passed else dump(config=item.config, report=each) for each in reports
        ]
        self._sent.send((item.nodeid, made))
        return True
