"""Every way from the cluster's own CA to an issuer, and back: the real planner and guards.

The spec changes at any moment, a pass ends after any of its actions, members and clients load what
there is at any time. Nobody is ever refused, and from every state the change comes to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ApplyObject, IssueCertificate
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.client_trust import client_trust
from etcd_operator.core.certificates.wanted import wanted_leaves
from etcd_operator.core.model.issuer_stage import IssuerStage
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.certificates import LIFE
from tests.model.issuer_walk import explore
from tests.model.issuer_world import IssuerStageWorld, World

# Whole worlds are explored: seconds each, more on a machine that does other things.
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


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
    count, wrong = explore(stage, start, give_in)
    print(f"{count} states")
    assert not wrong
    assert count > 100
