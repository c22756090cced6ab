"""Pid 1 of a node: turns fresh namespaces into a machine and keeps its services running.

Started as `python -m local.node_init NAME`. Its end, by SIGKILL, is the loss of the node.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from local import processes
from local.commands import SYSTEM_PATH, run
from local.places import Places, read_places

# The node's disks: what survives its loss. Each is mounted where its programs expect it.
DISKS = {
    "kubelet": Path("/var/lib/kubelet"),
    "containerd": Path("/var/lib/containerd"),
    "cni": Path("/var/lib/cni"),
    "log/pods": Path("/var/log/pods"),
    "log/containers": Path("/var/log/containers"),
}
_RESTART_DELAY = 1.0
_ENVIRONMENT = {
    "PATH": SYSTEM_PATH,
    "HOME": "/root",
    "TMPDIR": "/run/tmp",
    **processes.GO_SETTINGS,
}


def main(name: str) -> None:
    """Become the node; never returns."""
    places = read_places(os.environ)
    # /proc still shows the host's pids: the only moment to learn what the host calls this process.
    process = processes.observe("self")
    socket.sethostname(name)
    mount_all(places, name)
    if process is not None:
        processes.save(process, places.records / f"{name}.json")
    supervise(places, name)


def mount_all(places: Places, name: str) -> None:
    """Give the node its own view of processes, links, cgroups and disks."""
    run("mount", "--make-rprivate", "/")
    _forget_mounts(places)
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for directory in ("netns", "lock", "tmp", "cgroup"):
        Path("/run", directory).mkdir()
    # A new sysfs shows this namespace's links, and has no cgroups: those are carried over.
    run("mount", "--rbind", "/sys/fs/cgroup", "/run/cgroup")
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "--move", "/run/cgroup", "/sys/fs/cgroup")
    disks = places.node(name)
    for source, target in DISKS.items():
        (disks / source).mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", disks / source, target)
    # Addresses are leased for one life of the node; what had them is gone.
    run("rm", "-rf", "/var/lib/cni/networks")
    # Volumes mounted by the kubelet must show up in containers, and the other way round.
    run("mount", "--make-rshared", "/")


def supervise(places: Places, name: str) -> None:
    """Start the services, reap orphans, restart what ends."""
    boot = json.loads((places.node(name) / "etc" / "boot.json").read_text())
    logs = places.logs / name
    running: dict[int, dict[str, Any]] = {}
    for service in boot["services"]:
        if service["waits_for_api"]:
            _await_api(boot["server"], places.keys / "ca.crt")
        running[_start(service, logs)] = service
    while True:
        pid, status = os.wait()
        ended = running.pop(pid, None)
        if ended is not None:
            print(f"{ended['name']} ended with status {status}; restarting it", flush=True)
            time.sleep(_RESTART_DELAY)
            running[_start(ended, logs)] = ended


def _forget_mounts(places: Places) -> None:
    """Let go of copies of the host's mounts which the host may want to unmount and remove.

    Above all network namespaces under /run: a copy here would keep a Pod's or node's alive.
    """
    prefixes = ("/run/", f"{places.state}/", f"{places.cache}/", "/var/lib/containers/")
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in reversed(mounts):
        if point.startswith(prefixes):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def _start(service: dict[str, Any], logs: Path) -> int:
    return processes.start(service["command"], logs / f"{service['name']}.log", None, _ENVIRONMENT)


def _await_api(server: str, authority: Path) -> None:
    """Wait until the API server is ready: a kubelet that finds it absent backs off for long."""
    context = ssl.create_default_context(cafile=str(authority))
    while True:
        try:
            with urllib.request.urlopen(f"{server}/readyz", timeout=2, context=context):  # noqa: S310 - https only
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1])
