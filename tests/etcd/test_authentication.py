"""Authentication that somebody enabled by hand: what etcd still tells, and how it refuses."""

from __future__ import annotations

import httpx2
import pytest

from etcd_operator.core.auth.state import Change, EtcdAuth, Listed, Step
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.objects.statefulset import READINESS_PATH
from etcd_operator.errors import EtcdRefused, Refusal
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.process.clock import SystemClock
from tests.etcd.processes import Site, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

BY_HAND = (
    Change(Step.ADD_ROLE, "root"),
    Change(Step.ADD_USER, "root"),
    Change(Step.GIVE_ROLE, "root", role="root"),
    Change(Step.ENABLE),
)


@pytest.mark.situation(
    "told",
    "members require authentication",
    "they do not count as unavailable",
)
async def test_a_member_that_wants_a_user_is_known_from_one_that_is_away(site: Site) -> None:
    await formed(site, 1)
    client = site.client(0)
    access = AuthCache(SystemClock())
    for change in BY_HAND:
        await access.change("uid", client, change)

    calls = (
        client.status(),
        client.member_list(linearizable=True),
        client.member_list(linearizable=False),
        client.add_learner(site.peer_url(1)),
        client.remove_member(1),
        client.defragment(),
        client.hash_kv(),
    )
    for call in calls:
        with pytest.raises(EtcdRefused) as refused:
            await call
        assert refused.value.refusal is Refusal.AUTHENTICATION, refused.value

    async with httpx2.AsyncClient(trust_env=False) as kubelet:
        answer = await kubelet.get(f"http://{site.address(0)}:{CLIENT_PORT}{READINESS_PATH}")
    assert answer.status_code == 200, "its Pod stays Ready: that tells that a majority serves"


async def test_of_users_that_others_create_only_the_names_are_read(site: Site) -> None:
    await formed(site, 1)
    client = site.client(0)
    access = AuthCache(SystemClock())
    others = (Change(Step.ADD_USER, "tenant"), Change(Step.ADD_ROLE, "of-tenant"))
    for change in (*BY_HAND[:3], *others):
        await access.change("uid", client, change)

    listed = Listed(frozenset(("root", "web")), frozenset(("app",)))
    assert await access.look("uid", client, listed) == EtcdAuth(
        False, {"root": frozenset(("root",))}, {}
    )
    everything = await access.look("uid", client)
    assert set(everything.users) == {"root", "tenant"}, "what was asked before is no answer now"
    assert set(everything.roles) == {"root", "of-tenant"}
