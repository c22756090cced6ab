"""Every way through TLS between members being turned on and off: the real planner and guards.

The user changes the spec at any moment; a pass is cut off after any of its actions; a container
starts again in its Pod, with the file of now or the one that its Pod began with; a member loses its
disk and joins anew. At no time is there a member that another one cannot dial.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Final, NamedTuple

import pytest

from etcd_operator.api.peer_tls import PeerTls
from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    EvictPod,
    LabelPod,
    PromoteMember,
    UpdateMember,
)
from etcd_operator.core.model.live_objects import CRASH_LOOP, Child, PodProblem, Probe
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.naming import ROLE_LEARNER, ROLE_VOTER
from etcd_operator.core.model.parse import observe_pod
from etcd_operator.core.model.peer_stage import PeerMode, read_template_stage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.peer_tls.machine import find_peer_tls
from etcd_operator.core.plan.planner import plan
from etcd_operator.json_types import Json
from tests.builders.certificates import secured
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    UID,
    answer,
    member,
    member_id,
    pod,
    with_spec,
)
from tests.model.applied import WRITTEN, apply_object

SIZE: Final = 3
KINDS: Final = ("ConfigMap", "StatefulSet")


class File(NamedTuple):
    """What a member's file says: where it listens, whether it has certificates, whom it lists."""

    scheme: str
    certificates: bool
    listed: tuple[tuple[str, str], ...]
    joins: bool


class Member(NamedTuple):
    """A member by its Pod, its process and its line in etcd.

    `process` is the file that it has read, None if it ended. `first` is that of when its Pod was
    made. `generation` tells those that follow each other; `joined`: it has served.
    """

    mounts: bool
    revision: str
    first: File
    process: File | None
    schemes: tuple[str, ...]
    role: str = ROLE_VOTER
    generation: int = 0
    joined: bool = True
    learner: bool = False

    @property
    def id(self) -> int:
        """Its ID in etcd."""
        return self.generation * 100


class World(NamedTuple):
    """The spec, the objects, the members, and how often what may yet happen."""

    wanted: bool
    gate: Child
    statefulset: Child
    members: tuple[Member, ...]
    minds: int
    restarts: int
    losses: int


@cache
def scene(*, wanted: bool) -> Snapshot:
    """A healthy cluster of this spec at rest, with every certificate that it could need."""
    made = secured(SIZE, clientTLSEnabled=False, peerTLSEnabled=True)
    tls = {"clientTLSEnabled": False, "peerTLSEnabled": wanted}
    return replace(with_spec(made, security={"tls": tls}), naming=NAMING)


def begin(*, tls: bool, minds: int = 0, restarts: int = 0, losses: int = 0) -> World:
    """A cluster at rest that has always had this spec."""
    base = replace(scene(wanted=tls), children={}, pods=(), membership=None, probes={})
    applied = {a.kind: a for a in plan(base).actions if isinstance(a, ApplyObject)}
    gate, statefulset = (apply_object(applied[kind]) for kind in KINDS)
    world = World(tls, gate, statefulset, (), minds, restarts, losses)
    schemes = ("https",) if tls else ("http",)
    members = tuple(_start(world, ordinal, schemes) for ordinal in range(SIZE))
    return settle(world._replace(members=members))


def _start(world: World, ordinal: int, schemes: tuple[str, ...]) -> Member:
    """A Pod of the template of now, whose process reads the file of now."""
    body: Json = world.statefulset.body
    template = body["spec"]["template"]
    metadata = {**template["metadata"], "name": NAMING.member(ordinal), "uid": UID}
    mounts = observe_pod({"metadata": metadata, "spec": template["spec"]}).peer_tls
    file = _read_file(world, ordinal)
    revision = body["status"]["updateRevision"]
    return Member(mounts, revision, file, _run(mounts, file), schemes)


def _run(mounts: bool, file: File) -> File | None:
    """etcd ends without the certificate that its file names."""
    return file if mounts or not file.certificates else None


def _read_file(world: World, ordinal: int) -> File:
    text = world.gate.body["data"].get(NAMING.config_key(ordinal), "")
    lines = dict(line.split(": ", 1) for line in text.splitlines())
    listed = json.loads(lines["initial-cluster"]).split(",")
    return File(
        json.loads(lines["listen-peer-urls"]).partition("://")[0],
        "peer-transport-security" in lines,
        tuple(sorted(tuple(entry.split("=", 1)) for entry in listed)),
        joins=len(listed) > 1,
    )


def look(world: World) -> Snapshot:
    """What a pass sees."""
    base = scene(wanted=world.wanted)
    children = {key: one for key, one in base.children.items() if key[0] not in KINDS}
    children |= {(one.kind, one.name): one for one in (world.gate, world.statefulset)}
    pods, members, probes = [], [], {}
    for ordinal, one in enumerate(world.members):
        runs = one.process is not None
        serves = runs and one.joined
        made = pod(
            ordinal,
            peer_tls=one.mounts,
            revision=one.revision,
            role=one.role,
            running=runs,
            ready=serves,
            restarts=0 if runs else 1,
            problem=None if runs else PodProblem(CRASH_LOOP, "no certificate"),
            trust=base.pods[ordinal].trust,
            created=WRITTEN + timedelta(seconds=1),
        )
        pods.append(made)
        identity = member_id(ordinal) + one.id
        urls = [url for url in NAMING.peer_urls(ordinal) if url.partition(":")[0] in one.schemes]
        line = replace(member(ordinal), id=identity, peer_urls=tuple(urls), is_learner=one.learner)
        members.append(line if one.joined else replace(line, client_urls=(), name=""))
        status = answer(ordinal).status
        assert status
        told = replace(status, member_id=identity, is_learner=one.learner)
        probes[ordinal] = Probe(told) if serves else Probe(None, "refused")
    voting = [m for m in world.members if not m.learner]
    confirmed = sum(m.process is not None for m in voting) * 2 > len(voting)
    return replace(
        base,
        children=children,
        pods=tuple(pods),
        probes=probes,
        membership=MemberList(CLUSTER_ID, tuple(members), confirmed) if confirmed else None,
        out_of_service=frozenset(each.uid for each in pods),
    )


def act(world: World, action: Action) -> World:
    """The world after one action."""
    match action:
        case ApplyObject(kind="ConfigMap"):
            return world._replace(gate=apply_object(action))
        case ApplyObject(kind="StatefulSet"):
            return world._replace(statefulset=apply_object(action))
        case EvictPod(name=name) | DeleteObject(kind="Pod", name=name):
            ordinal = int(name[-1])
            before = world.members[ordinal]
            made = _start(world, ordinal, before.schemes)
            made = made._replace(generation=before.generation, learner=before.learner)
            return _with(world, ordinal, made._replace(joined=before.joined))
        case LabelPod(name=name, role=role):
            ordinal = int(name[-1])
            return _with(world, ordinal, world.members[ordinal]._replace(role=role))
        case UpdateMember(ordinal=ordinal, peer_urls=urls):
            schemes = tuple(url.partition("://")[0] for url in urls)
            return _with(world, ordinal, world.members[ordinal]._replace(schemes=schemes))
        case PromoteMember(ordinal=ordinal):
            return _with(world, ordinal, world.members[ordinal]._replace(learner=False))
        case _:
            return world


def _with(world: World, ordinal: int, one: Member) -> World:
    members = world.members
    return world._replace(members=(*members[:ordinal], one, *members[ordinal + 1 :]))


_PASSES: dict[World, tuple[Action, ...]] = {}


def passes(world: World) -> Iterator[World]:
    """A pass, cut off after any of its actions."""
    key = world._replace(minds=0, restarts=0, losses=0)
    if key not in _PASSES:
        _PASSES[key] = plan(look(world)).actions
    for action in _PASSES[key]:
        veto = guards.judge(action, look(world))
        of_peers = isinstance(action, UpdateMember) or (veto and veto.guard == "peer-tls")
        assert veto is None or not of_peers, f"{action}: {veto}"
        if veto is not None:
            return
        world = act(world, action)
        yield world


def kubelet(world: World) -> Iterator[World]:
    """What has ended starts again with the file of now; who is listed by its file joins."""
    for ordinal, one in enumerate(world.members):
        if one.process is None:
            again = one._replace(process=_run(one.mounts, _read_file(world, ordinal)))
            if again != one:
                yield _with(world, ordinal, again)
        elif not one.joined:
            known = {
                (NAMING.member(o), url)
                for o, m in enumerate(world.members)
                for url in NAMING.peer_urls(o)
                if url.partition(":")[0] in m.schemes
            }
            fresh = _run(one.mounts, _read_file(world, ordinal))
            joined = fresh is not None and set(fresh.listed) == known and reaches(world, ordinal)
            if joined:
                yield _with(world, ordinal, one._replace(process=fresh, joined=True))


def reaches(world: World, ordinal: int) -> bool:
    """Whether a member can dial another one to join it."""
    one = world.members[ordinal]
    others = [m for o, m in enumerate(world.members) if o != ordinal and m.process and m.joined]
    return any(dials(one, other) for other in others)


def dials(one: Member, other: Member) -> bool:
    """Whether a member can dial another: at a URL that is listed, where that one listens."""
    assert one.process is not None
    assert other.process is not None
    scheme = other.process.scheme
    return scheme in other.schemes and (scheme == "http" or one.process.certificates)


def settle(world: World) -> World:
    """Where one operator and the kubelet come to alone."""
    for _ in range(80):
        before = world
        for following in passes(world):
            world = following
        for following in kubelet(world):
            world = following
            break
        if world == before:
            return world
    raise AssertionError("the passes never end")


def happenings(world: World) -> Iterator[World]:
    """The user changes the spec, a container starts again, a disk is lost."""
    if world.minds:
        yield world._replace(wanted=not world.wanted, minds=world.minds - 1)
    yield from kubelet(world)
    for ordinal, one in enumerate(world.members):
        for file in {one.first, _read_file(world, ordinal)} if world.restarts else ():
            again = one._replace(process=_run(one.mounts, file))
            if one.joined:
                yield _with(world, ordinal, again)._replace(restarts=world.restarts - 1)
        if world.losses and ordinal == SIZE - 1 and all(m.joined for m in world.members):
            yield _lose(world, ordinal)._replace(losses=world.losses - 1)


def _lose(world: World, ordinal: int) -> World:
    """The disk is lost: its member was removed, and announced again with the URL of now."""
    scheme = _read_file(world, ordinal).scheme
    made = _start(world, ordinal, (scheme,))
    generation = world.members[ordinal].generation + 1
    made = made._replace(generation=generation, joined=False, learner=True, role=ROLE_LEARNER)
    return _with(world, ordinal, made)


def judge(world: World) -> None:
    """Each member that runs can dial each other one."""
    running = [one for one in world.members if one.process and one.joined]
    for one in running:
        for other in running:
            assert one is other or dials(one, other), f"{one} cannot dial {other}"


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("tls", "minds", "restarts", "losses"),
    [(False, 3, 1, 0), (True, 3, 1, 0), (False, 2, 0, 1)],
    ids=["on", "off", "with a lost disk"],
)
def test_members_reach_each_other_all_the_way(
    tls: bool, minds: int, restarts: int, losses: int
) -> None:
    start = begin(tls=tls, minds=minds, restarts=restarts, losses=losses)
    assert {one.schemes for one in start.members} == {("https",) if tls else ("http",)}
    known, ahead = {start}, deque([start])
    while ahead:
        world = ahead.popleft()
        judge(world)
        for following in (*passes(world), *happenings(world)):
            if following not in known:
                known.add(following)
                ahead.append(following)
    seen = {read_template_stage(world.statefulset.body).mode for world in known}
    assert seen == set(PeerMode)
    for world in known:
        end = settle(world)
        judge(end)
        assert find_peer_tls(look(end)) is (PeerTls.ON if world.wanted else PeerTls.OFF), end
        assert {one.schemes for one in end.members} == {("https",) if world.wanted else ("http",)}
