"""Figures of a process and of a stretch of time: processor, memory, and what counts up."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from etcd_operator.json_types import Json

TICKS: Final = os.sysconf("SC_CLK_TCK")
# Written all the time, whatever the clusters do, or only told to people: no step of a change.
NOT_COUNTED: Final = ("events", "leases")
WRITES: Final = ("apply", "create", "delete", "patch", "update")

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def quantiles(values: Iterable[float], digits: int = 1) -> dict[str, float]:
    """Return the median, the 99th percentile and the largest of some values, and their number."""
    known = sorted(values)
    if not known:
        return {"n": 0}

    def at(part: float) -> float:
        return round(known[min(len(known) - 1, int(part * len(known)))], digits)

    return {"p50": at(0.5), "p99": at(0.99), "max": round(known[-1], digits), "n": len(known)}


def read_processor_seconds(pid: int) -> float:
    """Return the seconds of one processor that a process has used; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def read_memory(pid: int) -> dict[str, float]:
    """Return the resident memory of a process in MB, as it is and as it was at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1:2] for line in lines}
    now, most = (int(sizes[name][0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return {"rss": round(now, 1), "peak": round(most, 1)}


def read_samples(text: str) -> Samples:
    """Read the operator's metrics by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that counts up, at one moment in seconds of the epoch."""

    time: float
    processors: Mapping[str, float]
    metrics: Samples
    world: Json


def sum_growth(before: Reading, after: Reading, name: str, *labels: str) -> dict[str, float]:
    """Return how much a counter grew between two readings, by some of its labels."""
    grown: dict[str, float] = defaultdict(float)
    for (metric, pairs), value in after.metrics.items():
        if metric == name:
            known = dict(pairs)
            key = " ".join(known[label] for label in labels) or "all"
            grown[key] += value - before.metrics.get((metric, pairs), 0.0)
    return {key: round(value, 1) for key, value in sorted(grown.items()) if value}


def compare(before: Reading, after: Reading) -> Json:
    """Return what happened between two readings."""
    seconds = after.time - before.time
    passes = sum_growth(before, after, "etcd_operator_pass_seconds_count").get("all", 0.0)
    requests = sum_growth(
        before, after, "etcd_operator_kubernetes_requests_total", "verb", "resource"
    )
    calls = sum(after.world["calls"].values()) - sum(before.world["calls"].values())
    used = {
        name: round((value - before.processors.get(name, 0.0)) / seconds * 100, 1)
        for name, value in after.processors.items()
    }
    operator = after.processors["operator"] - before.processors["operator"]
    return {
        "seconds": round(seconds, 1),
        "processor_percent": used,
        "passes_per_second": round(passes / seconds, 2),
        "processor_ms_per_pass": round(operator / passes * 1000, 2) if passes else None,
        "api_requests": requests,
        "api_writes": sum(count for key, count in requests.items() if _is_write(key)),
        "etcd_calls_per_second": round(calls / seconds, 1),
        "etcd_connections_opened": after.world["opened"] - before.world["opened"],
        "etcd_connections_open": after.world["open"],
    }


def _is_write(key: str) -> bool:
    verb, _, resource = key.partition(" ")
    return verb in WRITES and resource != "leases"


class Write(NamedTuple):
    """Write of the operator, as the API server's audit log has it."""

    time: float
    namespace: str
    name: str


def read_writes(log: Path, offset: int) -> list[Write]:
    """Return the operator's writes behind a place in the audit log, but for Events and Leases."""
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode().splitlines()
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last one is being written
        about = entry.get("objectRef") or {}
        writes = entry.get("verb") in ("create", "patch", "delete")
        if writes and about.get("resource") not in NOT_COUNTED:
            moment = datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()
            found.append(Write(moment, about.get("namespace", ""), about.get("name", "")))
    return found
