"""Certificates as they are made, judged by OpenSSL's own rules and by what is read back."""

from __future__ import annotations

import contextlib
import random
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from etcd_operator.core.certificates.state import join_bundle
from etcd_operator.runtime.pki.x509 import (
    KeyPair,
    find_certificate_problem,
    issue_certificate,
    make_authority,
    read_bundle,
    read_certificate,
)
from tests.builders.exhaustive import exhaustive

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


Key = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey


def sign_anew(key: Key, serial: int = 7, *, twice: bool = False) -> str:
    """A certificate that signed itself, with this key; `twice` damages it as no library would."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    algorithm = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256()
    made = builder.sign(key, algorithm)
    der = made.public_bytes(serialization.Encoding.DER)
    if twice:  # the number of the second extension becomes that of the first
        der = der.replace(b"\x06\x03\x55\x1d\x25", b"\x06\x03\x55\x1d\x13")
    return ssl.DER_cert_to_PEM_cert(der)


def write_key(key: Key) -> str:
    """A key in PEM."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*form, serialization.NoEncryption()).decode()


CURVE = ec.generate_private_key(ec.SECP256K1())
STRONG = ec.generate_private_key(ec.SECP384R1())
EDWARDS = ed448.Ed448PrivateKey.generate()
SMALL = rsa.generate_private_key(65537, 1024)  # noqa: S505 (for its size)


def test_a_key_that_etcd_does_not_know_is_told() -> None:
    """etcd would not start with it: Go knows the curves of NIST."""
    key: Key
    for key in (CURVE, EDWARDS):
        said = find_certificate_problem(KeyPair(sign_anew(key), write_key(key)))
        assert said.startswith("its tls.crt has a key that etcd cannot use (")
        assert said.endswith("): use RSA, ECDSA on P-256, P-384 or P-521, or Ed25519")
    for key in (STRONG, SMALL):
        assert find_certificate_problem(KeyPair(sign_anew(key), write_key(key))) == ""


def test_a_ca_that_etcd_cannot_read_is_none() -> None:
    """One of them in a bundle would keep every member from starting."""
    assert read_bundle(AUTHORITY.certificate + sign_anew(EDWARDS)), "etcd passes over it"
    for text in (sign_anew(CURVE), sign_anew(STRONG, twice=True)):
        with pytest.raises(ValueError, match="etcd cannot read"):
            read_bundle(AUTHORITY.certificate + text)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("times", [300, *exhaustive(3000)])
def test_whatever_is_damaged_is_a_problem_and_no_error(times: int) -> None:
    chance, pair = random.Random(7), issue()
    der = ssl.PEM_cert_to_DER_cert(pair.certificate)
    for _ in range(times):
        damaged = bytearray(der)
        damaged[chance.randrange(len(der))] = chance.randrange(256)
        text = ssl.DER_cert_to_PEM_cert(bytes(damaged))
        if not find_certificate_problem(KeyPair(text, pair.key)):
            read_certificate(text)
        with contextlib.suppress(ValueError):
            read_bundle(text)


@pytest.mark.exhaustive
def test_an_operator_without_certificates_does_not_load_their_library() -> None:
    program = "import sys, etcd_operator.replica; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
