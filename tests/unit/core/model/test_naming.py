"""Names are functions of the cluster, and are read back without mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.core.model.members import Member
from etcd_operator.core.model.naming import (
    MOST_MEMBERS,
    Naming,
    cluster_of_host,
    ordinal_of_claim,
    ordinal_of_pod,
)
from tests.builders.snapshots import NAMING, UID


def test_names_are_those_of_the_contract() -> None:
    assert NAMING.statefulset == "db"
    assert NAMING.peer_service == "db-peer"
    assert NAMING.client_service == "db-client"
    assert NAMING.config_map == "db-config"
    assert NAMING.claim(2) == "data-db-2"
    assert NAMING.config_key(2) == "db-2.yaml"
    assert NAMING.peer_url(2) == "http://db-2.db-peer.team.svc.cluster.local:2380"
    assert NAMING.client_url(2) == "http://db-2.db-peer.team.svc.cluster.local:2379"


def test_the_token_is_unique_to_this_life_of_the_cluster() -> None:
    assert NAMING.token == f"team-db-{UID}"
    assert Naming("team", "db", "other").token != NAMING.token


def at(peer_url: str) -> Member:
    """A member with this peer URL."""
    return Member(7, "", (peer_url,))


@given(
    ordinal=st.integers(0, MOST_MEMBERS - 1),
    name=st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True),
)
def test_ordinals_are_read_back(ordinal: int, name: str) -> None:
    naming = Naming("team", name, UID)
    assert ordinal_of_pod(naming.member(ordinal), name) == ordinal
    assert ordinal_of_claim(naming.claim(ordinal), name) == ordinal
    assert naming.ordinal_of_member(at(naming.peer_url(ordinal))) == ordinal


HOSTILE = (
    "", "-", "--1", "-01", "-00", "-x", "-+7", "- 7", "-7 ", "-7\n", "-1-2", "-0-copy",
    "-0-20261128", "-2-old-1", "-debug-1", "-9", "-10", "-4000000000", "-1e9", "-0x1",
    "-\N{ARABIC-INDIC DIGIT ONE}", "-\N{SUPERSCRIPT TWO}", "-" + "9" * 5000, "-1" * 126,
)  # fmt: skip


@pytest.mark.parametrize("tail", HOSTILE)
@pytest.mark.situation(
    "data",
    "copies of members' claims and Pods, with their labels",
    "they are never touched, counted or waited for",
)
def test_only_the_whole_name_of_a_member_has_an_ordinal(tail: str) -> None:
    assert ordinal_of_pod(f"db{tail}", "db") is None
    assert ordinal_of_claim(f"data-db{tail}", "db") is None
    url = f"http://db{tail}.db-peer.team.svc.cluster.local:2380"
    assert NAMING.ordinal_of_member(at(url)) is None


def test_a_pod_is_no_claim_and_a_claim_no_pod() -> None:
    """Nor is a member of the cluster `data-db` one of `db`."""
    assert ordinal_of_pod("data-db-1", "db") is None
    assert ordinal_of_claim("db-1", "db") is None
    assert NAMING.ordinal_of_member(at("http://data-db-1.db-peer:2380")) is None


@pytest.mark.parametrize(
    ("url", "ordinal"),
    [
        ("http://db-1.db-peer.team.svc.old.domain:2380", 1),
        ("https://db-1.db-peer:2380", 1),
        ("http://db-1.db-peer2.team.svc.cluster.local:2380", None),
        ("http://db-1.other-peer.team.svc.cluster.local:2380", None),
        ("http://x-1.db-peer.team.svc.cluster.local:2380", None),
        ("http://10.0.0.1:2380", None),
        ("http://[::1:2380", None),
        ("http://db-1.db-peer:2380" + "/" * 300, None),
        ("http://" + "db-1." * 100_000 + "db-peer:2380", None),
        ("HTTP://user@DB-1.db-peer:99999999999/x", 1),
        ("", None),
    ],
)
def test_members_are_known_by_their_peer_url(url: str, ordinal: int | None) -> None:
    """A changed cluster domain loses nobody; an address or another cluster's name is no member."""
    assert NAMING.ordinal_of_member(at(url)) == ordinal


def test_the_selector_never_matches_an_earlier_life() -> None:
    assert NAMING.selector != Naming("team", "db", "earlier").selector
    assert NAMING.selector.items() <= NAMING.labels().items()


@pytest.mark.parametrize(
    ("host", "cluster"),
    [
        ("db-0.db-peer.prod.svc.cluster.local", "prod/db"),
        ("a-b-8.a-b-peer.prod", "prod/a-b"),
        ("db-0.db-peer", "db"),
        ("db-0.other-peer.prod.svc", ""),
        ("db-0.db.prod.svc", ""),
        ("-0.-peer.prod", ""),
        ("db-00.db-peer.prod", ""),
        ("10.1.0.1", ""),
        ("", ""),
    ],
)
def test_the_cluster_of_a_member_is_known_by_its_dns_name(host: str, cluster: str) -> None:
    assert cluster_of_host(host) == cluster
