"""The CA of a cluster that is taken over: it signs as long as old members are peers, no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import IssueAuthority, IssueCertificate, ShareTrust
from etcd_operator.core.actions.certificates import HandedOver
from etcd_operator.core.certificates.state import HANDED_OVER, Certificate, Credential, Trusted
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from etcd_operator.core.takeover.record import ANNOTATION_TAKE_OVER
from etcd_operator.json_types import Json
from tests.builders.certificates import SECURE, authority_id, secured, to_secure, without_secret
from tests.builders.snapshots import NOW, change_child, with_spec

NAME = "db-peer-ca"
YEAR = timedelta(days=365)
JOINS: Json = {
    "joinExisting": {
        "source": {
            "statefulSet": "old",
            "clientCertificateSecret": "old-client",
            "peerCASecret": "old-ca",
        }
    }
}
CA = Certificate("old", "old", NOW - YEAR, NOW + YEAR, authority=True)
CLIENT = Certificate("mine", "old", NOW - YEAR, NOW + YEAR, "root", client=True)
TRUSTED = (Trusted("old", "pem of old", NOW + YEAR),)


def given(name: str, certificate: Certificate | None, **changes: Any) -> Credential:
    """A Secret that a person has handed over."""
    return replace(Credential(name, f"uid-{name}", "", "1", certificate, TRUSTED), **changes)


OLD_CA, OLD_CLIENT = given("old-ca", CA), given("old-client", CLIENT)


def handing(scene: Snapshot, *secrets: Credential) -> Snapshot:
    """The spec joins a cluster with TLS, and these Secrets are there."""
    return replace(
        with_spec(scene, bootstrap=JOINS), source_credentials={one.name: one for one in secrets}
    )


def beginning(*secrets: Credential) -> Snapshot:
    """Nothing exists yet."""
    return handing(to_secure(3), *(secrets or (OLD_CLIENT, OLD_CA)))


def under_way() -> Snapshot:
    """The new members serve beside the old ones, with certificates of the CA of these."""
    scene = handing(secured(3), OLD_CLIENT, OLD_CA)
    live = replace(scene.credentials[NAME], generation=HANDED_OVER)
    scene = replace(scene, credentials={**scene.credentials, NAME: live})
    gate = scene.children["ConfigMap", SECURE.config_map]
    notes = {**gate.annotations, ANNOTATION_TAKE_OVER: "approve old 3 v3.5.21 0=b0 100"}
    body = {**gate.body, "metadata": {**gate.body["metadata"], "annotations": notes}}
    return change_child(scene, "ConfigMap", SECURE.config_map, body=body)


def authorities(scene: Snapshot) -> list[IssueAuthority]:
    """The authorities that are issued next."""
    return [action for action in plan(scene).actions if isinstance(action, IssueAuthority)]


def test_new_members_have_certificates_of_the_authority_that_old_ones_know() -> None:
    scene = beginning()
    by_name = {action.secret: action for action in authorities(scene)}
    taken = by_name[NAME]
    assert taken.handed_over == HandedOver("old-ca", "uid-old-ca", "old")
    assert taken.generation == HANDED_OVER
    assert guards.refuse(taken, scene) is None
    assert by_name["db-client-ca"].handed_over is None, "clients have their own"
    assert "Took the certificate authority of Secret old-ca into" in taken.event("db").sentence
    for other in (replace(taken, handed_over=None), replace(taken, handed_over=None, keep=TRUSTED)):
        assert "old members trust no CA but their own" in str(guards.refuse(other, scene))
    stranger = replace(taken, handed_over=HandedOver("another", "u", "k"))
    assert guards.refuse(stranger, scene) is not None


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ((OLD_CA,), "Secret old-client of spec.bootstrap.joinExisting.source.client"),
        ((OLD_CLIENT,), "Secret old-ca of spec.bootstrap.joinExisting.source.peerCASecret does"),
        ((OLD_CA, given("old-client", None)), "has no tls.crt"),
        ((OLD_CA, given("old-client", CLIENT, trusted=())), "has no ca.crt"),
        ((OLD_CA, given("old-client", replace(CLIENT, client=False))), "is not for clients"),
        ((OLD_CLIENT, given("old-ca", CLIENT)), "is no CA: put the CA and its key there"),
        ((OLD_CLIENT, given("old-ca", replace(CA, issuer_key_id="root"))), "another one signed"),
        ((OLD_CLIENT, given("old-ca", replace(CA, not_after=NOW))), "has expired"),
        ((OLD_CLIENT, given("old-ca", CA, problem="it has no key")), "used: it has no key."),
    ],
)
def test_nothing_begins_with_a_secret_that_cannot_be_used(
    secrets: tuple[Credential, ...], words: str
) -> None:
    decision = plan(beginning(*secrets)).decision
    assert decision.reason is attention.CERTIFICATE_UNUSABLE
    assert words in decision.message
    assert decision.actions == ()


def test_no_other_authority_takes_its_place_while_old_members_are_there() -> None:
    scene = under_way()
    wanted = with_spec(scene, security={"tls": {"caGeneration": 7}})
    assert NAME not in {action.secret for action in authorities(wanted)}
    live = scene.credentials[NAME]
    forced = IssueAuthority(NAME, live.uid, live.resource_version, 7, live.trusted, "")
    assert "old members trust no CA but their own" in str(guards.refuse(forced, wanted))
    dropping = ShareTrust(NAME, live.uid, live.resource_version, live.trusted, "")
    assert guards.refuse(dropping, wanted) is not None


def test_one_that_is_lost_is_taken_again_and_no_other_is_made() -> None:
    lost = without_secret(under_way(), NAME)
    (again,) = authorities(lost)
    assert again.handed_over == HandedOver("old-ca", "uid-old-ca", "old")
    assert guards.refuse(again, lost) is None
    gone = replace(lost, source_credentials={"old-client": OLD_CLIENT})
    issued = IssueAuthority | IssueCertificate
    assert [action for action in plan(gone).actions if isinstance(action, issued)] == []


def test_it_is_replaced_when_the_old_members_are_gone() -> None:
    scene = under_way()
    over = change_child(scene, "ConfigMap", SECURE.config_map, body=_without_record(scene))
    (next_one,) = authorities(over)
    assert next_one.handed_over is None
    assert "others have its key" in next_one.why
    assert [one.key_id for one in next_one.keep] == [authority_id(over, NAME)]
    assert guards.refuse(next_one, over) is None
    assert authorities(with_spec(over, bootstrap=None)) == [next_one]


def _without_record(scene: Snapshot) -> Json:
    body = scene.children["ConfigMap", SECURE.config_map].body
    notes = {**body["metadata"]["annotations"]}
    del notes[ANNOTATION_TAKE_OVER]
    return {**body, "metadata": {**body["metadata"], "annotations": notes}}
