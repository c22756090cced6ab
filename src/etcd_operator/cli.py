"""The operator's process: it begins to list, and loads meanwhile what acts on the lists."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from etcd_operator.errors import OperatorError
from etcd_operator.runtime.engine.following import Following
from etcd_operator.runtime.process import library_logs, logs
from etcd_operator.runtime.process.clock import SystemClock
from etcd_operator.settings import Settings, read_settings

if TYPE_CHECKING:
    from etcd_operator.replica import Operator

log = structlog.get_logger("operator")


async def run_until_signalled(settings: Settings, context: str = "") -> None:
    """Run the operator until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(operate(settings, context))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")


async def operate(settings: Settings, context: str = "") -> None:
    """Follow all objects, and act on them, until cancelled."""
    following = Following(settings, context)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(following.run())
            # In a thread: the answers of the API server are read while modules are.
            operator = await asyncio.to_thread(load_operator)
            group.create_task(operator(settings, following, SystemClock()).run())
    finally:
        await following.close()


def load_operator() -> type[Operator]:
    """Load what acts on the lists, which is half of the process's code."""
    from etcd_operator.replica import Operator

    return Operator


def run(words: Sequence[str] = ()) -> int:
    """Run the operator, as the environment sets it up.

    The exit code is 0 after SIGTERM or SIGINT, 1 with a sentence in the log if it cannot run, and 2
    for words that are no option.
    """
    parser = argparse.ArgumentParser(prog="etcd-operator", description="Run the operator.")
    parser.add_argument("--context", default="", help="a context of your kubeconfig")
    options = parser.parse_args(words)
    _start_logging("info")
    try:
        settings = read_settings(os.environ)
        _start_logging(settings.log_level)
        log.info("starting", identity=settings.identity, namespaces=settings.namespaces or "all")
        asyncio.run(run_until_signalled(settings, options.context))
    except* OperatorError as errors:
        # The parts of the operator run in a group, and what one of them raises comes in a group.
        sentences = _name_errors(errors)
    else:
        return 0
    log.error("cannot run", error="; ".join(sentences))
    return 1


def _name_errors(errors: BaseExceptionGroup[OperatorError]) -> list[str]:
    """Texts of all errors in a group, and in the groups in it."""
    texts = []
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            texts += _name_errors(error)
        else:
            texts.append(str(error))
    return texts


def _start_logging(level: str) -> None:
    logs.configure(level)
    library_logs.capture(level)
