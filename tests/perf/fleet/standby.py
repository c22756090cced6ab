"""A replica that stands by takes over: after a clean stop of the other one, and after a kill."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Final

from etcd_operator.json_types import Json
from tests.perf.fleet.clusters import PORT, Clusters, ask, is_ready
from tests.perf.fleet.control_plane import REPLICAS, ControlPlane
from tests.perf.fleet.sharing import find_held, ports, wait_all_looked_at

PAIR: Final = REPLICAS[:2]
# How long the one that stands by has stood there: it renews nothing, and looks at the Lease.
STANDING_SECONDS: Final = 5.0


async def stand_by(clusters: Clusters) -> Json:
    """Two replicas and one shard: the one that leads ends, in turn cleanly and at once."""
    plane = clusters.plane
    await clusters.wait_settled(quiet=3)
    plane.stop("operator")
    found: Json = {}
    try:
        for name, number in (("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)):
            leading = await _start_pair(plane)
            await asyncio.sleep(STANDING_SECONDS)
            moment = time.time()
            await asyncio.to_thread(plane.stop, leading, number)
            await ask("reset")
            looked = await wait_all_looked_at(moment)
            first = float((await ask("cover"))["first"]) - moment
            found[name] = {"first_look_seconds": round(first, 2), "all_looked_at_seconds": looked}
    finally:
        for replica in PAIR:
            if plane.runs(replica):
                plane.stop(replica)
    plane.start_operator(PORT)
    await wait_all_looked_at(time.time())
    return found


async def _start_pair(plane: ControlPlane) -> str:
    """Have both replicas run, the one that leads with everything listed; return its name."""
    for replica in PAIR:
        if not plane.runs(replica):
            plane.start_operator(ports()[replica], replica)
    async with asyncio.timeout(180):
        while True:
            await asyncio.sleep(0.2)
            if all([await asyncio.to_thread(is_ready, ports()[name]) for name in PAIR]):
                for replica in PAIR:
                    if find_held(ports()[replica]):
                        return replica
