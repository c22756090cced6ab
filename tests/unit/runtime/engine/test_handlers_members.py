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
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.builders.snapshots import CLUSTER_ID, NAMING, formed, member_id
from tests.fakes.etcd import FakeEtcd

JOIN = AddLearner(3, NAMING.peer_url(3), CLUSTER_ID)


def refusing(*refusals: Refusal) -> FakeEtcd:
    """Three members, the first of which refuse every change like this."""
    etcd = FakeEtcd(3)
    for ordinal, refusal in enumerate(refusals):
        etcd[ordinal].refuses_change = EtcdRefused(refusal.value, refusal)
    return etcd


async def change(members: FakeEtcd, scene: Snapshot, action: Any) -> None:
    api = cast(KubeApi, None)
    pool = members.pool
    clock = SystemClock()
    performer = ActionHandlers(
        api,
        Caches(api),
        pool,
        CertificateSecrets(api, clock),
        AuthCache(clock),
        PasswordSecrets(api, clock),
        ConnectionSecrets(api, clock),
    )
    await performer.perform(action, scene)


async def test_the_leader_is_asked_alone_where_it_agrees() -> None:
    scene = formed(3)
    members = refusing()
    await change(members, scene, JOIN)
    assert members.changes == ["db-0"]


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
