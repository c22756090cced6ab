"""See which certificate a member shows, without speaking to it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

HANDSHAKE_SECONDS: Final = 2.0


async def find_signer(host: str, port: int, server_name: str, roots: str) -> str:
    """Return the key ID of who signed what is shown at this port; empty if nobody trusted did.

    A server shows its certificate before it asks for one, so none is needed here.
    """
    from etcd_operator.runtime.pki.x509 import read_der_certificate

    try:
        context = _trusting(roots)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=server_name
            )
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            # A polite end would read the server's last word, that it wants a certificate. OpenSSL
            # keeps that as an error of this thread, where Python leaves it for the next connection
            # that has nothing to read: some request to the API server would fail with it.
            writer.transport.abort()
        return read_der_certificate(shown).issuer_key_id if shown else ""
    except (OSError, TimeoutError, ValueError):
        return ""


def _trusting(roots: str) -> ssl.SSLContext:
    """As etcd does: any of these CAs is enough, whoever signed it, and whatever it lacks.

    The defaults of Python are stricter from 3.13 on, and before that want the CA above as well.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=roots)
    return context
