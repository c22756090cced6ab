"""Which CAs verify a certificate, directly or by what comes between."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from etcd_operator.runtime.pki.chain import MOST_SIGNATURES, list_verifying
from etcd_operator.runtime.pki.x509 import (
    KeyPair,
    issue_certificate,
    make_authority,
    read_certificate,
)
from tests.builders.authorities import sign_authority

NOW = datetime.now(UTC)
ROOT = sign_authority(None, "root")
MIDDLE = sign_authority(ROOT, "middle")
LOW = sign_authority(MIDDLE, "low")
# Of the same name, and another key.
FALSE = sign_authority(None, "root")


def sign(authority: KeyPair) -> str:
    names = ("db",)
    return issue_certificate(
        authority, "db", NOW, timedelta(hours=1), names=names, server=True
    ).certificate


def ids(*authorities: KeyPair) -> list[str]:
    return sorted(read_certificate(one.certificate).key_id for one in authorities)


def text(*authorities: KeyPair) -> str:
    return "".join(one.certificate for one in authorities)


@pytest.mark.parametrize(
    ("pem", "bundles", "found"),
    [
        (sign(ROOT), [text(ROOT)], [ROOT]),
        (sign(ROOT), [text(FALSE)], []),
        (sign(ROOT), [text(FALSE, ROOT)], [ROOT]),
        (sign(ROOT), [text(FALSE), text(ROOT)], [ROOT]),
        (sign(ROOT), [], []),
        (sign(ROOT), ["nonsense", text(ROOT)], [ROOT]),
        (sign(MIDDLE), [text(ROOT)], []),
        (sign(MIDDLE), [text(MIDDLE)], [MIDDLE]),
        (sign(MIDDLE) + text(MIDDLE), [text(ROOT)], [ROOT]),
        (sign(MIDDLE) + text(MIDDLE, ROOT), [text(ROOT, MIDDLE)], [ROOT, MIDDLE]),
        (sign(LOW) + text(MIDDLE, LOW), [text(ROOT)], [ROOT]),
        (sign(LOW) + text(LOW), [text(ROOT)], []),
        (text(ROOT), [text(ROOT)], [ROOT]),
        ("nonsense", [text(ROOT)], []),
    ],
)
def test_who_verifies_a_certificate(pem: str, bundles: list[str], found: list[KeyPair]) -> None:
    assert list_verifying(pem, bundles) == tuple(ids(*found))


def test_the_operator_verifies_its_own() -> None:
    own = make_authority("own", NOW)
    assert list_verifying(sign(own), [own.certificate]) == tuple(ids(own))


def test_nobody_keeps_the_operator_busy_with_signatures() -> None:
    many = text(*(sign_authority(None, "root") for _ in range(MOST_SIGNATURES + 1)))
    begun = time.process_time()
    assert list_verifying(sign(ROOT), [many]) is None
    assert time.process_time() - begun < 1
