"""Who is asked to change the members, and who next."""

from __future__ import annotations

from typing import Any, cast
from unittest.mock import AsyncMock

import pytest

from etcd_operator.core.actions import (
    AddLearner,
    PassLeadership,
    RemoveMember,
    RemoveSourceMember,
    ScaleSource,
    SetDowngrade,
    UpdateMember,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.takeover.record import Stage
from etcd_operator.errors import Conflict, EtcdRefused, Refusal
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import STATEFUL_SETS, KubeApi
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.builders.snapshots import CLUSTER_ID, NAMING, formed, member_id
from tests.builders.take_over import TakeOverWorld, source_id
from tests.fakes.etcd import FakeEtcd
from tests.fakes.kubernetes import ApiServer, InMemoryApi

JOIN = AddLearner(3, NAMING.peer_url(3), CLUSTER_ID)


def refusing(*refusals: Refusal) -> FakeEtcd:
    """Three members, the first of which refuse every change like this."""
    etcd = FakeEtcd(3)
    for ordinal, refusal in enumerate(refusals):
        etcd[ordinal].refuses_change = EtcdRefused(refusal.value, refusal)
    return etcd


async def change(members: FakeEtcd, scene: Snapshot, action: Any) -> None:
    performer = perform_on(cast(KubeApi, None), members.pool)
    await performer.perform(action, scene)


def perform_on(api: KubeApi, pool: EtcdPool) -> ActionHandlers:
    clock = SystemClock()
    return ActionHandlers(
        api,
        Caches(api),
        pool,
        CertificateSecrets(api, clock),
        AuthCache(clock),
        PasswordSecrets(api, clock),
        ConnectionSecrets(api, clock),
        TaskCaches(api),
        AsyncMock(),
    )


async def test_a_downgrade_that_ended_by_itself_is_ended() -> None:
    """Members of 3.5 refuse that, and do not tell beforehand whether there is one."""
    ended = SetDowngrade("", CLUSTER_ID)
    members = refusing(Refusal.NO_DOWNGRADE)
    await change(members, formed(3), ended)
    assert members.changes == ["db-0"]
    with pytest.raises(EtcdRefused):
        await change(refusing(Refusal.AUTHENTICATION), formed(3), ended)


async def test_the_leader_is_asked_alone_where_it_agrees() -> None:
    scene = formed(3)
    members = refusing()
    await change(members, scene, JOIN)
    assert members.changes == ["db-0"]


async def test_a_member_is_listed_at_all_the_urls_of_the_action() -> None:
    urls = NAMING.peer_urls(1)
    members = refusing(Refusal.UNHEALTHY_CLUSTER)
    await change(members, formed(3), UpdateMember(1, member_id(1), urls, CLUSTER_ID))
    assert members.changes == ["db-0", "db-1"]
    assert members.lines[1].peer_urls == urls


async def test_others_are_asked_where_the_leader_has_lost_sight_of_them() -> None:
    """Seen after a network was cut: the leader took all others for away until it was restarted."""
    scene = formed(3)
    members = refusing(Refusal.UNHEALTHY_CLUSTER, Refusal.UNHEALTHY_CLUSTER)
    await change(members, scene, JOIN)
    assert members.changes == ["db-0", "db-1", "db-2"]


async def test_it_is_refused_where_all_of_them_refuse() -> None:
    scene = formed(3)
    members = refusing(*[Refusal.UNHEALTHY_CLUSTER] * 3)
    with pytest.raises(EtcdRefused, match="unhealthy cluster"):
        await change(members, scene, JOIN)


async def test_another_refusal_is_the_last_word() -> None:
    scene = formed(3)
    members = refusing(Refusal.TOO_MANY_LEARNERS)
    with pytest.raises(EtcdRefused, match="too many learners"):
        await change(members, scene, JOIN)
    assert members.changes == ["db-0"]


async def test_who_is_to_go_is_never_asked() -> None:
    scene = formed(3)
    members = refusing(Refusal.UNHEALTHY_CLUSTER)
    await change(members, scene, RemoveMember(1, member_id(1), CLUSTER_ID))
    assert members.changes == ["db-0", "db-2"]


def beside_old_members(stage: Stage) -> tuple[FakeEtcd, TakeOverWorld]:
    """A take-over at a stage, and the old members at their address; all of them answer there."""
    world = TakeOverWorld(1)
    while (record := world.look().take_over) is None or record.stage is not stage:
        world.step()
    etcd = FakeEtcd(3)
    etcd.add(7, None, "10.1.0.1:2379")
    return etcd, world


async def test_an_old_member_is_asked_before_there_is_another() -> None:
    members, world = beside_old_members(Stage.JOIN)
    first = AddLearner(0, NAMING.peer_url(0), CLUSTER_ID)
    await change(members, world.look(), first)
    assert members.changes == ["db-7"]


async def test_leadership_is_asked_of_who_has_it() -> None:
    members, world = beside_old_members(Stage.REMOVE)
    move = PassLeadership("old-0", source_id(0), "db-0", member_id(0), CLUSTER_ID)
    await change(members, world.look(), move)
    assert members.members["10.1.0.1:2379"].asked == ["lead a0"]
    assert members.changes == ["db-7"]


async def test_an_old_member_that_goes_is_not_asked_to() -> None:
    members, world = beside_old_members(Stage.REMOVE)
    members.lines = (*members.lines, world.lines[source_id(0)])
    gone = RemoveSourceMember("old-0", 0, source_id(0), CLUSTER_ID)
    await change(members, world.look(), gone)
    assert members.changes == ["db-0"]
    assert members.removed == [source_id(0)]


async def test_a_statefulset_is_scaled_only_as_it_was_looked_at() -> None:
    server = ApiServer()
    about = {"namespace": NAMING.namespace, "name": "old", "uid": "s"}
    stored = server.put(
        STATEFUL_SETS, "old", {"metadata": about, "spec": {"replicas": 3}}, NAMING.namespace
    )
    version = stored["metadata"]["resourceVersion"]
    api = InMemoryApi(server)
    performer = perform_on(api, FakeEtcd(3).pool)
    for uid, revision in (("another", version), ("s", "0")):
        with pytest.raises(Conflict):
            await performer.perform(ScaleSource("old", uid, revision, 2, CLUSTER_ID), formed(3))
    await performer.perform(ScaleSource("old", "s", version, 2, CLUSTER_ID), formed(3))
    (live,) = server.find("StatefulSet")
    assert live["spec"]["replicas"] == 2
