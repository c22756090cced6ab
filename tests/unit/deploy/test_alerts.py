"""The table of alerts: what it names exists, has a runbook and a test, and counts nothing twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.alerts import ALERTS
from deploy.alerts.alert import Alert
from deploy.monitoring_files import build_rules, build_scrape_configs
from etcd_operator.core.reasons.registry import CLUSTER as CLUSTER_REASONS
from etcd_operator.core.reasons.registry import REASONS, alert_of
from tests.builders import scrapes
from tests.e2e.runbook import read_commands
from tests.monitoring.cases import CASES

PROJECT: Final = Path(__file__).resolve().parents[3]
SECTIONS: Final = (
    "Meaning",
    "What users feel",
    "Diagnosis",
    "Remedy",
    "When to call whom",
)
each_alert: Final = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def test_names_are_unique() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    pages = {f"docs/runbooks/{page.name}" for page in (PROJECT / "docs/runbooks").glob("*.md")}
    assert pages == {alert.runbook for alert in ALERTS}


@each_alert
def test_a_runbook_says_all_that_it_has_to(alert: Alert) -> None:
    text = (PROJECT / alert.runbook).read_text()
    assert text.startswith(f"# {alert.name}\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == SECTIONS
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(part.strip() for part in parts)
    _, _, diagnosis, remedy, _ = parts
    assert "```sh\nkubectl " in diagnosis
    assert "```sh\nkubectl " in remedy


def test_each_alert_is_proven_to_fire_and_each_case_is_of_an_alert() -> None:
    assert set(CASES) == {alert.name for alert in ALERTS}


def test_metrics_of_the_operator_exist() -> None:
    families = text_string_to_metric_families(scrapes.build(clusters=1).expose().decode())
    known = {sample.name for family in families for sample in family.samples}
    for alert in ALERTS:
        assert set(re.findall(r"etcd_operator_\w+", alert.expression)) <= known, alert.name


@each_alert
def test_reasons_are_registered(alert: Alert) -> None:
    registered = {reason.name for reason in CLUSTER_REASONS}
    for named in re.findall(r'reason(?:=~|!=|=)"([^"]+)"', alert.expression):
        assert set(named.split("|")) <= registered


@each_alert
def test_a_reason_names_the_alert_that_fires_on_it(alert: Alert) -> None:
    for named in re.findall(r'reason=~"([^"]+)"', alert.expression):
        of = {r.name: alert_of(r) for r in CLUSTER_REASONS if r.name in named.split("|")}
        assert of == dict.fromkeys(named.split("|"), alert.name)


def test_each_reason_names_an_alert_that_is_there() -> None:
    named = {alert_of(reason) for reasons in REASONS.values() for reason in reasons}
    assert named - {""} <= {alert.name for alert in ALERTS}


@each_alert
def test_commands_of_a_runbook_need_no_certificate_and_name_what_they_are_about(
    alert: Alert,
) -> None:
    """etcdctl in a member has none of its own, and a cluster may have TLS and users."""
    commands = [c for part in ("Diagnosis", "Remedy") for c in read_commands(alert.name, part)]
    assert not [command for command in commands if " exec " in command]
    placeholders = {name for command in commands for name in re.findall(r"\$[A-Z]+", command)}
    assert placeholders <= {"$NAMESPACE", "$CLUSTER", "$MEMBER", "$NAME", "$NODE"}


@each_alert
def test_series_of_clusters_are_aggregated_over_the_replicas(alert: Alert) -> None:
    """Both replicas may show a cluster: a bare selector would fire twice."""
    series = r"etcd_operator_(?:cluster|backup)_"
    bare = re.sub(rf"(?:max|count) by \([^)]*\) \((?:\w+\()?{series}", "", alert.expression)
    assert not re.search(series, bare)


@each_alert
def test_an_alert_says_what_it_is_about(alert: Alert) -> None:
    assert alert.summary.endswith(".")
    assert "{{" not in alert.summary
    assert alert.description.endswith(".")


def test_rules_link_to_the_runbooks() -> None:
    rules = [rule for group in build_rules()["groups"] for rule in group["rules"]]
    assert [rule["annotations"]["runbook_url"] for rule in rules] == [a.runbook for a in ALERTS]


def test_labels_of_clusters_win_over_those_of_the_operators_pods() -> None:
    """Without it `namespace` would be the operator's, and that of the cluster be renamed."""
    operator, members = build_scrape_configs()["scrape_configs"]
    assert operator["honor_labels"] is True
    targets = {config.get("target_label") for config in members["relabel_configs"]}
    assert {"namespace", "cluster", "pod"} <= targets
