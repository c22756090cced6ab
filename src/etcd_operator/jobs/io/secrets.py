"""Secrets mounted into a step: read by the names of their keys, and by nothing else.

Who may create an EtcdBackup chooses the Secret and the endpoint, and may not be allowed to read
either Secret. So a value is used only if its key is named for this very use: a Secret that was made
for something else is of no use here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from etcd_operator.api.store_forms import ACCESS_KEY_ID
from etcd_operator.core.tasks.jobs.paths import SECRETS
from etcd_operator.errors import TaskError

ACCESS_KEY_IDS: Final = ("AWS_ACCESS_KEY_ID", "accessKeyId", "access-key-id")
SECRET_KEYS: Final = ("AWS_SECRET_ACCESS_KEY", "secretAccessKey", "secret-access-key")
SESSION_TOKENS: Final = ("AWS_SESSION_TOKEN", "sessionToken")
SAS_TOKENS: Final = ("AZURE_STORAGE_SAS_TOKEN", "sasToken")
ACCOUNT_KEYS: Final = ("AZURE_STORAGE_ACCOUNT_KEY", "accountKey")
# What the owner of a SAS token writes beside it where the service is not Azure's own.
BLOB_ENDPOINT: Final = "AZURE_STORAGE_BLOB_ENDPOINT"
_LARGEST: Final = 1024 * 1024


def read_secret(directory: str, secret: str, *keys: str) -> str:
    """Return the first of these keys of a mounted Secret; raises TaskError."""
    found = find_key(directory, *keys)
    if found:
        return found
    place = Path(SECRETS) / directory
    if not place.is_dir() or all(path.name.startswith("..") for path in place.iterdir()):
        raise TaskError(
            f"Secret {secret} does not exist in this namespace, or is empty: create it."
        )
    # Its other keys are not named: who reads this may not be allowed to read the Secret.
    raise TaskError(f"Secret {secret} has no key {keys[0]}, or it is empty: add it.")


def find_key(directory: str, *keys: str) -> str | None:
    """Return the first of these keys of a mounted Secret; None if it has none of them."""
    for key in keys:
        path = Path(SECRETS) / directory / key
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as opened:
                return opened.read(_LARGEST).strip()
    return None


def read_access_key_id(directory: str, secret: str) -> str:
    """Return an access key ID, which every request shows in clear; raises TaskError."""
    found = read_secret(directory, secret, *ACCESS_KEY_IDS)
    if not re.fullmatch(ACCESS_KEY_ID, found):
        raise TaskError(
            f"{ACCESS_KEY_IDS[0]} of Secret {secret} is not an access key ID, and it would be sent "
            "in clear: write 3 to 128 letters and digits there."
        )
    return found
