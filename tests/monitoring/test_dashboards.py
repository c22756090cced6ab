"""Every query of the dashboards is one that Prometheus understands."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from deploy.dashboards import DASHBOARDS
from tests.monitoring.promql import choose
from tests.monitoring.promtool import provide_promtool, run

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(900)]

EXPRESSIONS: Final = [
    choose(query.expression)
    for board in DASHBOARDS
    for panel in board.panels
    for query in panel.queries
] + [choose(each.expression) for board in DASHBOARDS for each in board.annotations]


def write(path: Path, expressions: list[str]) -> Path:
    """Write the queries as rules, which promtool reads without a server."""
    rules = [{"record": f"query:{number}", "expr": e} for number, e in enumerate(expressions)]
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    return path


def test_queries_are_understood(tmp_path: Path) -> None:
    assert len(EXPRESSIONS) > 80
    file = write(tmp_path / "queries.yaml", EXPRESSIONS)
    assert run(provide_promtool(), "check", "rules", "--lint=none", str(file)) == ""


def test_a_query_that_is_none_is_noticed(tmp_path: Path) -> None:
    file = write(tmp_path / "queries.yaml", [*EXPRESSIONS, "sum by (pod) (rate(up))"])
    assert "expected type range vector" in run(provide_promtool(), "check", "rules", str(file))
