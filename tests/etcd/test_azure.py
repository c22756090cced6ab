"""Uploads to Azure's own imitation of its blob storage, and downloads from it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from etcd_operator.errors import TaskError
from etcd_operator.jobs.io import secrets
from etcd_operator.jobs.io.store import WHOLE, Location, Store
from etcd_operator.jobs.store_access import AzureAccess
from local.azurite import provide_azurite
from local.errors import LocalError
from tests.harnesses.azurite import ACCOUNT, KEY, serving

# The first of them may have to fetch the service.
pytestmark = [pytest.mark.etcd, pytest.mark.timeout(300)]

CONTAINER: Final = "bench"


@dataclass
class Service:
    """The service with one container; `key` is the file with what steps show it."""

    endpoint: str
    key: Path

    def open(self, container: str = CONTAINER) -> Store:
        """A container as a step sees it."""
        access = AzureAccess(account=ACCOUNT, endpoint=self.endpoint, credentials_secret="keys")  # noqa: S106 (a name)
        return Store(Location("az", container, ""), access)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service on a free port, with a container."""
    try:
        words = provide_azurite()
    except LocalError as error:
        pytest.skip(str(error))
    with serving(words, "127.0.0.1", tmp_path_factory.mktemp("azurite"), CONTAINER) as url:
        yield url


@pytest.fixture
def service(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """That service, and the Secret for it."""
    key = tmp_path / "credentials" / "AZURE_STORAGE_ACCOUNT_KEY"
    key.parent.mkdir()
    key.write_text(KEY)
    monkeypatch.setattr(secrets, "SECRETS", str(tmp_path))
    return Service(endpoint, key)


def pieces(content: bytes) -> Iterator[bytes]:
    """Content in parts of a mebibyte."""
    return (content[at : at + 2**20] for at in range(0, len(content), 2**20))


@pytest.mark.parametrize("size", [0, 1, WHOLE + 1, 3 * WHOLE])
def test_what_was_uploaded_is_there_as_it_was(service: Service, size: int) -> None:
    store, content, key = service.open(), os.urandom(size), f"sizes/{size}"
    store.upload(key, pieces(content))
    assert store.size(key) == size
    assert store.read(key) == content
    assert b"".join(store.download(key)) == content
    assert str(size) in store.list_names("sizes")
    store.delete(key)
    assert str(size) not in store.list_names("sizes")
    store.delete(key)


def test_an_upload_that_fails_is_in_no_list(service: Service) -> None:
    def stream() -> Iterator[bytes]:
        yield from pieces(os.urandom(2 * WHOLE))
        raise TaskError("the disk is gone")

    store = service.open()
    with pytest.raises(TaskError, match="the disk is gone"):
        store.upload("failed/b", stream())
    assert store.list_names("failed") == []


@pytest.mark.parametrize("size", [1, 2 * WHOLE], ids=["in one request", "in parts"])
def test_what_the_service_has_against_an_upload_is_told(service: Service, size: int) -> None:
    content = os.urandom(size)
    with pytest.raises(TaskError, match="The container of az://nowhere does not exist: create it"):
        service.open("nowhere").upload("a/b", pieces(content))
    service.key.write_text(base64.b64encode(b"wrong").decode())
    with pytest.raises(TaskError, match="refuses the credentials of Secret keys"):
        service.open().upload("a/b", pieces(content))
