"""What goes wrong, one function each: it breaks something and returns how to mend it.

A fault that mends itself, or that the operator has to mend, returns nothing to do.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from local.places import read_places
from tests.chaos.changes import (
    are_authorities_replaced,
    change_minor,
    grow_disks,
    have_disks_grown,
    replace_authorities,
    roll,
    roll_with_pause,
    take_minor_back,
    want_no_image,
)
from tests.chaos.site import (
    LOST,
    NARROW,
    PEER_PORT,
    SLOW,
    Mend,
    Site,
    filter_packets,
    find_missing_discipline,
    find_missing_match,
    find_process,
    mend_nothing,
    refuse_writes,
    send,
    shape_packets,
    starve,
)
from tests.chaos.slow_disk import find_missing_limit, limit_writes
from tests.chaos.wrong_clock import act_with_wrong_clock

HOLD: Final = 6.0
# A second: an entry of etcd's log takes more than half a second then.
SLOW_DISK_WRITES: Final = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """`hold` seconds lie between breaking and mending; `quick` ones are in the short level.

    `nodes` is how many there must be, `secured` whether there must be TLS; `find_obstacle` says
    what else this machine lacks for it, empty for nothing. All members that serve are not all that
    must come of some: for these, `is_over` tells.
    """

    name: str
    what: str
    strike: Callable[[Site], Mend]
    hold: float = 0.0
    quick: bool = False
    nodes: int = 1
    secured: bool = False
    find_obstacle: Callable[[], str] = str
    is_over: Callable[[Site], bool] = lambda _: True


def find_left_out(faults: Iterable[Fault], nodes: int, *, secured: bool) -> dict[str, str]:
    """The faults that cannot strike here, by name, and why."""
    found = {}
    for fault in faults:
        few = f"needs {fault.nodes} nodes, there are {nodes}" if fault.nodes > nodes else ""
        plain = "needs TLS" if fault.secured and not secured else ""
        if why := few or plain or fault.find_obstacle():
            found[fault.name] = why
    return found


def kill_pod(site: Site) -> Mend:
    """Delete a Pod without notice."""
    site.cluster.kubectl("delete", "pod", site.any_member(), "--force", "--grace-period=0")
    return mend_nothing


def kill_leader(site: Site) -> Mend:
    """Kill the process that leads."""
    site.kill_leader()
    return mend_nothing


def kill_everyone(site: Site) -> Mend:
    """Kill every member at the same time: all that is left is on the disks."""
    for process in [site.process(f"c-{o}") for o in site.ordinals()]:
        send(process, signal.SIGKILL)
    return mend_nothing


def pause_leader(site: Site) -> Mend:
    """Stop the leader's process and let it go on: it still believes that it leads."""
    process = site.process(site.leader())
    send(process, signal.SIGSTOP)
    return lambda: send(process, signal.SIGCONT)


def lose_disk(site: Site) -> Mend:
    """Delete the disk of any member, the leader included."""
    member = site.any_member()
    site.cluster.kubectl("delete", "pvc", f"data-{member}", "--wait=false")
    site.cluster.kubectl("delete", "pod", member, "--wait=false")
    return mend_nothing


def wipe_disk(site: Site) -> Mend:
    """Empty a member's disk and kill it: it comes back with nothing."""
    member = site.follower()
    site.wipe(member)
    send(site.process(member), signal.SIGKILL)
    return mend_nothing


def cut_leader(site: Site) -> Mend:
    """The leader reaches clients but no other member."""
    return _cut(site, site.leader(), f"-p tcp --dport {PEER_PORT}", f"-p tcp --sport {PEER_PORT}")


def cut_follower(site: Site) -> Mend:
    """A follower reaches clients but no other member."""
    return _cut(site, site.follower(), f"-p tcp --dport {PEER_PORT}", f"-p tcp --sport {PEER_PORT}")


def cut_member(site: Site) -> Mend:
    """A member reaches nobody and is reached by nobody."""
    return _cut(site, site.any_member(), "-p all")


def _cut(site: Site, member: str, *rules: str) -> Mend:
    process = site.sandbox(member)
    filter_packets(process, *rules)
    return lambda: filter_packets(process)


def split(site: Site) -> Mend:
    """The leader and as many as are no majority with it are cut off from all others."""
    leader = site.leader()
    rest = [name for name in site.members() if name != leader]
    few = [leader, *site.choice.sample(rest, (site.size - 1) // 2 - 1)]
    addresses = [site.address(name) for name in rest if name not in few]
    rules = [f"{way} {address}" for address in addresses for way in ("--source", "--destination")]
    mends = [_cut(site, name, *rules) for name in few]

    def mend() -> None:
        for each in mends:
            each()

    return mend


def slow_network(site: Site) -> Mend:
    """What the leader sends is late, now and then lost."""
    process = site.sandbox(site.leader())
    shape_packets(process, SLOW)
    return lambda: shape_packets(process, "")


def narrow_network(site: Site) -> Mend:
    """What the leader sends queues up before a narrow link, and is lost where the queue ends."""
    process = site.sandbox(site.leader())
    shape_packets(process, NARROW)
    return lambda: shape_packets(process, "")


def lossy_network(site: Site) -> Mend:
    """Of what the leader sends and receives, packets are lost now and then."""
    return _cut(site, site.leader(), LOST)


def starve_leader(site: Site) -> Mend:
    """The leader is slow in all it does, also in writing its log, as with a disk that is."""
    return starve(site.process(site.leader()))


def slow_disk(site: Site) -> Mend:
    """The leader's disk takes few writes a second, and each entry of its log waits for some."""
    leader = site.leader()
    return limit_writes(site.process(leader), site.directory(leader), SLOW_DISK_WRITES)


def fill_disk(site: Site) -> Mend:
    """Any member's disk takes nothing more, whoever writes: its process ends, again and again."""
    uid = site.cluster.pod(site.any_member())["metadata"]["uid"]
    return refuse_writes(lambda: find_process(uid, "etcd"))


def wrong_clock(site: Site) -> Mend:
    """An operator whose clock is hours off takes the lease by force while a Pod goes."""
    hours = site.choice.choice((-2, 2))
    back = act_with_wrong_clock(site, hours)
    site.cluster.kubectl("delete", "pod", site.any_member(), "--wait=false")
    return back


def kill_operator(site: Site) -> Mend:
    """Kill the operator's replica that acts, while it has something to do."""
    site.cluster.kubectl("delete", "pod", site.any_member(), "--wait=false")
    site.kill_operator()
    return mend_nothing


def pause_operator(site: Site) -> Mend:
    """Stop the acting operator beyond its lease while the size changes; then it goes on."""
    process = site.operator_process()
    send(process, signal.SIGSTOP)
    resize(site)
    return lambda: send(process, signal.SIGCONT)


def stop_api_server(site: Site) -> Mend:
    """No API server, and a member that dies meanwhile."""
    process = site.process(site.any_member())
    site.local("component", "stop", "apiserver", "--kill")
    send(process, signal.SIGKILL)
    return lambda: site.local("component", "start", "apiserver")


def resize(site: Site) -> Mend:
    """Grow to five members, or shrink to three."""
    site.size = 3 if site.size == 5 else 5
    site.cluster.scale(site.size)
    return mend_nothing


def resize_and_kill_leader(site: Site) -> Mend:
    """Change the size and kill the leader in the middle."""
    leader = site.process(site.leader())
    resize(site)
    return lambda: send(leader, signal.SIGKILL)


def cut_node(site: Site) -> Mend:
    """Pull the plug of a node, with whatever runs there."""
    node = site.node_of(site.any_member())
    site.local("node", "partition", node)
    return lambda: site.local("node", "heal", node)


def lose_node(site: Site) -> Mend:
    """Lose a node at once; it comes back with its disks."""
    node = site.node_of(site.any_member())
    site.local("node", "kill", node)
    return lambda: site.local("node", "start", node)


FAULTS: Final = (
    Fault("kill-leader", "the leader's process is killed", kill_leader, quick=True),
    Fault("cut-leader", "the leader is cut off from its peers", cut_leader, HOLD, quick=True),
    Fault("pause-leader", "the leader is stopped and goes on", pause_leader, HOLD, quick=True),
    Fault("lose-disk", "a member's disk is deleted", lose_disk, quick=True),
    Fault("kill-pod", "a member's Pod is deleted by force", kill_pod, quick=True),
    Fault("kill-operator", "a Pod goes and the acting operator is killed", kill_operator),
    Fault("resize", "the size changes", resize),
    Fault("wipe-disk", "a member's disk is emptied and it is killed", wipe_disk),
    Fault("cut-follower", "a follower is cut off from its peers", cut_follower, HOLD),
    Fault("roll", "every Pod is replaced for a changed spec", roll),
    Fault("roll-pause", "a roll is paused, and a Pod goes meanwhile", roll_with_pause, HOLD),
    Fault("minor", "the minor version changes, and the leader is killed", change_minor, 5.0),
    Fault("minor-back", "another minor version is wanted, and taken back", take_minor_back, 5.0),
    Fault("no-image", "a version without an image is wanted, and taken back", want_no_image, HOLD),
    Fault(
        "disks",
        "the disks grow, and the acting operator is killed",
        grow_disks,
        1.0,
        is_over=have_disks_grown,
    ),
    Fault(
        "authorities",
        "the authorities are replaced, and the acting operator is killed",
        replace_authorities,
        3.0,
        secured=True,
        is_over=are_authorities_replaced,
    ),
    Fault("kill-everyone", "all members are killed at once", kill_everyone),
    Fault("cut-member", "a member is cut off from everybody", cut_member, HOLD),
    Fault("stop-api-server", "no API server, and a member is killed", stop_api_server, HOLD),
    Fault("resize-kill", "the size changes and the leader is killed", resize_and_kill_leader, 1.0),
    Fault("pause-operator", "the acting operator sleeps beyond its lease", pause_operator, 20.0),
    Fault("split", "a minority with the leader is cut off", split, HOLD),
    Fault("fill-disk", "a member's disk takes no more writes", fill_disk, HOLD),
    Fault("wrong-clock", "an operator two hours off takes over by force", wrong_clock, 15.0),
    Fault(
        "slow-network",
        "what the leader sends is 50 ms late, and 2 in 100 packets are lost",
        slow_network,
        2 * HOLD,
        find_obstacle=lambda: find_missing_discipline(SLOW),
    ),
    Fault(
        "narrow-network",
        "the leader sends through 256 kbit/s",
        narrow_network,
        2 * HOLD,
        find_obstacle=lambda: find_missing_discipline(NARROW),
    ),
    Fault(
        "lossy-network",
        "1 in 20 packets from and to the leader is lost",
        lossy_network,
        2 * HOLD,
        find_obstacle=lambda: find_missing_match(LOST),
    ),
    Fault("starve-leader", "the leader runs a tenth of the time", starve_leader, 2 * HOLD),
    Fault(
        "slow-disk",
        "the leader's disk takes 5 writes a second",
        slow_disk,
        2 * HOLD,
        find_obstacle=lambda: find_missing_limit(read_places(os.environ).state.parent),
    ),
    Fault("cut-node", "a node's network is cut", cut_node, 10.0, nodes=3),
    Fault("lose-node", "a node is lost and comes back", lose_node, 10.0, nodes=3),
)
