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
    compare,
    quantiles,
    read_memory,
    read_processor_seconds,
    read_writes,
)
from tests.perf.fleet.sharing import share

SIZE: Final = 3
GROWN: Final = 5
# Clusters of which one after the other is changed, or loses its leader, or a member.
SAMPLE: Final = 20
REST_SECONDS: Final = 60.0
# Of all Pods, in the storm.
UNREADY_PART: Final = 0.3
STORM_SECONDS: Final = 10.0
# Of so many clusters one has a member that hangs; and so many others are scaled meanwhile.
HANGING: Final = 10
OTHERS: Final = 10


async def create(clusters: Clusters) -> Json:
    """From the first EtcdCluster to all of them Running."""
    before = await clusters.read()
    asked = await clusters.create(SIZE)
    complete = await clusters.wait_settled(seconds=1200)
    after = await clusters.read()
    begun = min(asked.values())
    took = [clusters.settled[name] - at for name, at in asked.items() if name in clusters.settled]
    used = after.processors["operator"] - before.processors["operator"]
    return {
        "complete": complete,
        "seconds": round(max(clusters.settled.values(), default=after.time) - begun, 1),
        "one_cluster_seconds": quantiles(took),
        "processor_ms_per_cluster": round(used / len(asked) * 1000),
        "memory_mb": read_memory(clusters.plane.pid("operator")),
        "api_requests": compare(before, after)["api_requests"],
    }


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
    await ask("stall", names=hung, value=True)
    await asyncio.sleep(STORM_SECONDS)
    reacted = await _grow(clusters, spared, (0.5, 1.0))
    await ask("stall", names=hung, value=False)
    await clusters.wait_settled()
    await _shrink(clusters, spared)
    return {"members": len(hung), "others": reacted}


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
    "share": share,
}


async def bring_back(clusters: Clusters) -> None:
    """Have all clusters settled with their members, whatever was before."""
    for name in clusters.names:
        one = clusters.seen.get(name)
        if one and (one["spec"]["size"] != SIZE or not is_settled(one)):
            await clusters.resize(name, SIZE)
    await clusters.wait_settled()
