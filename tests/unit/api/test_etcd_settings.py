"""Extra settings of etcd: known, allowed, and of the right kind, or refused with the remedy."""

from __future__ import annotations

import pytest

from etcd_operator.api.etcd_settings import DENIED, SETTINGS, check_settings, convert
from etcd_operator.core.objects.etcd_config import render_tuning
from tests.builders.snapshots import new

REFUSED = {
    ("data-dir", "/tmp", 5): "is decided by the operator",  # noqa: S108 (a value to refuse)
    ("force-new-cluster", "true", 5): "is decided by the operator",
    ("host-whitelist", "db.example.com", 5): "is decided by the operator",
    ("snapshot-count", "5", 5): "has a field of its own: use spec.etcdConfig.snapshotCount.",
    ("enable-grpc-gateway", "true", 5): "use spec.etcdConfig.enableGRPCGateway.",
    ("max-txn-opps", "5", 5): "is no setting of etcd 3.5: write it as",
    **{
        ("max-txn-ops", text, 5): f"{text} is not possible: it has to be a whole number such as 5"
        for text in ("many", "1_000", "+7", "-1", "1e3", "0x10", " 5", "5.0", "", "٣", "9" * 19)
    },
    ("max-concurrent-streams", "4294967296", 5): "a whole number such as 512, at most 4294967295.",
    ("distributed-tracing-sampling-rate", "2000000", 6): "at most 1000000.",
    ("compact-hash-check-time", "0s", 6): "it has to be a length of time such as 500ms, 30s or 5m, "
    "longer than none.",
    **{
        ("backend-batch-interval", text, 5): f"{text} is not possible: it has to be a length of"
        for text in ("100", "-1s", "1d", "1s ", "10 ms", "1.2.3s", ".s", "999999999h", "٣ms")
    },
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
        "backend-batch-interval": "10ms",
        "cipher-suites": "A, B",
        "metrics": "extensive",
    }
    assert list(check_settings(given, 5)) == []
    assert {name: convert(name, text) for name, text in given.items()} == {
        "max-txn-ops": 512,
        "pre-vote": False,
        "grpc-keepalive-timeout": 30_000_000_000,
        "backend-batch-interval": 10_000_000,
        "cipher-suites": ["A", "B"],
        "metrics": "extensive",
    }
    spec = new(1, etcdConfig={"extraArgs": given, "logLevel": "warn"}).cluster.spec
    assert render_tuning(spec)["max-txn-ops"] == 512
    assert render_tuning(spec)["log-level"] == "warn"


def test_nothing_is_both_allowed_and_denied() -> None:
    assert not DENIED & SETTINGS.keys()
