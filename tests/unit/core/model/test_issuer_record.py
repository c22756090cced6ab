"""The stage of a change of the issuer, as the gate has it on record."""

from __future__ import annotations

import pytest

from etcd_operator.core.model.issuer_record import find_recorded_issuer_stage, with_issuer_stage
from etcd_operator.core.model.issuer_stage import IssuerPhase, IssuerStage
from tests.builders.issuer import changing
from tests.builders.snapshots import change_child

AT_REST = changing(IssuerPhase.OWN, wanted=False)


def recorded(**annotations: str) -> IssuerStage | None:
    """What is read of a gate with these annotations."""
    notes = {f"etcd.etcd.io/{name.replace('_', '-')}": text for name, text in annotations.items()}
    body = {"metadata": {"annotations": notes}, "data": {}}
    scene = change_child(AT_REST, "ConfigMap", "db-config", body=body)
    return find_recorded_issuer_stage(scene.children, scene.naming)


@pytest.mark.parametrize("phase", IssuerPhase)
def test_each_stage_is_read(phase: IssuerPhase) -> None:
    assert recorded(tls="client", issuer_stage=f"{phase}-2") == IssuerStage(phase, 2)


def test_where_nothing_was_changed_the_words_tell() -> None:
    assert recorded(tls="client,issuer") == IssuerStage(IssuerPhase.ALL)
    assert recorded(tls="client,peer") == IssuerStage(IssuerPhase.OWN)
    assert recorded(tls="peer", issuer_stage="All-1") is None


def test_the_number_goes_on_while_clients_have_no_tls() -> None:
    notes = {"etcd.etcd.io/tls": "none", "etcd.etcd.io/issuer-stage": "All-3"}
    body = {"metadata": {"annotations": notes}, "data": {}}
    scene = change_child(AT_REST, "ConfigMap", "db-config", body=body)
    found = with_issuer_stage(scene.naming, scene.children, scene.cluster.spec).issuer_stage
    assert found == IssuerStage(IssuerPhase.OWN, 3)


def test_the_gate_counts_before_the_spec_and_only_ours() -> None:
    scene = changing(IssuerPhase.SERVER, wanted=False)
    spec = scene.cluster.spec
    assert with_issuer_stage(AT_REST.naming, scene.children, spec) == scene.naming
    theirs = change_child(scene, "ConfigMap", "db-config", owner_uid="somebody")
    assert with_issuer_stage(AT_REST.naming, theirs.children, spec) == AT_REST.naming
