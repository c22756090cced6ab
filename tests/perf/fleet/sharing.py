"""Several replicas share the clusters: shares, cost of each, and what a kill leaves undone.

All replicas come as the operator's ServiceAccount, each with a certificate of its own: the API
server's audit log tells by it who has written.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import ssl
import time
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import httpx2

from etcd_operator.core.sharding.shards import find_shard, name_lease
from etcd_operator.json_types import Json
from tests.perf.fleet.clusters import PORT, Clusters, ask, is_ready
from tests.perf.fleet.control_plane import REPLICAS, ControlPlane
from tests.perf.fleet.figures import (
    quantiles,
    read_memory,
    read_processor_seconds,
    read_samples,
)

SHARDS: Final = 6
GROWN: Final = 5
REST_SECONDS: Final = 60.0
# Clusters that are scaled while one replica after the other comes, goes and dies.
SCALED: Final = 20
CREDENTIAL: Final = "authentication.kubernetes.io/credential-id"


class Authorship(NamedTuple):
    """A write that took effect, what it was about, and the replica that wrote."""

    time: float
    about: str
    replica: str


def ports() -> dict[str, int]:
    """Where each replica serves its metrics."""
    return {replica: PORT + 1 + number for number, replica in enumerate(REPLICAS)}


async def share(clusters: Clusters) -> Json:
    """Three replicas share the clusters; one is killed, and comes again."""
    plane, log = clusters.plane, clusters.plane.logs / "audit.log"
    await clusters.wait_settled(quiet=3)
    plane.stop("operator")
    offset = log.stat().st_size
    try:
        for replica, port in ports().items():
            plane.start_operator(port, replica, SHARDS)
        shared = await _wait_even(plane, REPLICAS)
        found: Json = {
            "replicas": len(REPLICAS),
            "shards": SHARDS,
            "shared_seconds": shared,
            "clusters_each": _count_shares(plane, clusters.names),
            "rest": await _rest(clusters),
            "killed": await _kill(clusters),
        }
        plane.start_operator(ports()[REPLICAS[0]], REPLICAS[0], SHARDS)
        found["shared_again_seconds"] = await _wait_even(plane, REPLICAS)
        await clusters.wait_settled()
        writes = await asyncio.to_thread(read_authors, log, offset, plane.keys)
        about = find_clusters(writes, clusters.names)
        found["writes"] = dict(sorted(Counter(write.replica for write in about).items()))
        found["writes_without_the_lease"] = len(find_strangers(about, writes))
    finally:
        for replica in REPLICAS:
            if plane.runs(replica):
                plane.stop(replica)
    plane.start_operator(PORT)
    await wait_all_looked_at(time.time())
    return found


async def _rest(clusters: Clusters) -> Json:
    """What each replica costs while nothing happens."""
    await clusters.wait_settled(quiet=10)
    await ask("reset")
    before = _read_costs(clusters.plane)
    await asyncio.sleep(REST_SECONDS)
    after = _read_costs(clusters.plane)
    passes = {name: after[name][1] - before[name][1] for name in after}
    seconds = {name: after[name][0] - before[name][0] for name in after}
    return {
        "processor_percent": {n: round(s / REST_SECONDS * 100, 1) for n, s in seconds.items()},
        "passes_per_second": {n: round(p / REST_SECONDS, 1) for n, p in passes.items()},
        "processor_ms_per_pass": round(
            sum(seconds.values()) / max(1.0, sum(passes.values())) * 1000, 2
        ),
        "memory_mb": {n: read_memory(clusters.plane.pid(n))["rss"] for n in after},
        "longest_without_a_look_seconds": round((await ask("cover"))["longest"], 1),
    }


def _read_costs(plane: ControlPlane) -> dict[str, tuple[float, float]]:
    """Processor seconds and passes of each replica, so far."""
    found = {}
    for replica, port in ports().items():
        samples = _scrape(port)
        passes = samples.get(("etcd_operator_pass_seconds_count", ()), 0.0)
        found[replica] = read_processor_seconds(plane.pid(replica)), passes
    return found


async def _kill(clusters: Clusters) -> Json:
    """Kill one replica while clusters are scaled: until all of its clusters are looked at."""
    plane, killed = clusters.plane, REPLICAS[0]
    names = random.sample(clusters.names, min(SCALED, len(clusters.names)))
    orphans = [name for name in names if _holder(plane, name) == killed]
    asked = {name: await clusters.resize(name, GROWN) for name in names}
    await asyncio.sleep(1)
    plane.stop(killed)
    moment = time.time()
    await ask("reset")
    looked = await wait_all_looked_at(moment)
    others = [replica for replica in REPLICAS if replica != killed]
    shared = await _wait_even(plane, others, since=moment)
    complete = await clusters.wait_settled(names)
    took = {name: clusters.settled[name] - asked[name] for name in asked if complete}
    for name in names:
        await clusters.resize(name, 3)
    await clusters.wait_settled(names, quiet=3)
    return {
        "all_looked_at_seconds": looked,
        "all_shards_held_seconds": shared,
        "scaled": complete,
        "orphans_scaled_seconds": quantiles(took[name] for name in orphans if name in took),
        "others_scaled_seconds": quantiles(took[name] for name in took if name not in orphans),
    }


async def wait_all_looked_at(moment: float) -> float | None:
    """Return the seconds from a moment until every cluster was looked at since the last reset."""
    while time.time() - moment < 180:
        cover = await ask("cover")
        if cover["seen"] == cover["clusters"]:
            return round(float(cover["last"]) - moment, 2)
        await asyncio.sleep(0.1)
    return None


async def _wait_even(
    plane: ControlPlane, replicas: Sequence[str], since: float | None = None
) -> float | None:
    """Return the seconds until these replicas hold all shards, in equal shares."""
    begun = since or time.time()
    wanted = dict.fromkeys(replicas, SHARDS // len(replicas))
    while time.time() - begun < 180:
        await asyncio.sleep(0.2)
        if all([await asyncio.to_thread(is_ready, ports()[name]) for name in wanted]):
            held = {name: len(find_held(ports()[name])) for name in wanted if plane.runs(name)}
            if held == wanted:
                return round(time.time() - begun, 2)
    return None


def find_held(port: int) -> set[int]:
    """Return the shards that a replica says it holds."""
    return {
        int(dict(labels)["shard"])
        for (name, labels), value in _scrape(port).items()
        if name == "etcd_operator_shard_held" and value == 1
    }


def _holder(plane: ControlPlane, cluster: str) -> str | None:
    shard = _shard_of(cluster)
    running = (replica for replica in REPLICAS if plane.runs(replica))
    return next((replica for replica in running if shard in find_held(ports()[replica])), None)


def _shard_of(cluster: str) -> int:
    namespace, _, name = cluster.partition("/")
    return find_shard(namespace, name, SHARDS)


def _count_shares(plane: ControlPlane, names: Iterable[str]) -> dict[str, int]:
    held = {replica: find_held(ports()[replica]) for replica in REPLICAS if plane.runs(replica)}
    shards = Counter(_shard_of(name) for name in names)
    return {replica: sum(shards[shard] for shard in mine) for replica, mine in held.items()}


def _scrape(port: int) -> Mapping[tuple[str, tuple[tuple[str, str], ...]], float]:
    url = f"http://127.0.0.1:{port}/metrics"
    return read_samples(httpx2.get(url, timeout=60, trust_env=False).text)


def read_authors(log: Path, offset: int, keys: Path) -> list[Authorship]:
    """Return the replicas' writes behind a place in the audit log, in the order they came."""
    replicas = {fingerprint(keys / f"{replica}.crt"): replica for replica in REPLICAS}
    found = []
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode().splitlines()
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last one is being written
        done = entry["responseStatus"]["code"] < httpx2.codes.MULTIPLE_CHOICES
        if not (done and entry["verb"] in ("create", "patch", "delete")):
            continue
        about, (credential,) = entry["objectRef"], entry["user"]["extra"][CREDENTIAL]
        if credential in replicas and about["resource"] != "events":
            moment = datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()
            lease = about["resource"] == "leases"
            place = "leases" if lease else about.get("namespace", "")
            name = f"{place}/{about.get('name', '')}"
            found.append(Authorship(moment, name, replicas[credential]))
    return sorted(found)


def find_clusters(writes: Iterable[Authorship], names: Iterable[str]) -> list[Authorship]:
    """Return the writes about objects of clusters, each with the cluster in place of the object."""
    known = set(names)
    found = ((write, _find_cluster(write.about, known)) for write in writes)
    return [write._replace(about=name) for write, name in found if name]


def _find_cluster(about: str, known: set[str]) -> str | None:
    """The cluster of an object: its name is the object's, or what that begins with."""
    while "/" in about:
        if about in known:
            return about
        about = about.rpartition("-")[0]
    return None


def find_strangers(
    about_clusters: Iterable[Authorship], writes: Iterable[Authorship]
) -> list[Authorship]:
    """Return writes by a replica that was not the last to write the Lease of the shard."""
    leases: dict[str, list[Authorship]] = defaultdict(list)
    for write in writes:
        leases[write.about].append(write)
    found = []
    for write in about_clusters:
        shard = _shard_of(write.about)
        of_shard = leases[f"leases/{name_lease(shard)}"]
        place = bisect(of_shard, write.time, key=lambda one: one.time)
        if place == 0 or of_shard[place - 1].replica != write.replica:
            found.append(write)
    return found


def fingerprint(certificate: Path) -> str:
    """Return the name that the API server has for whoever shows a certificate."""
    content = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return f"X509SHA256={hashlib.sha256(content).hexdigest()}"
