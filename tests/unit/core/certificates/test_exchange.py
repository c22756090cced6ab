"""The user's certificate in the place of another: what waits for clients, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.certificates.client_trust import client_trust
from etcd_operator.core.certificates.exchange import find_waiting
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, Credential, key_ids
from etcd_operator.core.certificates.users_certificate import find_users_problem
from etcd_operator.core.certificates.wanted import used_secrets
from etcd_operator.core.model.issuer_stage import IssuerPhase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.plan.unchanged import is_at_rest
from etcd_operator.core.reasons import attention, verdicts
from etcd_operator.core.status.conditions import judge
from tests.builders.certificates import (
    issue_all,
    later,
    secured,
    users_secret,
    with_secret,
    with_tls,
    without_secret,
)
from tests.builders.issuer import HOSTS, ISSUER, MINE, OTHER, PLAIN_PEERS, THEIRS, changing
from tests.builders.snapshots import NOW, change_pod


def asking(scene: Snapshot, secret: str | None, **tls: Any) -> Snapshot:
    """The same with another server certificate in its spec, what that needs issued."""
    names = {"certificateSecret": secret} if secret else {}
    wanted = with_tls(with_secret(scene, MINE, THEIRS), **PLAIN_PEERS, **names, **tls)
    used = used_secrets(wanted.cluster.spec, wanted.naming)
    seen = {name: one for name, one in wanted.credentials.items() if name in used}
    return issue_all(replace(wanted, credentials=seen))


def told(scene: Snapshot) -> Snapshot:
    """The gate has caught up with whom members are to trust."""
    trusted = client_trust(with_effective_spec(scene))
    return replace(scene, gate_trust={CLIENT_TRUST_FILE: trusted})


def shown(scene: Snapshot) -> str:
    """The Secret that members made now show; empty for that of the cluster's own CA."""
    return tls_of(with_effective_spec(scene).spec).certificate_secret or ""


assert MINE.certificate
UNSIGNED = replace(THEIRS, verified_by=("company",))
EXPIRED = replace(MINE.certificate, not_after=NOW)
OWN = secured(3, **PLAIN_PEERS)
USERS = secured(3, MINE, **PLAIN_PEERS, certificateSecret="mine")


@pytest.mark.parametrize(("scene", "before"), [(OWN, ""), (USERS, "mine")], ids=["own", "user's"])
def test_another_certificate_waits_until_clients_could_load_its_ca(
    scene: Snapshot, before: str
) -> None:
    asked = told(asking(scene, "theirs"))
    assert shown(asked) == before
    assert find_waiting(with_effective_spec(asked)) == "theirs"
    assert "other" in key_ids(asked.credentials["db-client-tls"].trusted)
    assert shown(later(asked, 0.9)) == before
    assert shown(later(asked, 1.1)) == "theirs"
    assert find_waiting(with_effective_spec(later(asked, 1.1))) == ""


def test_what_is_mounted_once_stays_mounted() -> None:
    """Whatever clients were told: going back and forth would cut more of them off."""
    assert shown(USERS) == "mine"
    assert shown(later(USERS, -1)) == "mine"
    assert shown(without_secret(USERS, "db-client-tls")) == "mine"


WAITS: list[tuple[str, Snapshot]] = [
    ("members are told of its CA first", replace(asking(OWN, "theirs"), gate_trust={})),
    ("it does not exist", without_secret(told(asking(OWN, "theirs")), "theirs")),
    (
        "it is for other names",
        with_secret(
            told(asking(OWN, "theirs")), users_secret("theirs", "elsewhere", trusted=OTHER)
        ),
    ),
    ("no CA verifies it", with_secret(told(asking(OWN, "theirs")), UNSIGNED)),
    ("clients were told nothing", without_secret(told(asking(OWN, "theirs")), "db-client-tls")),
    (
        "an issuer's certificates go before",
        told(asking(changing(IssuerPhase.SERVER, wanted=False), "theirs")),
    ),
]


@pytest.mark.parametrize("scene", [row[1] for row in WAITS], ids=[row[0] for row in WAITS])
def test_it_waits(scene: Snapshot) -> None:
    assert shown(later(scene, 1.1)) == ""


@pytest.mark.parametrize(
    "gone",
    [
        lambda scene: without_secret(scene, "mine"),
        lambda scene: with_secret(scene, users_secret("mine", *HOSTS, flaw="tls.key is missing")),
        lambda scene: with_secret(scene, replace(MINE, certificate=EXPIRED)),
    ],
    ids=["deleted", "unusable", "expired"],
)
def test_it_does_not_wait_beside_one_that_is_of_no_use(gone: Any) -> None:
    scene = gone(told(asking(USERS, "theirs")))
    assert shown(scene) == "theirs"


def test_a_new_cluster_shows_it_at_once() -> None:
    new = with_secret(with_tls(replace(OWN, children={}), certificateSecret="theirs"), THEIRS)
    assert shown(new) == "theirs"


def test_members_that_show_it_are_believed_until_the_last_is_gone() -> None:
    """Also where the spec names it no more: what clients load meanwhile has its CA."""
    back = asking(USERS, None)
    back = replace(back, gate_trust={CLIENT_TRUST_FILE: (*MINE.trusted, *client_trust(OWN))})
    assert shown(back) == ""
    assert set(key_ids(client_trust(with_effective_spec(back)))) == {"company", "client-ca1"}
    for ordinal in range(3):
        back = change_pod(back, ordinal, server_certificate="db-server-tls")
    assert "company" in key_ids(client_trust(with_effective_spec(back))), "one may come to be made"
    back = replace(back, naming=replace(back.naming, mounted_server="db-server-tls"))
    assert key_ids(client_trust(with_effective_spec(back))) == ("client-ca1",)


def test_an_issuer_may_take_its_place_at_once_and_the_reverse() -> None:
    to_issuer = asking(USERS, None, **ISSUER)
    assert plan(replace(to_issuer, cert_manager=True)).decision.reason.blocks is False
    issued = told(asking(changing(IssuerPhase.ALL, wanted=False), "theirs"))
    stage = plan(issued).snapshot.naming.issuer_stage
    assert stage.phase is IssuerPhase.SERVER, "the issuer's certificates are taken back first"
    assert shown(issued) == ""


def test_what_members_show_is_read_while_the_spec_names_another_one() -> None:
    asked = asking(OWN, "mine")
    assert {"db-server-tls", "mine"} <= {*used_secrets(asked.cluster.spec, asked.naming)}
    assert "db-server-tls" not in used_secrets(USERS.cluster.spec, USERS.naming)


@pytest.mark.parametrize("asked", ["theirs", None], ids=["not yet", "no more"])
def test_a_secret_that_the_spec_names_is_no_strangers(asked: str | None) -> None:
    """One that is not shown yet, beside a CA of its own; or one that was read for the last time."""
    authority = users_secret("clients", trusted=OTHER)
    scene = asking(with_secret(OWN, authority, THEIRS), asked, caSecret="clients")
    scene = with_secret(scene, THEIRS)
    assert shown(scene) == ""
    assert plan(scene).decision.reason is not attention.SECRET_NAME_TAKEN


def test_the_status_says_what_it_waits_for() -> None:
    waits = told(asking(OWN, "theirs"))
    planned = plan(waits)
    verdict = {one.type: one for one in judge(planned.snapshot, planned.decision)}
    said = verdict["CertificatesValid"]
    assert (said.status, said.reason) == ("True", verdicts.CA_CHANGING)
    assert said.message == (
        "Every certificate is valid. Members will show the one in Secret theirs when clients had "
        "caOverlap to load its CA from their Secret."
    )
    assert not is_at_rest(planned)


def test_a_certificate_that_clients_would_refuse_is_told() -> None:
    def find_problem(scene: Snapshot, secret: Credential) -> str:
        return find_users_problem(plan(with_secret(scene, secret)).snapshot) or ""

    scene = told(asking(OWN, "theirs"))
    said = find_problem(scene, UNSIGNED)
    assert said.startswith(
        "The certificate in Secret theirs was signed by no CA in ca.crt of Secret theirs, so"
    )
    for verified_by in (None, ("other",), ("client-ca1", "more")):
        assert find_problem(scene, replace(THEIRS, verified_by=verified_by)) == ""
    named = told(asking(with_secret(OWN, users_secret("clients")), "theirs", caSecret="clients"))
    assert "ca.crt of Secret clients" in find_problem(named, replace(THEIRS, verified_by=()))
    assert find_problem(named, replace(THEIRS, verified_by=("company",))) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(THEIRS, problem="its tls.key does not belong to its tls.crt"), "tls.key"),
        (replace(THEIRS, certificate=EXPIRED), "has expired"),
        (UNSIGNED, "was signed by no CA"),
        (users_secret("theirs", "elsewhere", trusted=OTHER), "is not for db-0"),
    ],
    ids=["another key", "expired", "unsigned", "other names"],
)
@pytest.mark.parametrize("before", [OWN, USERS], ids=["own", "user's"])
@pytest.mark.parametrize("beside", [False, True], ids=["with its CA", "with a CA beside"])
def test_no_member_restarts_for_a_certificate_that_cannot_be_used(
    before: Snapshot, wrong: Credential, said: str, *, beside: bool
) -> None:
    scene = with_secret(before, users_secret("clients", trusted=OTHER))
    scene = with_tls(
        with_secret(scene, wrong, MINE),
        **PLAIN_PEERS,
        certificateSecret="theirs",
        **({"caSecret": "clients"} if beside else {}),
    )
    trusted = client_trust(before)
    planned = plan(later(replace(scene, gate_trust={CLIENT_TRUST_FILE: trusted}), 1.1))
    assert key_ids(client_trust(planned.snapshot)) == key_ids(trusted)
    assert not planned.actions
    verdict = {one.type: one for one in judge(planned.snapshot, planned.decision)}
    assert verdict["CertificatesValid"].reason is verdicts.UNUSABLE
    assert said in verdict["CertificatesValid"].message


def test_a_ca_alone_is_of_clients() -> None:
    authority = users_secret("clients", trusted=OTHER)
    scene = with_tls(with_secret(OWN, authority), **PLAIN_PEERS, caSecret="clients")
    planned = plan(scene)
    verdict = {one.type: one for one in judge(planned.snapshot, planned.decision)}
    assert verdict["CertificatesValid"].status == "True"
    assert "other" in key_ids(client_trust(planned.snapshot))
