"""The phases of a CA: what Secrets hold tells the phase, and each row leads to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.certificates.machine import MACHINE, Authority, CaPhase, find_phase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Meanwhile
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.status.conditions import judge
from tests.builders.certificates import (
    after_certificate,
    authority_id,
    issue_all,
    later,
    secured,
    to_secure,
    with_tls,
    without_secret,
)
from tests.builders.snapshots import change_pod

PEERS = {"clientTLSEnabled": False}
NAME = "db-peer-ca"


def told(snapshot: Snapshot) -> Snapshot:
    """The gate tells whom to trust, and all members were restarted since."""
    trusted = snapshot.credentials[NAME].trusted
    snapshot = replace(snapshot, gate_trust={"peer-ca.crt": trusted})
    for pod in snapshot.pods:
        snapshot = change_pod(snapshot, pod.ordinal, trust=tuple(one.key_id for one in trusted))
    return snapshot


def shown(snapshot: Snapshot) -> Snapshot:
    """Every member was seen to show a certificate of the newest authority."""
    newest = authority_id(snapshot, NAME)
    return replace(snapshot, presented={(pod.ordinal, 2380): newest for pod in snapshot.pods})


ALONE = told(secured(3, **PEERS))
WANTED = with_tls(ALONE, caGeneration=1, **PEERS)
SPREAD = issue_all(WANTED)
TRUSTED = later(told(SPREAD), 2)
SIGN = issue_all(TRUSTED)
OVER = later(shown(SIGN), 2)
LOST = without_secret(ALONE, NAME)


@pytest.mark.parametrize(
    ("scene", "replaced"),
    [(ALONE, False), (WANTED, True), (SPREAD, True), (SIGN, True), (issue_all(OVER), False)],
)
def test_the_status_says_that_an_authority_is_being_replaced(
    scene: Snapshot, replaced: bool
) -> None:
    judged = {each.type: each for each in judge(scene, plan(scene).decision)}
    found = judged["CertificatesValid"]
    assert found.status == "True"
    assert found.reason == (verdicts.CA_CHANGING if replaced else verdicts.ALL_VALID)
    assert (NAME in found.message) == replaced


def without_old_trust(snapshot: Snapshot) -> Snapshot:
    """Somebody took the CA of before out of ca.crt, and its key is in the Secret."""
    live = snapshot.credentials[NAME]
    newest = tuple(one for one in live.trusted if one.key_id == authority_id(snapshot, NAME))
    edited = replace(live, trusted=newest)
    return replace(snapshot, credentials={**snapshot.credentials, NAME: edited})


PHASES = (
    (to_secure(3, **PEERS), CaPhase.MISSING, CaPhase.ALONE),
    (LOST, CaPhase.MISSING, CaPhase.SPREAD),
    (ALONE, CaPhase.ALONE, None),
    (WANTED, CaPhase.ALONE, CaPhase.SPREAD),
    (SPREAD, CaPhase.SPREAD, None),
    (TRUSTED, CaPhase.SPREAD, CaPhase.SIGN),
    (SIGN, CaPhase.SIGN, None),
    (later(SIGN, 2), CaPhase.SIGN, None),
    (OVER, CaPhase.SIGN, CaPhase.ALONE),
    (without_old_trust(SIGN), CaPhase.SIGN, None),
    (without_old_trust(OVER), CaPhase.SIGN, CaPhase.ALONE),
)


@pytest.mark.parametrize(("scene", "phase", "to"), PHASES)
def test_each_row_leads_to_its_phase(scene: Snapshot, phase: CaPhase, to: CaPhase | None) -> None:
    view = Authority(scene, NAME)
    assert find_phase(view) is phase
    row = MACHINE.find_row(phase, view)
    if row is None:
        assert to is None
        return
    assert not isinstance(row, Meanwhile)
    assert row.to is to
    after = scene
    for action in row.do(view):
        after = after_certificate(after, action)
    if to is CaPhase.SIGN:
        after = issue_all(after)
    assert find_phase(Authority(after, NAME)) is to


def test_every_row_of_the_table_decides_in_one_of_these_scenes() -> None:
    taken = [MACHINE.find_row(phase, Authority(scene, NAME)) for scene, phase, _ in PHASES]
    assert [row for row in MACHINE.rows if row not in taken] == []


def test_no_certificate_comes_from_the_new_one_before_it_may_sign() -> None:
    for scene in (SPREAD, later(SPREAD, 2)):
        assert find_phase(Authority(issue_all(scene), NAME)) is CaPhase.SPREAD
