"""The controllers of cert-manager beside the cluster under test, and authorities to issue by."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etcd_operator.runtime.pki.x509 import KeyPair, make_authority
from local import build
from local.places import Places
from local.programs import cert_manager
from tests.e2e.harness import Cluster

CERTIFICATES: Final = "certificates.cert-manager.io"


@contextlib.contextmanager
def issuing(cluster: Cluster, places: Places, directory: Path) -> Iterator[None]:
    """Its controllers, for the namespace of a cluster; stopped by their process ID afterwards."""
    program = build.directory_of(cert_manager(), places) / "cert-manager"
    words = (f"-kubeconfig={places.kubeconfig}", f"-namespace={cluster.namespace}")
    with (directory / "cert-manager.log").open("wb") as log:
        process = subprocess.Popen([str(program), *words], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def add_issuer(cluster: Cluster, name: str) -> KeyPair:
    """Make an Issuer that signs by an authority of its own; returns that."""
    authority = make_authority(name, datetime.now(UTC))
    files = {"tls.crt": authority.certificate, "tls.key": authority.key}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in files.items()}
    place = {"namespace": cluster.namespace}
    secret, issuer = {"name": f"{name}-ca", **place}, {"name": name, **place}
    cluster.target.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": secret,
            "data": data,
        },
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": issuer,
            "spec": {"ca": {"secretName": secret["name"]}},
        },
    )
    return authority


def renew(cluster: Cluster, name: str) -> None:
    """Ask for a Certificate's renewal, as `cmctl renew` does."""
    status = cluster.read("get", CERTIFICATES, name)["status"]
    asked = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    said = {"status": {"conditions": [*status["conditions"], asked]}}
    words = ("--subresource=status", "--type=merge", f"--patch={json.dumps(said)}")
    cluster.kubectl("patch", CERTIFICATES, name, *words)


def revisions(cluster: Cluster) -> dict[str, int]:
    """How often each Certificate was issued."""
    found = cluster.objects(CERTIFICATES)
    return {item["metadata"]["name"]: item["status"].get("revision", 0) for item in found}
