"""What libraries and Python itself have to say, in the form of the operator's log.

Left alone, they write text to standard error, and the log of a container has both streams.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from etcd_operator.runtime.process.logs import FORM

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# At info some of them tell of each request.
_LEAST: Final = logging.WARNING
_python: Final = logging.getLogger("python")


def capture(level: str) -> None:
    """Write what is logged by libraries at this level and above, and at least is a warning.

    That includes warnings of Python, and exceptions that end the process, a thread or a finalizer.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_use_known_level)
    forget = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[_name_logger, forget, *FORM])
    )
    least = max(logging.getLevelNamesMapping()[level.upper()], _LEAST)
    logging.basicConfig(handlers=[handler], level=least, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _, error, __: _python.error("crashed", exc_info=error)
    threading.excepthook = _note_thread
    sys.unraisablehook = _note_finalizer


def _use_known_level(record: logging.LogRecord) -> bool:
    """Levels of our log are four; these two are left of those of any library."""
    record.levelname = "ERROR" if record.levelno >= logging.ERROR else "WARNING"
    return True


def _name_logger(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**line, "logger": line["_record"].name}


def _note_thread(error: threading.ExceptHookArgs) -> None:
    _python.error("thread crashed", exc_info=error.exc_value)


def _note_finalizer(error: UnraisableHookArgs) -> None:
    _python.error("finalizer crashed", exc_info=error.exc_value)
