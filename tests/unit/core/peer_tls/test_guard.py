"""The second opinion about TLS between members."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import AddLearner, ApplyObject, UpdateMember
from etcd_operator.core.model.peer_stage import PeerMode
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.peer_tls import BOTH, OFF, ON, PLAIN, PREPARED, SECURE, at, listed_at
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    change_pod,
    member_id,
    new,
    outdated,
    silent,
    with_cluster,
    with_members,
    without_child,
)

TO_SECURE = at(ON, BOTH, wanted=True)


def update(ordinal: int, *schemes: str, member: int | None = None) -> UpdateMember:
    """List a member at URLs of these schemes."""
    urls = (url for url in NAMING.peer_urls(ordinal) if url.partition("://")[0] in schemes)
    identity = member_id(ordinal) if member is None else member
    return UpdateMember(ordinal, identity, tuple(urls), CLUSTER_ID)


def refuse(action: Any, snapshot: Snapshot) -> tuple[str, str]:
    """The guard that refuses, and why; nothing twice if none does."""
    veto = guards.judge(action, snapshot)
    return (veto.guard, veto.why) if veto else ("", "")


@pytest.mark.parametrize(
    ("action", "scene", "why"),
    [
        (update(0, "https"), TO_SECURE, ""),
        (update(0, "http", "https"), at(PREPARED, PLAIN, wanted=True), ""),
        (update(0, "http"), TO_SECURE, "the member listens by its file at none of these URLs"),
        (update(0, "https"), at(PREPARED, BOTH, wanted=True), "listens by its file at none"),
        (update(0), TO_SECURE, "the peer URLs are not those of the member's own Pod"),
        (update(0, "https", member=7), TO_SECURE, "etcd does not list this member ID"),
        (update(0, "https", member=member_id(1)), TO_SECURE, "etcd does not list this member ID"),
        (
            replace(update(0, "https"), peer_urls=("https://elsewhere:2380",)),
            TO_SECURE,
            "the peer URLs are not those of the member's own Pod",
        ),
        (update(0, "https"), outdated(TO_SECURE, 2), "db-2 may still listen at its other URL"),
        (update(0, "http", "https"), outdated(listed_at(TO_SECURE, SECURE), 2), ""),
        (
            update(0, "https"),
            replace(
                TO_SECURE,
                children={
                    **TO_SECURE.children,
                    ("StatefulSet", "db"): at(ON, BOTH, wanted=True, change=3).children[
                        "StatefulSet", "db"
                    ],
                },
            ),
            "Pods are not made for the stage of TLS that the files are of",
        ),
        (
            update(0, "https"),
            without_child(TO_SECURE, "StatefulSet", "db"),
            "Pods are not made for the stage of TLS that the files are of",
        ),
        (
            update(0, "https"),
            with_members(
                TO_SECURE, replace(TO_SECURE.members[0], client_urls=()), *TO_SECURE.members[1:]
            ),
            "the member has not joined yet",
        ),
        (update(0, "https"), silent(TO_SECURE, 1, 2), "no quorum has confirmed the member list"),
    ],
)
def test_urls(action: UpdateMember, scene: Snapshot, why: str) -> None:
    assert why in refuse(action, scene)[1]
    assert bool(why) == bool(refuse(action, scene)[1])


def test_nobody_is_added_beside_a_member_that_is_listed_at_the_other_scheme() -> None:
    scene = listed_at(TO_SECURE, PLAIN)
    guard, why = refuse(AddLearner(0, NAMING.peer_urls(0)[1], CLUSTER_ID), scene)
    assert (guard, why) == ("membership", "a member with this peer URL exists")


def write(mode: PeerMode, snapshot: Snapshot) -> ApplyObject:
    """Write the files of a mode over the gate of a cluster."""
    other = at(mode, SECURE if mode is ON else PLAIN, wanted=mode is ON, change=9)
    live, gate = snapshot.config_map, other.config_map
    assert gate
    uid, version = (live.uid, live.resource_version) if live else ("", "")
    return ApplyObject("ConfigMap", gate.name, uid, version, "", gate.body)


REACHABLE = at(PREPARED, BOTH, wanted=True)


@pytest.mark.parametrize(
    ("mode", "scene", "why"),
    [
        (ON, REACHABLE, ""),
        (PREPARED, TO_SECURE, ""),
        (OFF, at(PREPARED, PLAIN, wanted=False), ""),
        (PREPARED, at(OFF, PLAIN, wanted=True), ""),
        (ON, listed_at(REACHABLE, BOTH, PLAIN, BOTH), "db-1 is not listed where it would listen"),
        (PREPARED, at(ON, SECURE, wanted=False), "db-0 is not listed where it would listen"),
        (ON, change_pod(REACHABLE, 1, peer_tls=False), "db-1 has no certificate to reach"),
        (OFF, REACHABLE, "a member may listen with TLS, and others would have no certificate"),
        (ON, silent(REACHABLE, 1, 2), "no quorum has confirmed at which URLs members are listed"),
        (PREPARED, silent(at(OFF, PLAIN, wanted=True), 1, 2), "no quorum has confirmed"),
    ],
)
def test_files(mode: PeerMode, scene: Snapshot, why: str) -> None:
    guard, said = refuse(write(mode, scene), scene)
    assert why in said
    assert guard == ("peer-tls" if why else "")


def test_before_anybody_joined_files_may_say_anything() -> None:
    bare = without_child(REACHABLE, "StatefulSet", "db")
    unformed = replace(with_cluster(silent(bare, 0, 1, 2), status=new(3).cluster.status))
    gate = unformed.config_map
    assert gate
    annotations = {"etcd.etcd.io/peer-tls": "Prepared-1"}
    metadata = {**gate.body["metadata"], "annotations": annotations}
    children = {**unformed.children}
    children["ConfigMap", gate.name] = replace(gate, body={**gate.body, "metadata": metadata})
    unformed = replace(unformed, children=children)
    assert refuse(write(ON, unformed), unformed)[0] != "peer-tls"
