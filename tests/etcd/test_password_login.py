"""The operator as a user with a password: in plain text, at members that give tokens."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.core.auth.tokens import read_token_kind
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.errors import EtcdRefused, Refusal
from tests.etcd.passwords import PASSWORD, knows, log_in, protect
from tests.etcd.processes import Site, eventually

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]


def give_signed_tokens(site: Site, name: str = "") -> None:
    """Let the members that are written from now on give signed tokens, with a key of this name."""
    key = site.root / f"jwt{name}.pem"
    if not key.exists():
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "RSA", "-out", str(key)],
            check=True,
            capture_output=True,
        )
    options = f"jwt,priv-key={key},sign-method=RS256,ttl=10m"
    settings = EtcdConfig(heartbeat_interval=50, election_timeout=500)
    made = settings.model_copy(update={"extra_args": {"auth-token": options}})
    site.spec = site.spec.model_copy(update={"etcd_config": made})


@pytest.mark.parametrize("signed", [False, True])
async def test_members_are_added_and_promoted_by_password(site: Site, signed: bool) -> None:
    if signed:
        give_signed_tokens(site)
    await protect(site)
    login = knows(PASSWORD)
    first = log_in(site, 0, login)
    assert (await first.status()).version == site.version.lstrip("v")
    assert read_token_kind(await first.find_token()) == ("jwt" if signed else "simple")

    await first.add_learner(site.peer_url(1))
    site.write(Gate.JOIN, Gate.JOIN)
    await site.start(1)
    second = log_in(site, 1, login)
    assert (await eventually(second.status)).is_learner, "which lets nobody log in"
    listed = (await first.member_list(linearizable=True)).members
    (learner,) = (member.id for member in listed if member.is_learner)
    await eventually(lambda: first.promote_member(learner))
    assert (await eventually(lambda: second.member_list(linearizable=True))).linearizable

    await site.stop(0)
    await site.start(0)  # and has forgotten every token that it did not sign
    again = await eventually(lambda: first.member_list(linearizable=True))
    assert len(again.members) == 2


async def test_a_wrong_password_is_told_from_a_member_that_is_away(site: Site) -> None:
    await protect(site)
    client = log_in(site, 0, knows("guess"))
    for _ in range(3):
        with pytest.raises(EtcdRefused) as refused:
            await client.status()
        assert refused.value.refusal is Refusal.AUTHENTICATION


async def test_a_member_with_another_key_refuses_tokens_of_the_first(site: Site) -> None:
    give_signed_tokens(site)
    await protect(site)
    login = knows(PASSWORD)
    first = log_in(site, 0, login)
    await first.add_learner(site.peer_url(1))
    give_signed_tokens(site, "other")
    site.write(Gate.JOIN, Gate.JOIN)
    await site.start(1)
    second = log_in(site, 1, login)
    await asyncio.sleep(2)
    with pytest.raises(EtcdRefused) as refused:
        await second.status()
    assert refused.value.refusal is Refusal.AUTHENTICATION, refused.value
