"""The log as the operator writes it, each line checked with its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from etcd_operator.runtime.process import logs
from etcd_operator.runtime.process.log_line import LogLine


@contextmanager
def logging_at(level: str) -> Iterator[None]:
    """Log as the operator does; no logger remembers it beyond."""
    before = structlog.get_config()
    logs.configure(level)
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def read_lines(text: str) -> list[dict[str, Any]]:
    """Return the lines; raises ValidationError for one that is not as the documents say."""
    for line in text.splitlines():
        LogLine.model_validate_json(line)
    return [json.loads(line) for line in text.splitlines()]
