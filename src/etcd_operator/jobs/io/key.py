"""The key that backups are encrypted with.

Apart from the cipher, which only needs to be loaded where there is one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.tasks.jobs.paths import ENCRYPTION
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.secrets import read_secret
from etcd_operator.json_types import Json

ALGORITHM: Final = "AES-256-GCM"
# What an encrypted object begins with; also what the fingerprint of a key is made of.
MARK: Final = b"etcdenc1"
FINGERPRINT: Final = 8
KEY: Final = 32
_REMEDY: Final = "write 32 random bytes in base64 there, as openssl rand -base64 32 prints them."


@dataclass(frozen=True, slots=True)
class Key:
    """A key of 32 bytes, and the Secret that it is from. Its text never shows it."""

    secret: str
    material: bytes

    def __repr__(self) -> str:
        return f"Key(secret={self.secret!r}, fingerprint={self.fingerprint!r})"

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the key, in hexadecimal; it says nothing about the key."""
        return hmac.digest(self.material, MARK, "sha256")[:FINGERPRINT].hex()


def find_key(task: Json) -> Key | None:
    """Return the key of the Secret that the task names; None if it names none. Raises TaskError."""
    secret = task["keySecret"]
    return read_key(read_secret(ENCRYPTION, secret, "key"), secret) if secret else None


def read_key(text: str, secret: str) -> Key:
    """Read a key as it is in a Secret. Raises TaskError, which never shows it."""
    try:
        material = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TaskError(f"Secret {secret} holds no key in base64: {_REMEDY}") from error
    if len(material) != KEY:
        raise TaskError(f"Secret {secret} holds a key of {len(material)} bytes: {_REMEDY}")
    return Key(secret, material)


def check_key(key: Key, fingerprint: str, url: str) -> None:
    """Raises TaskError if this is not the key with which a backup was encrypted."""
    if key.fingerprint != fingerprint:
        raise TaskError(
            f"The backup {url} is encrypted with the key of fingerprint {fingerprint}, and Secret "
            f"{key.secret} holds the one of {key.fingerprint}: name the Secret with the other one."
        )
