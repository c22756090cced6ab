"""What a client in a Pod has around it: a mounted Secret, and the name server of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etcd_operator.core.model.naming import CLIENT_PORT
from tests.e2e.secured import SecuredCluster, read_secret
from tests.perf.clients.mount import Mount

# The name server is asked by this process alone: no file of the host changes.
WITH_NAME_SERVER: Final = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where an EtcdCluster's clients find it, and what opens it."""

    cluster: SecuredCluster
    directory: Path

    @property
    def mount(self) -> Mount:
        """The Secret for clients."""
        return Mount(self.directory / "certificates")

    @property
    def host(self) -> str:
        """The name of the client Service."""
        return f"{self.cluster.name}-client.{self.cluster.namespace}.svc"

    @property
    def url(self) -> str:
        """The URL of the client Service."""
        return f"https://{self.host}:{CLIENT_PORT}"

    def member_urls(self, size: int) -> list[str]:
        """The client URL of each member."""
        name, domain = self.cluster.name, f"{self.cluster.namespace}.svc"
        members = (f"{name}-{ordinal}.{name}-peer.{domain}" for ordinal in range(size))
        return [f"https://{member}:{CLIENT_PORT}" for member in members]

    def address(self) -> str:
        """The address of the client Service."""
        service = self.cluster.read("get", "service", f"{self.cluster.name}-client")
        return str(service["spec"]["clusterIP"])

    def renew(self) -> bool:
        """Mount the Secret for clients as it is now; returns whether it is another."""
        now = read_secret(self.cluster, f"{self.cluster.name}-client-tls")
        if now == self.mount.read():
            return False
        self.mount.write(now)
        return True

    def prepare(self) -> None:
        """Write what a Pod of the cluster's namespace has for the names of the cluster."""
        self.renew()
        system = ("get", "service", "kube-dns", "--namespace=kube-system")
        server = self.cluster.target.read(*system)["spec"]["clusterIP"]
        domains = (f"{self.cluster.namespace}.svc", "svc", "")
        search = " ".join(f"{domain}.cluster.local".lstrip(".") for domain in domains)
        text = f"nameserver {server}\nsearch {search}\noptions ndots:5\n"
        (self.directory / "resolv.conf").write_text(text)

    def command(self, *words: str) -> list[str]:
        """Return the command that runs another one as a Pod would: with the cluster's names."""
        resolver = str(self.directory / "resolv.conf")
        return ["unshare", "--mount", "sh", "-c", WITH_NAME_SERVER, resolver, *words]
