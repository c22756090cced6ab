"""What the operator used, as it counts itself on /metrics."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from deploy.manifests import LABELS, NAMESPACE, PORT
from etcd_operator.errors import KubeError
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from tests.perf.samples import Usage

SELECTOR: Final = ",".join(f"{key}={value}" for key, value in LABELS.items())
READ_SECONDS: Final = 3.0
# Every replica renews or watches the lease all the time, whatever the clusters do.
NOT_COUNTED: Final = ("leases",)


@dataclass(frozen=True, slots=True)
class Reading:
    """The leading replica's counters at a moment."""

    replica: str
    moment: float
    leads: bool
    cpu_seconds: float
    resident_bytes: float
    requests: Counter[str]


class Meter:
    """Reads the counters of the replica that leads."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._client = httpx2.AsyncClient(timeout=READ_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def read(self) -> Reading | None:
        """Read the leader's counters; None while there is no leader that answers."""
        try:
            for name, host in await self._find_replicas():
                answer = await self._client.get(f"http://{host}:{PORT}/metrics")
                reading = parse(name, answer.text)
                if reading.leads:
                    return reading
        except (KubeError, httpx2.HTTPError, KeyError):
            return None
        return None

    async def _find_replicas(self) -> list[tuple[str, str]]:
        found = []
        async for page in self._api.list_pages(kube.PODS, NAMESPACE, SELECTOR):
            for pod in page["items"]:
                host = pod["status"].get("podIP")
                if host and "deletionTimestamp" not in pod["metadata"]:
                    found.append((pod["metadata"]["name"], host))
        return found


def parse(replica: str, text: str) -> Reading:
    """Read the text format; raises KeyError if what we measure is not in it."""
    values: dict[str, float] = {}
    requests: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "etcd_operator_kubernetes_requests_total":
                if sample.labels["resource"] not in NOT_COUNTED:
                    requests[sample.labels["verb"]] += int(sample.value)
            else:
                values[sample.name] = sample.value
    return Reading(
        replica,
        time.monotonic(),
        bool(values["etcd_operator_leading"]),
        values["process_cpu_seconds_total"],
        values["process_resident_memory_bytes"],
        requests,
    )


def difference(before: Reading | None, after: Reading | None) -> Usage | None:
    """What was used between two readings; None if they are not of one and the same process."""
    if before is None or after is None or before.replica != after.replica:
        return None
    used = after.requests - before.requests
    return Usage(
        after.cpu_seconds - before.cpu_seconds,
        after.moment - before.moment,
        after.resident_bytes,
        dict(sorted(used.items())),
    )
