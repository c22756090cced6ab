"""Uploads to S3 without a Secret, by the token of a ServiceAccount."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from demo.object_store import issue
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io import secrets
from etcd_operator.jobs.io.store import Location, Store
from etcd_operator.jobs.store_access import S3Access
from tests.harnesses.token_service import ROLE, Answers, TokenService, serve, serve_tokens

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(60)]

TOKEN: Final = "token of team:backups"


@pytest.fixture
def bucket() -> Iterator[str]:
    """A bucket that lets in who shows the temporary keys; its endpoint."""
    objects: dict[str, bytes] = {}

    class Bucket(Answers):
        def do_PUT(self) -> None:  # noqa: N802 (http.server calls it)
            objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200 if self._lets_in() else 403)

        def do_GET(self) -> None:  # noqa: N802 (http.server calls it)
            self.answer(200 if self._lets_in() else 403, objects[self.path])

        def _lets_in(self) -> bool:
            signed = "AWS4-HMAC-SHA256 Credential=temporary-key/" in self.headers["Authorization"]
            return signed and self.headers["X-Amz-Security-Token"] == "temporary-token"

    with serve(Bucket) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def sts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenService]:
    """The token service, and the environment that a Pod with an identity has."""
    tokens, keys, token = TokenService(lambda one: one == TOKEN), issue("sts"), tmp_path / "token"
    (tmp_path / "ca").mkdir()
    # Beside it the CA of the bucket: what the store and the token service show may differ.
    (tmp_path / "ca" / "ca.crt").write_text(issue("s3")["ca.crt"] + keys["ca.crt"])
    token.write_text(TOKEN)
    with serve_tokens(tokens, keys) as url:
        monkeypatch.setattr(secrets, "SECRETS", str(tmp_path))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        yield tokens


def open_bucket(endpoint: str) -> Store:
    """The bucket as a step sees it that has no Secret but that with a CA."""
    return Store(Location("s3", "b", ""), S3Access(endpoint=endpoint, ca_secret="ca"))  # noqa: S106 (a name)


def test_the_token_of_the_service_account_lets_in(bucket: str, sts: TokenService) -> None:
    store = open_bucket(bucket)
    store.put("a/b", b"content")
    assert store.read("a/b") == b"content"
    (asked,) = sts.asked
    assert asked["Action"] == "AssumeRoleWithWebIdentity"


def test_a_role_that_is_not_given_is_told(bucket: str, sts: TokenService) -> None:
    sts.knows = lambda one: one == "token of somebody else"
    with pytest.raises(TaskError) as refused:
        open_bucket(bucket).put("a/b", b"content")
    assert str(refused.value) == (
        "s3://b refuses the credentials, or forbids this: AccessDenied: Not authorized to perform "
        "sts:AssumeRoleWithWebIdentity"
    )
    assert sts.asked
