"""The configuration of a node: containerd, its network plugins, the kubelet. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from local.addresses import Addresses, node_name
from local.cgroups import cgroup_of
from local.components import proxy_flags
from local.images import PAUSE_IMAGE
from local.places import Places

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_PLUGINS = "/usr/lib/cni"
_FAST_FAULTS = {"nodeLeaseDurationSeconds": 12, "nodeStatusUpdateFrequency": "4s"}

# The two switches let it run where /proc is shared with the host and no AppArmor is at hand.
_CONTAINERD = """\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A program which the node's pid 1 keeps running."""

    name: str
    command: list[str]
    waits_for_api: bool


def render_containerd(etc: Path) -> str:
    """Return containerd's configuration."""
    networks = etc / "cni"
    return _CONTAINERD.format(
        socket=CONTAINERD_SOCKET, pause=PAUSE_IMAGE, plugins=_PLUGINS, networks=networks
    )


def render_network(addresses: Addresses, number: int) -> str:
    """Return the network plugins' configuration.

    Each Pod hangs on a wire of its own (ptp), so that all its traffic is routed: on a bridge, the
    answer of a Service's Pod to its neighbour would bypass the translation of its address.
    """
    networks = addresses.families(addresses.pods_of(number))
    everywhere = ("0.0.0.0/0", "::/0")[: len(networks)]
    allocation = {
        "type": "host-local",
        "ranges": [[{"subnet": str(network)}] for network in networks],
        "routes": [{"dst": destination} for destination in everywhere],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": allocation},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    content = {"cniVersion": "0.4.0", "name": "local", "plugins": plugins}
    return json.dumps(content, indent=1)


def render_kubelet(places: Places, addresses: Addresses, number: int, *, fast_faults: bool) -> str:
    """Return the kubelet's configuration."""
    name, keys = node_name(number), places.keys
    content = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys / f"{name}.crt"),
        "tlsPrivateKeyFile": str(keys / f"{name}.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup_of(places.label, name)}",
        "failSwapOn": False,
        "failCgroupV1": False,
        "clusterDNS": [str(addresses.dns_service)],
        "clusterDomain": "cluster.local",
        "resolvConf": str(places.node(name) / "etc" / "resolv.conf"),
        "serializeImagePulls": False,
        # A full disk of a developer's machine is no reason to evict, nor to forget images that
        # no registry could give back.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "enforceNodeAllocatable": [],
        "syncFrequency": "10s",
        **(_FAST_FAULTS if fast_faults else {}),
    }
    return json.dumps(content, indent=1)


def services_of(places: Places, addresses: Addresses, number: int) -> list[Service]:
    """List what runs on a node, in starting order."""
    name = node_name(number)
    etc = places.node(name) / "etc"
    kubelet = [
        str(places.bin / "kubelet"),
        f"--config={etc / 'kubelet.json'}",
        f"--kubeconfig={places.keys / name}.kubeconfig",
        f"--hostname-override={name}",
        f"--node-ip={_write_node_addresses(addresses, number)}",
        f"--node-labels=topology.kubernetes.io/zone=z{number}",
        "--root-dir=/var/lib/kubelet",
    ]
    proxy = [str(places.bin / "kube-proxy"), *proxy_flags(places, addresses, name)]
    return [
        Service("containerd", ["containerd", f"--config={etc / 'containerd.toml'}"], False),
        Service("kubelet", kubelet, True),
        Service("kube-proxy", proxy, True),
    ]


def _write_node_addresses(addresses: Addresses, number: int) -> str:
    both = (
        str(address).partition("/")[0] for address in addresses.interface(addresses.node(number))
    )
    return ",".join(both)


def write_all(places: Places, addresses: Addresses, number: int, *, fast_faults: bool) -> None:
    """Write all that a node reads when it starts."""
    name = node_name(number)
    etc = places.node(name) / "etc"
    (etc / "cni").mkdir(parents=True, exist_ok=True)
    (etc / "containerd.toml").write_text(render_containerd(etc))
    (etc / "cni" / "10-local.conflist").write_text(render_network(addresses, number))
    kubelet = render_kubelet(places, addresses, number, fast_faults=fast_faults)
    (etc / "kubelet.json").write_text(kubelet)
    # Nothing outside is reached from here, so Pods get no name server of the host's.
    (etc / "resolv.conf").write_text("")
    services = [asdict(service) for service in services_of(places, addresses, number)]
    boot = {"server": addresses.server, "services": services}
    (etc / "boot.json").write_text(json.dumps(boot, indent=1))
