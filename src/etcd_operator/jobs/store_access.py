"""How a step reaches a store: its part of the task, which the operator wrote and had validated.

The fields are those of `api.storage`, whose descriptions say what they mean; a place in the store
has its bucket and path as well. Models that validate take longer to load than a small backup to
make, so these are not the same classes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec


class S3Access(msgspec.Struct, frozen=True, rename="camel"):
    """An S3 service."""

    bucket: str = ""
    path: str = ""
    region: str = ""
    endpoint: str = ""
    checksum: str = "Automatic"
    force_path_style: bool = True
    credentials_secret: str = ""
    access_key_secret: str = ""
    secret_key_secret: str = ""
    ca_secret: str = ""


class GcsAccess(msgspec.Struct, frozen=True, rename="camel"):
    """Google Cloud Storage."""

    bucket: str = ""
    path: str = ""
    credentials_secret: str = ""


class AzureAccess(msgspec.Struct, frozen=True, rename="camel"):
    """Azure Blob Storage."""

    account: str
    container: str = ""
    path: str = ""
    endpoint: str = ""
    credentials_secret: str = ""


class LocalAccess(msgspec.Struct, frozen=True, rename="camel"):
    """A disk in the cluster."""

    claim_name: str
    path: str = ""


Access = S3Access | GcsAccess | AzureAccess | LocalAccess

_BY_SCHEME: Final[dict[str, type[Access]]] = {
    "s3": S3Access,
    "gs": GcsAccess,
    "az": AzureAccess,
    "file": LocalAccess,
}
# The scheme of a URL, by the storage type of an EtcdBackup.
SCHEMES: Final = {"S3": "s3", "GCS": "gs", "Azure": "az", "Local": "file"}


def read_access(scheme: str, written: dict[str, Any]) -> Access:
    """Read what a task says of a store, by the scheme of its URLs, such as s3."""
    return msgspec.convert(written, _BY_SCHEME[scheme])
