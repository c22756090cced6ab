"""Certificates as they are made, judged by OpenSSL's own rules and by what is read back."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509 import verification

from etcd_operator.core.certificates.state import join_bundle
from etcd_operator.runtime.pki.x509 import (
    KeyPair,
    find_certificate_problem,
    issue_certificate,
    make_authority,
    read_bundle,
    read_certificate,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
LIFE = timedelta(hours=2160)
NAMES = ("*.db-peer.team.svc.cluster.local", "127.0.0.1", "::1", "localhost")
AUTHORITY = make_authority("team/db-peer-ca", NOW)


def issue(server: bool = True, lifetime: timedelta = LIFE) -> KeyPair:
    names = NAMES if server else ()
    return issue_certificate(AUTHORITY, "etcd", NOW, lifetime, names=names, server=server)


def verifier(*authorities: KeyPair) -> verification.PolicyBuilder:
    roots = [x509.load_pem_x509_certificate(one.certificate.encode()) for one in authorities]
    return verification.PolicyBuilder().store(verification.Store(roots)).time(NOW)


def loaded(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


@pytest.mark.parametrize("host", ["db-4.db-peer.team.svc.cluster.local", "localhost"])
def test_a_server_is_believed_under_its_names(host: str) -> None:
    server = verifier(AUTHORITY).build_server_verifier(x509.DNSName(host))
    assert server.verify(loaded(issue()), [])


def test_a_server_is_not_believed_under_another_name_or_by_others() -> None:
    elsewhere = verifier(AUTHORITY).build_server_verifier(x509.DNSName("elsewhere"))
    stranger = verifier(make_authority("x", NOW)).build_server_verifier(x509.DNSName("localhost"))
    for judge in (elsewhere, stranger):
        with pytest.raises(verification.VerificationError):
            judge.verify(loaded(issue()), [])


def test_one_without_a_name_is_known_by_its_alternatives() -> None:
    """For etcd's gateway: a server that is a client too, and as a client nobody."""
    names, life = ("localhost",), timedelta(hours=1)
    pair = issue_certificate(AUTHORITY, "", NOW, life, names=names, server=True, client=True)
    one = read_certificate(pair.certificate)
    assert (one.common_name, one.names, one.server, one.client) == ("", names, True, True)
    server = verifier(AUTHORITY).build_server_verifier(x509.DNSName("localhost"))
    assert server.verify(loaded(pair), [])
    assert verifier(AUTHORITY).build_client_verifier().verify(loaded(pair), [])


def test_what_was_issued_is_read_back() -> None:
    authority, one = read_certificate(AUTHORITY.certificate), read_certificate(issue().certificate)
    assert one.issuer_key_id == authority.key_id
    assert one.names == NAMES
    assert one.lifetime == LIFE
    assert one.made == NOW.replace(microsecond=0)
    assert (one.common_name, one.server, one.client) == ("etcd", True, False)
    client = read_certificate(issue(server=False).certificate)
    assert (client.names, client.server, client.client) == ((), False, True)


def test_nobody_outlives_the_authority() -> None:
    one = read_certificate(issue(lifetime=timedelta(days=9999)).certificate)
    assert one.not_after == read_certificate(AUTHORITY.certificate).not_after


def test_every_key_is_another_and_none_is_shown() -> None:
    one, other = issue(), issue()
    assert one.key != other.key
    assert "PRIVATE" not in repr(one)


def test_a_bundle_is_the_same_in_any_order() -> None:
    both = AUTHORITY.certificate, make_authority("new", NOW).certificate
    one, other = read_bundle("".join(both)), read_bundle("".join(reversed(both)))
    assert join_bundle(one) == join_bundle(other)
    assert len(read_bundle(join_bundle((*one, *one)))) == 2


FLAWS = {
    "its tls.crt is not a certificate in PEM": KeyPair("nonsense", issue().key),
    "its tls.key is not a key in PEM without a password": KeyPair(issue().certificate, "nonsense"),
    "its tls.key does not belong to its tls.crt": KeyPair(issue().certificate, issue().key),
    "": issue(),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_pair_that_cannot_be_used(flaw: str) -> None:
    assert find_certificate_problem(FLAWS[flaw]) == flaw


def test_an_operator_without_certificates_does_not_load_their_library() -> None:
    program = "import sys, etcd_operator.cli; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
