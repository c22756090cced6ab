"""Peer URLs of what is restored, and those of members that are there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.peer_tls import PeerTls
from etcd_operator.core.model.peer_stage import PeerStage
from etcd_operator.core.model.peer_tls import list_restored_urls, with_peer_stage
from tests.builders.peer_tls import BOTH, PREPARED, at
from tests.builders.snapshots import NAMING, formed

PLAIN, SECURE = NAMING.peer_urls(1)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize(
    ("told", "urls"),
    [
        (PeerTls.OFF, (PLAIN,)),
        (PeerTls.ON, (SECURE,)),
        (PeerTls.CHANGING, (PLAIN, SECURE)),
    ],
)
def test_a_restored_member_is_listed_where_its_file_has_it_listen(
    told: PeerTls, urls: tuple[str, ...], asked: bool
) -> None:
    cluster = formed(3).cluster
    status = cluster.status.model_copy(update={"peer_tls": told})
    naming = replace(NAMING, peer_stage=PeerStage.of(tls=asked))
    assert list_restored_urls(replace(cluster, status=status), naming, 1) == urls


@pytest.mark.parametrize("asked", [True, False])
def test_a_member_of_a_new_cluster_is_listed_as_the_spec_has_it(asked: bool) -> None:
    naming = replace(NAMING, peer_stage=PeerStage.of(tls=asked))
    assert list_restored_urls(formed(3).cluster, naming, 1) == (SECURE if asked else PLAIN,)


def test_names_follow_the_gate_and_not_the_spec() -> None:
    scene = at(PREPARED, BOTH, wanted=True)
    spec_has_it = replace(NAMING, peer_stage=PeerStage.of(tls=True))
    assert with_peer_stage(spec_has_it, scene.children).peer_stage == PeerStage(PREPARED, 1)
    assert with_peer_stage(spec_has_it, {}) == spec_has_it
