"""A change of authority, cut off after every action, in every order of what may happen meanwhile.

A small world: what each member was started with, what is mounted in it now, and what is in the
Secrets. Explored until nothing new is found. In every state that can be reached, every member can
open a connection to every other, the operator to every member, and a client that loads its Secret
now or did so before the last change too; and from every state the change comes to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    CertificateAction,
    IssueAuthority,
    IssueCertificate,
    LabelPod,
    ShareTrust,
)
from etcd_operator.core.credentials import Credential
from etcd_operator.core.naming import CLIENT_PORT, PEER_PORT
from etcd_operator.core.plan import plan
from etcd_operator.core.rules.certify import is_retirement_due
from etcd_operator.core.snapshot import Snapshot
from etcd_operator.core.trust import port_of, wanted_authorities
from tests.unit.core.certificate_scenes import (
    after_certificate,
    later,
    overlap_of,
    secured,
    with_tls,
    without_secret,
)
from tests.unit.core.scenes import after_kubernetes

MEMBERS = 3


@dataclass(frozen=True)
class World:
    """`mounted` is who signed what each member shows: at the client port, at the peer port."""

    snapshot: Snapshot
    mounted: tuple[tuple[str, str], ...]

    @property
    def key(self) -> object:
        """What tells one state from another: of times, whether something waits for them."""
        snapshot = self.snapshot
        gate = snapshot.config_map
        made = tuple(
            (
                name,
                one.certificate.key_id if one.certificate else "",
                one.certificate.issuer_key_id if one.certificate else "",
                tuple(sorted(t.key_id for t in one.trusted)),
                bool(one.certificate and _is_young(snapshot, one)),
            )
            for name, one in sorted(snapshot.credentials.items())
        )
        template = snapshot.statefulset.body["spec"]["template"] if snapshot.statefulset else {}
        return (
            made,
            self.mounted,
            tuple(pod.trust for pod in snapshot.pods),
            gate.annotations["etcd.etcd.io/trust"] if gate else "",
            str(template.get("metadata", {}).get("annotations")),
        )


def _is_young(snapshot: Snapshot, one: Credential) -> bool:
    assert one.certificate
    return snapshot.now < one.certificate.made + overlap_of(snapshot)


def issuer(snapshot: Snapshot, secret: str) -> str:
    """Who signed the certificate in a Secret."""
    certificate = snapshot.credentials[secret].certificate
    assert certificate
    return certificate.issuer_key_id


def in_secrets(snapshot: Snapshot) -> tuple[str, str]:
    """Who signed what a Pod that starts now would show."""
    return issuer(snapshot, "db-server-tls"), issuer(snapshot, "db-peer-tls")


def seen(world: World) -> Snapshot:
    """What a pass sees, with a look at what members show where it would look."""
    snapshot = world.snapshot
    ports = {CLIENT_PORT: 0, PEER_PORT: 1}
    presented = {
        (ordinal, port): shown[ports[port]]
        for authority in wanted_authorities(snapshot)
        if (port := port_of(snapshot, authority)) and is_retirement_due(snapshot, authority)
        for ordinal, shown in enumerate(world.mounted)
    }
    return replace(snapshot, presented=presented)


def take(world: World, action: Action) -> World:
    """The world after one action of a pass."""
    if isinstance(action, IssueAuthority | IssueCertificate | ShareTrust):
        return replace(world, snapshot=after_certificate(world.snapshot, action))
    assert isinstance(action, ApplyObject | LabelPod), action
    return replace(world, snapshot=after_kubernetes(world.snapshot, action))


def passes(world: World) -> Iterator[World]:
    """A pass of the operator, cut off after any of its actions; Pods are restarted elsewhere."""
    current = world
    before = seen(world)
    for action in plan(before).actions:
        if not isinstance(action, CertificateAction | ApplyObject):
            return
        assert guards.refuse(action, replace(current.snapshot, presented=before.presented)) is None
        current = take(current, action)
        yield current


def happenings(world: World) -> Iterator[World]:
    """What happens without the operator: mounts follow, members restart, time goes by."""
    snapshot = world.snapshot
    assert snapshot.statefulset
    template = snapshot.statefulset.body["spec"]["template"]["metadata"]["annotations"]
    trust = tuple(template["etcd.etcd.io/trust"].split(","))
    for ordinal, pod in enumerate(snapshot.pods):
        mounted = list(world.mounted)
        mounted[ordinal] = in_secrets(snapshot)
        yield replace(world, mounted=tuple(mounted))
        restarted = list(snapshot.pods)
        restarted[ordinal] = replace(pod, trust=trust)
        yield World(replace(snapshot, pods=tuple(restarted)), tuple(mounted))
    if any(_is_young(snapshot, one) for one in snapshot.credentials.values()):
        yield replace(world, snapshot=later(snapshot, 2))


def assert_everybody_is_understood(world: World) -> None:
    snapshot = world.snapshot
    operator, client = (issuer(snapshot, f"db-{who}-tls") for who in ("operator", "client"))
    believed = {
        who: {one.key_id for one in snapshot.credentials[f"db-{who}-tls"].trusted}
        for who in ("operator", "client")
    }
    for pod, (server, _) in zip(snapshot.pods, world.mounted, strict=True):
        assert operator in pod.trust, f"{pod.name} would refuse the operator"
        assert client in pod.trust, f"{pod.name} would refuse clients"
        for who, roots in believed.items():
            assert server in roots, f"the {who} would refuse {pod.name}"
        for _, peer in world.mounted:
            assert peer in pod.trust, f"{pod.name} would refuse another member"


def explore(start: World) -> tuple[int, list[World]]:
    """Return how many states there are, and those from which nothing moves any more."""
    known = {start.key}
    ahead, ends, count = deque([start]), [], 0
    while ahead:
        world = ahead.popleft()
        count += 1
        assert_everybody_is_understood(world)
        moved = False
        for following in (*passes(world), *happenings(world)):
            moved = moved or following.key != world.key
            if following.key not in known:
                known.add(following.key)
                ahead.append(following)
        if not moved:
            ends.append(world)
    return count, ends


STARTS = {
    "new authorities are wanted": with_tls(secured(MEMBERS), caGeneration=1, caOverlap="1h"),
    "the peer authority was lost": without_secret(secured(MEMBERS), "db-peer-ca"),
}


@pytest.mark.parametrize("start", STARTS)
def test_nobody_is_ever_refused_and_the_change_comes_to_its_end(start: str) -> None:
    snapshot = STARTS[start]
    shown = ("client-ca1", "peer-ca1")
    count, ends = explore(World(snapshot, (shown,) * MEMBERS))
    print(f"{start}: {count} states")
    assert count > 50
    assert ends
    for end in ends:
        trusts = {pod.trust for pod in end.snapshot.pods}
        assert len(trusts) == 1
        for secret in ("db-client-ca", "db-peer-ca"):
            assert len(end.snapshot.credentials[secret].trusted) == 1, "the old one is let go"
        (trust,) = trusts
        assert len(trust) == 2
        assert set(trust) >= {issuer(end.snapshot, "db-peer-tls"), *end.mounted[0]}
