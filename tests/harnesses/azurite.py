"""Azurite, Microsoft's imitation of Azure's blob storage, with one account and one container."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Final

ACCOUNT: Final = "backups"
KEY: Final = base64.b64encode(b"only for this test").decode()


@contextmanager
def serving(words: Sequence[str], address: str, place: Path, container: str) -> Iterator[str]:
    """Its URL at a free port of an address, started with these words; it keeps all in `place`."""
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    # Traffic goes to this machine alone.
    flags = ("--silent", "--skipApiVersionCheck", "--disableTelemetry")
    command = [*words, f"--blobHost={address}", f"--blobPort={port}", f"--location={place}", *flags]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    process = subprocess.Popen(command, env={**os.environ, **accounts}, stdout=subprocess.DEVNULL)
    try:
        url = f"http://{address}:{port}/{ACCOUNT}"
        _wait_for_port(address, port)
        _make_container(url, container)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(address: str, port: int) -> None:
    for _ in range(200):
        with socket.socket() as tried:
            if tried.connect_ex((address, port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the service does not listen")


def _make_container(endpoint: str, container: str) -> None:
    """Make the container with a signed request: steps find theirs, and make none.

    Source: "Authorize with Shared Key" of Azure's documentation.
    """
    date = formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-10-04"}
    resource = f"/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = "PUT" + "\n" * 12 + canonical + resource
    signed = hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}"
    headers["Content-Length"] = "0"
    request = urllib.request.Request(  # noqa: S310 (on this machine)
        f"{endpoint}/{container}?restype=container", method="PUT", headers=headers
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (on this machine)
        assert answer.status == 201
