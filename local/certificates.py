"""The cluster's certificate authority, and a key and kubeconfig for each who talks to the API."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from local.addresses import Addresses, node_name
from local.commands import run

# Without a configuration of its own, openssl would add the extensions of an authority everywhere.
_OPENSSL_CONFIG = "[req]\ndistinguished_name = empty\n[empty]\n"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a key speaks for: `subject` as RBAC reads it, `names` as its clients check them."""

    file: str
    subject: str
    names: str = ""


def identities(addresses: Addresses, nodes: int) -> list[Identity]:
    """List all who need a key."""
    services = [f"DNS:kubernetes{end}" for end in ("", ".default", ".default.svc")]
    ours = [addresses.control_plane, addresses.kubernetes_service, "127.0.0.1"]
    server = ",".join([*services, "DNS:localhost", *(f"IP:{address}" for address in ours)])
    found = [
        Identity("apiserver", "/CN=kube-apiserver", server),
        Identity("admin", "/O=system:masters/CN=admin"),
        Identity("kube-controller-manager", "/CN=system:kube-controller-manager"),
        Identity("kube-scheduler", "/CN=system:kube-scheduler"),
        Identity("kube-proxy", "/CN=system:kube-proxy"),
    ]
    for number in range(1, nodes + 1):
        name = node_name(number)
        names = f"DNS:{name},IP:{addresses.node(number)}"
        found.append(Identity(name, f"/O=system:nodes/CN=system:node:{name}", names))
    return found


def issue_all(keys: Path, addresses: Addresses, nodes: int) -> None:
    """Make the authority, every key and every kubeconfig below `keys`."""
    make_authority(keys)
    for identity in identities(addresses, nodes):
        issue(keys, identity, addresses.server)


def make_authority(keys: Path) -> None:
    """Make the authority below `keys`, and the key that signs the tokens of ServiceAccounts."""
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    (keys / "openssl.cnf").write_text(_OPENSSL_CONFIG)
    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    _request(keys, "ca", "/CN=etcd-operator-local", *authority)
    run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", keys / "sa.key")


def issue(keys: Path, identity: Identity, server: str) -> None:
    """Make a key, a certificate of the authority for it, and a kubeconfig for this API server."""
    extensions = ["basicConstraints=critical,CA:FALSE"]
    extensions.append("extendedKeyUsage=serverAuth,clientAuth")
    if identity.names:
        extensions.append(f"subjectAltName={identity.names}")
    _request(keys, identity.file, identity.subject, *extensions, issuer="ca")
    kubeconfig = render_kubeconfig(keys, identity.file, server)
    (keys / f"{identity.file}.kubeconfig").write_text(kubeconfig)


def render_kubeconfig(keys: Path, who: str, server: str) -> str:
    """Return a kubeconfig that holds its keys itself, so that it may be copied elsewhere."""

    def data(name: str) -> str:
        return base64.b64encode((keys / name).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
    user = {"client-certificate-data": data(f"{who}.crt"), "client-key-data": data(f"{who}.key")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": who, "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": who}}],
        "current-context": "local",
    }
    return json.dumps(content, indent=1) + "\n"


def _request(keys: Path, name: str, subject: str, *extensions: str, issuer: str = "") -> None:
    command = ["openssl", "req", "-x509", "-config", "openssl.cnf", *_NEW_KEY, "-subj", subject]
    command += ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
    for extension in extensions:
        command += ["-addext", extension]
    if issuer:
        command += ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key"]
    run(*command, cwd=keys)
