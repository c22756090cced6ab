"""What is measured, one phase after the other; each leaves all clusters settled as they were."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from etcd_operator.json_types import Json
from tests.perf.fleet.clusters import PORT, Clusters, ask, is_ready, is_settled, is_true
from tests.perf.fleet.figures import (
    NOT_COUNTED,
    compare,
    quantiles,
    read_memory,
    read_processor_seconds,
    read_writes,
)
from tests.perf.fleet.sharing import share
from tests.perf.fleet.standby import stand_by

SIZE: Final = 3
GROWN: Final = 5
# Clusters of which one after the other is changed, or loses its leader, or a member.
SAMPLE: Final = 20
REST_SECONDS: Final = 60.0
# Of all Pods, in the storm.
UNREADY_PART: Final = 0.3
STORM_SECONDS: Final = 10.0
# Clusters that are created one after the other on an idle operator, and others amid the crowd: from
# ten seconds on after it was asked for, with as many seconds between two.
AMID: Final = 5
# Of so many clusters one has a member that hangs; and so many others are scaled meanwhile.
HANGING: Final = 10
OTHERS: Final = 10


async def create(clusters: Clusters) -> Json:
    """From the first EtcdCluster to all of them Running; and what one waits amid the others."""
    await clusters.create_namespaces()
    alone, crowd, late = _split(clusters.names)
    idle = [await _create_later(clusters, name, 0) for name in alone]
    before = await clusters.read()
    asked = await clusters.create(crowd, SIZE)
    amid = await asyncio.gather(
        *(_create_later(clusters, name, AMID * (2 + turn)) for turn, name in enumerate(late))
    )
    complete = await clusters.wait_settled(seconds=1200)
    after = await clusters.read()
    took = [clusters.settled[name] - at for name, at in asked.items() if name in clusters.settled]
    used = after.processors["operator"] - before.processors["operator"]
    made = len(asked) + len(amid)
    requests = compare(before, after)["api_requests"]
    told = sum(count for key, count in requests.items() if key.split()[-1] not in NOT_COUNTED)
    return {
        "complete": complete,
        "seconds": round(max(clusters.settled.values(), default=after.time) - before.time, 1),
        "one_cluster_seconds": quantiles(took),
        "alone_seconds": quantiles(idle, 2),
        "amid_seconds": quantiles(amid, 2),
        "processor_ms_per_cluster": round(used / made * 1000),
        "requests_per_cluster": round(told / made, 1),
        "memory_mb": read_memory(clusters.plane.pid("operator")),
        "api_requests": requests,
    }


def _split(names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Those that are created alone, all at once, and amid these."""
    return names[:AMID], names[AMID:-AMID], names[-AMID:]


async def _create_later(clusters: Clusters, name: str, seconds: float) -> float:
    """Create one cluster after some seconds; return how long it took until it was Running."""
    await asyncio.sleep(seconds)
    asked = await clusters.create([name], SIZE)
    await clusters.wait_settled([name], seconds=600)
    return clusters.settled[name] - asked[name]


async def rest(clusters: Clusters) -> Json:
    """A minute in which nothing happens but that members are written to."""
    await clusters.wait_settled(quiet=10)
    await _wait_for_events(clusters)
    await ask("reset")
    before = await clusters.read()
    await asyncio.sleep(REST_SECONDS)
    after = await clusters.read()
    return {
        **compare(before, after),
        "memory_mb": read_memory(clusters.plane.pid("operator")),
        "longest_without_a_look_seconds": round((await ask("cover"))["longest"], 1),
    }


async def _wait_for_events(clusters: Clusters) -> None:
    """Wait until the operator has told all that happened before, which it does with patience."""
    told = await clusters.read()
    while True:
        await asyncio.sleep(5)
        before, told = told, await clusters.read()
        if "create events" not in compare(before, told)["api_requests"]:
            return


async def change(clusters: Clusters) -> Json:
    """From 3 members to 5, of some clusters that were settled; and back."""
    names = random.sample(clusters.names, min(SAMPLE, len(clusters.names)))
    found = await _grow(clusters, names, (1.0, 2.0))
    await _shrink(clusters, names)
    return found


async def _grow(clusters: Clusters, names: list[str], spacing: tuple[float, float]) -> Json:
    log = clusters.plane.logs / "audit.log"
    offset, before = log.stat().st_size, await ask("counts")
    asked, answered = {}, []
    for name in names:
        asked[name] = await clusters.resize(name, GROWN)
        answered += [time.time() - asked[name]]
        await asyncio.sleep(random.uniform(*spacing))
    complete = await clusters.wait_settled(names)
    writes = await asyncio.to_thread(read_writes, log, offset)
    first = []
    for name, moment in asked.items():
        namespace, _, short = name.partition("/")
        ours = (w for w in writes if w.namespace == namespace and short in w.name)
        first += [min(w.time for w in ours if w.time > moment) - moment]
    whole = [clusters.settled[n] - at for n, at in asked.items() if n in clusters.settled]
    refused = await ask("counts")
    return {
        "complete": complete,
        "adds_refused": _count_refused(refused) - _count_refused(before),
        "request_ms": quantiles(1000 * seconds for seconds in answered),
        "first_write_ms": quantiles(1000 * seconds for seconds in first),
        "whole_seconds": quantiles(whole),
    }


def _count_refused(counts: Json) -> int:
    return int(counts["failed"].get("MemberAdd", 0))


async def _shrink(clusters: Clusters, names: list[str]) -> None:
    for name in names:
        await clusters.resize(name, SIZE)
    await clusters.wait_settled(names, quiet=3)


async def notice(clusters: Clusters) -> Json:
    """How long what no watch tells takes to be in the status: another leader, a hung member."""
    await clusters.wait_settled(quiet=5)
    names = random.sample(clusters.names, min(SAMPLE, len(clusters.names)))
    moved = await asyncio.gather(*(_move_leader(clusters, name) for name in names))
    await clusters.wait_settled(quiet=5)
    silent = await asyncio.gather(*(_hang(clusters, name) for name in names))
    everyone = [f"{name}/{m['name']}" for name in names for m in clusters.members(name)]
    await ask("stall", names=everyone, value=False)
    await clusters.wait_settled()
    return {
        "leader_moved_seconds": quantiles(seconds for seconds in moved if seconds is not None),
        "member_silent_seconds": quantiles(seconds for seconds in silent if seconds is not None),
        "missed": sum(seconds is None for seconds in (*moved, *silent)),
    }


async def _move_leader(clusters: Clusters, name: str) -> float | None:
    await asyncio.sleep(random.uniform(0, STORM_SECONDS))
    old = clusters.seen[name]["status"]["leaderID"]
    moved = await ask("move-leader", cluster=name)
    seen = await clusters.wait_for(name, lambda one: one["status"]["leaderID"] != old)
    return seen and seen - float(moved["time"])


async def _hang(clusters: Clusters, name: str) -> float | None:
    await asyncio.sleep(random.uniform(0, STORM_SECONDS))
    follower = next(m["name"] for m in clusters.members(name) if m["role"] != "leader")
    moment = time.time()
    await ask("stall", names=[f"{name}/{follower}"], value=True)
    seen = await clusters.wait_for(name, lambda one: is_true(one, "Degraded"))
    return seen and seen - moment


async def restart(clusters: Clusters) -> Json:
    """The operator is killed and starts again, as a container does: under the same name."""
    await clusters.wait_settled(quiet=3)
    clusters.plane.stop("operator")
    await ask("reset")
    begun = time.time()
    clusters.plane.start_operator(PORT)
    await wait_ready()
    listed = time.time() - begun
    pid = clusters.plane.pid("operator")
    while (cover := await ask("cover"))["seen"] < cover["clusters"]:
        await asyncio.sleep(0.05)
        if time.time() - begun > 180:
            break
    return {
        "listed_seconds": round(listed, 2),
        "first_look_seconds": round(cover["first"] - begun, 2),
        "all_looked_at_seconds": round(cover["last"] - begun, 2),
        "complete": cover["seen"] == cover["clusters"],
        "processor_seconds": round(read_processor_seconds(pid), 2),
        "memory_mb": read_memory(pid),
    }


async def wait_ready() -> None:
    """Wait until the operator has listed every kind; raises TimeoutError."""
    async with asyncio.timeout(180):
        while not await asyncio.to_thread(is_ready):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)


async def storm(clusters: Clusters) -> Json:
    """A third of all Pods is not Ready, as when nodes are lost, and is again; others are scaled."""
    await clusters.wait_settled(quiet=3)
    pods = await clusters.list_pods()
    chosen = random.sample(pods, int(len(pods) * UNREADY_PART))
    hit = {pod.rpartition("-")[0] for pod in chosen}
    spared = [name for name in clusters.names if name not in hit][:OTHERS]
    scaling = asyncio.create_task(_grow(clusters, spared, (0.5, 1.0)))
    await ask("ready", names=chosen, value=False)
    await asyncio.sleep(STORM_SECONDS)
    await ask("ready", names=chosen, value=True)
    over = time.time()
    reacted = await scaling
    complete = await clusters.wait_settled()
    well = max(clusters.settled[name] for name in clusters.names if name in hit)
    await _shrink(clusters, spared)
    return {
        "pods": len(chosen),
        "complete": complete,
        "well_again_seconds": round(well - over, 1),
        "others": reacted,
    }


async def hang(clusters: Clusters) -> Json:
    """A member of one cluster in ten hangs; others are scaled."""
    await clusters.wait_settled(quiet=3)
    names = random.sample(clusters.names, len(clusters.names))
    hit, spared = names[: len(names) // HANGING], names[len(names) // HANGING :][:OTHERS]
    hung = [
        f"{name}/{next(m['name'] for m in clusters.members(name) if m['role'] != 'leader')}"
        for name in hit
    ]
    return await _disturb(clusters, "stall", hung, spared)


async def lie(clusters: Clusters) -> Json:
    """All members in the namespace of one tenant answer with nonsense; others are scaled."""
    await clusters.wait_settled(quiet=3)
    tenant = clusters.names[0].partition("/")[0]
    hit = [name for name in clusters.names if name.partition("/")[0] == tenant]
    spared = random.sample([name for name in clusters.names if name not in hit], OTHERS)
    lying = [f"{name}/{m['name']}" for name in hit for m in clusters.members(name)]
    return await _disturb(clusters, "lie", lying, spared)


async def _disturb(clusters: Clusters, wish: str, members: list[str], spared: list[str]) -> Json:
    """Have something be so of some members, and see how long a change of other clusters waits."""
    await ask(wish, names=members, value=True)
    await asyncio.sleep(STORM_SECONDS)
    before = await clusters.read()
    reacted = await _grow(clusters, spared, (0.5, 1.0))
    after = await clusters.read()
    await ask(wish, names=members, value=False)
    complete = await clusters.wait_settled()
    await _shrink(clusters, spared)
    percent = compare(before, after)["processor_percent"]["operator"]
    return {
        "members": len(members),
        "complete": complete,
        "processor_percent": percent,
        "others": reacted,
    }


def measure_pace() -> float:
    """Return the milliseconds of processor time of a fixed piece of work: how fast it is here."""
    taken = []
    for _ in range(5):
        begun = time.process_time()
        sum(number * number for number in range(1_000_000))
        taken.append(time.process_time() - begun)
    return round(statistics.median(taken) * 1000, 1)


PHASES: Final[Mapping[str, Callable[[Clusters], Awaitable[Json]]]] = {
    "create": create,
    "rest": rest,
    "change": change,
    "notice": notice,
    "restart": restart,
    "storm": storm,
    "hang": hang,
    "lie": lie,
    "stand-by": stand_by,
    "share": share,
}


async def bring_back(clusters: Clusters) -> None:
    """Have all clusters settled with their members, whatever was before."""
    for name in clusters.names:
        one = clusters.seen.get(name)
        if one and (one["spec"]["size"] != SIZE or not is_settled(one)):
            await clusters.resize(name, SIZE)
    await clusters.wait_settled()
