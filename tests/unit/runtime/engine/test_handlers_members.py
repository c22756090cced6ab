"""Who is asked to change the members, and who next."""

from __future__ import annotations

from typing import Any, cast

import pytest

from etcd_operator.core.actions import AddLearner, RemoveMember
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.builders.snapshots import CLUSTER_ID, NAMING, formed, member_id

JOIN = AddLearner(3, NAMING.peer_url(3), CLUSTER_ID)


class Members:
    """Clients that refuse as told, by address, and remember who was asked."""

    def __init__(self, scene: Snapshot, **refusals: Refusal) -> None:
        self.names = {address_of(pod): pod.name for pod in scene.pods}
        self.refusals = refusals
        self.asked: list[str] = []

    async def client(self, address: str) -> _Client:
        return _Client(self, self.names[address])


class _Client:
    def __init__(self, members: Members, name: str) -> None:
        self._members = members
        self._name = name

    async def add_learner(self, _peer_url: str) -> None:
        self._members.asked.append(self._name)
        refusal = self._members.refusals.get(self._name.replace("-", "_"))
        if refusal:
            raise EtcdRefused(refusal.value, refusal)

    async def remove_member(self, _member_id: int) -> None:
        await self.add_learner("")


async def change(members: Members, scene: Snapshot, action: Any) -> None:
    api = cast(KubeApi, None)
    pool = cast(EtcdPool, members)
    clock = SystemClock()
    performer = ActionHandlers(
        api, Caches(api), pool, CertificateSecrets(api, clock), AuthCache(clock)
    )
    await performer.perform(action, scene)


async def test_the_leader_is_asked_alone_where_it_agrees() -> None:
    scene = formed(3)
    members = Members(scene)
    await change(members, scene, JOIN)
    assert members.asked == ["db-0"]


async def test_others_are_asked_where_the_leader_has_lost_sight_of_them() -> None:
    """Seen after a network was cut: the leader took all others for away until it was restarted."""
    scene = formed(3)
    members = Members(scene, db_0=Refusal.UNHEALTHY_CLUSTER, db_1=Refusal.UNHEALTHY_CLUSTER)
    await change(members, scene, JOIN)
    assert members.asked == ["db-0", "db-1", "db-2"]


async def test_it_is_refused_where_all_of_them_refuse() -> None:
    scene = formed(3)
    members = Members(scene, **{f"db_{ordinal}": Refusal.UNHEALTHY_CLUSTER for ordinal in range(3)})
    with pytest.raises(EtcdRefused, match="unhealthy cluster"):
        await change(members, scene, JOIN)


async def test_another_refusal_is_the_last_word() -> None:
    scene = formed(3)
    members = Members(scene, db_0=Refusal.TOO_MANY_LEARNERS)
    with pytest.raises(EtcdRefused, match="too many learners"):
        await change(members, scene, JOIN)
    assert members.asked == ["db-0"]


async def test_who_is_to_go_is_never_asked() -> None:
    scene = formed(3)
    members = Members(scene, db_0=Refusal.UNHEALTHY_CLUSTER)
    await change(members, scene, RemoveMember(1, member_id(1), CLUSTER_ID))
    assert members.asked == ["db-0", "db-2"]
