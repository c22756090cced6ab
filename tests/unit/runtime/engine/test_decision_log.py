"""What the log says of passes: a line for each decision that changed, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.log_lines import logging_at, read_lines
from tests.builders.snapshots import formed, silent
from tests.harnesses.reconciler import ReconcilerHarness, at_rest


def decisions(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines about decisions."""
    return [line for line in read_lines(capsys.readouterr().out) if line["event"] == "decision"]


async def test_a_decision_is_one_line_until_it_is_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    with logging_at("debug"):
        for _ in range(3):
            await harness.make_pass()
    (first,) = decisions(capsys)
    assert (first["cluster"], first["rule"]) == ("team/db", "report_settled")
    assert (first["reason"], first["phase"], first["done"]) == ("Healthy", "Running", 0)
    harness.snapshot = at_rest(silent(formed(3), 1, 2))
    with logging_at("debug"):
        for _ in range(2):
            await harness.make_pass()
    (second,) = decisions(capsys)
    assert (second["rule"], second["reason"]) == ("wait_for_quorum", "NoQuorum")
    assert second["message"]


async def test_at_debug_each_pass_is_a_line_also_where_nothing_has_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    with logging_at("debug"):
        for _ in range(3):
            await harness.make_pass()
    lines = [line for line in read_lines(capsys.readouterr().out) if line["event"] == "pass"]
    assert [line["cluster"] for line in lines] == ["team/db"] * 3
    assert [line.get("rule", "") for line in lines] == ["report_settled", "", ""]
    assert lines[-1]["message"] == "Nothing has changed since the last decision."
