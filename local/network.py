"""Network namespaces and the wires between them; the host itself gets one link and its routes.

host ──── link ─────────┐
                        ├── bridge in the control plane's namespace (API server, ClusterIPs)
namespace of node N ────┘   Pods of node N are routed by way of it
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from local.addresses import Addresses, node_name
from local.commands import run, succeeds
from local.errors import LocalError

ANYWHERE = IPv4Network("0.0.0.0/0")
_BRIDGE = "nodes"
_NAMESPACES = Path("/run/netns")


@dataclass(frozen=True, slots=True)
class Network:
    """The namespaces and the link whose names begin with `label`."""

    label: str
    addresses: Addresses

    @property
    def control_plane(self) -> str:
        """The namespace of the control plane."""
        return f"{self.label}-cp"

    def namespace_of(self, node: str) -> str:
        """Name a node's namespace."""
        return f"{self.label}-{node}"

    def create(self, nodes: int) -> None:
        """Wire the control plane, the host and every node."""
        self._refuse_overlap()
        self._create_bridge()
        self._plug_in(self.label, "host")
        for address in self.addresses.interface(self.addresses.host):
            run("ip", "addr", "add", address, "dev", self.label, *_quick(address))
        run("ip", "link", "set", self.label, "up")
        numbers = range(1, nodes + 1)
        for number in numbers:
            self._create_node(number)
        self._route(["ip", "-n", self.control_plane], numbers)
        self._route(["ip"], numbers)
        self._route_to(["ip"], self.addresses.services, self.addresses.control_plane)
        for number in numbers:
            self.route_node(number, nodes)

    def route_node(self, number: int, nodes: int) -> None:
        """Put a node's routes in place: the kernel drops them whenever the link goes down."""
        inside = ["ip", "-n", self.namespace_of(node_name(number))]
        self._route_to(inside, ANYWHERE, self.addresses.control_plane)
        self._route(inside, (other for other in range(1, nodes + 1) if other != number))

    def set_link(self, number: int, state: str) -> None:
        """Pull a node's plug ("down") or put it back ("up")."""
        _in(self.namespace_of(node_name(number)), "link", "set", "eth0", state)

    def namespaces(self) -> list[str]:
        """Name the namespaces that exist."""
        ours = re.compile(rf"{re.escape(self.label)}-(cp|n\d+)")
        return sorted(path.name for path in _NAMESPACES.glob("*") if ours.fullmatch(path.name))

    def nodes(self) -> list[str]:
        """Name the nodes whose namespaces exist."""
        names = (name.removeprefix(f"{self.label}-") for name in self.namespaces())
        return [name for name in names if name != "cp"]

    def leftovers(self) -> list[str]:
        """Name all that exists, the link included."""
        link = [self.label] * Path("/sys/class/net", self.label).exists()
        return self.namespaces() + link

    def delete(self) -> None:
        """Remove every namespace and the link; its routes go with it."""
        for name in self.namespaces():
            run("ip", "netns", "delete", name)
        with contextlib.suppress(LocalError):
            run("ip", "link", "delete", self.label)
        # `ip` had made it a mount to share namespaces; it does so again when there is a need.
        if _NAMESPACES.is_dir() and not any(_NAMESPACES.iterdir()):
            succeeds("umount", _NAMESPACES)
            _NAMESPACES.rmdir()

    def _refuse_overlap(self) -> None:
        taken = parse_routes(run("ip", "-4", "route", "show"))
        for ours in (self.addresses.machines, self.addresses.pods, self.addresses.services):
            for other in taken:
                if ours.overlaps(other):
                    raise LocalError(
                        f"{ours} overlaps this machine's route to {other}: choose three other "
                        f"networks with ETCD_OPERATOR_NETWORKS"
                    )

    def _create_bridge(self) -> None:
        namespace, addresses = self.control_plane, self.addresses
        _add_namespace(namespace)
        _in(namespace, "link", "add", _BRIDGE, "type", "bridge")
        for address in addresses.interface(addresses.control_plane):
            _in(namespace, "addr", "add", address, "dev", _BRIDGE, *_quick(address))
        _in(namespace, "link", "set", _BRIDGE, "up")
        _forward(namespace)
        # Frames between nodes are none of the control plane's packet filter's business.
        _set(namespace, "bridge/bridge-nf-call-iptables", "0")
        _set(namespace, "bridge/bridge-nf-call-ip6tables", "0")

    def _create_node(self, number: int) -> None:
        name = node_name(number)
        namespace = self.namespace_of(name)
        _add_namespace(namespace)
        self._plug_in("eth0", name, namespace)
        for address in self.addresses.interface(self.addresses.node(number)):
            _in(namespace, "addr", "add", address, "dev", "eth0", *_quick(address))
        _in(namespace, "link", "set", "eth0", "up")
        _forward(namespace)

    def _plug_in(self, link: str, port: str, namespace: str | None = None) -> None:
        """Make a wire whose far end is a port of the bridge."""
        here = ["ip", "-n", namespace] if namespace else ["ip"]
        far_end = ["peer", "name", port, "netns", self.control_plane]
        run(*here, "link", "add", link, "type", "veth", *far_end)
        _in(self.control_plane, "link", "set", port, "master", _BRIDGE, "up")

    def _route(self, tool: list[str], numbers: Iterable[int]) -> None:
        for number in numbers:
            self._route_to(tool, self.addresses.pods_of(number), self.addresses.node(number))

    def _route_to(self, tool: list[str], network: IPv4Network, machine: IPv4Address) -> None:
        gateways = (machine, self.addresses.twin(machine))
        for part, gateway in zip(self.addresses.families(network), gateways, strict=False):
            target = str(part) if network.prefixlen else "default"
            run(*tool, f"-{gateway.version}", "route", "replace", target, "via", str(gateway))


def parse_routes(text: str) -> list[IPv4Network]:
    """Return the destinations in what `ip route` prints, but for the default route."""
    found = re.findall(r"^(?:\w+ )?(\d[\d./]*)\b", text, re.MULTILINE)
    return [IPv4Network(destination) for destination in found]


def entering(namespace: str) -> list[str]:
    """Return the words before a command that is to run in a namespace.

    Not `ip netns exec`, which would give the command a /sys of its own, without cgroups.
    """
    return ["nsenter", f"--net={_NAMESPACES / namespace}"]


def _quick(address: str) -> tuple[str, ...]:
    """Nobody else has the addresses here: those of IPv6 need not be asked for."""
    return ("nodad",) if ":" in address else ()


def _forward(namespace: str) -> None:
    _set(namespace, "ipv4/ip_forward", "1")
    _set(namespace, "ipv6/conf/all/forwarding", "1")


def _add_namespace(name: str) -> None:
    run("ip", "netns", "add", name)
    _in(name, "link", "set", "lo", "up")


def _in(namespace: str, *arguments: str) -> None:
    run("ip", "-n", namespace, *arguments)


def _set(namespace: str, setting: str, value: str) -> None:
    """Write a setting of the namespace; one that this kernel lacks needs no change."""
    path = f"/proc/sys/net/{setting}"
    if Path(path).exists():
        run(*entering(namespace), "tee", path, stdin=value)
