"""Encryption of what goes into a store: AES-256-GCM over chunks, as in the STREAM construction.

An object is a header and then chunks, each with its tag. The header holds a mark, the fingerprint
of the key and a salt; from key and salt comes the key of this object alone, so a nonce can simply
be the chunk's number and whether it is the last. A chunk that is changed, moved, left out or added
is noticed when it is read, and so is an end that is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.key import FINGERPRINT, KEY, MARK, Key, check_key

# Bytes of plain text in each chunk but the last, which has from none to so many.
CHUNK: Final = 2**18
_SALT: Final = 32
_HEADER: Final = len(MARK) + FINGERPRINT + _SALT
_TAG: Final = 16


def encrypt(pieces: Iterator[bytes], key: Key) -> Iterator[bytes]:
    """Yield the encrypted object for a stream in pieces of any size."""
    salt = os.urandom(_SALT)
    cipher = _derive(key, salt)
    yield MARK + bytes.fromhex(key.fingerprint) + salt
    chunks = _cut(pieces, CHUNK)
    # One is held back: only the end of the stream tells which is the last.
    number, chunk = 0, next(chunks, b"")
    for following in chunks:
        yield cipher.encrypt(_nonce(number, last=False), chunk, None)
        number, chunk = number + 1, following
    yield cipher.encrypt(_nonce(number, last=True), chunk, None)


def decrypt(pieces: Iterator[bytes], key: Key, url: str) -> Iterator[bytes]:
    """Yield what was encrypted, each chunk when it is known to be genuine. Raises TaskError."""
    chunks = _cut(pieces, CHUNK + _TAG, first=_HEADER)
    cipher = _derive(key, _read_header(next(chunks, b""), key, url))
    number, chunk = 0, next(chunks, b"")
    for following in chunks:
        yield _open(cipher, number, chunk, url)
        number, chunk = number + 1, following
    try:
        yield cipher.decrypt(_nonce(number, last=True), chunk, None)
    except InvalidTag as error:
        if chunk:
            _open(cipher, number, chunk, url)
        raise _damaged(url, "it was cut off") from error


def _read_header(header: bytes, key: Key, url: str) -> bytes:
    """Return the salt."""
    if len(header) != _HEADER or not header.startswith(MARK):
        raise _damaged(url, "it does not begin as an encrypted one does")
    check_key(key, header[len(MARK) : -_SALT].hex(), url)
    return header[-_SALT:]


def _open(cipher: AESGCM, number: int, chunk: bytes, url: str) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=False), chunk, None)
    except InvalidTag as error:
        raise _damaged(url, "it is not what was encrypted") from error


def _derive(key: Key, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY, salt, MARK).derive(key.material))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _cut(pieces: Iterator[bytes], size: int, first: int = 0) -> Iterator[bytes]:
    """Yield a stream in chunks of one size; the first may have another, and the last be shorter."""
    held = bytearray()
    wanted = first or size
    for piece in pieces:
        held += piece
        while len(held) >= wanted:
            yield bytes(held[:wanted])
            del held[:wanted]
            wanted = size
    if held:
        yield bytes(held)


def _damaged(url: str, why: str) -> TaskError:
    return TaskError(f"The backup {url} is damaged: {why}. Restore another one.")
