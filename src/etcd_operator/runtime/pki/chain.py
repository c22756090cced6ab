"""Whether a CA has signed a certificate, or what comes between in the same file.

Clients decide so: whoever is not led to a CA of theirs refuses the server. Source: `Verify` in Go's
crypto/x509/verify.go, of which names, signatures and nothing else are looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from etcd_operator.runtime.pki.x509 import describe_certificate, load_bundle

# Signatures that are looked at for one certificate: a Secret has room for thousands of CAs.
MOST_SIGNATURES: Final = 50


def list_verifying(pem: str, bundles: Iterable[str]) -> tuple[str, ...] | None:
    """Return the key IDs of those in `bundles` that verify a certificate; sorted.

    None if that would take too many signatures to tell. What cannot be read is no CA.
    """
    loaded = _load(pem)
    if not loaded:
        return ()
    authorities = [one for bundle in dict.fromkeys(bundles) for one in _load(bundle)]
    search = _Search()
    due, between, found = loaded[:1], loaded[1:], set[str]()
    try:
        while due:
            one = due.pop()
            signers = [ca for ca in authorities if ca == one or search.has_signed(ca, one)]
            found |= {describe_certificate(ca).key_id for ca in signers}
            above = [each for each in between if search.has_signed(each, one)]
            between = [each for each in between if each not in above]
            due += above
    except _TooMany:
        return None
    return tuple(sorted(found))


class _TooMany(Exception):
    """More signatures than are looked at."""


class _Search:
    """What has been looked at so far."""

    def __init__(self) -> None:
        self._left = MOST_SIGNATURES

    def has_signed(self, authority: x509.Certificate, one: x509.Certificate) -> bool:
        if authority.subject != one.issuer:
            return False
        self._left -= 1
        if self._left < 0:
            raise _TooMany
        try:
            one.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True


def _load(pem: str) -> list[x509.Certificate]:
    try:
        return load_bundle(pem)
    except ValueError:
        return []
