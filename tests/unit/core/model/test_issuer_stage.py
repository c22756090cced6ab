"""Stages of a change of the issuer: what annotations say of them, and which number they have."""

from __future__ import annotations

import pytest

from etcd_operator.core.model.issuer_stage import (
    IssuerPhase,
    IssuerStage,
    read_issuer_change,
    read_issuer_stage,
)


@pytest.mark.parametrize("phase", IssuerPhase)
@pytest.mark.parametrize("change", [0, 1, 12])
def test_what_is_written_is_read(phase: IssuerPhase, change: int) -> None:
    stage = IssuerStage(phase, change)
    assert read_issuer_stage(stage.text) == (stage if stage.text else None)


@pytest.mark.parametrize("text", ["", "Own", "Server-", "server-1", "All-01", "All-1234567890"])
def test_nothing_else_is(text: str) -> None:
    assert read_issuer_stage(text) is None


def test_where_nothing_was_changed_nothing_is_said() -> None:
    assert IssuerStage.of(issued=True) == IssuerStage(IssuerPhase.ALL)
    assert [IssuerStage.of(issued=issued).text for issued in (False, True)] == ["", ""]


def test_the_number_counts_how_often_a_ca_comes_to_be_trusted() -> None:
    stage = IssuerStage()
    for phase, number in (("TRUSTED", 1), ("SERVER", 1), ("ALL", 1), ("TRUSTED", 1), ("OWN", 1)):
        stage = stage.to(IssuerPhase[phase])
        assert stage == IssuerStage(IssuerPhase[phase], number)
    assert stage.to(IssuerPhase.TRUSTED).change == 2


def test_the_number_is_on_the_template() -> None:
    notes = {"annotations": {"etcd.etcd.io/issuer-change": "3"}}
    assert read_issuer_change({"spec": {"template": {"metadata": notes}}}) == "3"
    assert read_issuer_change({}) == ""
