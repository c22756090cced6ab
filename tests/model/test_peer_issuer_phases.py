"""Every way from the cluster's own CA between members to an issuer, and back: planner and guards.

The spec and the issuer's CA change at any moment, a pass ends after any of its actions, members
load what there is at any time. No member ever refuses another one, none lets in whoever has a
certificate of the issuer, and from every state the change comes to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    CopyCertificate,
    IssueCertificate,
)
from etcd_operator.core.certificates.peer_trust import find_issued_peers
from etcd_operator.core.certificates.wanted import wanted_leaves
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.certificates import LIFE
from tests.model import reachable
from tests.model.peer_issuer_world import SOURCES, PeerIssuerWorld, World, is_settled, judge

# Whole worlds are explored: seconds each, more on a machine that does other things.
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]
FROM = pytest.mark.parametrize("issued", [False, True], ids=["from its own CA", "from an issuer"])


@FROM
def test_members_always_know_each_other_and_the_change_comes_to_its_end(issued: bool) -> None:
    stage = PeerIssuerWorld(issued=issued)
    following, wrong = reachable.explore(stage.begin(turns=3), stage.follow, judge)
    print(f"{len(following)} states")
    assert not wrong
    assert not reachable.find_stuck(following, is_settled)
    assert len(following) > 1000


@FROM
def test_the_guards_alone_keep_members_understood(issued: bool) -> None:
    stage = PeerIssuerWorld(issued=issued, tempted=True)

    def follow(world: World) -> Iterator[World]:
        yield from stage.follow(world)
        if world.turns:
            yield from give_in(stage, world)

    start = stage.begin(turns=1)._replace(wanted=not issued)
    following, wrong = reachable.explore(start, follow, judge)
    print(f"{len(following)} states")
    assert not wrong
    assert len(following) > 50


def give_in(stage: PeerIssuerWorld, world: World) -> Iterator[World]:
    """What an operator without judgement might do, if the guards have nothing against it."""
    snapshot = stage.look(world)
    for action in tempting_actions(stage, world):
        if guards.refuse(action, snapshot) is None:
            yield stage.act(world, action)._replace(turns=world.turns - 1)


def tempting_actions(stage: PeerIssuerWorld, world: World) -> Iterator[Action]:
    """What the issuer has signed, or the own CA is to sign, at once; and the trust of the end."""
    seen = stage.look(world)
    live = seen.credentials["db-peer-tls"]
    if issued := find_issued_peers(seen):
        keys = tuple(one.key_id for one in issued.certificates if one)
        uid, version = live.uid, live.resource_version
        yield CopyCertificate(live.name, uid, version, SOURCES, keys, issued.trusted, "")
    for phase in (PeerIssuer.OWN, PeerIssuer.ALONE):
        at = replace(seen, naming=replace(seen.naming, peer_issuer=phase), gate_trust={})
        for action in correct_objects(at, choose_layout(at)):
            if isinstance(action, ApplyObject) and action.kind == "ConfigMap":
                yield action
    own = replace(seen.naming, peer_issuer=PeerIssuer.OWN)
    for leaf in wanted_leaves(seen.cluster.spec, own):
        authority = seen.credentials.get(leaf.authority)
        if authority and authority.certificate:
            signer, trusted = authority.certificate.key_id, authority.trusted
            uid, version = live.uid, live.resource_version
            yield IssueCertificate(leaf, uid, version, signer, LIFE, trusted, "")
