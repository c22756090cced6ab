"""One run: faults from a seeded schedule hit a cluster under load, then its history is judged."""

from __future__ import annotations

import itertools
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from deploy.target import Target, TargetError
from etcd_operator.json_types import Json
from tests.chaos.changes import OVERLAP
from tests.chaos.endpoint import Door
from tests.chaos.faults import FAULTS, Fault, find_left_out
from tests.chaos.history import History, find_lost, judge, prune
from tests.chaos.linearizability import Verdict, check
from tests.chaos.load import PAUSE_SECONDS, Load
from tests.chaos.rpc import NoAnswer, NothingSent
from tests.chaos.site import Site
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import SecuredCluster

RECOVERY_SECONDS: Final = 240.0
QUIET_SECONDS: Final = 1.5
# What a fault that does not succeed, or a cluster that does not recover, raises.
FAILURES: Final = (AssertionError, TargetError, LookupError, OSError, subprocess.SubprocessError)


@dataclass
class Strike:
    """What one fault did. Seconds count from the strike, moments from the beginning of the run.

    `size` is how many members there were to be when it struck.
    `to_write` is when a write that was begun after the strike was acknowledged, `gap` the longest
    time without an acknowledgement, `to_redundancy` when all members served again.
    """

    fault: str
    at: float
    size: int = 3
    mended: float = 0.0
    to_write: float = 0.0
    to_redundancy: float = 0.0
    gap: float = 0.0
    failure: str = ""


@dataclass
class Result:
    """Everything about a run; `violations` are sentences, none if all is well.

    `left_out` are faults that this machine cannot have, and why.
    """

    seed: int
    version: str
    nodes: int
    minutes: float
    secured: bool = False
    strikes: list[Strike] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    writes: list[float] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def summary(self) -> Json:
        """As it is written down, without the moments of the single writes."""
        kept = asdict(self)
        del kept["writes"]
        return kept


def schedule(faults: Sequence[Fault], choice: random.Random) -> Iterator[Fault]:
    """All faults in an order by chance, again and again; the first round as they are listed."""
    yield from faults
    while True:
        yield from choice.sample(faults, len(faults))


def choose_faults(nodes: int, *, quick: bool) -> list[Fault]:
    """The faults that this machine can have."""
    wanted = [fault for fault in FAULTS if fault.quick or not quick]
    left_out = find_left_out(wanted, nodes, secured=False)
    return [fault for fault in wanted if fault.name not in left_out]


def run(
    target: Target,
    namespace: str,
    minutes: float,
    seed: int,
    faults: Sequence[Fault],
    version: str = "3.6.16",
    *,
    secured: bool = False,
    serializable: bool = False,
) -> Result:
    """Form a cluster of three, hit it for so many minutes, and judge."""
    nodes = len(target.read("get", "nodes")["items"])
    cluster = form(target, namespace, version, secured=secured)
    site = Site(target, cluster, random.Random(seed), nodes, version)
    load = Load(Door(cluster), seed, serializable=serializable, pause=PAUSE_SECONDS)
    result = Result(seed, version, nodes, minutes, secured)
    begun = time.monotonic()
    load.start()
    time.sleep(QUIET_SECONDS)
    try:
        for fault in schedule(faults, random.Random(seed)):
            if time.monotonic() - begun > minutes * 60:
                break
            strike = hit(site, fault, load, begun)
            result.strikes.append(strike)
            tell(strike)
            if strike.failure:
                break
    finally:
        unread = _finish(load)
    if unread:
        result.violations = [f"the log could not be read at the end: {unread}"]
        count(result, load.history, begun)
        return result
    conclude(result, load.history, begun)
    if not any(strike.failure for strike in result.strikes):
        result.violations += _find_disagreement(cluster, site.size)
    return result


def _finish(load: Load) -> str:
    """End the load; returns why nobody could read what etcd has, empty if somebody could."""
    try:
        load.finish()
    except (NoAnswer, NothingSent, TimeoutError) as error:
        return str(error) or type(error).__name__
    return ""


def _find_disagreement(cluster: Cluster, size: int) -> list[str]:
    try:
        cluster.assert_agreement(size)
    except AssertionError as error:
        return [f"the members do not agree at the end: {error}"[:500]]
    return []


def form(target: Target, namespace: str, version: str, *, secured: bool) -> Cluster:
    """A cluster of three that is Running; one with TLS has a client Pod beside it."""
    if not secured:
        cluster = Cluster(target, namespace)
        cluster.create(size=3, version=version)
        cluster.wait_running(3)
        return cluster
    closed = SecuredCluster(target, namespace)
    closed.create(size=3, version=version, security={"tls": {"caOverlap": OVERLAP}})
    closed.wait_running(3)
    closed.start_client()
    return closed


def hit(site: Site, fault: Fault, load: Load, begun: float) -> Strike:
    """Break, hold, mend, and wait until everything is as before."""
    strike = Strike(fault.name, time.monotonic() - begun, site.size)
    struck = time.monotonic_ns()
    try:
        mend = fault.strike(site)
        struck = time.monotonic_ns()
        try:
            time.sleep(fault.hold)
        finally:
            mend()
        strike.mended = time.monotonic() - begun
        time.sleep(QUIET_SECONDS)
        wait_until("a write is acknowledged", lambda: load.first_write(struck) is not None, 120)
        strike.to_redundancy = _wait_whole(site, fault.is_over) - begun - strike.at
    except FAILURES as error:
        strike.failure = str(error)[:500] or type(error).__name__
    first = load.first_write(struck)
    strike.to_write = (first.returned - struck) / 1e9 if first else float("inf")
    return strike


def _wait_whole(site: Site, is_over: Callable[[Site], bool]) -> float:
    """Wait until every member serves, seen twice; return the moment at which it was seen first."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    wait_until("the change is complete", lambda: is_over(site), RECOVERY_SECONDS)
    while True:
        wait_until("every Pod is Ready", site.is_ready, deadline - time.monotonic())
        site.cluster.wait_running(site.size, deadline - time.monotonic())
        seen = time.monotonic()
        time.sleep(1.0)
        status = site.cluster.status()
        if status["phase"] == "Running" and status["readyReplicas"] == site.size:
            return seen


def conclude(result: Result, history: History, begun: float) -> None:
    """Judge the history and count."""
    verdict = check(prune(history))
    result.violations = [*judge(history), *_explain(verdict)]
    count(result, history, begun)
    result.counts["lost"] = len(find_lost(history.operations, history.log))
    result.counts["keys checked"] = verdict.keys


def count(result: Result, history: History, begun: float) -> None:
    """Count what clients were told, and the seconds of every fault; nothing is judged here."""
    operations = history.operations
    acknowledged = [made for made in operations if made.wrote]
    result.writes = sorted(made.returned / 1e9 - begun for made in acknowledged)
    for strike in result.strikes:
        end = strike.at + max(strike.to_redundancy, strike.to_write)
        strike.gap = longest_gap(result.writes, strike.at, end)
    result.counts = {
        "operations": len(operations),
        "writes acknowledged": len(acknowledged),
        "reads answered": sum(made.kind == "get" and made.known for made in operations),
        "outcomes unknown": sum(not made.known for made in operations),
        "lost": 0,
        "changes watched": sum(map(len, history.watches)),
        "keys checked": 0,
    }


def _explain(verdict: Verdict) -> list[str]:
    return [
        *(f"no order explains what was seen of {key}" for key in verdict.illegal),
        *(f"whether an order explains {key} was not found out" for key in verdict.undecided),
    ]


def longest_gap(writes: Sequence[float], begin: float, end: float) -> float:
    """The longest time without an acknowledged write between two moments."""
    inside = [begin, *(moment for moment in writes if begin < moment < end), end]
    return max(later - earlier for earlier, later in itertools.pairwise(inside))


def tell(strike: Strike) -> None:
    """Print a line."""
    verdict = f"FAILED: {strike.failure}" if strike.failure else "survived"
    print(
        f"[{strike.at:6.1f} s] {strike.fault:16} first write {strike.to_write:5.2f} s, "
        f"all members {strike.to_redundancy:5.1f} s  {verdict}",
        flush=True,
    )
