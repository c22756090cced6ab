"""Measure what a pass over a cluster at rest costs: `python -m tests.perf.passes`.

In this process, over an API server and members in memory: calls of functions, which no machine
changes, and processor time against a floor of the same run. The floor is reading the cluster's
objects from JSON once. Calls to members are not in it, three for three members and in each fifth
pass a fourth: `make bench-fleet` has them.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import cProfile
import json
import logging
import pstats
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from deploy.target import PROJECT
from etcd_operator.json_types import Json
from tests.builders.snapshots import NAMING, REVISION
from tests.harnesses.operator_in_memory import OperatorInMemory, claim_of, pod_of
from tests.perf.machine import describe_commit

OUTPUT: Final = PROJECT / "build" / "bench-passes" / "passes.json"
MEMBERS: Final = 3
PASSES: Final = 200
ROUNDS: Final = 5
SETTLE_SECONDS: Final = 3.0
DISK: Final = "10Gi"

Pass = Callable[[], Awaitable[object]]


def begin() -> OperatorInMemory:
    """Return the operator over one cluster; what Kubernetes adds to the objects is there."""
    harness = OperatorInMemory(MEMBERS)
    harness.ask_for(MEMBERS)
    return harness


def add_defaults(harness: OperatorInMemory) -> None:
    """Add what the API server and controllers do: a comparison has to look past it."""
    for key, body in list(harness.server.objects.items()):
        if key[0] in ("StatefulSet", "Service"):
            added = copy.deepcopy(body)
            (_default_statefulset if key[0] == "StatefulSet" else _default_service)(added)
            harness.server.store("MODIFIED", key, added)
    for ordinal in range(MEMBERS):
        pod, claim = pod_of(ordinal), claim_of(ordinal)
        pod["metadata"]["labels"]["controller-revision-hash"] = REVISION
        claim["spec"] = {"resources": {"requests": {"storage": DISK}}, "volumeName": f"v{ordinal}"}
        claim["status"]["capacity"] = {"storage": DISK}
        harness.write("Pod", pod)
        harness.write("PersistentVolumeClaim", claim)


def _default_statefulset(body: Json) -> None:
    body["metadata"]["generation"] = 1
    body["status"] = {"observedGeneration": 1, "replicas": MEMBERS, "updateRevision": REVISION}
    spec = body["spec"]
    spec["revisionHistoryLimit"] = 10
    pod = spec["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default"}
    container = pod["containers"][0]
    container["terminationMessagePath"] = "/dev/termination-log"
    container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    for probe in ("livenessProbe", "readinessProbe"):
        container[probe]["successThreshold"] = 1


def _default_service(body: Json) -> None:
    spec = body["spec"]
    spec.setdefault("clusterIP", "10.0.0.1")
    spec.setdefault("type", "ClusterIP")
    spec |= {"internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "ipFamilies": ["IPv4"]}


async def measure(make_pass: Pass, objects: str) -> Json:
    """Return the calls and milliseconds of a pass, and its ratio to the floor: medians."""
    taken, ratios = [], []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(PASSES):
            json.loads(objects)
        floor = time.process_time() - begun
        begun = time.process_time()
        for _ in range(PASSES):
            await make_pass()
        taken.append((time.process_time() - begun) / PASSES)
        ratios.append(taken[-1] * PASSES / floor)
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(PASSES):
        await make_pass()
    profile.disable()
    calls = pstats.Stats(profile).total_calls  # type: ignore[attr-defined] # typeshed lacks it
    return {
        "calls": round(calls / PASSES),
        "processor_ms": round(1000 * statistics.median(taken), 2),
        "ratio_to_floor": round(statistics.median(ratios), 1),
    }


async def run() -> dict[str, Json]:
    """Measure a pass that plans nothing again, and one that plans."""
    harness = begin()
    async with harness.run():
        add_defaults(harness)
        await asyncio.sleep(SETTLE_SECONDS)
        live = harness.server.objects["EtcdCluster", NAMING.namespace, NAMING.name]
        if live["status"]["phase"] != "Running":
            raise SystemExit(f"the cluster is not at rest: {live['status']['message']}")
        objects = json.dumps(list(harness.server.objects.values()))

        async def pass_at_rest() -> object:
            return await harness.reconciler.reconcile(NAMING.namespace, NAMING.name)

        async def pass_that_plans() -> object:
            harness.reconciler.forget_rest()
            return await pass_at_rest()

        return {
            "nothing has changed": await measure(pass_at_rest, objects),
            "a plan is made": await measure(pass_that_plans, objects),
        }


def main(words: list[str]) -> int:
    """Measure, print and write it down."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.passes", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the results")
    options = parser.parse_args(words)
    level = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=level)
    passes = asyncio.run(run())
    options.output.parent.mkdir(parents=True, exist_ok=True)
    run_at = {"began": datetime.now(UTC).isoformat(timespec="seconds"), "commit": describe_commit()}
    options.output.write_text(json.dumps({**run_at, "passes": passes}, indent=1) + "\n")
    for name, found in passes.items():
        print(
            f"{name}: {found['calls']} calls, {found['processor_ms']} ms, "
            f"{found['ratio_to_floor']} times the floor"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
