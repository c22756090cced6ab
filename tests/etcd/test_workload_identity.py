"""Uploads to S3 without a Secret, by the token of a ServiceAccount.

What hands out ServiceAccounts' identities on AWS (EKS, kube2iam's successors, and whoever runs the
webhook elsewhere) gives a Pod a token in a file and a role; a token service of AWS (STS) takes both
and returns temporary keys.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from demo.object_store import issue
from etcd_operator.errors import TaskError
from etcd_operator.jobs.io import secrets
from etcd_operator.jobs.io.store import Location, Store
from etcd_operator.jobs.store_access import S3Access

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(60)]

ROLE: Final = "arn:aws:iam::000000000000:role/backups"
_KEYS: Final = """\
<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>temporary-key</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>temporary-token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
"""
_REFUSED: Final = """\
<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>
"""


@dataclass
class TokenService:
    """An STS that knows one token: what it was asked, and whose token lets in."""

    known: str = "token of team:backups"
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, query: dict[str, str]) -> tuple[int, str]:
        """Return the status and the document for a request."""
        self.asked.append(query)
        right = query.get("WebIdentityToken") == self.known and query.get("RoleArn") == ROLE
        return (200, _KEYS) if right else (403, _REFUSED)


class Answers(BaseHTTPRequestHandler):
    """What both services have in common."""

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at what was asked."""

    def answer(self, status: int, body: bytes = b"") -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(handler: type[Answers], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on loopback; the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def bucket() -> Iterator[str]:
    """A bucket that lets in who shows the temporary keys; its endpoint.

    versitygw, which other tests store to, knows no temporary keys.
    """
    objects: dict[str, bytes] = {}

    class Bucket(Answers):
        def do_PUT(self) -> None:
            objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200 if self._lets_in() else 403)

        def do_GET(self) -> None:
            self.answer(200 if self._lets_in() else 403, objects[self.path])

        def _lets_in(self) -> bool:
            signed = "AWS4-HMAC-SHA256 Credential=temporary-key/" in self.headers["Authorization"]
            return signed and self.headers["X-Amz-Security-Token"] == "temporary-token"

    with serve(Bucket) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def sts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenService]:
    """The token service, and the environment that a Pod with an identity has."""
    tokens, keys, token = TokenService(), issue("sts"), tmp_path / "token"
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "ca.crt").write_text(keys["ca.crt"])
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text(keys[name])
    token.write_text(tokens.known)

    class Sts(Answers):
        def do_POST(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, text = tokens.answer({name: each[0] for name, each in query.items()})
            self.answer(status, text.encode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    with serve(Sts, context) as port:
        monkeypatch.setattr(secrets, "SECRETS", str(tmp_path))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://127.0.0.1:{port}")
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
    sts.known = "token of somebody else"
    with pytest.raises(TaskError) as refused:
        open_bucket(bucket).put("a/b", b"content")
    assert str(refused.value) == (
        "s3://b refuses the credentials, or forbids this: AccessDenied: Not authorized to perform "
        "sts:AssumeRoleWithWebIdentity"
    )
    assert sts.asked
