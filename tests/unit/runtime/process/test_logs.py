"""The log as it is written: every line has the form that the documents promise."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import structlog

from etcd_operator import errors
from etcd_operator.runtime.process import logs
from etcd_operator.runtime.process.log_line import LogLine
from tests.builders.log_lines import logging_at, read_lines
from tests.fakes.clock import LoopClock

SOURCES = Path(errors.__file__).parent
KEY = ("team", "db")
LEVEL = "etcd.etcd.io/log-level"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written."""
    return read_lines(capsys.readouterr().out)


async def write_all(annotations: dict[str, str]) -> None:
    """Log at every level in a pass, and outside."""
    log = structlog.get_logger()
    with logs.in_pass("EtcdCluster", KEY, annotations, LoopClock()):
        for level in logs.LEVELS:
            getattr(log, level)("inside", reason=level)
    for level in logs.LEVELS:
        getattr(log, level)("outside", reason=level)


def written(capsys: pytest.CaptureFixture[str], event: str) -> list[str]:
    """The levels of the lines with this event."""
    return [line["level"] for line in lines(capsys) if line["event"] == event]


async def test_a_line_of_a_pass_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_at("info"):
        for _ in range(2):
            with logs.in_pass("EtcdCluster", KEY, {}, LoopClock()):
                structlog.get_logger().info("Added db-3.", reason="MemberAdded")
        first, second = lines(capsys)
    assert first["cluster"] == "team/db"
    assert first["duration"] >= 0
    assert second["pass"] == first["pass"] + 1


async def test_a_pass_over_a_backup_names_the_backup(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_at("info"), logs.in_pass("EtcdBackup", KEY, {}, LoopClock()):
        structlog.get_logger().info("decision")
    (line,) = lines(capsys)
    assert line["backup"] == "team/db"
    assert "cluster" not in line


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        ("info", "", ["info", "warning", "error"]),
        ("info", "debug", ["debug", "info", "warning", "error"]),
        ("error", "info", ["info", "warning", "error"]),
        ("info", "error", ["info", "warning", "error"]),
        ("warning", "DEBUG", ["warning", "error"]),
        ("warning", "0", ["warning", "error"]),
        ("warning", "debug" * 100_000, ["warning", "error"]),
    ],
)
async def test_a_cluster_may_ask_for_more_and_never_for_less(
    capsys: pytest.CaptureFixture[str], own: str, asked: str, expected: list[str]
) -> None:
    with logging_at(own):
        await write_all({LEVEL: asked})
    assert written(capsys, "inside") == expected


async def test_the_level_of_a_cluster_is_for_its_passes_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with logging_at("warning"):
        await write_all({LEVEL: "debug"})
    assert written(capsys, "outside") == ["warning", "error"]


def test_a_crash_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_at("error"):
        try:
            int("x" * 100_000)
        except ValueError:
            structlog.get_logger().exception("pass crashed")
    (line,) = lines(capsys)
    assert line["level"] == "error"
    assert "Traceback" in line["exception"]
    assert len(line["exception"]) <= logs.MOST_CHARACTERS


def find_fields() -> set[str]:
    """The names under which the operator logs anything."""
    found: set[str] = set()
    texts = (path.read_text() for path in SOURCES.rglob("*.py"))
    for text in (text for text in texts if re.search(r"\blog\b", text)):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
                found |= {word.arg for word in node.keywords if word.arg}
    return found


def test_whatever_is_logged_is_described() -> None:
    described = {field.alias or name for name, field in LogLine.model_fields.items()}
    found = find_fields()
    assert len(found) > 10
    assert found <= described
    from_processors = {"event", "level", "timestamp", "pass", "duration", "exception", "logger"}
    assert described - found == {*from_processors, "backup", "restore"}
