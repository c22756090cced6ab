"""What a step takes from a Secret, and whom it is sent to: whoever names both may read neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from obstore.store import S3Store

from etcd_operator.api.storage import AzureDestination
from etcd_operator.api.store_forms import find_endpoint_problem
from etcd_operator.core.tasks.store_problems import find_store_problem
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.key import find_key as find_encryption_key
from etcd_operator.jobs.io.open_store import open_store
from etcd_operator.jobs.io.store import explain, locate
from etcd_operator.jobs.store_access import read_access

ENDPOINT = "https://minio.storage.svc:9000"
SECRET_KEY = {"AWS_SECRET_ACCESS_KEY": "s"}
DOCKER = '{"auths":{"registry.example":{"auth":"dXNlcjpwYXNz"}}}'


def mount(spool: Path, directory: str, keys: dict[str, str]) -> None:
    """A Secret as the kubelet mounts it."""
    place = spool / "secrets" / directory
    place.mkdir(exist_ok=True)
    for name, value in keys.items():
        (place / name).write_text(value)


@pytest.mark.parametrize(
    "keys",
    [
        {"password": "the-root-password"},
        {".dockerconfigjson": DOCKER},
        {"accessKey": "c2VjcmV0IG9mIGEgc3RvcmFnZSBhY2NvdW50IG9mIEF6dXJlIQ=="},
        {"token": "x"},
    ],
)
@pytest.mark.situation(
    "data",
    "an EtcdBackup names a Secret that was made for something else",
    "nothing of it is sent, and no message names its keys",
)
def test_the_only_key_of_a_secret_is_not_sent(spool: Path, keys: dict[str, str]) -> None:
    mount(spool, "access-key", keys)
    mount(spool, "secret-key", keys)
    for fields in ({"accessKeySecret": "other"}, {"secretKeySecret": "other"}):
        access = read_access("s3", {"endpoint": ENDPOINT, **fields})
        with pytest.raises(TaskError, match=r"Secret other has no key AWS_") as refused:
            open_store("b", access)
        said = str(refused.value)
        assert not any(word in said for word in (*keys, *keys.values()))


@pytest.mark.parametrize("value", [DOCKER, "two words", "YWJj+/8=", "a" * 129, "ab", "-----BEGIN"])
def test_what_is_no_access_key_id_is_not_sent_in_clear(spool: Path, value: str) -> None:
    mount(spool, "credentials", {"AWS_ACCESS_KEY_ID": value, **SECRET_KEY})
    access = read_access("s3", {"endpoint": ENDPOINT, "credentialsSecret": "keys"})
    with pytest.raises(TaskError, match="AWS_ACCESS_KEY_ID of Secret keys is not an access key ID"):
        open_store("b", access)


@pytest.mark.parametrize("value", ["AKIAIOSFODNN7EXAMPLE", "minioadmin", "team-a.backup_1"])
def test_an_access_key_id_of_any_service_is_taken(spool: Path, value: str) -> None:
    mount(spool, "credentials", {"AWS_ACCESS_KEY_ID": value, **SECRET_KEY})
    access = read_access("s3", {"endpoint": ENDPOINT, "credentialsSecret": "keys"})
    store = open_store("b", access)
    assert isinstance(store, S3Store)
    assert store.config["access_key_id"] == value


def test_only_keys_named_for_it_encrypt_or_open_a_store(spool: Path) -> None:
    mount(spool, "encryption", {"other": "A" * 43 + "="})
    with pytest.raises(TaskError, match="Secret keys has no key key"):
        find_encryption_key({"keySecret": "keys"})
    mount(spool, "credentials", {"key.json": "{}"})
    with pytest.raises(TaskError, match=r"Secret g has no key credentials\.json"):
        open_store("b", read_access("gs", {"credentialsSecret": "g"}))
    mount(spool, "ca", {"tls.crt": "x"})
    with pytest.raises(TaskError, match=r"Secret c has no key ca\.crt"):
        open_store("b", read_access("s3", {"caSecret": "c"}))


def azure(**fields: str) -> Any:
    """A storage account with a Secret."""
    return read_access("az", {"account": "acc", "credentialsSecret": "sas", **fields})


def test_a_sas_token_goes_to_azure_or_where_its_owner_says(spool: Path) -> None:
    mount(spool, "credentials", {"AZURE_STORAGE_SAS_TOKEN": "sv=2024&sig=abc"})
    open_store("c", azure())
    open_store("c", azure(endpoint="https://acc.blob.core.windows.net"))
    for other in ("https://evil.example", "http://acc.blob.core.windows.net"):
        with pytest.raises(TaskError, match="SAS token of Secret sas is not sent to"):
            open_store("c", azure(endpoint=other))
    mount(spool, "credentials", {"AZURE_STORAGE_BLOB_ENDPOINT": "https://azurite.team.svc"})
    open_store("c", azure(endpoint="https://azurite.team.svc"))


def test_the_identity_of_a_service_account_is_shown_to_azure_alone(spool: Path) -> None:
    other = azure(credentialsSecret="", endpoint="https://evil.example")
    with pytest.raises(TaskError, match="is not shown the identity of the ServiceAccount"):
        open_store("c", other)
    assert "is not Azure's" in find_store_problem(
        AzureDestination(account="acc", container="c", endpoint="https://evil.example"),
        "spec.azure",
    )
    open_store("c", azure(credentialsSecret=""))


@pytest.mark.parametrize(
    ("scheme", "fields", "bucket"),
    [
        ("az", {"account": "evil.example/x"}, "c"),
        ("az", {"account": "acc"}, "c@evil.example/"),
        ("s3", {"region": "x.evil.example/"}, "b"),
        ("s3", {"endpoint": ENDPOINT, "forcePathStyle": False}, "evil.example/"),
        ("gs", {}, "b/../x"),
    ],
)
@pytest.mark.situation(
    "data",
    "a region, account or bucket with a slash in it",
    "no other host is asked",
)
def test_no_part_of_a_host_name_makes_another_host(
    spool: Path, scheme: str, fields: dict[str, Any], bucket: str
) -> None:
    with pytest.raises(TaskError, match="is part of a host name and cannot be"):
        open_store(bucket, read_access(scheme, fields))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://10.0.0.7:9000",
        "https://[fd00::1]:9000",
        "https://s3.eu-central-1.amazonaws.com",
        "http://127.0.0.1:10000/devstoreaccount1",
        "https://minio",
    ],
)
def test_what_looks_like_a_service(endpoint: str) -> None:
    assert find_endpoint_problem(endpoint) == ""


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://user:password@minio",
        "https://minio?x=1",
        "https://minio#x",
        "https://minio/ x",
        "ftp://minio",
        "https://",
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://0.0.0.0",
        "https://minio:99999",
        "https://minio:0",
        "https://a..b",
        f"https://{'a' * 300}",
    ],
)
@pytest.mark.situation(
    "data",
    "an endpoint with a password, of a link-local address, or in another spelling",
    "nothing is sent there",
)
def test_what_does_not_look_like_a_service(spool: Path, endpoint: str) -> None:
    assert find_endpoint_problem(endpoint)
    mount(spool, "credentials", {"AWS_ACCESS_KEY_ID": "minioadmin", **SECRET_KEY})
    access = read_access("s3", {"endpoint": endpoint, "credentialsSecret": "keys"})
    with pytest.raises(TaskError, match=r"^endpoint ") as refused:
        open_store("b", access)
    assert "password" not in str(refused.value)


@pytest.mark.parametrize(
    ("endpoint", "checksum", "sent"),
    [
        ("", "Automatic", "SHA256"),
        ("https://s3.eu-central-1.amazonaws.com", "Automatic", "SHA256"),
        ("https://amazonaws.com.evil.example", "Automatic", None),
        ("https://minio.team.svc", "Automatic", None),
        ("https://minio.team.svc", "SHA256", "SHA256"),
        ("", "None", None),
    ],
)
def test_contents_carry_a_checksum_at_aws(endpoint: str, checksum: str, sent: str | None) -> None:
    access = read_access("s3", {"endpoint": endpoint, "checksum": checksum})
    store = open_store("b", access)
    assert isinstance(store, S3Store)
    assert store.config.get("checksum_algorithm") == sent


def test_a_token_in_a_url_is_not_repeated() -> None:
    said = explain(
        RuntimeError("error for url (https://acc.example/c?sv=1&sig=secret) happened"), "az://c",
        azure(),
    )  # fmt: skip
    assert "secret" not in said
    assert "https://acc.example/c) happened" in said


def test_a_url_names_a_bucket() -> None:
    with pytest.raises(TaskError, match="is not the name of a bucket"):
        locate("s3://user@evil.example/x")
