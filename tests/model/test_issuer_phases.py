"""Every way from the cluster's own CA to an issuer, and back: the real planner and guards.

The spec changes at any moment, a pass ends after any of its actions, members and clients load what
there is at any time. Nobody is ever refused, and from every state the change comes to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ApplyObject, IssueCertificate
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.wanted import client_trust, wanted_leaves
from etcd_operator.core.model.issuer_stage import IssuerStage
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.certificates import LIFE
from tests.model.issuer_world import IssuerStageWorld, World, is_settled, judge

# Whole worlds are explored: seconds each, more on a machine that does other things.
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def explore(stage: IssuerStageWorld, start: World, *, tempted: bool = False) -> tuple[int, str]:
    """Look at everything that can be reached: how many states, and what is wrong with one."""
    known, ahead = {start: ""}, deque([start])
    following: dict[World, list[World]] = {}
    while ahead:
        world = ahead.popleft()
        following[world] = [one for one in stage.follow(world) if one != world]
        more = list(give_in(stage, world)) if tempted and world.turns else []
        for one in (*following[world], *more):
            if one not in known:
                if wrong := judge(one, patient=not tempted):
                    return len(known), wrong
                known[one] = ""
                ahead.append(one)
    return len(known), "" if tempted else find_stuck(following)


def find_stuck(following: dict[World, list[World]]) -> str:
    """Say if the change would come to no good end, or never end, once the spec stays."""
    quiet = {
        world: [one for one in after if one.turns == world.turns]
        for world, after in following.items()
    }
    ends = {world for world, after in quiet.items() if not after}
    if not ends or not all(is_settled(end) for end in ends):
        return "the change comes to no good end"
    sources: dict[World, list[World]] = {}
    for world, after in quiet.items():
        for one in after:
            sources.setdefault(one, []).append(world)
    reached, ahead = set(ends), deque(ends)
    while ahead:
        for source in sources.get(ahead.popleft(), ()):
            if source not in reached:
                reached.add(source)
                ahead.append(source)
    return "" if len(reached) == len(quiet) else "the change may never end"


def give_in(stage: IssuerStageWorld, world: World) -> Iterator[World]:
    """What an operator without judgement might do, if the guards have nothing against it."""
    snapshot = stage.look(world)
    for action in tempting_actions(stage, world):
        if guards.refuse(action, snapshot) is None:
            yield stage.act(world, action)._replace(turns=world.turns - 1)


def tempting_actions(stage: IssuerStageWorld, world: World) -> Iterator[Action]:
    """What an issuer, or the cluster's own CA, is to sign in the end, at once; trust as well."""
    for wanted in (False, True):
        seen = stage.look(world._replace(wanted=wanted))
        at = IssuerStage(IssuerStage.of(issued=wanted).phase, seen.naming.issuer_stage.change)
        seen = replace(seen, naming=replace(seen.naming, issuer_stage=at))
        for manifest in render_certificates(seen):
            name, secret = manifest["metadata"]["name"], manifest["spec"]["secretName"]
            if (name, secret) not in [each[:2] for each in world.certificates]:
                yield ApplyObject("Certificate", name, "", "", "", manifest)
        for action in () if wanted else correct_objects(seen, choose_layout(seen)):
            if isinstance(action, ApplyObject) and action.kind == "ConfigMap":
                yield action
        for leaf in wanted_leaves(seen.cluster.spec, seen.naming):
            live, authority = seen.credentials[leaf.secret], seen.credentials[leaf.authority]
            signer = authority.certificate
            if signer and live.certificate and live.certificate.issuer_key_id != signer.key_id:
                trusted = client_trust(seen)
                uid, version = live.uid, live.resource_version
                yield IssueCertificate(leaf, uid, version, signer.key_id, LIFE, trusted, "")


@pytest.mark.parametrize("issued", [False, True], ids=["from its own CA", "from an issuer"])
def test_nobody_is_ever_refused_and_the_change_comes_to_its_end(issued: bool) -> None:
    stage = IssuerStageWorld(issued=issued)
    count, wrong = explore(stage, stage.begin(turns=3))
    print(f"{count} states")
    assert not wrong
    assert count > 1000


@pytest.mark.parametrize("issued", [False, True], ids=["from its own CA", "from an issuer"])
def test_the_guards_alone_keep_everybody_understood(issued: bool) -> None:
    stage = IssuerStageWorld(issued=issued, tempted=True)
    start = stage.begin(turns=1)._replace(wanted=not issued)
    count, wrong = explore(stage, start, tempted=True)
    print(f"{count} states")
    assert not wrong
    assert count > 100
