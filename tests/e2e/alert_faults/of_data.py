"""Faults of the database and of the volumes that hold it."""

from __future__ import annotations

import itertools
import time
from typing import Final

from deploy.target import TargetError, ask_local
from tests.e2e.alert_faults.fault import MIB, Fault, Mend, gateway, go_on, nothing
from tests.e2e.harness import Cluster, no_pods_in, wait_until
from tests.e2e.prometheus import Prometheus, name_own

_VALUE: Final = "x" * 900_000
_LARGE: Final = _VALUE.encode()
_STEADY: Final = _LARGE[:200_000]
# Beyond the 100 MiB from which fragmentation counts.
_KEYS: Final = 125
_QUOTA: Final = 64 * MIB
# As long as each other: bytes of the file are replaced.
_TRUE: Final = "what-was-acknowledged"
_FALSE: Final = "what-nobody-has-said-"
_SMALL_VOLUME: Final = "320m"
_FILE: Final = "160M"


def write(cluster: Cluster, key: str, size: int = len(_VALUE)) -> None:
    """Write a key, whose value is too long for a command line."""
    words = ("exec", "--stdin", f"{cluster.name}-0", "--container=etcd", "--", "etcdctl", "put")
    cluster.kubectl(*words, key, stdin=_VALUE[:size])


def fill(cluster: Cluster) -> Mend:
    """Write keys until nothing more can be freed, and let clients go on for a while."""
    sizes = [900_000] * 20 + [300_000] * 20 + [100_000] * 60
    refused = 0
    for number, size in enumerate(sizes):
        try:
            write(cluster, f"key-{number}", size)
        except TargetError:
            refused += 1
            if refused > 1 and cluster.condition("Ready")["reason"] == "QuotaExceeded":
                break
    for _ in range(25):
        try:
            write(cluster, "one-more", 100_000)
        except TargetError:
            time.sleep(0.3)
    return nothing


def write_third(cluster: Cluster) -> None:
    """Use a third of the quota."""
    cluster.wait_running(1)
    etcd = gateway(cluster)
    for number in range(24):
        assert etcd.put(f"key-{number}", _LARGE)


def grow(cluster: Cluster) -> Mend:
    """Let the database grow at a steady pace, until the client is found."""
    etcd = gateway(cluster)
    numbers = itertools.count()
    return go_on(lambda: etcd.put(f"more-{next(numbers)}", _STEADY), pause=1.0)


def fragment(cluster: Cluster) -> Mend:
    """Write much and delete all of it; routine defragmentation is off by default."""
    etcd = gateway(cluster)
    for _ in range(_KEYS):
        assert etcd.put("key", _LARGE)
    revision = cluster.etcdctl("put", "key", "nothing", "--write-out=json")
    number = revision.split('"revision":')[1].split("}")[0].split(",")[0]
    assert etcd.post("kv/compaction", {"revision": number, "physical": True})
    return nothing


def use_small_volume(cluster: Cluster) -> None:
    """Put the disk of the only member on a volume of its own: the others share this machine's.

    The directory is free again at once; what is mounted stays with the Pod.
    """
    cluster.wait_running(1)
    node, path = find_disk(cluster, "c-0")
    cluster.scale(0)
    wait_until("it is stopped", lambda: not cluster.objects("pods"), 60)
    on_node(node, "cp", "-a", path, f"{path}.kept")
    on_node(node, "mount", "-t", "tmpfs", "-o", f"size={_SMALL_VOLUME},mode=0777", "tmpfs", path)
    on_node(node, "cp", "-a", f"{path}.kept/.", path)
    on_node(node, "rm", "-r", f"{path}.kept")
    cluster.scale(1)
    cluster.wait_running(1)
    on_node(node, "umount", "--lazy", path)
    shown = f'kubelet_volume_stats_capacity_bytes{{namespace="{cluster.namespace}"}} < 1e9'
    prometheus = Prometheus(cluster.target, name_own())
    wait_until("its kubelet shows it", lambda: bool(prometheus.query(shown)), 150)


def fill_volume(cluster: Cluster) -> Mend:
    """Let a file that is not etcd's take most of the volume."""
    pod = cluster.pod("c-0")
    node, uid = pod["spec"]["nodeName"], pod["metadata"]["uid"]
    claim = cluster.read("get", "pvc", "data-c-0")
    volumes = f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~local-volume"
    path = f"{volumes}/{claim['spec']['volumeName']}"
    on_node(node, "fallocate", "--length", _FILE, f"{path}/not-etcds")
    return lambda: on_node(node, "mount", "-o", "remount,size=2g", path)


def falsify(cluster: Cluster) -> Mend:
    """Change a value in the database of a member while it is away, and have nothing repaired.

    Pages of the database have no checksum: the member serves, and is wrong.
    """
    node, path = find_disk(cluster, "c-2")
    cluster.etcdctl("put", "key", _TRUE)
    with no_pods_in(cluster.target, cluster.namespace):
        cluster.kubectl("delete", "pod", "c-2")
        on_node(node, "sed", "-i", f"s/{_TRUE}/{_FALSE}/g", f"{path}/data/member/snap/db")
    cluster.patch(paused=True)
    return lambda: cluster.patch(paused=False)


def find_disk(cluster: Cluster, member: str) -> tuple[str, str]:
    """The node of a member, and the directory there that is its disk."""
    node = str(cluster.pod(member)["spec"]["nodeName"])
    claim = cluster.read("get", "pvc", f"data-{member}")
    volume = cluster.target.read("get", "pv", claim["spec"]["volumeName"])
    return node, volume["spec"]["local"]["path"]


def on_node(node: str, *words: str) -> None:
    """Run a command inside a node of the local cluster."""
    ask_local("exec", node, "--", *words)


DATA_FAULTS: Final = (
    Fault(
        "Live data exceeds the quota",
        (
            "EtcdQuotaLow",
            "EtcdQuotaAlmostUsed",
            "EtcdNoSpace",
            "EtcdRequestsFailing",
            "EtcdManyRequestsFailing",
        ),
        fill,
        ("EtcdNoSpace",),
        spec={"size": 1, "etcdConfig": {"quotaBackendBytes": 8 * MIB}},
        quick=True,
    ),
    Fault(
        "A client writes without end",
        ("EtcdDatabaseGrowing",),
        grow,
        ("EtcdDatabaseGrowing",),
        spec={"size": 1, "etcdConfig": {"quotaBackendBytes": _QUOTA}},
        prepare=write_third,
    ),
    Fault(
        "Most of what was written is deleted",
        ("EtcdFragmented",),
        fragment,
        ("EtcdFragmented",),
        spec={"size": 1},
    ),
    Fault(
        "The database of a member of a paused cluster is changed while the member is away",
        ("EtcdDataDiffers",),
        falsify,
        ("EtcdDataDiffers",),
        spec={"size": 3},
        known={"MEMBER": "c-2"},
        replaced=("c-2",),
    ),
    Fault(
        "A file takes most of a member's volume",
        ("EtcdVolumeLow", "EtcdVolumeAlmostFull"),
        fill_volume,
        ("EtcdVolumeLow", "EtcdVolumeAlmostFull"),
        spec={"size": 1},
        prepare=use_small_volume,
    ),
)
