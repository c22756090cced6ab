"""The rights that are granted are those that are used, by the API server's own audit log."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.manifests import LEASE_RULES, NAME, NAMESPACE, RULES
from deploy.target import Target
from etcd_operator.json_types import Json
from local.places import read_places

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.alone, pytest.mark.last]

Right = tuple[str, str, str]  # API group, resource with subresource, verb

ACCOUNT: Final = f"system:serviceaccount:{NAMESPACE}:{NAME}"
APPLIED: Final = "a server-side apply is a patch; where it creates, this right is asked for as well"
AFTER_CONFLICT: Final = "an object is read again when a write of it met a conflict"
ONLY_ONCE: Final = "nothing in these tests has such an object of the operator's removed"
# What is granted although no request shows it, and why.
UNSEEN: Final[dict[Right, str]] = {
    **{
        (group, resource, "create"): APPLIED
        for group, resource in (
            ("", "services"),
            ("", "configmaps"),
            ("apps", "statefulsets"),
            ("policy", "poddisruptionbudgets"),
            ("networking.k8s.io", "networkpolicies"),
            ("cert-manager.io", "certificates"),
        )
    },
    **{
        (group, resource, "get"): AFTER_CONFLICT
        for group, resource in (
            ("", "services"),
            ("", "configmaps"),
            ("apps", "statefulsets"),
            ("policy", "poddisruptionbudgets"),
            ("networking.k8s.io", "networkpolicies"),
            ("cert-manager.io", "certificates"),
        )
    },
    ("", "nodes", "get"): "asked only about members that do not come up, on several nodes",
    ("", "nodes", "list"): "asked only about members that do not come up, on several nodes",
    ("", "configmaps", "delete"): "a bootstrap that is begun anew; shown by the unit tests",
    ("cert-manager.io", "certificates", "delete"): ONLY_ONCE,
    ("etcd.etcd.io", "etcdclusters/finalizers", "update"): (
        "no request: the API server wants it of whoever sets an owner that blocks its deletion, "
        "where that is enforced"
    ),
}


@pytest.fixture
def audit(target: Target) -> list[Json]:
    """Every request of the operator that was answered; skips what could not tell enough."""
    if not target.is_local:
        pytest.skip("only the local cluster has an audit log that can be read")
    if not os.environ.get("E2E_COMPLETE"):
        pytest.skip("only after all other tests: `make e2e` says so with E2E_COMPLETE=1")
    log = read_places(os.environ).audit_log
    if not log.exists():
        pytest.skip("this cluster was started without an audit log: make down, make up")
    return [event for path in sorted(log.parent.glob("audit*.log")) for event in read_events(path)]


def read_events(path: Path) -> Iterator[Json]:
    """The events in a file; its last line may be half written."""
    for line in path.read_text().splitlines():
        try:
            event: Json = json.loads(line)
        except ValueError:
            continue
        if event["user"]["username"] == ACCOUNT and event.get("objectRef"):
            yield event


def right_of(event: Json) -> Right:
    """The right that a request needs."""
    about = event["objectRef"]
    resource = "/".join(filter(None, (about["resource"], about.get("subresource", ""))))
    return about.get("apiGroup", ""), resource, event["verb"]


def granted() -> set[Right]:
    """The rights of the installation."""
    return {
        (group, resource, verb)
        for rule in (*RULES, *LEASE_RULES)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.usefixtures("nothing_leaves")
def test_every_right_is_used_and_every_request_is_granted(audit: list[Json]) -> None:
    refused = {right_of(e) for e in audit if (e.get("responseStatus") or {}).get("code") == 403}
    assert not refused - granted(), "the operator asks for what it is not granted"
    used = {right_of(event) for event in audit}
    assert used - granted() == set(), "granted by somebody else"
    assert granted() - used - UNSEEN.keys() == set(), "granted, and nobody asks for it"
    assert UNSEEN.keys() <= granted(), "the list is about rights that there are"
