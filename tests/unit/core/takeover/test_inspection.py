"""What speaks against joining a running cluster, each with its sentence and its remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.auth.state import PasswordSecret
from etcd_operator.core.auth.tokens import TokenKind
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.takeover.inspection import find_refusal, is_formed_anew
from etcd_operator.core.takeover.record import Stage
from tests.builders.snapshots import formed, with_spec
from tests.builders.take_over import TakeOverWorld, source_id, source_url, world_at


def told(**answers: Any) -> Snapshot:
    """Old members that answer otherwise than usual."""
    return TakeOverWorld(source_answers=answers).look()


def listed(**changes: Any) -> Snapshot:
    """The first old member is listed otherwise than usual."""
    world = TakeOverWorld()
    world.lines[source_id(0)] = replace(world.lines[source_id(0)], **changes)
    return world.look()


def changed(**changes: Any) -> Snapshot:
    """A StatefulSet that is otherwise than usual."""
    scene = TakeOverWorld().look()
    return replace(scene, source=replace(scene.source, **changes) if scene.source else None)


def with_first_pod(change: Callable[[Any], Any]) -> Snapshot:
    """The first Pod of the StatefulSet is otherwise than usual."""
    scene = TakeOverWorld().look()
    assert scene.source
    first, *others = scene.source.pods
    return replace(scene, source=replace(scene.source, pods=(change(first), *others)))


def with_stranger() -> Snapshot:
    """etcd has a member that no Pod of the StatefulSet is."""
    world = TakeOverWorld()
    world.lines[0xEE] = Member(0xEE, "x", ("http://x:2380",), ("http://x:2379",))
    return world.look()


def wants(secret: PasswordSecret | None) -> Snapshot:
    """The first Pod asks for a user, and the spec names a Secret, which is so."""
    scene = with_first_pod(lambda pod: replace(pod, probe=WANTS_USER))
    scene = with_spec(scene, security={"auth": LOGIN})
    return replace(scene, passwords={secret.name: secret} if secret else {})


def gives(tokens: TokenKind, setting: str = "") -> Snapshot:
    """Old members give such tokens, and new ones are to have this setting."""
    scene = TakeOverWorld().look()
    assert scene.source
    pods = tuple(replace(pod, tokens=tokens) for pod in scene.source.pods)
    extra = {"extraArgs": {"auth-token": setting}} if setting else {}
    source = replace(scene.source, pods=pods)
    scene = with_spec(scene, security={"auth": LOGIN}, etcdConfig=extra)
    return replace(scene, source=source)


def gives_both() -> Snapshot:
    """Old members give tokens of both kinds."""
    scene = gives("jwt")
    assert scene.source
    first, *others = scene.source.pods
    pods = (replace(first, tokens="simple"), *others)
    return replace(scene, source=replace(scene.source, pods=pods))


def begun() -> Snapshot:
    """The EtcdCluster had begun without joining anything."""
    return replace(TakeOverWorld().look(), pods=formed(3).pods)


def secure(scene: Snapshot) -> Snapshot:
    """New members are to have TLS."""
    return with_spec(scene, security={"tls": {}})


def follows(scene: Snapshot) -> Snapshot:
    """The quota of new members follows their disks, of 10 GiB."""
    spec = {"etcdConfig": {"quota": "FollowsDisk"}, "storage": {"size": "10Gi"}}
    return with_effective_spec(with_spec(scene, **spec))


GIB = 2**30
SECRET = PasswordSecret("root", "u", "1")
LOGIN = {"mode": "Unmanaged", "rootPasswordSecret": "root"}
WANTS_USER = Probe(None, "user name is empty", asks_for_user=True)
IN_TLS = Probe(None, "connection reset")
ROWS: tuple[tuple[str, Snapshot, str], ...] = (
    ("not looked at", replace(TakeOverWorld().look(), source=None), "was not looked at yet"),
    ("it has begun to form", begun(), "create it with joinExisting from the beginning"),
    ("none of the name", changed(exists=False), "StatefulSet old, which spec.bootstrap"),
    ("of an EtcdCluster", changed(owner="other"), "belongs to EtcdCluster other, whose Pods"),
    ("no consent", changed(consent="another"), "etcd.etcd.io/allow-take-over-by=db"),
    ("scaled to 0", changed(replicas=0, pods=()), "has 0 replicas"),
    ("too many", changed(replicas=10), "has 10 replicas"),
    ("a Pod is missing", changed(replicas=4), "Pod old-3 does not run"),
    ("a Pod is going", with_first_pod(lambda p: replace(p, deleting=True)), "old-0 does not run"),
    ("no address", with_first_pod(lambda p: replace(p, probe=None)), "it has no address"),
    ("TLS", with_first_pod(lambda p: replace(p, probe=IN_TLS)), "in plain text at port 2379"),
    ("no TLS", secure(with_first_pod(lambda p: replace(p, probe=IN_TLS))), "with TLS at port 2379"),
    ("plain peers", secure(TakeOverWorld().look()), "true only https://HOST:PORT can be joined"),
    ("a user", with_first_pod(lambda p: replace(p, probe=WANTS_USER)), "asks for a user: put the"),
    ("no Secret", wants(None), "Secret root of spec.security.auth.rootPasswordSecret"),
    ("no password", wants(replace(SECRET, problem="it has no password")), "used: it has no pass"),
    ("another password", wants(SECRET), "does not accept the password of root in Secret root"),
    ("signed tokens", gives("jwt"), "signed tokens, which new members would refuse: name a"),
    ("no signature", gives("simple", "jwt,sign-method=RS256"), "remove auth.jwt from"),
    ("tokens of two kinds", gives_both(), "give tokens of two kinds: make them alike"),
    ("another cluster", told(cluster_id=0xBAD), "the member list is of another cluster, c1d"),
    ("a stranger", with_stranger(), "ee at http://x:2380. Remove them"),
    ("a learner", listed(is_learner=True), "member b0 is a learner: promote it"),
    (
        "TLS between members",
        listed(peer_urls=("https://old-0:2380",)),
        "false only http://HOST:PORT",
    ),
    ("no URL", listed(peer_urls=()), "false only http://HOST:PORT"),
    ("a URL that is a list", listed(peer_urls=("http://a:1,b=http://c:1",)), "only http://HOST"),
    ("another minor version", told(version="3.6.1"), "the same minor release"),
    ("forgetful", told(version="3.5.23"), "upgrade it to 3.5.24 or later first"),
    ("no version", told(version="x"), "the same minor release"),
    ("a downgrade", told(downgrade_target="3.5.0"), "let that end first"),
    ("a database that is too large", told(db_size=2 * GIB), "refuse writes from 2147483648 on: ra"),
    ("a larger quota", told(db_size_quota=8 * GIB), "raise spec.etcdConfig.quotaBackendBytes, or"),
    ("disks too small", follows(told(db_size_quota=8 * GIB)), "raise spec.storage.size, or lower"),
    ("an alarm", told(errors=("memberID:176 alarm:NOSPACE ",)), "clear it first"),
)


@pytest.mark.parametrize(("scene", "words"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_it_is_refused_with_the_remedy(scene: Snapshot, words: str) -> None:
    assert words in find_refusal(scene)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_cluster_that_is_well_is_joined(size: int) -> None:
    assert not find_refusal(TakeOverWorld(size).look())


def test_members_with_the_quota_of_the_old_ones_join_a_database_below_it() -> None:
    scene = told(db_size=4 * GIB, db_size_quota=8 * GIB)
    assert not find_refusal(with_spec(scene, etcdConfig={"quotaBackendBytes": 8 * GIB}))


def test_a_cluster_with_tls_is_joined() -> None:
    world = TakeOverWorld()
    for ordinal in range(3):
        urls = (source_url(ordinal).replace("http:", "https:"),)
        world.lines[source_id(ordinal)] = replace(world.lines[source_id(ordinal)], peer_urls=urls)
    assert not find_refusal(secure(world.look()))


@pytest.mark.parametrize(
    ("tokens", "setting"), [("simple", ""), ("simple", "simple"), ("jwt", "jwt,priv-key=/k")]
)
def test_a_cluster_with_users_is_joined(tokens: TokenKind, setting: str) -> None:
    assert not find_refusal(gives(tokens, setting))


def test_members_of_several_clusters() -> None:
    scene = with_first_pod(
        lambda pod: replace(pod, probe=Probe(replace(pod.probe.status, cluster_id=0xBAD)))
    )
    assert "belong to several clusters: bad, c1d" in find_refusal(scene)


def test_another_cluster_than_the_recorded_one() -> None:
    world = TakeOverWorld()
    world.step()
    scene = replace(world.look(), membership=None)
    assert scene.source
    pods = tuple(
        replace(pod, probe=Probe(replace(pod.probe.status, cluster_id=0xBAD)))
        for pod in scene.source.pods
        if pod.probe and pod.probe.status
    )
    scene = replace(scene, source=replace(scene.source, pods=pods))
    assert "is bad, and this cluster's is c1d" in find_refusal(scene)


def test_the_version_is_that_of_the_spec() -> None:
    assert "spec.version is 3.6.16" in find_refusal(
        with_spec(TakeOverWorld().look(), version="3.6.16")
    )


def test_what_an_url_says_is_shown_in_part_only() -> None:
    assert len(find_refusal(listed(peer_urls=(f"http://{'x' * 5000}:1",)))) < 500
    assert source_url(0) == "http://old-0.old.team.svc:2380"


@pytest.mark.parametrize("stage", [Stage.JOIN, Stage.REMOVE])
def test_old_members_that_have_formed_a_cluster_anew_have_no_new_one(stage: Stage) -> None:
    """On empty disks, with the IDs of before; while they are joined there may be no new one yet."""
    scene = world_at(stage).look()
    assert not is_formed_anew(scene.members, scene)
    assert is_formed_anew(scene.ownership.taken_over, scene) == (stage is Stage.REMOVE)
