"""What this process reads by itself is what kubectl would have read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from deploy.reading import Request, parse


@pytest.mark.parametrize(
    ("words", "path", "parameters"),
    [
        (
            ("get", "etcd", "db", "--namespace=team"),
            "/apis/etcd.etcd.io/v1alpha1/namespaces/team/etcdclusters/db",
            {},
        ),
        (
            ("get", "EtcdBackup", "b", "--namespace=team"),
            "/apis/etcd.etcd.io/v1alpha1/namespaces/team/etcdbackups/b",
            {},
        ),
        (
            ("--namespace=team", "get", "pods", "--selector=a=b"),
            "/api/v1/namespaces/team/pods",
            {"labelSelector": "a=b"},
        ),
        (
            ("get", "events", "--namespace=team", "--field-selector=reason=A,type=B"),
            "/api/v1/namespaces/team/events",
            {"fieldSelector": "reason=A,type=B"},
        ),
    ],
    ids=["by name", "by kind", "by labels", "by fields"],
)
def test_a_read_of_one_kind(words: Sequence[str], path: str, parameters: dict[str, str]) -> None:
    assert parse(words) == Request(path, parameters)


@pytest.mark.parametrize(
    "words",
    [
        ("get", "nodes"),
        ("get", "pods"),
        ("get", "pods", "--all-namespaces"),
        ("get", "pods", "--namespace=team", "--sort-by=.metadata.name"),
        ("get", "pods,pvc", "--namespace=team"),
        ("get", "pods", "a", "b", "--namespace=team"),
        ("delete", "pods", "a", "--namespace=team"),
        ("get", "--raw=/healthz"),
    ],
)
def test_everything_else_is_left_to_kubectl(words: Sequence[str]) -> None:
    assert parse(words) is None
