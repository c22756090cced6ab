"""On what was measured: without it no number can be compared with another."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from deploy.manifests import NAME, NAMESPACE
from deploy.target import PROJECT, Target
from etcd_operator.json_types import Json


def describe_machine() -> Json:
    """Processor, memory and kernel."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _first(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo")),
        "memory_bytes": 1024 * int(_first(r"MemTotal:\s*(\d+) kB", Path("/proc/meminfo")) or 0),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def _first(pattern: str, path: Path) -> str:
    match = re.search(pattern, path.read_text())
    return match.group(1).strip() if match else ""


def describe_software(target: Target) -> Json:
    """The commit, Kubernetes, its container runtime, and the operator's image as installed."""
    node = target.read("get", "nodes")["items"][0]["status"]["nodeInfo"]
    operator = target.read("get", "deployment", NAME, f"--namespace={NAMESPACE}")
    return {
        "git": describe_commit(),
        "kubernetes": target.read("version")["serverVersion"]["gitVersion"],
        "container_runtime": node["containerRuntimeVersion"],
        "operator_image": operator["spec"]["template"]["spec"]["containers"][0]["image"],
    }


def describe_commit() -> str:
    """What `git describe` says of the tree, empty outside of a repository."""
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--tags"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    return result.stdout.strip()


def count_other_clusters(target: Target) -> int:
    """EtcdClusters that are there before ours: they would share the operator with us."""
    return len(target.read("get", "etcd", "--all-namespaces")["items"])
