"""One JSON object per line on standard output. Objects and Secrets are never logged whole.

Every line of a pass says which object it is about, which pass it is and how long it has lasted:
whoever logs need not know. What the lines may hold is `log_line.LogLine`.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import structlog
from structlog.typing import Processor

from etcd_operator.core.model.naming import ANNOTATION_LOG_LEVEL
from etcd_operator.runtime.process.clock import Clock

LEVELS: Final = ("debug", "info", "warning", "error")
# One line with a whole traceback has been seen to have a few thousand characters.
MOST_CHARACTERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Pass:
    """The pass that a line belongs to, and from which level on its object is logged."""

    about: str
    name: str
    number: int
    begun: float
    clock: Clock
    level: int


_pass: ContextVar[_Pass | None] = ContextVar("pass", default=None)
_numbers: Final = itertools.count(1)


@contextmanager
def in_pass(
    kind: str, key: tuple[str, str], annotations: Mapping[str, str], clock: Clock
) -> Iterator[None]:
    """Let every line that is logged inside belong to a new pass over this object."""
    about = kind.removeprefix("Etcd").lower()  # cluster, backup or restore
    level = read_level(annotations)
    current = _Pass(about, "/".join(key), next(_numbers), clock.monotonic(), clock, level)
    token = _pass.set(current)
    try:
        yield
    finally:
        _pass.reset(token)


def read_level(annotations: Mapping[str, str]) -> int:
    """Return from which level on an object is to be logged, as its annotation says.

    Its owner may ask for more than the operator's own level, and never for less: nobody takes from
    the log what others look for in it.
    """
    asked = annotations.get(ANNOTATION_LOG_LEVEL, "")
    return _number(asked) if asked in LEVELS else logging.CRITICAL


def configure(level: str) -> None:
    """Set up logging for the process; `level` is debug, info, warning or error."""
    structlog.configure(
        processors=[_Threshold(_number(level)), *FORM],
        # The threshold decides: the level is not the same for all clusters.
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=True,
    )


@dataclass(frozen=True, slots=True)
class _Threshold:
    """Drops the lines that nobody has asked for."""

    level: int

    def __call__(
        self, _: Any, method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        current = _pass.get()
        least = min(self.level, current.level) if current else self.level
        if _number("error" if method == "exception" else method) < least:
            raise structlog.DropEvent
        return line


def _add_pass(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = _pass.get()
    if current is not None:
        line.setdefault(current.about, current.name)
        line["pass"] = current.number
        line["duration"] = round(current.clock.monotonic() - current.begun, 6)
    return line


def _shorten(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in line.items():
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            line[name] = value[:MOST_CHARACTERS]
    return line


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


# What makes a line of what was logged, whoever did.
FORM: Final[tuple[Processor, ...]] = (
    structlog.processors.add_log_level,
    _add_pass,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _shorten,
    structlog.processors.JSONRenderer(),
)
