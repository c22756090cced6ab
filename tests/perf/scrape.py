"""Measure what a scrape of the operator costs: `make bench-scrape`.

Over HTTP, by the server that ships, in its thread: the CPU time is that of this process without
the reader, which is another one.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
from typing import Final

from etcd_operator.runtime.process.clock import SystemClock
from etcd_operator.runtime.process.health import HealthServer
from tests.builders import scrapes

TARGET_SECONDS: Final = 0.05
SCRAPES: Final = 20
_READ: Final = "import sys, urllib.request as u; print(len(u.urlopen(sys.argv[1]).read()))"


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def measure(clusters: int) -> tuple[list[float], int]:
    """Return the CPU seconds of each scrape, and the bytes of one."""
    port = find_port()
    metrics = scrapes.build(clusters)
    server = HealthServer(port, SystemClock(), lambda: None, metrics.expose)
    task = asyncio.create_task(server.run())
    await asyncio.sleep(0.1)
    try:
        taken, size = [], 0
        for _ in range(SCRAPES):
            begun = time.process_time()
            size = await asyncio.to_thread(_scrape, port)
            taken.append(time.process_time() - begun)
        return taken, size
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _scrape(port: int) -> int:
    command = [sys.executable, "-c", _READ, f"http://127.0.0.1:{port}/metrics"]
    return int(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def main(words: list[str]) -> int:
    """Measure and print; returns 1 where it costs more than the target."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.scrape", description=__doc__)
    parser.add_argument("--clusters", type=int, default=500, help="clusters of three members")
    options = parser.parse_args(words)
    taken, size = asyncio.run(measure(options.clusters))
    median = statistics.median(taken)
    print(
        f"{options.clusters} clusters: {size / 2**20:.1f} MiB, CPU of a scrape: median "
        f"{median * 1000:.1f} ms, worst {max(taken) * 1000:.1f} ms of {len(taken)}"
    )
    return int(median > TARGET_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
