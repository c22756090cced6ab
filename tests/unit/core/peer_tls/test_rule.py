"""Peer URLs on the way to TLS between members, and what the user is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject, UpdateMember
from etcd_operator.core.model.peer_stage import PeerStage
from etcd_operator.core.peer_tls.rule import (
    change_peer_urls,
    restore_peer_urls,
    wait_to_change_peer_tls,
)
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import Fires, Passes, flags
from tests.builders.certificates import issue_all, secured, without_secret
from tests.builders.peer_tls import BOTH, OFF, ON, PLAIN, PREPARED, SECURE, asked, at, listed_at
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    begun,
    change_pod,
    formed,
    member_id,
    outdated,
    silent,
    with_members,
    with_spec,
)

TO_BOTH = at(PREPARED, PLAIN, wanted=True)
TO_SECURE = at(ON, BOTH, wanted=True)
TO_PLAIN = at(PREPARED, BOTH, wanted=False)
BEGINS = at(OFF, PLAIN, wanted=True, change=2)
LOST = listed_at(outdated(at(ON, BOTH, wanted=True), 0), BOTH, PLAIN, BOTH)
FIRES = (
    Fires(
        "members with certificates are listed for both, and begin to listen with TLS",
        change_peer_urls,
        TO_BOTH,
        routine.CHANGING_PEER_TLS,
        "TLS between members: listing db-0, db-1, db-2 at http and https URLs in etcd.",
        Phase.UPGRADING,
        (
            "list 0 at http and https",
            "list 1 at http and https",
            "list 2 at http and https",
            "apply ConfigMap db-config",
            "apply StatefulSet db",
        ),
    ),
    Fires(
        "members that all listen with TLS are listed for it alone",
        change_peer_urls,
        TO_SECURE,
        routine.CHANGING_PEER_TLS,
        "TLS between members: listing db-0, db-1, db-2 at https URLs in etcd.",
        Phase.UPGRADING,
        ("list 0 at https", "list 1 at https", "list 2 at https"),
    ),
    Fires(
        "the one that is left is listed, and certificates go when all are",
        change_peer_urls,
        listed_at(TO_PLAIN, PLAIN, BOTH, PLAIN),
        routine.CHANGING_PEER_TLS,
        "TLS between members: listing db-1 at http URLs in etcd.",
        Phase.UPGRADING,
        ("list 1 at http", "apply ConfigMap db-config", "apply StatefulSet db"),
    ),
    Fires(
        "a member that nobody could reach is listed where it listens, before any roll",
        restore_peer_urls,
        LOST,
        routine.CHANGING_PEER_TLS,
        "TLS between members: listing db-1 at http and https URLs in etcd.",
        Phase.UPGRADING,
        ("list 1 at http and https",),
    ),
    Fires(
        "the first files are written with the certificates there",
        wait_to_change_peer_tls,
        BEGINS,
        routine.CHANGING_PEER_TLS,
        "Turning TLS between members on: writing the files of the next step.",
        Phase.UPGRADING,
        ("apply ConfigMap db-config", "apply StatefulSet db"),
    ),
    Fires(
        "a member whose host in etcd is another's is for a person",
        wait_to_change_peer_tls,
        with_members(
            BEGINS,
            replace(BEGINS.members[0], peer_urls=("http://db-0.db-peer.team.svc.old:2380",)),
            *BEGINS.members[1:],
        ),
        attention.PEER_TLS_WAITS,
        "TLS between members is to be turned on, and waits: etcd lists db-0 at another host than "
        "that of its Pod.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
)
PASSES = (
    Passes("members are as the spec has them", change_peer_urls, formed(3)),
    Passes("not all are rolled", change_peer_urls, outdated(TO_BOTH, 1)),
    Passes("no quorum", change_peer_urls, silent(TO_BOTH, 1, 2)),
    Passes("each is listed where it listens", restore_peer_urls, TO_SECURE),
    Passes("nobody has formed a cluster", restore_peer_urls, begun(3)),
    Passes("members are as the spec has them", wait_to_change_peer_tls, formed(3)),
    Passes("they have TLS", wait_to_change_peer_tls, at(ON, SECURE, wanted=True, change=2)),
    Passes("nothing is formed", wait_to_change_peer_tls, asked(begun(3), tls=True)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: f"{row.rule.__name__}: {row.title}")
def test_passes(row: Passes) -> None:
    row.check()


def test_each_member_is_updated_by_its_id_in_the_cluster_that_was_looked_at() -> None:
    first = next(a for a in plan(TO_SECURE).actions if isinstance(a, UpdateMember))
    urls = (NAMING.peer_urls(0)[1],)
    assert first == UpdateMember(0, member_id(0), urls, CLUSTER_ID)


def test_the_first_roll_gives_certificates_and_the_file_listens_as_before() -> None:
    made = plan(BEGINS)
    assert made.snapshot.naming.peer_stage == PeerStage(PREPARED, 3)
    gate, pods = (a.manifest for a in made.actions if isinstance(a, ApplyObject))
    file = gate["data"]["db-0.yaml"]
    assert 'listen-peer-urls: "http://0.0.0.0:2380"' in file
    assert "peer-transport-security" in file
    template = pods["spec"]["template"]
    assert template["metadata"]["annotations"]["etcd.etcd.io/peer-tls"] == "Prepared-3"
    assert "peer-tls" in {volume["name"] for volume in template["spec"]["volumes"]}
    assert gate["metadata"]["annotations"]["etcd.etcd.io/peer-tls"] == "Prepared-3"
    assert gate["metadata"]["annotations"]["etcd.etcd.io/tls"] == "none"


def test_a_member_that_is_not_ready_yet_is_no_reason_to_call_a_person() -> None:
    decision = wait_to_change_peer_tls(change_pod(TO_BOTH, 1, ready=False))
    assert decision is not None
    assert decision.reason is routine.CHANGING_PEER_TLS
    assert decision.message == "Turning TLS between members on: waiting for db-1 to be ready."


def test_members_that_know_the_clients_authority_alone_get_certificates_for_each_other() -> None:
    """They need to trust nobody for that: who has no certificate for members dials none of them."""
    scene = secured(3, peerTLSEnabled=False)
    scene = issue_all(with_spec(scene, security={"tls": {"peerTLSEnabled": True}}))
    assert scene.credentials["db-peer-tls"].certificate
    assert plan(scene).snapshot.naming.peer_stage == PeerStage(PREPARED, 1)


def test_without_a_certificate_the_wait_says_which_secret() -> None:
    decision = wait_to_change_peer_tls(without_secret(BEGINS, "db-peer-tls"))
    assert decision is not None
    assert decision.reason is attention.PEER_TLS_WAITS
    assert "Secret db-peer-tls has no certificate yet" in decision.message


def test_who_joins_is_given_all_urls_of_the_others() -> None:
    """etcd compares the list in its file with its own."""
    scene = at(ON, BOTH, wanted=True)
    joiner = replace(scene.members[2], id=0xE1, name="", client_urls=(), is_learner=True)
    joiner = replace(joiner, peer_urls=(NAMING.peer_urls(2)[1],))
    scene = with_members(scene, *scene.members[:2], joiner)
    gate = next(
        a.manifest
        for a in plan(scene).actions
        if isinstance(a, ApplyObject) and a.kind == "ConfigMap"
    )
    listed = [f"db-{o}={url}" for o in (0, 1) for url in NAMING.peer_urls(o)]
    listed.append(f"db-2={NAMING.peer_urls(2)[1]}")
    assert f'initial-cluster: "{",".join(listed)}"' in gate["data"]["db-2.yaml"]
