"""A Gatherer among stubs: members that answer or hang, and objects as watches bring them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.members import MemberStatus
from etcd_operator.core.model.naming import LABEL_CLUSTER, LABEL_CLUSTER_UID
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from tests.builders.snapshots import NAMING, UID, answer, member, raw_cluster
from tests.fakes.clock import LoopClock
from tests.fakes.etcd import FakeEtcd, FakeMember
from tests.fakes.kubernetes import ApiServer, InMemoryApi

MEMBERS = tuple(member(ordinal) for ordinal in range(3))


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


class GathererHarness:
    """A Gatherer among stubs: an EtcdCluster, Pods with members in them, objects."""

    def __init__(self, **status: Any) -> None:
        self.server = ApiServer(page_size=1)
        self.server.version = 9  # later than what the caches are shown
        self.etcd = FakeEtcd()
        self.etcd.lines = MEMBERS
        self.cluster = parse_cluster({**raw_cluster({"size": 3}), "status": status})
        api = InMemoryApi(self.server)
        self.caches = Caches(api)
        pool = self.etcd.pool
        clock = LoopClock()
        stores = (
            CertificateSecrets(api, clock),
            AuthCache(clock),
            PasswordSecrets(api, clock),
            ConnectionSecrets(api, clock),
        )
        self.gatherer = Gatherer(api, self.caches, pool, clock, "cluster.local", *stores)

    def add(self, ordinal: int, says: MemberStatus | None, **changes: Any) -> FakeMember:
        """A running Pod with a member in it; the other fields are the member's."""
        self.show(pod(ordinal))
        return self.etcd.add(ordinal, says, **changes)

    def show(self, raw: Json) -> None:
        """The watch brings an object."""
        self.caches.observe(raw["kind"], raw)

    async def gather(self) -> Snapshot:
        """Look at the cluster."""
        return await self.gatherer.gather(self.cluster)


def pod(ordinal: int, *, owner: str = UID, address: str = "", running: bool = True) -> Json:
    """A member's Pod as the API server has it."""
    raw = labelled("Pod", NAMING.member(ordinal), owner)
    state: Json = {"running": {}} if running else {"waiting": {"reason": "ContainerCreating"}}
    raw["status"] = {
        "phase": "Running",
        "podIP": address or f"10.0.0.{ordinal + 1}",
        "containerStatuses": [{"name": "etcd", "state": state}],
    }
    return raw


def labelled(kind: str, name: str, owner: str = UID) -> Json:
    """An object with our labels, of this life of the cluster."""
    labels = {LABEL_CLUSTER: NAMING.name, LABEL_CLUSTER_UID: owner}
    return {"kind": kind, "metadata": metadata(name) | {"labels": labels}}


def metadata(name: str, uid: str = "u1", version: int = 5) -> Json:
    """What every object has."""
    place = {"namespace": NAMING.namespace, "name": name}
    return {**place, "uid": uid, "resourceVersion": str(version)}


def says(ordinal: int, **changes: Any) -> MemberStatus:
    """The answer of a member to whom all is well; member 0 leads."""
    status = answer(ordinal).status
    assert status is not None
    return replace(status, **changes)
