"""A token service like that of AWS (STS): temporary keys for the token of a ServiceAccount.

What hands out ServiceAccounts' identities on AWS (EKS, kube2iam's successors, and whoever runs the
webhook elsewhere) gives a Pod a token in a file and a role; the token service takes both.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import parse_qs, urlsplit

ROLE: Final = "arn:aws:iam::000000000000:role/backups"
# The audience of the token, as AWS asks for it.
AUDIENCE: Final = "sts.amazonaws.com"
_KEYS: Final = """\
<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>{access}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{session}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
"""
_REFUSED: Final = """\
<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>
"""


@dataclass
class TokenService:
    """What lets in which token for the role, the keys that are given for it, and what was asked."""

    knows: Callable[[str], bool]
    access: str = "temporary-key"
    secret: str = "secret"
    session: str = "temporary-token"
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, query: dict[str, str]) -> tuple[int, str]:
        """Return the status and the document for a request."""
        self.asked.append(query)
        if query.get("RoleArn") != ROLE or not self.knows(query.get("WebIdentityToken", "")):
            return 403, _REFUSED
        return 200, _KEYS.format(access=self.access, secret=self.secret, session=self.session)


class Answers(BaseHTTPRequestHandler):
    """What services in a test have in common."""

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
def serve(
    handler: type[Answers], context: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[int]:
    """Serve at an address; the port."""
    with ThreadingHTTPServer((address, 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def serve_tokens(
    service: TokenService, keys: Mapping[str, str], address: str = "127.0.0.1"
) -> Iterator[str]:
    """Serve it with this certificate; its URL."""

    class Sts(Answers):
        def do_POST(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, text = service.answer({name: each[0] for name, each in query.items()})
            self.answer(status, text.encode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as place:
        for name in ("tls.crt", "tls.key"):
            (Path(place) / name).write_text(keys[name])
        context.load_cert_chain(Path(place) / "tls.crt", Path(place) / "tls.key")
    with serve(Sts, context, address) as port:
        yield f"https://{address}:{port}"
