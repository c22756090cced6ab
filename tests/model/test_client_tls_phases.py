"""Every way through TLS being turned on and off: the real planner, members that read their files.

The user changes the spec at any moment to any mode, as an API server lets it that judged by an
older status; a pass is cut off after any of its actions; a container starts again, with the file of
now in a Pod of before. At no time does one member serve plain text alone and another TLS alone.
With users, members let the operator in by its certificate, and in plain text by a user of its own,
which etcd has or has not, and tells of or not: it never comes to where none lets it in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple

import pytest

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    ChangeAuth,
    DeleteObject,
    EvictPod,
    LabelPod,
)
from etcd_operator.core.auth.state import (
    OPERATOR_USER,
    Change,
    EtcdAuth,
    PasswordSecret,
    PasswordState,
    Step,
)
from etcd_operator.core.model.client_tls import find_gate_mode, speaks_tls
from etcd_operator.core.model.live_objects import CRASH_LOOP, Child, PodProblem, Probe
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.naming import ROLE_VOTER
from etcd_operator.core.model.parse import observe_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from etcd_operator.json_types import Json
from tests.builders.certificates import issue_all, secured
from tests.builders.snapshots import CLUSTER_ID, NAMING, NOW, UID, answer, member, pod, with_spec
from tests.model.applied import WRITTEN, apply_object

OFF, PERMISSIVE, STRICT = ClientTls
# The gateway needs the same certificate in every mode.
GATEWAY: Final[Json] = {"etcdConfig": {"enableGRPCGateway": True}}
KINDS: Final = ("ConfigMap", "StatefulSet")


class Member(NamedTuple):
    """What its Pod was made for, and the schemes that its process serves; none if it crashed.

    `stale`: its file was written anew since its Pod was made.
    """

    made_for: ClientTls
    revision: str
    serves: frozenset[str]
    role: str = ROLE_VOTER
    stale: bool = False


class Own(Enum):
    """The operator's own user in etcd, whose root has no password."""

    ABSENT = "absent"
    WITHOUT_ROLE = "created"
    COMPLETE = "complete"
    NOT_NEEDED = "etcd asks for no user"


_OWN_STATES: Final = {Own.ABSENT, Own.WITHOUT_ROLE, Own.COMPLETE}


class World(NamedTuple):
    """The spec, the objects, the members, users, and how many containers may yet start again."""

    wanted: ClientTls
    gate: Child
    statefulset: Child
    members: tuple[Member, ...]
    own: Own
    restarts: int


@cache
def scene(mode: ClientTls, *, users: bool) -> Snapshot:
    """A healthy cluster of this spec at rest, with every certificate that it could need."""
    tls: dict[str, Any] = {"peerTLSEnabled": False, "clientTLSEnabled": mode.tls}
    if mode is PERMISSIVE:
        tls["clientTLSMode"] = "Permissive"
    made = issue_all(with_spec(secured(3, **{**tls, "clientTLSEnabled": True}), **GATEWAY))
    naming = replace(NAMING, client_tls=mode.tls)
    security = {"tls": tls, **({"auth": {}} if users else {})}
    names = (naming.operator_password, naming.root_password)
    passwords = {name: PasswordSecret(name, "u", "1", owner_uid=UID) for name in names}
    return replace(with_spec(made, security=security), naming=naming, passwords=passwords)


def begin(mode: ClientTls, own: Own = Own.NOT_NEEDED) -> World:
    """A cluster at rest that has always had this spec."""
    base = replace(scene(mode, users=own is not Own.NOT_NEEDED), children={}, pods=())
    applied = {a.kind: a for a in plan(base).actions if isinstance(a, ApplyObject)}
    gate, statefulset = (apply_object(applied[kind]) for kind in KINDS)
    # With users the worlds are many, and who crashes is not let in by other means.
    world = World(mode, gate, statefulset, (), own, restarts=int(own is Own.NOT_NEEDED))
    members = tuple(_start(world, ordinal) for ordinal in range(3))
    return settle(world._replace(members=members))


def _start(world: World, ordinal: int) -> Member:
    """A Pod of the template of now, whose process reads the file of now."""
    body = world.statefulset.body
    template = body["spec"]["template"]
    metadata = {**template["metadata"], "name": NAMING.member(ordinal), "uid": UID}
    made_for = observe_pod({"metadata": metadata, "spec": template["spec"]}).client_tls
    serves = _read_file(world, ordinal, made_for)
    return Member(made_for, body["status"]["updateRevision"], serves)


def _read_file(world: World, ordinal: int, made_for: ClientTls) -> frozenset[str]:
    """The schemes of a process that starts now; etcd ends without the certificate it is to show."""
    lines = world.gate.body["data"][NAMING.config_key(ordinal)].splitlines()
    urls = next(line for line in lines if line.startswith("listen-client-urls"))
    schemes = frozenset(s for s in ("http", "https") if f"{s}:" in urls)
    return schemes if made_for.tls or "https" not in schemes else frozenset()


def look(world: World, *, tells: bool = True) -> Snapshot:
    """What a pass sees; a member answers who speaks as it serves, and `tells` of users or not."""
    base = scene(world.wanted, users=world.own is not Own.NOT_NEEDED)
    children = {key: one for key, one in base.children.items() if key[0] not in KINDS}
    children |= {(one.kind, one.name): one for one in (world.gate, world.statefulset)}
    gate = find_gate_mode(children, base.naming)
    pods, members, probes = [], [], {}
    for ordinal, one in enumerate(world.members):
        crash = None if one.serves else PodProblem(CRASH_LOOP, "no certificate")
        made = pod(
            ordinal,
            client_tls=one.made_for,
            revision=one.revision,
            role=one.role,
            running=bool(one.serves),
            ready=bool(one.serves),
            restarts=0 if one.serves else 1,
            problem=crash,
            trust=base.pods[ordinal].trust,
            created=NOW if one.stale else WRITTEN + timedelta(seconds=1),
        )
        pods.append(made)
        scheme = "https" if speaks_tls(made, gate) else "http"
        # Plain text is tried where both may be served.
        plain = "http" in one.serves and (scheme == "http" or one.made_for is PERMISSIVE)
        lets_in = plain and world.own in (Own.COMPLETE, Own.NOT_NEEDED)
        answers = lets_in or (scheme == "https" and "https" in one.serves)
        probes[ordinal] = answer(ordinal) if answers else Probe(None, "refused")
        urls = [NAMING.client_url(ordinal, tls=s == "https") for s in sorted(one.serves)]
        members.append(member(ordinal, client_urls=tuple(urls) or ("http://unknown:2379",)))
    confirmed = sum(probe.status is not None for probe in probes.values()) >= 2
    return replace(
        base,
        children=children,
        pods=tuple(pods),
        probes=probes,
        membership=MemberList(CLUSTER_ID, tuple(members), confirmed) if confirmed else None,
        access=_tell_users(world.own) if confirmed and tells else None,
    )


def _tell_users(own: Own) -> EtcdAuth | None:
    root = frozenset(("root",))
    users, passwords = {"root": root}, {"root": PasswordState.NONE}
    if own in (Own.WITHOUT_ROLE, Own.COMPLETE):
        users[OPERATOR_USER] = root if own is Own.COMPLETE else frozenset()
        passwords[OPERATOR_USER] = PasswordState.WANTED
    return None if own is Own.NOT_NEEDED else EtcdAuth(True, users, {}, passwords)


def act(world: World, action: Action) -> World:
    """The world after one action."""
    match action:
        case ApplyObject(kind="ConfigMap"):
            members = tuple(one._replace(stale=True) for one in world.members)
            return world._replace(gate=apply_object(action), members=members)
        case ApplyObject(kind="StatefulSet"):
            return world._replace(statefulset=apply_object(action))
        case EvictPod(name=name) | DeleteObject(kind="Pod", name=name):
            ordinal = int(name[-1])
            return _with(world, ordinal, _start(world, ordinal))
        case LabelPod(name=name, role=role):
            ordinal = int(name[-1])
            return _with(world, ordinal, world.members[ordinal]._replace(role=role))
        case ChangeAuth(change=Change(subject=subject, step=step)) if subject == OPERATOR_USER:
            return world._replace(own=_OWN_AFTER[step])
        case _:
            return world


_OWN_AFTER: Final = {
    Step.ADD_USER: Own.WITHOUT_ROLE,
    Step.GIVE_ROLE: Own.COMPLETE,
    Step.DELETE_USER: Own.ABSENT,
}


def _with(world: World, ordinal: int, one: Member) -> World:
    members = world.members
    return world._replace(members=(*members[:ordinal], one, *members[ordinal + 1 :]))


_PASSES: dict[tuple[World, bool], tuple[Action, ...]] = {}


def passes(world: World, *, tells: bool = True) -> Iterator[World]:
    """A pass, cut off after any of its actions."""
    key = world._replace(restarts=0), tells
    if key not in _PASSES:
        _PASSES[key] = plan(look(world, tells=tells)).actions
    for action in _PASSES[key]:
        if guards.refuse(action, look(world, tells=tells)) is not None:
            return
        world = act(world, action)
        yield world


def settle(world: World) -> World:
    """Where one operator comes to alone; the kubelet starts what has crashed again."""
    for _ in range(60):
        before = world
        for following in passes(world):
            world = following
        for ordinal, one in enumerate(world.members):
            if not one.serves:
                again = one._replace(serves=_read_file(world, ordinal, one.made_for))
                world = _with(world, ordinal, again)
        if world == before:
            return world
    raise AssertionError("the passes never end")


def happenings(world: World) -> Iterator[World]:
    """The user changes the spec, or a container starts again."""
    for mode in ClientTls:
        yield world._replace(wanted=mode)
    for ordinal, one in enumerate(world.members):
        if world.restarts:
            again = one._replace(serves=_read_file(world, ordinal, one.made_for))
            yield _with(world, ordinal, again)._replace(restarts=world.restarts - 1)


def judge(world: World) -> None:
    """No client can be served by one member and by no other one."""
    running = [one.serves for one in world.members if one.serves]
    assert frozenset.intersection(*running), "members have nothing in common"
    for ordinal, probe in look(world).probes.items():
        one = world.members[ordinal]
        if not one.serves or (world.wanted is OFF and "http" not in one.serves):
            continue  # nobody answers who ended, and who needs TLS where the spec has none
        assert probe.status, f"the operator speaks otherwise than member {ordinal} serves"


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("mode", "own"), [(OFF, Own.NOT_NEEDED), (STRICT, Own.ABSENT)], ids=["open", "users"]
)
def test_no_way_through_cuts_anybody_off(mode: ClientTls, own: Own) -> None:
    start = begin(mode, own)
    assert {one.made_for for one in start.members} == {mode}
    known, ahead = {start}, deque([start])
    while ahead:
        world = ahead.popleft()
        judge(world)
        silent = passes(world, tells=False) if own is not Own.NOT_NEEDED else ()
        for following in (*passes(world), *silent, *happenings(world)):
            if following not in known:
                known.add(following)
                ahead.append(following)
    assert {one.made_for for world in known for one in world.members} == set(ClientTls)
    assert {world.own for world in known} == ({own} if own is Own.NOT_NEEDED else _OWN_STATES)
    for world in known:
        end = settle(world)
        judge(end)
        reason = plan(look(end)).decision.reason
        served = {one.serves for one in end.members}
        as_wanted = served == {frozenset(world.wanted.schemes)}
        assert as_wanted or reason is attention.TLS_NEEDS_PERMISSIVE, end.members
