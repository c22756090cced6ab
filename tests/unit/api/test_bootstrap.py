"""What keeps a cluster from joining another, as the operator and as the API server say it."""

from __future__ import annotations

import pytest

from etcd_operator.api.cel.bootstrap import OBJECT_RULES, SPEC_RULES
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster

JOINED: Json = {"bootstrap": {"joinExisting": {"source": {"statefulSet": "old"}}}}
ITSELF: Json = {"bootstrap": {"joinExisting": {"source": {"statefulSet": "db"}}}}
SOURCE = "spec.bootstrap.joinExisting.source"
SECRETS: Json = {"clientCertificateSecret": "old-client", "peerCASecret": "old-ca"}
WITH_SECRETS: Json = {"bootstrap": {"joinExisting": {"source": {"statefulSet": "old", **SECRETS}}}}
LOGIN: Json = {"mode": "Unmanaged", "rootPasswordSecret": "old-root"}
USERS: Json = {"enabled": True, "users": [{"name": "a"}]}


def from_source(*endpoints: str, **source: str) -> Json:
    """A cluster that joins members at endpoints, or says something else of them as well."""
    listed = {"endpoints": list(endpoints)} if endpoints else {}
    return {"bootstrap": {"joinExisting": {"source": {**listed, **source}}}}


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({**JOINED, "size": 1}, "spec.size", "use 3 or more; when the take-over is over"),
        (ITSELF, "spec.bootstrap.joinExisting.source.statefulSet", "own StatefulSet"),
        ({**JOINED, "security": {"tls": {}}}, f"{SOURCE}.clientCertificateSecret", "set both as"),
        ({**JOINED, "security": {"tls": {}}}, f"{SOURCE}.peerCASecret", "set both as"),
        (from_source(), SOURCE, "either statefulSet or endpoints"),
        (from_source("http://a:2379", statefulSet="old"), SOURCE, "either statefulSet or"),
        (from_source("https://a:2379"), f"{SOURCE}.endpoints", "with http:// if not"),
        (from_source("http://a:2379", "http://a:2379"), f"{SOURCE}.endpoints", "be different"),
        (WITH_SECRETS, f"{SOURCE}.clientCertificateSecret", "if and only if security.tls.client"),
        (WITH_SECRETS, f"{SOURCE}.peerCASecret", "if and only if security.tls.peerTLSEnabled"),
        (
            {**WITH_SECRETS, "security": {"tls": {}, "auth": USERS}},
            "spec.security.auth",
            "name a Secret with the password of root in rootPasswordSecret",
        ),
        (
            {**JOINED, "security": {"networkPolicy": {"enabled": True}}},
            "spec.security.networkPolicy",
            "enable it when the take-over is over",
        ),
    ],
)
def test_what_is_not_possible_yet_is_said(spec: Json, field: str, words: str) -> None:
    problems = find_problems(parse_cluster(raw_cluster({"size": 3, **spec})))
    found = {problem.field: problem.sentence for problem in problems}
    assert words in found[field]
    assert found[field].startswith(field)


@pytest.mark.parametrize(
    "spec",
    [
        JOINED,
        from_source("http://10.0.0.1:2379", "http://etcd-2.example.org:2379"),
        {**JOINED, "size": 0},
        {**JOINED, "size": 5},
        {**JOINED, "security": {"tls": {"enabled": False}}},
        {"bootstrap": {}},
        {**JOINED, "security": {"auth": LOGIN}},
        {"security": {"auth": {}}},
        {"security": {"auth": {"users": [{"name": "web", "passwordSecret": "web"}]}}},
        {"security": {"auth": {"mode": "Additive", "rootPasswordSecret": "root"}}},
        {**WITH_SECRETS, "security": {"tls": {}}},
        {**WITH_SECRETS, "security": {"tls": {}, "auth": {"mode": "Unmanaged"}}},
        {**WITH_SECRETS, "security": {"tls": {}, "auth": LOGIN}},
    ],
)
def test_what_is_possible_is_accepted(spec: Json) -> None:
    assert find_problems(parse_cluster(raw_cluster({"size": 3, **spec}))) == ()


@pytest.mark.parametrize(
    ("security", "field", "words"),
    [
        ({"auth": LOGIN, "tls": {}}, "spec.security.auth.rootPasswordSecret", "remove it"),
        ({"auth": {"mode": "Unmanaged"}}, "spec.security.auth.mode", "or enable tls"),
        ({"auth": {"users": [{"name": "web"}]}}, "spec.security.auth.users", "name a Secret"),
        (
            {"auth": {"rootPasswordSecret": "a", "users": [{"name": "w", "passwordSecret": "a"}]}},
            "spec.security.auth.users",
            "a Secret of its own",
        ),
    ],
)
def test_a_password_of_root_is_for_plain_text(security: Json, field: str, words: str) -> None:
    problems = find_problems(parse_cluster(raw_cluster({"size": 3, "security": security})))
    assert words in {problem.field: problem.sentence for problem in problems}[field]


@pytest.mark.parametrize(
    "endpoint",
    ["10.0.0.1:2379", "http://10.0.0.1", "http://[::1]:2379", "http://a,b:1", "unix://a:1"],
)
def test_an_endpoint_is_a_client_url_with_a_port(endpoint: str) -> None:
    first, *_ = find_problems(parse_cluster(raw_cluster({"size": 3, **from_source(endpoint)})))
    assert first.sentence.startswith(f"{SOURCE}.endpoints.0 cannot be '{endpoint}'")


def test_the_api_server_says_the_same() -> None:
    said = " ".join(rule["message"] for rule in (*OBJECT_RULES, *SPEC_RULES))
    for words in (
        "use 3 or more",
        "own StatefulSet",
        "either statefulSet or endpoints",
        "list every old member once",
        "set both as the old members serve clients",
        "set both as the old members speak to each other",
        "and with TLS alone the operator is known by its certificate",
        "changes users of the running",
    ):
        assert words in said
