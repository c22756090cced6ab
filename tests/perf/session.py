"""One run against a Kubernetes: a namespace of its own, made before and removed after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from deploy.target import Target, TargetError
from etcd_operator.runtime.kubernetes.client import REQUEST_SECONDS, LightkubeApi
from tests.perf.meter import Meter
from tests.perf.observation import Sight
from tests.perf.samples import Sample
from tests.perf.schedule import Schedule
from tests.perf.stopwatch import KubernetesAway, Stopwatch

REMOVE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run has brought; `note` says why it is less than was asked for, if it is."""

    samples: list[Sample]
    granularity: dict[str, float]
    note: str = ""


@contextlib.contextmanager
def own_namespace(target: Target) -> Iterator[str]:
    """A new namespace, removed with all that is in it, whatever happens."""
    name = f"perf-{os.getpid()}"
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": label},
    }
    target.apply(manifest)
    try:
        yield name
    finally:
        _remove(target, name)


def _remove(target: Target, name: str) -> None:
    """EtcdClusters first: their finalizers need the operator, and it needs the namespace."""
    limit = f"--timeout={REMOVE_SECONDS}s"
    for words in (("etcd", "--all", f"--namespace={name}"), ("namespace", name)):
        try:
            target.run("delete", *words, "--ignore-not-found", limit, seconds=REMOVE_SECONDS + 10)
        except TargetError as error:
            print(f"left behind: {error}", file=sys.stderr)


def connect(target: Target) -> LightkubeApi:
    """The Kubernetes API without kubectl: starting a process takes longer than a request."""
    config = KubeConfig.from_dict(target.read("config", "view", "--raw", "--flatten", "--minify"))
    parameters = ConnectionParams(timeout=httpx2.Timeout(REQUEST_SECONDS), trust_env=False)
    single = config.get()
    assert single is not None, "a minified configuration has exactly one context"
    return LightkubeApi(AsyncClient(single, parameters))


async def measure(
    api: LightkubeApi, namespace: str, versions: Sequence[str], repeat: int, minutes: float
) -> Measured:
    """Measure everything `repeat` times; after so many minutes with what there is by then."""
    sight, meter = Sight(api, namespace), Meter(api)
    stopwatch = Stopwatch(api, sight)
    schedule = Schedule(api, stopwatch, meter, namespace, repeat)
    watching = asyncio.create_task(sight.run())
    note = ""
    try:
        async with asyncio.timeout(minutes * 60):
            for repetition in range(1, repeat + 1):
                for version in versions:
                    await schedule.measure(version, repetition)
    except TimeoutError:
        note = f"stopped after {minutes:g} minutes, before all repetitions were made"
    except KubernetesAway as error:
        note = f"stopped, because Kubernetes does not answer: {error}"
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        for resource in (stopwatch, meter, api):
            await resource.close()
    return Measured(schedule.samples, stopwatch.granularity(), note)
