"""What keeps a cluster from mirroring another, as the operator and as the API server say it."""

from __future__ import annotations

import pytest

from etcd_operator.api.cel.bootstrap import OBJECT_RULES, SPEC_RULES
from etcd_operator.api.mirror import NOT_BOTH, ONE_TRUST, SAME_RANGE, SCHEMES_ALIKE
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster

MIRROR = "spec.bootstrap.mirror"
PLAIN = ("http://a:2379",)
SECURE = ("https://a:2379", "https://b:2379")


def mirror(*endpoints: str, **source: str) -> Json:
    """A cluster that mirrors an etcd at endpoints."""
    return {"bootstrap": {"mirror": {"source": {"endpoints": list(endpoints), **source}}}}


def joining_too() -> Json:
    """The same, which is to join one as well."""
    joined = {"source": {"statefulSet": "old"}}
    return {"bootstrap": {**mirror(*PLAIN)["bootstrap"], "joinExisting": joined}}


def find_flaws(spec: Json) -> dict[str, str]:
    """Sentences by field."""
    problems = find_problems(parse_cluster(raw_cluster({"size": 3, **spec})))
    return {problem.field: problem.sentence for problem in problems}


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        (joining_too(), MIRROR, NOT_BOTH),
        (mirror(*PLAIN, *SECURE), f"{MIRROR}.source.endpoints", SCHEMES_ALIKE),
        (mirror(*SECURE), f"{MIRROR}.source", ONE_TRUST),
        (mirror(*PLAIN, caSecret="ca"), f"{MIRROR}.source", ONE_TRUST),
        (
            mirror(*SECURE, caSecret="ca", clientCertificateSecret="c"),
            f"{MIRROR}.source",
            ONE_TRUST,
        ),
    ],
)
def test_what_is_not_possible_is_said(spec: Json, field: str, words: str) -> None:
    assert find_flaws(spec) == {field: f"{field} {words}."}


@pytest.mark.parametrize(
    "spec",
    [
        mirror(*PLAIN),
        mirror(*PLAIN, passwordSecret="login"),
        mirror(*SECURE, caSecret="ca", passwordSecret="login"),
        mirror(*SECURE, clientCertificateSecret="c"),
    ],
)
def test_what_is_possible_is_accepted(spec: Json) -> None:
    assert find_flaws(spec) == {}


@pytest.mark.parametrize("endpoint", ["a:2379", "http://a", "http://[::1]:2379", "unix://a:1"])
def test_an_endpoint_is_a_client_url_with_a_port(endpoint: str) -> None:
    first, *_ = find_problems(parse_cluster(raw_cluster({"size": 3, **mirror(endpoint)})))
    assert first.sentence.startswith(f"{MIRROR}.source.endpoints.0 cannot be '{endpoint}'")


def test_the_api_server_says_the_same() -> None:
    said = " ".join(rule["message"] for rule in (*OBJECT_RULES, *SPEC_RULES))
    for words in (NOT_BOTH, SCHEMES_ALIKE, ONE_TRUST, SAME_RANGE):
        assert words in said
