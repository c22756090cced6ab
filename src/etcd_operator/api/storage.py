"""Where backups lie: S3, Google Cloud Storage, Azure Blob Storage, or a disk in the cluster.

No credential is ever part of these: Secrets are named, and only the Job that needs one mounts it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from etcd_operator.api.quantity import Quantity

StorageType = Literal["S3", "GCS", "Azure", "Local"]


class ApiModel(BaseModel):
    """Base of all parts of EtcdBackup and EtcdRestore: camelCase, frozen, tolerant."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,
        defer_build=True,
    )


class S3Access(ApiModel):
    """How to reach an S3 service."""

    region: str = Field("", max_length=64, description="Region; us-east-1 if unset.")
    endpoint: str = Field(
        "",
        max_length=512,
        pattern="^$|^https?://.+",
        description="URL of the service; that of AWS if unset. http:// is not encrypted.",
    )
    checksum: Literal["Automatic", "SHA256", "None"] = Field(
        "Automatic",
        description=(
            "Checksum that each request of an upload carries, which a bucket with S3 Object Lock "
            "requires. Automatic is SHA256 at AWS and None elsewhere: not every service knows it."
        ),
    )
    force_path_style: bool = Field(
        True,
        description=(
            "Whether the bucket is part of the path, as most services other than AWS require. "
            "Without an endpoint, the bucket is always part of the host name."
        ),
    )
    credentials_secret: str = Field(
        "",
        max_length=253,
        description=(
            "Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary ones, "
            "AWS_SESSION_TOKEN. Without any Secret the identity of the ServiceAccount is used."
        ),
    )
    access_key_secret: str = Field(
        "",
        max_length=253,
        description="Secret whose AWS_ACCESS_KEY_ID is the access key ID.",
    )
    secret_key_secret: str = Field(
        "",
        max_length=253,
        description="Secret whose AWS_SECRET_ACCESS_KEY is the secret key.",
    )
    ca_secret: str = Field(
        "",
        max_length=253,
        description="Secret whose ca.crt signed the service's certificate.",
    )


class S3Destination(S3Access):
    """Location in an S3 bucket."""

    bucket: str = Field(min_length=1, max_length=255, description="Name of the bucket.")
    path: str = Field("", max_length=512, description="Path in the bucket; its root if unset.")


class GcsAccess(ApiModel):
    """How to reach Google Cloud Storage."""

    credentials_secret: str = Field(
        "",
        max_length=253,
        description=(
            "Secret whose credentials.json is a service account key. Without one the identity of "
            "the ServiceAccount is used."
        ),
    )


class GcsDestination(GcsAccess):
    """A place in a bucket of Google Cloud Storage."""

    bucket: str = Field(min_length=1, max_length=255, description="Name of the bucket.")
    path: str = Field("", max_length=512, description="Path in the bucket; its root if unset.")


class AzureAccess(ApiModel):
    """How to reach Azure Blob Storage."""

    account: str = Field(min_length=1, max_length=64, description="Name of the storage account.")
    endpoint: str = Field(
        "",
        max_length=512,
        pattern="^$|^https?://.+",
        description="URL of the service; that of Azure if unset.",
    )
    credentials_secret: str = Field(
        "",
        max_length=253,
        description=(
            "Secret with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN. A SAS token is sent "
            "to `endpoint` only if AZURE_STORAGE_BLOB_ENDPOINT of the Secret is the same. Without "
            "a Secret the identity of the ServiceAccount is used."
        ),
    )


class AzureDestination(AzureAccess):
    """A place in a container of Azure Blob Storage."""

    container: str = Field(min_length=1, max_length=255, description="Name of the container.")
    path: str = Field("", max_length=512, description="Path in the container; its root if unset.")


class LocalAccess(ApiModel):
    """A PersistentVolumeClaim."""

    claim_name: str = Field(
        min_length=1,
        max_length=253,
        description="PersistentVolumeClaim in the namespace of this object; it has to exist.",
    )


class LocalDestination(LocalAccess):
    """A directory on a disk in the cluster."""

    path: str = Field("", max_length=512, description="Directory on the disk; its root if unset.")


class BackupEncryption(ApiModel):
    """How a backup is encrypted before it leaves the Job."""

    key_secret: str = Field(
        min_length=1,
        max_length=253,
        description=(
            "Secret whose `key` is the key: 32 bytes in base64. Without it nothing can be "
            "restored, so keep a copy elsewhere."
        ),
    )


class Scratch(ApiModel):
    """Where a Job keeps the snapshot while it works on it: an emptyDir, or a disk of its own."""

    storage_class_name: str | None = Field(
        None, max_length=253, description="StorageClass of the disk; the default class if unset."
    )
    size: Quantity = Field(description="Size of the volume: three times the database.")

    @field_validator("size")
    @classmethod
    def _is_positive(cls, size: Quantity) -> Quantity:
        if size.value <= 0:
            raise PydanticCustomError("size", "use a positive quantity such as 10Gi")
        return size


def find_secrets(access: S3Access | GcsAccess | AzureAccess | LocalAccess) -> dict[str, str]:
    """Return the Secrets to mount, by the directory that the Job finds each in."""
    match access:
        case S3Access():
            named = {
                "credentials": access.credentials_secret,
                "access-key": access.access_key_secret,
                "secret-key": access.secret_key_secret,
                "ca": access.ca_secret,
            }
        case GcsAccess() | AzureAccess():
            named = {"credentials": access.credentials_secret}
        case LocalAccess():
            named = {}
    return {directory: name for directory, name in named.items() if name}
