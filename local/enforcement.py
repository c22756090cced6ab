"""What enforces NetworkPolicies, one process for each node; in no cluster unless asked for.

Its rules outlive it, so that nothing slips through while it restarts. Whoever stops it here takes
them back, also those of a process that was killed.

It writes a whole table of rules as it was some milliseconds before. What kube-proxy changed there
in between is lost until kube-proxy's next change: a Service that has just got its first Pod may be
refused that long.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from local import controlplane, processes
from local.commands import run, succeeds
from local.components import NETWORK_POLICIES, policies_command
from local.network import Network, entering
from local.places import Places
from local.progress import wait_for

_CHAIN = r"KUBE-(?:ROUTER|POD-FW|NWPLCY)-\w+"
_SET = re.compile(r"KUBE-(?:SRC|DST)-\w+")
# The kernel lets go of a set a moment after the last rule that named it.
_PATIENCE = 30.0


def start(places: Places, network: Network) -> None:
    """Enforce from now on, on every node where nobody does yet."""
    for node in network.nodes():
        record = _record(places, node)
        if processes.recorded(record) is None:
            command = policies_command(places, network.addresses, node)
            log = places.logs / node / f"{NETWORK_POLICIES}.log"
            controlplane.keep(command, network.namespace_of(node), log, record)


def stop(places: Places, network: Network, *, kill: bool = False) -> None:
    """Enforce no longer, and leave the network as it was before."""
    end(places, network, kill=kill)
    for node in network.nodes():
        _clean(network.namespace_of(node))


def end(places: Places, network: Network, *, kill: bool = False) -> None:
    """End the processes alone: their rules go with the nodes' namespaces."""
    for node in network.nodes():
        processes.stop(_record(places, node), kill=kill)


def undo(saved: str) -> str:
    """Return what takes back, out of what `iptables-save` printed, the rules of kube-router alone.

    It is for `iptables-restore --noflush`: what others have is not written again, as it may have
    changed meanwhile. Empty if there is nothing to be taken back.
    """
    chains = re.findall(rf"^:({_CHAIN}) ", saved, re.MULTILINE)
    if not chains:
        return ""
    emptied = [f":{chain} - [0:0]" for chain in chains]
    jumps = re.findall(rf"^-A ((?!{_CHAIN}).* -j {_CHAIN})$", saved, re.MULTILINE)
    removed = [*(f"-D {jump}" for jump in jumps), *(f"-X {chain}" for chain in chains)]
    return "\n".join(["*filter", *emptied, *removed, "COMMIT", ""])


def _clean(namespace: str) -> None:
    inside = entering(namespace)
    undone = undo(run(*inside, "iptables-save", "-t", "filter"))
    if undone:
        run(*inside, "iptables-restore", "--noflush", stdin=undone)
    for name in run(*inside, "ipset", "list", "-name").split():
        if _SET.fullmatch(name):
            destroyed = partial(succeeds, *inside, "ipset", "destroy", name)
            wait_for(f"end of the set {name}", destroyed, _PATIENCE)


def _record(places: Places, node: str) -> Path:
    return places.records / f"{NETWORK_POLICIES}-{node}.json"
