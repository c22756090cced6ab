"""A take-over from its first pass to its last: a small world of members, Pods and a StatefulSet.

The planner, its rules and the guards are the real ones. What an action does is done here, and after
each of them the voters that run have to be a majority.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from etcd_operator.api.cluster import EtcdClusterStatus
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    LabelPod,
    PassLeadership,
    PromoteMember,
    RemoveMember,
    RemoveSourceMember,
    ScaleSource,
    SetFinalizer,
)
from etcd_operator.core.model.live_objects import Child, Pod, Probe
from etcd_operator.core.model.members import Comparison, Member, MemberList
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source, SourcePod, list_endpoints
from etcd_operator.core.plan.planner import Plan, plan, predict
from etcd_operator.core.status.report import report
from etcd_operator.core.takeover.inspection import must_see_source
from etcd_operator.core.takeover.record import PATIENCE_SECONDS, Stage
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    NOW,
    after_kubernetes,
    answer,
    claim,
    member,
    member_id,
    new,
    pod,
    raw_cluster,
)

VERSION = "3.5.35"
FIRST_SOURCE = 0xB0
_NOTHING = new(3)
# Many more than any take-over needs.
MOST_PASSES = 120


def source_id(ordinal: int) -> int:
    """The member ID of an old member: 0xb0, 0xb1 and so on."""
    return FIRST_SOURCE + ordinal


def source_url(ordinal: int) -> str:
    """The peer URL of an old member."""
    return f"http://old-{ordinal}.old.team.svc:2380"


def endpoint(ordinal: int) -> str:
    """Where an old member serves clients that is no Pod of a StatefulSet."""
    return f"10.1.0.{ordinal + 1}:2379"


def world_at(stage: Stage | None, **given: Any) -> TakeOverWorld:
    """A take-over before the first pass of a stage, a world of its own; None: before any.

    It is come to once in a process.
    """
    key = repr((stage, sorted(given.items())))
    if key not in _COME_TO:
        world = TakeOverWorld(**given)
        run_to(world, stage)
        _COME_TO[key] = world
    return copy.deepcopy(_COME_TO[key])


def removing(**given: Any) -> TakeOverWorld:
    """Old members at endpoints may go, and a new one leads."""
    world = world_at(Stage.REMOVE, listed=True, **given)
    world.leader = member_id(0)
    return world


def run_to(world: TakeOverWorld, stage: Stage | None) -> None:
    """Make passes until the next one is the first of a stage; fails where none is."""
    for _ in range(MOST_PASSES):
        if _find_stage(world) is stage:
            return
        world.step()
    raise AssertionError(f"it never comes to {stage}")


def _find_stage(world: TakeOverWorld) -> Stage | None:
    record = world.look().take_over
    return record.stage if record else None


_COME_TO: dict[str, TakeOverWorld] = {}


@dataclass
class TakeOverWorld:
    """What there is. `running` are the ordinals of old Pods, `lines` etcd's list by member ID.

    If `listed`, the old members are processes at endpoints. `unheard` are the ordinals of those
    that only the operator does not reach, `returned` of those that were removed and serve again.
    From pass to pass go `pace` seconds.
    """

    size: int = 3
    take_over: str = "Automatic"
    scale_in: str = "Automatic"
    listed: bool = False
    unheard: set[int] = field(default_factory=set)
    returned: set[int] = field(default_factory=set)
    consent: str = NAMING.name
    replicas: int = 0
    running: set[int] = field(default_factory=set)
    lines: dict[int, Member] = field(default_factory=dict)
    children: dict[tuple[str, str], Child] = field(default_factory=dict)
    leader: int = source_id(0)
    silent: set[int] = field(default_factory=set)
    annotations: dict[str, str] = field(default_factory=dict)
    deleting: bool = False
    gone: bool = False
    revision: int = 100
    differing: int = 0
    version: int = 1
    source_answers: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)
    status: EtcdClusterStatus = field(default_factory=EtcdClusterStatus)
    now: datetime = NOW
    pace: int = PATIENCE_SECONDS
    done: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The old cluster serves."""
        self.replicas = self.size
        self.running = set(range(self.size))
        for ordinal in range(self.size):
            identity, urls = source_id(ordinal), (source_url(ordinal),)
            self.lines[identity] = Member(identity, f"old-{ordinal}", urls, ("http://x:2379",))

    # What a pass sees

    def look(self) -> Snapshot:
        """The snapshot of a pass."""
        source: Any = {"statefulSet": "old"}
        if self.listed:
            source = {"endpoints": [f"http://{endpoint(o)}" for o in range(self.size)]}
        joined = {"source": source, "takeOver": self.take_over, "scaleIn": self.scale_in}
        spec = {"size": 3, "version": VERSION, "bootstrap": {"joinExisting": joined}, **self.spec}
        raw = raw_cluster(spec, annotations=self.annotations)
        cluster = replace(parse_cluster(raw), deleting=self.deleting, status=self.status)
        own = self._own_ordinals()
        probes = {o: self._answer(member_id(o)) for o in own if member_id(o) in self.lines}
        quorum = self.has_quorum(self.heard())
        members = MemberList(CLUSTER_ID, tuple(self.lines.values()), quorum)
        found = replace(
            _NOTHING,
            now=self.now,
            cluster=cluster,
            children=dict(self.children),
            pods=tuple(self._find_pod(o) for o in own),
            claims=tuple(claim(o) for o in own),
            probes=probes,
        )
        if must_see_source(found.evolve(membership=members if own else None)):
            found = replace(found, source=self._look_at_source())
        elif not own:
            return found
        asked = self.listed or self.consent == NAMING.name or found.take_over is not None
        shown = members if asked and self.heard() else None
        return found.evolve(membership=shown, compared=self._compare())

    def _find_pod(self, ordinal: int) -> Pod:
        role = self.roles.get(ordinal, "")
        return pod(ordinal, role=role, started=NOW - timedelta(hours=1))

    def _own_ordinals(self) -> list[int]:
        """Ordinals whose Pods run: the StatefulSet has so many."""
        live = self.children.get(("StatefulSet", "db"))
        return list(range(live.body["spec"]["replicas"])) if live else []

    def _answer(self, identity: int) -> Probe:
        line = self.lines[identity]
        if identity in self.silent:
            return Probe(None, "connection refused")
        changes = self.source_answers if identity >= FIRST_SOURCE else {}
        usual = {"member_id": identity, "is_learner": line.is_learner, "revision": self.revision}
        said = answer(0, **{"version": VERSION, **usual, **changes}).status
        return Probe(replace(said, leader=self.leader) if said else None)

    def _look_at_endpoints(self) -> Source:
        source = list_endpoints(tuple(endpoint(ordinal) for ordinal in range(self.size)))
        reached = {o for o in self.running - self.unheard if source_id(o) in self.lines}
        answers = {ordinal: self._answer(source_id(ordinal)) for ordinal in reached}
        answers |= {o: answer(0, member_id=source_id(o), version=VERSION) for o in self.returned}
        silent = Probe(None, "connection refused")
        allows = self.consent == NAMING.name
        pods = (
            replace(p, probe=answers.get(p.ordinal, silent), allows=allows) for p in source.pods
        )
        connected = tuple(map(source_id, sorted(self.running)))
        heard = all(member_id(ordinal) not in self.silent for ordinal in range(3))
        return replace(source, pods=tuple(pods), connected=connected if heard else None)

    def _look_at_source(self) -> Source:
        if self.listed:
            return self._look_at_endpoints()
        pods = []
        for ordinal in sorted(self.running):
            listed = source_id(ordinal) in self.lines
            probe = self._answer(source_id(ordinal)) if listed else Probe(None, "removed")
            pods.append(
                SourcePod(f"old-{ordinal}", ordinal, f"u{ordinal}", "10.1.0.1:2379", probe=probe)
            )
        return Source(
            "old",
            2379,
            uid="old-uid",
            resource_version=str(self.version),
            replicas=self.replicas,
            observed=True,
            consent=self.consent,
            pods=tuple(pods) if self.consent or self.children else (),
        )

    def _compare(self) -> tuple[Comparison, ...]:
        if any(line.is_learner for line in self.lines.values()):
            return ()
        hashes = {identity: 1 + (identity == self.differing) for identity in self.lines}
        return (Comparison(NOW, self.revision, hashes),)

    # What happens

    def heard(self) -> set[int]:
        """The members whose processes run, and that answer."""
        own = {member_id(ordinal) for ordinal in self._own_ordinals()}
        old = {source_id(ordinal) for ordinal in self.running}
        return ((own | old) & self.lines.keys()) - self.silent

    def has_quorum(self, alive: Iterable[int]) -> bool:
        """Whether so many of the voters run."""
        voters = {identity for identity, line in self.lines.items() if not line.is_learner}
        return len(voters & set(alive)) * 2 > len(voters)

    def step(self, most: int = 99) -> Plan:
        """Make one pass, of at most so many actions: then the operator crashed."""
        current = self.look()
        planned = plan(current)
        current = planned.snapshot
        for action in planned.actions[:most]:
            refused = guards.refuse(action, current)
            assert refused is None, f"{type(action).__name__}: {refused}"
            self.carry_out(action)
            self.done.append(action)
            current = predict(current, (action,))
            if not self.deleting or self.lines.keys() & {source_id(o) for o in self.running}:
                assert self.has_quorum(self.heard() | self.silent), f"no majority after {action}"
        self.start_learners()
        self.status = report(planned.snapshot, planned.decision)
        self.now += timedelta(seconds=self.pace)
        return planned

    def carry_out(self, action: Action) -> None:
        """Do what Kubernetes or etcd would."""
        match action:
            case AddLearner(ordinal=ordinal):
                line = member(ordinal, is_learner=True, name="", client_urls=())
                self.lines[line.id] = line
            case PromoteMember(member_id=identity):
                self.lines[identity] = replace(self.lines[identity], is_learner=False)
            case RemoveMember(member_id=identity) | RemoveSourceMember(member_id=identity):
                running = {source_id(ordinal) for ordinal in self.running}
                assert identity not in running, "a process would be started again"
                del self.lines[identity]
                self._elect()
            case PassLeadership(to_id=identity):
                self.leader = identity
            case ScaleSource(replicas=replicas, resource_version=version):
                assert version == str(self.version), "as it was looked at"
                self.scale_source(replicas)
            case LabelPod(name=name, role=role):
                self.roles[int(name.rpartition("-")[2])] = role
            case ApplyObject():
                before = replace(_NOTHING, children=self.children)
                self.children = dict(after_kubernetes(before, action).children)
            case DeleteObject(kind=kind, name=name):
                self.children.pop((kind, name), None)
            case SetFinalizer(present=False):
                self.gone = True
            case _:
                raise AssertionError(f"nobody expected {action}")

    def scale_source(self, replicas: int) -> None:
        """Scale the StatefulSet; Pods that it is not to have end at once."""
        self.replicas = replicas
        self.version += 1
        self.running = set(range(replicas))
        self._elect()

    def stop(self, ordinal: int) -> None:
        """A person stops the process of an old member."""
        self.running.discard(ordinal)
        self._elect()

    def _elect(self) -> None:
        alive = [i for i in self.heard() if not self.lines[i].is_learner]
        if self.leader not in alive and alive:
            self.leader = min(alive)

    def start_learners(self) -> None:
        """Processes of new members join where their gate lets them."""
        gate = self.children.get(("ConfigMap", "db-config"))
        for ordinal in self._own_ordinals():
            line = self.lines.get(member_id(ordinal))
            if line is None or line.started or gate is None:
                continue
            text = gate.body["data"].get(NAMING.config_key(ordinal), "")
            urls = {url for known in self.lines.values() for url in known.peer_urls}
            listed = text.partition('initial-cluster: "')[2].partition('"')[0].split(",")
            assert {entry.partition("=")[2] for entry in listed} == urls, "as etcd demands"
            assert '"existing"' in text
            self.lines[line.id] = member(ordinal, is_learner=True)
