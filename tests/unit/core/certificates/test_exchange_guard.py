"""The guard of another server certificate: clients have its CA before members show it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.certificates import (
    issue_all,
    later,
    secured,
    users_secret,
    with_secret,
    with_tls,
    without_secret,
)
from tests.builders.issuer import MINE, OTHER, PLAIN_PEERS, THEIRS

OWN = secured(3, **PLAIN_PEERS)
ASKED = with_tls(with_secret(OWN, MINE), **PLAIN_PEERS, certificateSecret="mine")


def mount(snapshot: Snapshot) -> ApplyObject:
    """Have members mount what the spec names, at once."""
    found = correct_objects(snapshot, choose_layout(snapshot))
    (made,) = (a for a in found if isinstance(a, ApplyObject) and a.kind == "StatefulSet")
    return made


def judge(snapshot: Snapshot) -> str:
    """What the guard has against it; empty for nothing."""
    return refuse(mount(snapshot), snapshot) or ""


def test_clients_have_its_ca_first() -> None:
    assert judge(ASKED) == "Secret db-client-tls does not have the CA of the certificate"
    assert judge(issue_all(ASKED)) == ""


def test_also_in_the_place_of_another_of_the_users() -> None:
    users = secured(3, MINE, **PLAIN_PEERS, certificateSecret="mine")
    asked = with_tls(with_secret(users, THEIRS), **PLAIN_PEERS, certificateSecret="theirs")
    assert "does not have the CA" in judge(asked)
    assert judge(without_secret(asked, "mine")) == "", "members could not be made anew"
    assert judge(later(asked, 91 * 24)) == "", "clients believe it no more"


def test_the_ca_may_be_in_a_secret_of_its_own() -> None:
    asked = with_tls(ASKED, **PLAIN_PEERS, certificateSecret="mine", caSecret="company")
    assert judge(asked) == "nothing tells the CA of the certificate"
    known = with_secret(asked, replace(users_secret("company"), trusted=OTHER))
    assert judge(known) == "Secret db-client-tls does not have the CA of the certificate"


def test_the_ca_verifies_it() -> None:
    for verified_by, why in (
        ((), "no CA that clients have verifies the certificate"),
        (("stranger",), "no CA that clients have verifies the certificate"),
        (("company",), ""),
        (("client-ca1",), ""),
    ):
        signed = with_secret(issue_all(ASKED), replace(MINE, verified_by=verified_by))
        assert judge(signed) == why


@pytest.mark.parametrize("tls", [{}, {"caSecret": "mine"}])
def test_the_clusters_own_may_be_shown_at_any_time(tls: dict[str, Any]) -> None:
    users = secured(3, MINE, **PLAIN_PEERS, certificateSecret="mine")
    assert judge(issue_all(with_tls(users, **PLAIN_PEERS, **tls))) == ""
