"""The command lines of the control plane."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

from local.addresses import Addresses, node_name
from local.errors import LocalError
from local.places import AUDIT_POLICY, Places

# The API server's own etcd need not survive this machine's power failure.
_ETCD_PEER = "http://127.0.0.1:2380"
_ETCD_CLIENT = "http://127.0.0.1:2379"
# Only these may start before the API server serves: they wait for it, or it needs them.
EARLY = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
LATE = ("kube-proxy", "volume-provisioner")
CONTROL_PLANE = (*EARLY, *LATE)
# On every node, but only where it was started by name: it works at every change of any Pod.
NETWORK_POLICIES = "network-policies"
_FAST_TOLERATIONS = (
    "--default-not-ready-toleration-seconds=5",
    "--default-unreachable-toleration-seconds=5",
)
_FAST_MONITOR = ("--node-monitor-grace-period=12s", "--node-monitor-period=1s")


def full_name(name: str) -> str:
    """Accept `apiserver` for `kube-apiserver`."""
    known = (*CONTROL_PLANE, NETWORK_POLICIES)
    for component in known:
        if name in (component, component.removeprefix("kube-")):
            return component
    raise LocalError(f"{name} is no component that can be stopped and started: {', '.join(known)}")


def command_of(name: str, places: Places, addresses: Addresses, *, fast_faults: bool) -> list[str]:
    """Return the command line of a component."""
    flags = {
        "etcd": lambda: _etcd(places),
        "kube-apiserver": lambda: _apiserver(places, addresses, fast_faults=fast_faults),
        "kube-controller-manager": lambda: _controllers(places.keys, fast_faults=fast_faults),
        "kube-scheduler": lambda: [_kubeconfig(places, "kube-scheduler"), "--leader-elect=false"],
        "kube-proxy": lambda: proxy_flags(places, addresses, node_name(1)),
        "volume-provisioner": lambda: [
            _kubeconfig(places, "admin"),
            f"--root={places.volumes}",
        ],
    }
    return [str(places.bin / name), *flags[name]()]


def proxy_flags(places: Places, addresses: Addresses, node: str) -> list[str]:
    """Return kube-proxy's flags, on a node or in the control plane's namespace.

    There it speaks in the name of node 1 and gives the host and the API server the ClusterIPs.
    Limits of connection tracking are the host's affair: zero leaves them alone.
    """
    return [
        _kubeconfig(places, "kube-proxy"),
        f"--hostname-override={node}",
        f"--cluster-cidr={_join(addresses, addresses.pods)}",
        "--proxy-mode=iptables",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]


def policies_command(places: Places, addresses: Addresses, node: str) -> list[str]:
    """Return the command line of what enforces NetworkPolicies on a node."""
    return [
        str(places.bin / NETWORK_POLICIES),
        _kubeconfig(places, "admin"),
        f"--node={node}",
        f"--service-cluster-ip-range={addresses.services}",
        # One line whenever it has looked at everything anew.
        "--v=1",
    ]


def _join(addresses: Addresses, network: IPv4Network) -> str:
    return ",".join(map(str, addresses.families(network)))


def _etcd(places: Places) -> list[str]:
    return [
        f"--data-dir={places.etcd_data}",
        f"--listen-client-urls={_ETCD_CLIENT}",
        f"--advertise-client-urls={_ETCD_CLIENT}",
        f"--listen-peer-urls={_ETCD_PEER}",
        f"--initial-advertise-peer-urls={_ETCD_PEER}",
        f"--initial-cluster=default={_ETCD_PEER}",
        "--unsafe-no-fsync",
    ]


def _apiserver(places: Places, addresses: Addresses, *, fast_faults: bool) -> list[str]:
    keys = places.keys
    return [
        f"--etcd-servers={_ETCD_CLIENT}",
        "--secure-port=6443",
        f"--advertise-address={addresses.control_plane}",
        f"--service-cluster-ip-range={_join(addresses, addresses.services)}",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        f"--service-account-key-file={keys / 'sa.key'}",
        f"--service-account-signing-key-file={keys / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--kubelet-client-certificate={keys / 'admin.crt'}",
        f"--kubelet-client-key={keys / 'admin.key'}",
        f"--kubelet-certificate-authority={keys / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        # Who asked for what, of the operator alone: a test compares it with its rights.
        f"--audit-policy-file={AUDIT_POLICY}",
        f"--audit-log-path={places.audit_log}",
        "--audit-log-maxbackup=20",
        *(_FAST_TOLERATIONS if fast_faults else ()),
    ]


def _controllers(keys: Path, *, fast_faults: bool) -> list[str]:
    return [
        f"--kubeconfig={keys / 'kube-controller-manager.kubeconfig'}",
        f"--root-ca-file={keys / 'ca.crt'}",
        f"--service-account-private-key-file={keys / 'sa.key'}",
        f"--cluster-signing-cert-file={keys / 'ca.crt'}",
        f"--cluster-signing-key-file={keys / 'ca.key'}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        # A conflict while it marks a claim leaves that claim, and its Pod, alone until then; the
        # default is 15 s.
        "--pvclaimbinder-sync-period=1s",
        *(_FAST_MONITOR if fast_faults else ()),
    ]


def _kubeconfig(places: Places, who: str) -> str:
    return f"--kubeconfig={places.keys / who}.kubeconfig"
