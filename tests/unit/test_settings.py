"""Settings from the environment, and the cluster's DNS domain from a Pod's resolv.conf."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from etcd_operator import settings as settings_module
from etcd_operator.errors import OperatorError
from etcd_operator.settings import detect_domain, read_settings


@pytest.fixture(autouse=True)
def outside_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No resolv.conf but the one that a test writes."""
    path = tmp_path / "resolv.conf"
    monkeypatch.setattr(settings_module, "RESOLV_CONF", path)
    return path


def test_an_empty_environment() -> None:
    settings = read_settings({})
    assert settings.identity == socket.gethostname()
    assert settings.own_namespace == "etcd-operator-system"
    assert settings.namespaces == ()
    assert settings.domain == "cluster.local"
    assert (settings.log_level, settings.port, settings.workers) == ("info", 8081, 64)
    assert settings.assign_user_ids
    assert settings.shards == 1


def test_everything_set() -> None:
    settings = read_settings(
        {
            "POD_NAME": "operator-abc",
            "POD_NAMESPACE": "ops",
            "WATCH_NAMESPACES": "a, b,,",
            "CLUSTER_DOMAIN": "corp.example",
            "LOG_LEVEL": "DEBUG",
            "PORT": "9000",
            "WORKERS": "2",
            "SHARDS": "4",
            "ASSIGN_USER_IDS": "False",
        }
    )
    assert not settings.assign_user_ids
    assert (settings.identity, settings.own_namespace) == ("operator-abc", "ops")
    assert settings.namespaces == ("a", "b")
    assert settings.shards == 4
    assert settings.domain == "corp.example"
    assert (settings.log_level, settings.port, settings.workers) == ("debug", 9000, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "-1"),
        ("PORT", ""),
        ("WORKERS", "1.5"),
        ("SHARDS", "0"),
        ("SHARDS", "17"),
        ("PORT", "65536"),
        ("RECORDING_PORT", "8081"),
        ("LOG_LEVEL", "loud"),
        ("CLUSTER_DOMAIN", "a b"),
        ("CLUSTER_DOMAIN", "cluster.local."),
        ("ASSIGN_USER_IDS", "no"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(OperatorError, match=f"{name} {value}"):
        read_settings({name: value})


def test_the_domain_of_the_pod_is_found(outside_a_pod: Path) -> None:
    outside_a_pod.write_text("search team.svc.corp.example svc.corp.example corp.example\n")
    assert read_settings({}).domain == "corp.example"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("nameserver 10.0.0.10\nsearch a.svc.k8s.lan svc.k8s.lan k8s.lan\noptions x\n", "k8s.lan"),
        ("search svc.x.y", "x.y"),
        ("search corp.example\n", "cluster.local"),
        ("# search svc.no\n", "cluster.local"),
        ("nameserver svc.no\n", "cluster.local"),
        ("", "cluster.local"),
    ],
)
def test_domain_detection(text: str, domain: str) -> None:
    assert detect_domain(text) == domain
