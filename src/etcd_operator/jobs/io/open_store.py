"""Open a store with mounted credentials. Nothing is sent to what does not look like the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from etcd_operator.api.store_forms import (
    IDENTITY_REMEDY,
    find_endpoint_problem,
    find_field_problem,
    is_aws,
    is_azure,
)
from etcd_operator.core.tasks.jobs.paths import STORE
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.secrets import (
    ACCOUNT_KEYS,
    BLOB_ENDPOINT,
    SAS_TOKENS,
    SECRET_KEYS,
    SESSION_TOKENS,
    find_key,
    read_access_key_id,
    read_secret,
)
from etcd_operator.jobs.store_access import Access, AzureAccess, GcsAccess, LocalAccess, S3Access

_RETRY: Final[Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}


def open_store(bucket: str, access: Access) -> ObjectStore:
    """Open a bucket; raises TaskError where a Secret is missing or a name is none."""
    match access:
        case S3Access():
            _check("bucket", bucket)
            return _open_s3(bucket, access)
        case GcsAccess():
            _check("bucket", bucket)
            return _open_gcs(bucket, access)
        case AzureAccess():
            _check("container", bucket)
            return _open_azure(bucket, access)
        case LocalAccess():
            return LocalStore(STORE)


def _check(field: str, value: str) -> None:
    if problem := find_field_problem(field, value):
        raise TaskError(f"{field} {value[:80]} {problem}.")


def _check_endpoint(endpoint: str) -> None:
    if endpoint and (problem := find_endpoint_problem(endpoint)):
        raise TaskError(f"endpoint {endpoint.rpartition('@')[2][:80]} {problem}.")


def _open_s3(bucket: str, access: S3Access) -> ObjectStore:
    _check_endpoint(access.endpoint)
    if access.region:
        _check("region", access.region)
    client: Any = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=120)}
    if access.endpoint.startswith("http://"):
        client["allow_http"] = True
    if access.ca_secret:
        client["root_certificate"] = read_secret("ca", access.ca_secret, "ca.crt")
    config: Any = {"region": access.region or "us-east-1"}
    if access.endpoint:
        config["endpoint"] = access.endpoint
        config["virtual_hosted_style_request"] = not access.force_path_style
    if access.checksum == "SHA256" or (access.checksum == "Automatic" and is_aws(access.endpoint)):
        config["checksum_algorithm"] = "SHA256"
    both = access.credentials_secret
    if both:
        config["access_key_id"] = read_access_key_id("credentials", both)
        config["secret_access_key"] = read_secret("credentials", both, *SECRET_KEYS)
        if token := find_key("credentials", *SESSION_TOKENS):
            config["session_token"] = token
    if access.access_key_secret:
        config["access_key_id"] = read_access_key_id("access-key", access.access_key_secret)
    if access.secret_key_secret:
        config["secret_access_key"] = read_secret(
            "secret-key", access.secret_key_secret, *SECRET_KEYS
        )
    return S3Store(bucket, config=config, client_options=client, retry_config=_RETRY)


def _open_gcs(bucket: str, access: GcsAccess) -> ObjectStore:
    config: Any = {}
    if access.credentials_secret:
        config["service_account_key"] = read_secret(
            "credentials", access.credentials_secret, "credentials.json"
        )
    return GCSStore(bucket, config=config, retry_config=_RETRY)


def _open_azure(container: str, access: AzureAccess) -> ObjectStore:
    _check_endpoint(access.endpoint)
    _check("account", access.account)
    config: Any = {"account_name": access.account}
    client: Any = {}
    if access.endpoint:
        config["endpoint"] = access.endpoint
        client["allow_http"] = access.endpoint.startswith("http://")
    if not access.credentials_secret and not is_azure(access.endpoint):
        # The identity of a ServiceAccount or a node is a token that whoever sees it can use.
        raise TaskError(f"endpoint {access.endpoint} {IDENTITY_REMEDY}.")
    if access.credentials_secret:
        token = find_key("credentials", *SAS_TOKENS)
        if token:
            _check_bearer(access)
            config["sas_key"] = token
        else:
            config["account_key"] = read_secret(
                "credentials", access.credentials_secret, *ACCOUNT_KEYS
            )
    return AzureStore(container, config=config, client_options=client, retry_config=_RETRY)


def _check_bearer(access: AzureAccess) -> None:
    """A SAS token is all that a request needs, and each shows it: only its owner says to whom."""
    if is_azure(access.endpoint) or find_key("credentials", BLOB_ENDPOINT) == access.endpoint:
        return
    raise TaskError(
        f"The SAS token of Secret {access.credentials_secret} is not sent to {access.endpoint}, "
        f"which is not Azure's: write that URL into {BLOB_ENDPOINT} of the Secret, or use an "
        "account key."
    )
