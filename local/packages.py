"""System packages, installed in one step and only when something is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local.commands import run
from local.progress import Progress

# What shows that a package is there: a program on PATH, or a file.
EVIDENCE = {
    "buildah": "buildah",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "containernetworking-plugins": "/usr/lib/cni/ptp",
    "ethtool": "ethtool",
    "iproute2": "ip",
    "ipset": "ipset",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "runc": "runc",
    "socat": "socat",
    "util-linux": "nsenter",
}


def missing_packages() -> list[str]:
    """Name the packages whose evidence is not found."""
    return sorted(name for name, evidence in EVIDENCE.items() if not _is_present(evidence))


def install_missing(progress: Progress) -> None:
    """Install what is missing; silent when nothing is."""
    missing = missing_packages()
    if not missing:
        return
    progress.say(f"installing Debian packages, about 30 s: {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", environment=environment)
    install = ("apt-get", "install", "-qq", "-y", "--no-install-recommends")
    run(*install, *missing, environment=environment)
    progress.say("Debian packages installed")


def _is_present(evidence: str) -> bool:
    return Path(evidence).exists() if "/" in evidence else shutil.which(evidence) is not None
