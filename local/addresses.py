"""Which address belongs to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from local.errors import LocalError

DEFAULT_NETWORKS = "172.30.0.0/24 10.245.0.0/16 10.97.0.0/16"
_POD_PREFIX = 24
# Of each address of IPv4 the one of IPv6 ends with it.
_TWINS = IPv6Network("fd65:7463:6400::/96")
_RESERVED_MACHINES = 10


@dataclass(frozen=True, slots=True)
class Addresses:
    """Three networks: machines on the bridge, Pods (a /24 for each node), and Services."""

    machines: IPv4Network
    pods: IPv4Network
    services: IPv4Network
    dual_stack: bool = False

    @property
    def control_plane(self) -> IPv4Address:
        """The API server, and the bridge."""
        return self.machines[-2]

    @property
    def host(self) -> IPv4Address:
        """This machine's end of the wire to the bridge."""
        return self.machines[-3]

    @property
    def kubernetes_service(self) -> IPv4Address:
        """The API server's ClusterIP."""
        return self.services[1]

    @property
    def dns_service(self) -> IPv4Address:
        """CoreDNS's ClusterIP."""
        return self.services[10]

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.control_plane}:6443"

    @property
    def most_nodes(self) -> int:
        """How many nodes find room."""
        pod_networks = 1 << (_POD_PREFIX - self.pods.prefixlen)
        return min(self.machines.num_addresses - _RESERVED_MACHINES, pod_networks - 1)

    def families(self, network: IPv4Network) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return a network, and with both families of IP the one of IPv6 beside it."""
        if not self.dual_stack:
            return (network,)
        first = int(_TWINS[0]) + int(network.network_address)
        return network, IPv6Network((first, _TWINS.prefixlen + network.prefixlen))

    def interface(self, address: IPv4Address) -> tuple[str, ...]:
        """Return a machine's address with the length of its network, of each family."""
        of_4 = f"{address}/{self.machines.prefixlen}"
        length = _TWINS.prefixlen + self.machines.prefixlen
        return (of_4, f"{self.twin(address)}/{length}") if self.dual_stack else (of_4,)

    def twin(self, address: IPv4Address) -> IPv6Address:
        """Return the address of IPv6 of who has this one."""
        return _TWINS[int(address)]

    def node(self, number: int) -> IPv4Address:
        """A node's address; nodes count from 1."""
        return self.machines[number]

    def pods_of(self, number: int) -> IPv4Network:
        """The Pods of a node."""
        first = int(self.pods.network_address) + (number << (32 - _POD_PREFIX))
        return IPv4Network((first, _POD_PREFIX))


def node_name(number: int) -> str:
    """How Kubernetes, the host name and every directory call a node."""
    return f"n{number}"


def read_addresses(environment: Mapping[str, str]) -> Addresses:
    """Read ETCD_OPERATOR_NETWORKS: the networks of machines, Pods and Services.

    With ETCD_OPERATOR_DUAL_STACK each has one of IPv6 beside it.
    """
    words = environment.get("ETCD_OPERATOR_NETWORKS", DEFAULT_NETWORKS).split()
    try:
        machines, pods, services = (IPv4Network(word) for word in words)
    except ValueError as error:
        raise LocalError(
            f"ETCD_OPERATOR_NETWORKS must be three IPv4 networks such as "
            f"'{DEFAULT_NETWORKS}', not '{' '.join(words)}': {error}"
        ) from error
    both = bool(environment.get("ETCD_OPERATOR_DUAL_STACK"))
    found = Addresses(machines, pods, services, both)
    if found.machines.prefixlen > 28 or found.services.prefixlen > 28 or found.most_nodes < 1:
        raise LocalError("ETCD_OPERATOR_NETWORKS: /28 or wider for machines and Services, /23 Pods")
    return found
