"""How the operator speaks with each member, while TLS for clients is turned on or off."""

from __future__ import annotations

from typing import Final

import pytest

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.jobs.members import serves_plain
from etcd_operator.runtime.engine.member_tls import introduce, speak_plainly
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.pki.identity import Identity
from tests.builders.certificates import SECURE
from tests.builders.snapshots import answer, pod

OFF, PERMISSIVE, STRICT = ClientTls
OPERATOR: Final = Identity("roots", "certificate", "key")


async def shown(etcd: EtcdPool) -> str:
    """The name that the member at the first address has to show; empty in plain text."""
    tls = (await etcd.client(address_of(pod(0)))).introduction
    return tls.server_name if tls else ""


@pytest.mark.parametrize(
    ("made_for", "gate", "identity", "name"),
    [
        (STRICT, STRICT, OPERATOR, SECURE.host(0)),
        (PERMISSIVE, PERMISSIVE, OPERATOR, SECURE.host(0)),
        (OFF, PERMISSIVE, OPERATOR, ""),
        (PERMISSIVE, OFF, OPERATOR, ""),
        (PERMISSIVE, PERMISSIVE, None, ""),
    ],
)
async def test_the_operator_speaks_with_each_member_as_that_serves(
    made_for: ClientTls, gate: ClientTls, identity: Identity | None, name: str
) -> None:
    etcd = EtcdPool()
    introduce(etcd, SECURE, (pod(0, client_tls=made_for),), gate, identity)
    assert await shown(etcd) == name


@pytest.mark.parametrize(
    ("made_for", "ready", "probe", "again"),
    [
        (PERMISSIVE, True, Probe(None, "no TLS"), True),
        (PERMISSIVE, False, Probe(None, "it starts"), False),
        (PERMISSIVE, True, answer(0), False),
        (PERMISSIVE, True, Probe(None, "who?", asks_for_user=True), False),
        (STRICT, True, Probe(None, "no TLS"), False),
    ],
)
async def test_who_may_serve_both_and_does_not_answer_is_asked_in_plain_text(
    made_for: ClientTls, ready: bool, probe: Probe, again: bool
) -> None:
    etcd, asked = EtcdPool(), pod(0, client_tls=made_for, ready=ready)
    introduce(etcd, SECURE, (asked,), made_for, OPERATOR)
    assert speak_plainly(etcd, (asked,), {0: probe}) == ((asked,) if again else ())
    assert bool(await shown(etcd)) is not again


def test_a_job_speaks_with_a_member_as_its_endpoint_says() -> None:
    task = {"endpoints": ["http://db-0:2379", "https://db-1:2379"]}
    assert [serves_plain(task, f"db-{ordinal}:2379") for ordinal in (0, 1)] == [True, False]
