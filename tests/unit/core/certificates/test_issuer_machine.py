"""The stages of a change of the issuer: each row has a scene, and says what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.certificates.issuer_machine import (
    MACHINE,
    find_change,
    find_next_issuer_stage,
    must_see_shown,
)
from etcd_operator.core.model.issuer_stage import IssuerPhase, IssuerStage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.status.conditions import judge
from tests.builders.certificates import later, with_tls, without_secret
from tests.builders.issuer import COMPANY, OWN, READY, answered, changing, shown_by
from tests.builders.snapshots import change_child, change_pod

P = IssuerPhase
TO_OWN = changing(P.OWN, wanted=True)
TO_TRUSTED = changing(P.TRUSTED, wanted=True)
TO_SERVER = changing(P.SERVER, wanted=True)
FROM_ALL = changing(P.ALL, wanted=False)
FROM_SERVER = changing(P.SERVER, wanted=False)
FROM_TRUSTED = changing(P.TRUSTED, wanted=False)
REST = {"conditions": READY["conditions"]}
STEPS: list[tuple[str, Snapshot, IssuerStage]] = [
    ("the issuer is known", TO_OWN, IssuerStage(P.TRUSTED, 1)),
    ("all trust it", TO_TRUSTED, IssuerStage(P.SERVER)),
    ("all members show it", TO_SERVER, IssuerStage(P.ALL)),
    ("clients go first", FROM_ALL, IssuerStage(P.SERVER)),
    ("clients had time", FROM_SERVER, IssuerStage(P.TRUSTED)),
    ("nobody shows it any more", FROM_TRUSTED, IssuerStage(P.OWN)),
]
WAITS: list[tuple[str, Snapshot]] = [
    ("nothing was issued", without_secret(TO_OWN, "db-issuer-tls")),
    ("the first one failed", answered(TO_OWN, {"conditions": []})),
    ("the first one is of an earlier Certificate", answered(TO_OWN, REST)),
    ("cert-manager is gone", replace(TO_TRUSTED, cert_manager=False)),
    ("a member does not trust it", change_pod(TO_TRUSTED, 1, trust=(OWN,))),
    ("a Pod is of before", change_pod(TO_TRUSTED, 1, revision="before")),
    ("members to come would not trust it", replace(TO_TRUSTED, gate_trust={})),
    ("clients had no time", later(TO_TRUSTED, -1.5)),
    ("clients were told nothing", without_secret(TO_TRUSTED, "db-client-tls")),
    ("one member shows another", shown_by(TO_SERVER, COMPANY, OWN, COMPANY)),
    ("one member was not seen", shown_by(TO_SERVER, COMPANY, "", COMPANY)),
    ("the Secret of clients was just issued", later(FROM_SERVER, -1.5)),
    ("one still shows it", shown_by(FROM_TRUSTED, OWN, OWN, COMPANY)),
    ("members were just given another", later(FROM_TRUSTED, -1.5)),
]


@pytest.mark.parametrize(
    ("scene", "following"), [row[1:] for row in STEPS], ids=[r[0] for r in STEPS]
)
def test_a_step_is_taken(scene: Snapshot, following: IssuerStage) -> None:
    assert find_next_issuer_stage(scene) == following
    assert plan(scene).snapshot.naming.issuer_stage == following


@pytest.mark.parametrize("scene", [row[1] for row in WAITS], ids=[row[0] for row in WAITS])
def test_a_step_waits(scene: Snapshot) -> None:
    assert find_next_issuer_stage(scene) == scene.naming.issuer_stage


def test_every_row_has_a_scene() -> None:
    rows = {(row.stage, row.to) for row in MACHINE.transitions}
    assert {(scene.naming.issuer_stage.phase, to.phase) for _, scene, to in STEPS} == rows


def test_a_cluster_without_a_gate_has_what_its_spec_asks_for() -> None:
    new = replace(TO_OWN, children={})
    assert find_next_issuer_stage(new) == IssuerStage(P.ALL)
    assert find_next_issuer_stage(with_tls(new)) == IssuerStage(P.OWN)


def test_half_of_a_short_life_is_time_enough() -> None:
    short = changing(P.TRUSTED, wanted=True, certificateLifetime="1h")
    half = later(short, -1.5)
    assert find_next_issuer_stage(half).phase is P.SERVER
    assert find_next_issuer_stage(later(half, -0.1)).phase is P.TRUSTED


def test_the_status_tells_of_the_change() -> None:
    scene = shown_by(TO_SERVER, COMPANY, OWN, COMPANY)
    told = {one.type: one for one in judge(scene, plan(scene).decision)}["CertificatesValid"]
    assert (told.status, told.reason) == ("True", verdicts.CA_CHANGING)
    assert told.message == (
        "Every certificate is valid. The certificates for clients are being replaced by an "
        "issuer's (stage Server): clients have to load their Secret anew within caOverlap."
    )
    assert "those of the cluster's own CA (stage All)" in find_change(FROM_ALL)
    assert not find_change(changing(P.ALL, wanted=True))


def test_what_members_show_is_looked_at_while_it_counts() -> None:
    assert must_see_shown(TO_TRUSTED)
    assert must_see_shown(FROM_SERVER)
    assert not must_see_shown(changing(P.ALL, wanted=True))
    own = TO_TRUSTED.credentials["db-client-tls"]
    waits = changing(P.ALL, wanted=True)
    assert must_see_shown(replace(waits, credentials={**waits.credentials, own.name: own}))


def test_a_secret_of_an_earlier_certificate_is_told() -> None:
    scene = answered(TO_OWN, REST)
    told = {one.type: one for one in judge(scene, plan(scene).decision)}["CertificatesValid"]
    assert told.reason == verdicts.NOT_ISSUED
    assert told.message == (
        "cert-manager has not issued Certificate db-server by ClusterIssuer company: Secret "
        "db-issuer-tls is left of an earlier one, and its CA may have changed: delete it."
    )


def test_an_issuer_is_asked_only_at_the_stage_on_record() -> None:
    """Members may be told by a Certificate only what the gate says already."""
    first = plan(TO_TRUSTED)
    assert first.rule != "request_from_cert_manager"
    gate = plan(TO_TRUSTED).actions[0]
    assert getattr(gate, "name", "") == "db-config"
    recorded = changing(P.SERVER, wanted=True)
    asked = change_child(recorded, "Certificate", "db-server", body={"spec": {}})
    assert plan(shown_by(asked, OWN)).rule == "request_from_cert_manager"
