"""Each alert fires on its fault and once only, is quiet close to it, and none fires at rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.__main__ import MONITORING
from deploy.alerts import ALERTS
from tests.builders import scrapes
from tests.monitoring.cases import CASES, Case
from tests.monitoring.planned import PLANNED, restart, roll
from tests.monitoring.promtool import provide_promtool, run
from tests.monitoring.series import LONG, REST, Series, scrape

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(900)]

RULES = MONITORING / "rules.yaml"


@pytest.fixture(scope="session")
def promtool() -> Path:
    return provide_promtool()


def group(series: Series, minute: int, expression: str, firing: list[str], step: str) -> Any:
    """What Prometheus answers about alerts at a minute, as promtool reads it."""
    asked = f'count by (alertname) (ALERTS{{alertstate="firing"{expression}}})'
    answers = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing]
    return {
        "interval": step,
        "input_series": [
            {"series": text, "values": values} for text, values in scrape(series).items()
        ],
        "promql_expr_test": [{"expr": asked, "eval_time": f"{minute}m", "exp_samples": answers}],
    }


def write(path: Path, groups: list[Any], step: str = "1m", rules: Path = RULES) -> Path:
    """Write a file of tests."""
    path.write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": step, "tests": groups})
    )
    return path


def pick(alert: str, path: Path) -> Path:
    """Write the rule of one alert as it is shipped: the others take a minute of computing."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for each in groups for rule in each["rules"] if rule["alert"] == alert]
    path.write_text(yaml.safe_dump({"groups": [{"name": alert, "rules": rules}]}))
    return path


def judge(path: Path, alert: str, case: Case) -> Path:
    """Write the tests of an alert."""
    only = f',alertname="{alert}"'
    groups = [
        group({**REST, **case.fires}, case.minute, only, [alert], case.step),
        group({**REST, **case.quiet}, case.minute, only, [], case.step),
    ]
    if case.also_fires:
        groups.append(group({**REST, **case.also_fires}, case.minute, only, [alert], case.step))
        groups.append(group({**REST, **case.also_quiet}, case.minute, only, [], case.step))
    return write(path, groups, case.step, pick(alert, path.with_name("rule.yaml")))


def test_rules_are_valid(promtool: Path) -> None:
    assert run(promtool, "check", "rules", str(RULES)) == ""


@pytest.mark.parametrize("alert", [alert.name for alert in ALERTS])
def test_an_alert_fires_once_and_only_on_its_fault(
    promtool: Path, tmp_path: Path, alert: str
) -> None:
    file = judge(tmp_path / "test.yaml", alert, CASES[alert])
    assert run(promtool, "test", "rules", str(file)) == ""


def test_a_test_that_expects_the_wrong_thing_is_noticed(promtool: Path, tmp_path: Path) -> None:
    case = CASES["EtcdNoQuorum"]
    swapped = Case(case.minute, case.quiet, case.fires)
    file = judge(tmp_path / "test.yaml", "EtcdNoQuorum", swapped)
    assert "FAILED" in run(promtool, "test", "rules", str(file))


def test_nothing_fires_at_rest(promtool: Path, tmp_path: Path) -> None:
    tests = [group(REST, minute, "", [], "1m") for minute in (5, 60, 240, LONG - 10)]
    file = write(tmp_path / "test.yaml", tests)
    assert run(promtool, "test", "rules", str(file)) == ""


def write_change(path: Path, series: Series) -> Path:
    """Write the test that nothing fires, minute by minute and long afterwards."""
    tests = group({**REST, **series}, 1, "", [], "1m")
    (asked,) = tests["promql_expr_test"]
    minutes = [*range(1, 30), 60, 125]
    tests["promql_expr_test"] = [{**asked, "eval_time": f"{minute}m"} for minute in minutes]
    return write(path, [tests])


@pytest.mark.parametrize("change", PLANNED)
def test_nothing_fires_while_a_change_is_carried_out(
    promtool: Path, tmp_path: Path, change: str
) -> None:
    file = write_change(tmp_path / "test.yaml", PLANNED[change])
    assert run(promtool, "test", "rules", str(file)) == ""


def test_a_roll_whose_members_stay_away_is_noticed(promtool: Path, tmp_path: Path) -> None:
    file = write_change(tmp_path / "test.yaml", roll(away=20))
    said = run(promtool, "test", "rules", str(file))
    assert "EtcdMemberDown" in said
    assert "EtcdQuorumAtRisk" in said


def test_an_operator_that_stays_away_is_noticed(promtool: Path, tmp_path: Path) -> None:
    file = write_change(tmp_path / "test.yaml", restart(away=10))
    assert "EtcdOperatorDown" in run(promtool, "test", "rules", str(file))


def test_metrics_have_the_names_of_prometheus(promtool: Path) -> None:
    metrics = scrapes.build(clusters=2)
    assert run(promtool, "check", "metrics", stdin=metrics.expose().decode()) == ""
