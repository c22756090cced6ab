"""Make and read X.509 certificates: ECDSA on P-256, signed with SHA-256.

Keys appear here, in the Secrets, and in the connections of the operator, and nowhere else. A key is
made anew for each certificate.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from etcd_operator.core.certificates.state import (
    AUTHORITY_LIFETIME,
    CLOCK_SKEW,
    Certificate,
    Trusted,
)

E = TypeVar("E", bound=x509.ExtensionType)

_SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
# Keys of authorities; those that others made may be of the second kind.
_SIGNERS: Final = (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)
# What reading a certificate of others raises, where its parts are read as well.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
# Curves whose keys Go shows, and those that it reads.
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_READ: Final = (ec.SECP224R1, *_CURVES)
_SMALLEST_RSA: Final = 1024
_KEYS: Final = "use RSA, ECDSA on P-256, P-384 or P-521, or Ed25519"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key, both PEM. The key is not shown by `repr`."""

    certificate: str
    key: str = field(repr=False)


def make_authority(name: str, now: datetime) -> KeyPair:
    """Make a certificate authority that signs leaves and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _common_name(name)
    builder = (
        _begin(subject, subject, key.public_key(), now, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
    )
    return _finish(builder, key, key)


def issue_certificate(
    authority: KeyPair,
    common_name: str,
    now: datetime,
    lifetime: timedelta,
    *,
    names: Iterable[str] = (),
    server: bool,
    client: bool = False,
) -> KeyPair:
    """Issue a certificate for a server with these names, for a client (also if not said), or both.

    Raises ValueError for an authority that cannot be read.
    """
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    signer = serialization.load_pem_private_key(authority.key.encode(), password=None)
    if not isinstance(signer, _SIGNERS):
        raise ValueError("the authority's key is neither ECDSA nor RSA")  # noqa: TRY004
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + lifetime, issuer.not_valid_after_utc)
    usages = x509.ExtendedKeyUsage([_SERVER] * server + [_CLIENT] * (client or not server))
    builder = (
        _begin(_common_name(common_name), issuer.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier(bytes.fromhex(_key_id(issuer)), None, None), critical=False
        )
    )
    alternatives = [_general_name(name) for name in names]
    if alternatives:
        # RFC 5280, 4.1.2.6: who has no name but these is known by these.
        critical = not common_name
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical)
    return _finish(builder, key, signer)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    whole = now.replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(whole - CLOCK_SKEW)
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _finish(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> KeyPair:
    certificate = builder.sign(signer, hashes.SHA256())
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


def _common_name(name: str) -> x509.Name:
    # RFC 5280 allows 64 characters here; nobody checks authorities by this name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])] if name else [])


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def read_certificate(pem: str) -> Certificate:
    """Read the first certificate of a PEM text; raises ValueError if there is none."""
    return _read(x509.load_pem_x509_certificate, pem.encode())


def read_der_certificate(der: bytes) -> Certificate:
    """Read a certificate as it travels; raises ValueError if it is none."""
    return _read(x509.load_der_x509_certificate, der)


def _read(load: Callable[[bytes], x509.Certificate], content: bytes) -> Certificate:
    try:
        return describe_certificate(load(content))
    except _UNREADABLE as error:
        raise ValueError(str(error)) from error


def describe_certificate(certificate: x509.Certificate) -> Certificate:
    """Return what decisions need to know of a certificate; raises what reading its parts does."""
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    issuer = _extension(certificate, x509.AuthorityKeyIdentifier)
    constraints = _extension(certificate, x509.BasicConstraints)
    common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        key_id=_key_id(certificate),
        issuer_key_id=(issuer.key_identifier or b"").hex() if issuer else "",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        common_name=str(common_names[0].value) if common_names else "",
        names=_read_names(certificate),
        server=usages is None or _SERVER in usages,
        client=usages is None or _CLIENT in usages,
        authority=constraints is not None and constraints.ca,
    )


def _read_names(certificate: x509.Certificate) -> tuple[str, ...]:
    alternatives = _extension(certificate, x509.SubjectAlternativeName)
    if alternatives is None:
        return ()
    names = alternatives.get_values_for_type(x509.DNSName)
    addresses = alternatives.get_values_for_type(x509.IPAddress)
    return tuple(sorted({*names, *(str(address) for address in addresses)}))


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _key_id(certificate: x509.Certificate) -> str:
    """The subject key identifier, or the same made of the key where a certificate has none."""
    own = _extension(certificate, x509.SubjectKeyIdentifier)
    if own is not None:
        return own.digest.hex()
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(key).hexdigest()[:40]


def read_bundle(pem: str) -> tuple[Trusted, ...]:
    """Read all certificates of a PEM text; raises ValueError, which says what is wrong with it."""
    return tuple(
        Trusted(
            _key_id(one),
            one.public_bytes(serialization.Encoding.PEM).decode(),
            one.not_valid_after_utc,
            one.not_valid_before_utc,
        )
        for one in load_bundle(pem)
    )


def load_bundle(pem: str) -> list[x509.Certificate]:
    """Load what `read_bundle` reads, for who verifies by it; raises the same."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except _UNREADABLE as error:
        raise ValueError("holds no certificate in PEM") from error
    try:
        for one in found:
            _check_readable(one)
    except _UNREADABLE as error:
        raise ValueError("has a certificate that etcd cannot read: take it out") from error
    return found


def _check_readable(certificate: x509.Certificate) -> None:
    """Raise ValueError for an authority that would keep etcd from starting.

    Source: `parsePublicKey` of Go's crypto/x509.
    """
    describe_certificate(certificate)
    key = certificate.public_key()
    known = not isinstance(key, ec.EllipticCurvePublicKey) or isinstance(key.curve, _READ)
    if not known or certificate.serial_number < 0:
        raise ValueError("Go refuses its curve or number")


def _can_show(certificate: x509.Certificate) -> bool:
    """Whether etcd can show a certificate with this key.

    Source: `checkKeySize` and `X509KeyPair` of Go's crypto/tls.
    """
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, _CURVES)
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _SMALLEST_RSA
    return isinstance(key, ed25519.Ed25519PublicKey)


def find_certificate_problem(pair: KeyPair) -> str:
    """Return why a certificate and a key cannot be used together; empty if they can."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    except _UNREADABLE:
        return "its tls.crt is not a certificate in PEM"
    try:
        describe_certificate(certificate)
        known, kind = _can_show(certificate), type(certificate.public_key()).__name__
    except _UNREADABLE:
        return "its tls.crt has a certificate that etcd cannot read: make a new one"
    if not known:
        return f"its tls.crt has a key that etcd cannot use ({kind}): {_KEYS}"
    try:
        key = serialization.load_pem_private_key(pair.key.encode(), password=None)
    except _UNREADABLE:
        return "its tls.key is not a key in PEM without a password"
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        return "its tls.key does not belong to its tls.crt"
    return ""
