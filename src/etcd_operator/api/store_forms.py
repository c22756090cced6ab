"""Forms of what is sent to a store in clear, or becomes part of the name of a host.

Imported by the API models, by the CEL rules and by the Jobs, so it imports nothing of ours. A host
name that takes in a slash or an `@` is another host: credentials would be sent there.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

ENDPOINT: Final = (
    r"https?://([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])"
    "(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]{0,200})?"
)
REGION: Final = "[A-Za-z0-9_-]{1,64}"
BUCKET: Final = "[A-Za-z0-9$][A-Za-z0-9._-]{0,254}"
ACCOUNT: Final = "[A-Za-z0-9][A-Za-z0-9-]{0,62}"
# IDs of AWS are capital letters and digits, those of other services may be names: never JSON, a
# text of several words or base64, which has one of + / = nearly always.
ACCESS_KEY_ID: Final = "[A-Za-z0-9][A-Za-z0-9_.-]{2,127}"
# The public hosts of Azure Blob Storage, by which a SAS token may be read.
AZURE_DOMAINS: Final = (
    ".blob.core.windows.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.storage.azure.net",
)
# The hosts of S3 itself.
AWS_DOMAINS: Final = (".amazonaws.com", ".amazonaws.com.cn")

IDENTITY_REMEDY: Final = (
    "is not Azure's, and is not shown the identity of the ServiceAccount: name a Secret with an "
    "account key in credentialsSecret"
)
ENDPOINT_REMEDY: Final = (
    "write scheme, host and port alone, such as https://minio.storage.svc:9000, and credentials "
    "into a Secret"
)
REGION_REMEDY: Final = "use letters, digits and dashes, such as eu-central-1"
BUCKET_REMEDY: Final = "use letters, digits, dots and dashes"
ACCOUNT_REMEDY: Final = "use letters and digits"

# The fields that become part of the name of a host.
HOST_FIELDS: Final = {
    "region": (REGION, REGION_REMEDY),
    "account": (ACCOUNT, ACCOUNT_REMEDY),
    "bucket": (BUCKET, BUCKET_REMEDY),
    "container": (BUCKET, BUCKET_REMEDY),
}


def find_field_problem(field: str, value: str) -> str:
    """Return what is wrong with one of HOST_FIELDS, as half a sentence; empty for nothing."""
    form, remedy = HOST_FIELDS[field]
    wrong = f"is part of a host name and cannot be: {remedy}"
    return "" if re.fullmatch(form, value) else wrong


def find_endpoint_problem(endpoint: str) -> str:
    """Return what is wrong with the URL of a service, as half a sentence; empty for nothing."""
    wrong = f"is not the URL of a service: {ENDPOINT_REMEDY}"
    if not re.fullmatch(ENDPOINT, endpoint):
        return wrong
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    try:
        if parts.port == 0:
            return wrong
    except ValueError:
        return wrong
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "" if _is_name(host) else wrong
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "is no address of a service: name the host of the store"
    return ""


def _is_name(host: str) -> bool:
    """Whether this is a DNS name: other spellings of an address end in a number."""
    labels = host.rstrip(".").split(".")
    label = re.compile("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
    number = re.compile("[0-9]+|0[xX][0-9A-Fa-f]*")
    return all(label.fullmatch(part) for part in labels) and not number.fullmatch(labels[-1])


def is_aws(endpoint: str) -> bool:
    """Whether this is S3 of AWS; no endpoint means that."""
    return not endpoint or (urlsplit(endpoint).hostname or "").endswith(AWS_DOMAINS)


def is_azure(endpoint: str) -> bool:
    """Whether this is a public service of Azure, over TLS; no endpoint means one."""
    parts = urlsplit(endpoint)
    return not endpoint or (
        parts.scheme == "https" and (parts.hostname or "").endswith(AZURE_DOMAINS)
    )
