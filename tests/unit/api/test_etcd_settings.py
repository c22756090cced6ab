"""Extra settings of etcd: known, allowed, and of the right kind, or refused with the remedy."""

from __future__ import annotations

import pytest

from etcd_operator.api.etcd_settings import DENIED, SETTINGS, check_settings, convert
from etcd_operator.core.render.etcd_config import render_tuning
from tests.unit.core.scenes import new

REFUSED = {
    ("data-dir", "/tmp", 5): "is decided by the operator",  # noqa: S108 (a value to refuse)
    ("force-new-cluster", "true", 5): "is decided by the operator",
    ("snapshot-count", "5", 5): "has a field of its own: use spec.etcdConfig.snapshotCount.",
    ("max-txn-opps", "5", 5): "is no setting of etcd 3.5: write it as",
    ("max-txn-ops", "many", 5): "many is not possible: it has to be a whole number.",
    ("pre-vote", "yes", 5): "yes is not possible: it has to be true or false.",
    ("grpc-keepalive-timeout", "soon", 5): "it has to be a length of time",
    ("corrupt-check-time", "1h", 5): "is no setting of etcd 3.5",
    (
        "experimental-corrupt-check-time",
        "1h",
        7,
    ): "is no setting of etcd 3.7: use corrupt-check-time",
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: "-".join(map(str, case)))
def test_refused(case: tuple[str, str, int]) -> None:
    name, text, minor = case
    ((field, sentence),) = check_settings({name: text}, minor)
    assert field == f"spec.etcdConfig.extraArgs.{name}"
    assert REFUSED[case] in sentence


def test_values_are_written_as_etcd_reads_them() -> None:
    given = {
        "max-txn-ops": "512",
        "pre-vote": "false",
        "grpc-keepalive-timeout": "30s",
        "cipher-suites": "A, B",
        "metrics": "extensive",
    }
    assert list(check_settings(given, 5)) == []
    assert {name: convert(name, text) for name, text in given.items()} == {
        "max-txn-ops": 512,
        "pre-vote": False,
        "grpc-keepalive-timeout": 30_000_000_000,
        "cipher-suites": ["A", "B"],
        "metrics": "extensive",
    }
    spec = new(1, etcdConfig={"extraArgs": given, "logLevel": "warn"}).cluster.spec
    assert render_tuning(spec)["max-txn-ops"] == 512
    assert render_tuning(spec)["log-level"] == "warn"


def test_nothing_is_both_allowed_and_denied() -> None:
    assert not DENIED & SETTINGS.keys()
