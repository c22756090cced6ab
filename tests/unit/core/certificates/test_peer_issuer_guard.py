"""The guard of an issuer between members: what may be mounted, and what may be forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import ApplyObject, IssueCertificate
from etcd_operator.core.certificates.guard import refuse_certificate
from etcd_operator.core.certificates.peer_issuer_machine import find_copy
from etcd_operator.core.certificates.wanted import wanted_leaves
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.certificates import LIFE, with_secret
from tests.builders.peer_issuer import (
    CLIENT,
    COMPANY,
    OWN,
    SERVER,
    ca_of,
    changing,
    issued,
    outdated,
    shown,
    told,
)
from tests.builders.snapshots import change_pod, without_child

P = PeerIssuer
SIGNS = changing(P.SIGNS, wanted=True)
ALONE = changing(P.ALONE, wanted=True)
LEAVING = changing(P.TRUSTED, wanted=False)


def test_the_guard_of_a_copy() -> None:
    scene = told(issued(ALONE, "other"), ca_of(COMPANY), ca_of("other"))
    action = find_copy(scene)
    assert action
    assert "does not trust the CA" in str(refuse_certificate(action, outdated(scene)))
    deaf = change_pod(scene, 1, trust=(COMPANY, "other", f"peer:{COMPANY}"))
    assert refuse_certificate(action, deaf) == "db-1 does not trust the CA of the issuer yet"
    other = replace(action, secret="db-server-tls", uid="")  # noqa: S106
    assert "no member shows" in str(refuse_certificate(other, scene))
    assert "not those that were read" in str(refuse_certificate(action, issued(scene)))


def test_the_guard_of_a_copy_whose_ca_verifies_it_not() -> None:
    scene = told(issued(ALONE, "other"), ca_of(COMPANY), ca_of("other"))
    action = find_copy(scene)
    assert action
    for name in (SERVER, CLIENT):
        for verified_by, why in (((), f"no CA in Secret {name} verifies"), (("other",), "None")):
            one = replace(scene.credentials[name], verified_by=verified_by)
            assert why in str(refuse_certificate(action, with_secret(scene, one)))


def gate_of(snapshot: Snapshot, phase: PeerIssuer, trusting: str) -> ApplyObject:
    """A gate at this phase, whose members trust this CA alone."""
    at = replace(
        without_child(snapshot, "ConfigMap", "db-config"),
        naming=replace(snapshot.naming, peer_issuer=phase),
        gate_trust={},
    )
    found = correct_objects(at, choose_layout(at))
    (gate,) = (a for a in found if isinstance(a, ApplyObject) and a.kind == "ConfigMap")
    live = snapshot.children["ConfigMap", "db-config"]
    gate.manifest["data"]["peer-ca.crt"] = f"pem of {trusting}\n"
    return replace(gate, uid=live.uid, resource_version=live.resource_version)


@pytest.mark.parametrize(
    ("scene", "phase", "trusting", "why"),
    [
        (shown(SIGNS, COMPANY), P.ALONE, COMPANY, None),
        (SIGNS, P.ALONE, COMPANY, "db-0 may show a certificate of a CA that would be left out"),
        (
            shown(SIGNS, COMPANY, OWN, COMPANY),
            P.ALONE,
            COMPANY,
            "a certificate between members is signed by a CA that would be left out",
        ),
        (
            shown(LEAVING, COMPANY),
            P.OWN,
            OWN,
            "a certificate between members is signed by a CA that would be left out",
        ),
        (shown(LEAVING, OWN), P.OWN, OWN, None),
        (
            shown(LEAVING, OWN),
            P.OWN,
            f"{OWN}\npem of {COMPANY}",
            "members would let in whoever has a certificate of the issuer",
        ),
    ],
)
def test_the_guard_of_the_gate(
    scene: Snapshot, phase: PeerIssuer, trusting: str, why: str | None
) -> None:
    assert refuse(gate_of(scene, phase, trusting), scene) == why


def test_the_own_ca_signs_nothing_while_the_issuer_is_trusted_alone() -> None:
    """Pods of before may say that they trust it, and read otherwise when they start again."""
    trusting = (COMPANY, f"peer:{COMPANY}", OWN, f"peer:{OWN}")
    pods = tuple(replace(pod, trust=trusting) for pod in ALONE.pods)
    scene = replace(ALONE, pods=pods)
    (leaf,) = wanted_leaves(scene.spec, replace(scene.naming, peer_issuer=P.OWN))
    live = scene.credentials["db-peer-tls"]
    action = IssueCertificate(leaf, live.uid, live.resource_version, OWN, LIFE, (), "")
    assert refuse(action, scene) == "members trust the CA of an issuer alone"
