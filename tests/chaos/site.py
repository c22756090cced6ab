"""The cluster under load as the faults need it: its members' processes, networks and disks."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.manifests import NAME, NAMESPACE
from deploy.target import PROJECT, Target, TargetError
from tests.e2e.harness import Cluster, wait_until

# What ends a fault.
Mend = Callable[[], None]

PEER_PORT: Final = "2380"
# Queueing disciplines of the kernel, as tc wants them.
SLOW: Final = "netem delay 50ms 10ms loss 2%"
NARROW: Final = "tbf rate 256kbit burst 4kb latency 300ms"
# A rule of the packet filter that fits a part of all packets, picked at random.
LOST: Final = "-m statistic --mode random --probability 0.05"
# How a process is starved: it runs, and stands still, for so many seconds in turns.
RUNS, STANDS = 0.01, 0.09
HOLDER_SECONDS: Final = 60.0
REPEAT_SECONDS: Final = 0.2


@dataclass
class Site:
    """One EtcdCluster on the local Kubernetes, and what was asked for last.

    `disk` is in GiB, `authorities` their generation; `known` are those before the last change.
    """

    target: Target
    cluster: Cluster
    choice: random.Random
    nodes: int
    version: str
    size: int = 3
    disk: int = 1
    authorities: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def ordinals(self) -> list[int]:
        """The members that were asked for."""
        return list(range(self.size))

    def members(self) -> list[str]:
        """The names of the members that were asked for."""
        return [f"{self.cluster.name}-{ordinal}" for ordinal in self.ordinals()]

    def any_member(self) -> str:
        """A member by chance."""
        return self.choice.choice(self.members())

    def leader(self) -> str:
        """The member that leads; any if nobody knows."""
        for member in self.cluster.status().get("members") or ():
            if member["role"] == "leader":
                return str(member["name"])
        return self.any_member()

    def follower(self) -> str:
        """A member that does not lead."""
        leader = self.leader()
        return self.choice.choice([name for name in self.members() if name != leader])

    def is_ready(self) -> bool:
        """Whether each member that was asked for has a Pod that is Ready, and there is no other."""
        pods = self.cluster.objects("pods")
        ready = [
            pod
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
            for condition in pod["status"].get("conditions") or ()
            if (condition["type"], condition["status"]) == ("Ready", "True")
        ]
        return len(ready) == len(pods) == self.size

    def address(self, member: str) -> str:
        """The address of a member's Pod."""
        return str(self.cluster.pod(member)["status"]["podIP"])

    def process(self, member: str) -> int:
        """The host's process ID of a member's etcd."""
        return find_process(self.cluster.pod(member)["metadata"]["uid"], "etcd")

    def sandbox(self, member: str) -> int:
        """The process that holds a member's network: it stays when etcd ends."""
        return find_process(self.cluster.pod(member)["metadata"]["uid"], "pause")

    def directory(self, member: str) -> Path:
        """Where the local provisioner keeps a member's disk."""
        claim = self.cluster.read("get", "pvc", f"data-{member}")
        volume = self.target.read("get", "pv", claim["spec"]["volumeName"])
        return Path(volume["spec"]["local"]["path"])

    def wipe(self, member: str) -> None:
        """Empty a member's disk."""
        shutil.rmtree(self.directory(member) / "data", ignore_errors=True)

    def holder(self) -> str:
        """Who holds the operators' lease; empty if nobody does."""
        place = f"--namespace={NAMESPACE}"
        spec = self.target.read("get", "lease", NAME, place)["spec"]
        return str(spec.get("holderIdentity") or "")

    def operator(self) -> str:
        """The Pod of the operator's replica that acts; between two of them, wait for the next."""
        place = f"--namespace={NAMESPACE}"

        def acts() -> bool:
            holder = self.holder()
            return bool(holder and self.target.read("get", "pod", holder, place))

        wait_until("a replica of the operator acts", acts, HOLDER_SECONDS)
        return self.holder()

    def kill_leader(self) -> None:
        """Kill the process that leads."""
        send(self.process(self.leader()), signal.SIGKILL)

    def kill_operator(self) -> None:
        """End the operator's replica that acts, without any notice."""
        place = f"--namespace={NAMESPACE}"
        self.target.run("delete", "pod", self.operator(), place, "--force", "--grace-period=0")

    def operator_process(self) -> int:
        """The host's process ID of the operator that acts."""
        pod = self.target.read("get", "pod", self.operator(), f"--namespace={NAMESPACE}")
        return find_process(pod["metadata"]["uid"], "")

    def local(self, *words: str) -> None:
        """Give a command to the local Kubernetes."""
        command = [sys.executable, "-m", "local", *words]
        result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise TargetError(f"`local {' '.join(words)}`: {result.stderr or result.stdout}")

    def node_of(self, member: str) -> str:
        """The node on which a member runs."""
        return str(self.cluster.pod(member)["spec"]["nodeName"])


def mend_nothing() -> None:
    """Nothing is to be done: the fault is over, or the operator mends it."""


def find_process(pod_uid: str, program: str) -> int:
    """The first process of a Pod, by its cgroup and its name; without one, the first program."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            ours = pod_uid in (entry / "cgroup").read_text()
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue
        if ours and (name == program if program else name != "pause"):
            found.append(int(entry.name))
    if not found:
        raise TargetError(f"no process {program} of Pod {pod_uid} on this machine")
    return min(found)


def send(process: int, number: signal.Signals) -> None:
    """Send a signal; the process may be gone."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def filter_packets(process: int, *rules: str) -> None:
    """Drop packets in the network namespace of a process; without rules let all through."""
    enter = ["nsenter", f"--net=/proc/{process}/ns/net", "iptables", "--wait"]
    if not rules:
        subprocess.run([*enter, "--flush"], check=False, capture_output=True)
    for rule in rules:
        for chain in ("INPUT", "OUTPUT"):
            words = [*enter, "--append", chain, *rule.split(), "--jump", "DROP"]
            subprocess.run(words, check=True, capture_output=True)


def shape_packets(process: int, discipline: str) -> None:
    """Let what leaves the network namespace of a process pass through this; empty: as before."""
    enter = ["nsenter", f"--net=/proc/{process}/ns/net", "tc", "qdisc"]
    if not discipline:
        # The namespace may be gone with its Pod.
        subprocess.run([*enter, "delete", "dev", "eth0", "root"], check=False, capture_output=True)
        return
    words = [*enter, "replace", "dev", "eth0", "root", *discipline.split()]
    subprocess.run(words, check=True, capture_output=True)


def find_missing_discipline(discipline: str) -> str:
    """Why packets cannot be shaped like this here, tried in a namespace of its own; or empty."""
    words = ["tc", "qdisc", "add", "dev", "lo", "root", *discipline.split()]
    try:
        tried = subprocess.run(
            ["unshare", "--net", *words], check=False, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        return f"{error.filename} is not on this machine"
    if tried.returncode == 0:
        return ""
    if "kind is unknown" in tried.stderr:
        return f"this kernel has no sch_{discipline.partition(' ')[0]}"
    return f"tc refuses it: {tried.stderr.strip()}"


def find_missing_match(rule: str) -> str:
    """Why packets cannot be picked by this rule here, tried in a namespace of its own; or empty."""
    words = ["unshare", "--net", "iptables", "--append", "OUTPUT", *rule.split(), "--jump", "DROP"]
    try:
        tried = subprocess.run(words, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        return f"{error.filename} is not on this machine"
    return f"iptables refuses it: {tried.stderr.strip()}" if tried.returncode else ""


def starve(process: int) -> Mend:
    """Let a process run a small part of the time: whatever it does takes many times as long."""
    fed = threading.Event()

    def hold() -> None:
        while not fed.wait(RUNS):
            send(process, signal.SIGSTOP)
            fed.wait(STANDS)
            send(process, signal.SIGCONT)

    holding = threading.Thread(target=hold, daemon=True)
    holding.start()

    def mend() -> None:
        fed.set()
        holding.join()

    return mend


def refuse_writes(find: Callable[[], int]) -> Mend:
    """Let every write of a process to a file fail, and of whoever comes after it, until mended.

    `find` returns the process of the moment. The kernel refuses a write beyond the largest size of
    a file; that is none here. etcd takes it as it takes a full disk: the process ends.
    """
    over = threading.Event()
    first = find()
    _limit_files(first, 0)

    def repeat() -> None:
        while not over.wait(REPEAT_SECONDS):
            try:
                _limit_files(find(), 0)
            except (TargetError, OSError):
                continue  # there is none at the moment, or none that can be asked for

    watcher = threading.Thread(target=repeat, daemon=True)
    watcher.start()

    def mend() -> None:
        over.set()
        watcher.join()
        try:
            _limit_files(find(), "unlimited")
        except (TargetError, OSError):
            return  # the next process knows nothing of it

    return mend


def _limit_files(process: int, size: int | str) -> None:
    """Change the soft limit as its owner may: root may not in every container. Raises OSError."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return
    ids = {line.split()[0]: int(line.split()[1]) for line in status.splitlines() if "id:\t" in line}
    # Python would fork for another user, which gRPC's threads in this process do not survive.
    owner = (f"--reuid={ids['Uid:']}", f"--regid={ids['Gid:']}", "--clear-groups")
    words = ["setpriv", *owner, "prlimit", f"--pid={process}", f"--fsize={size}:"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode and Path(f"/proc/{process}").exists():
        raise OSError(f"prlimit ended with {done.returncode}: {done.stderr.strip()}")
