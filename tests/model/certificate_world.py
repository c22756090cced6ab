"""A cluster with TLS as it is, and a second operator that knows it as it was.

Four things decide about certificates: the Secrets, the gate, the template of the StatefulSet and
the Pods. A process hears of each at its own pace, so each of them may be old by itself; and a pass
acts on what it saw when it began, with what the server is told to insist on.

Equal parts are one object, so states are compared by identity. That makes the exploration cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ApplyObject, CertificateAction
from etcd_operator.core.certificates.machine import is_retirement_due
from etcd_operator.core.certificates.state import (
    CLIENT_TRUST_FILE,
    PEER_TRUST_FILE,
    Certificate,
    Credential,
    Trusted,
    key_ids,
)
from etcd_operator.core.certificates.wanted import (
    port_of,
    presented_secret,
    used_secrets,
    wanted_authorities,
)
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import (
    ANNOTATION_FINGERPRINT,
    ANNOTATION_TRUST,
    CLIENT_PORT,
    PEER_PORT,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.certificates import overlap_of
from tests.builders.snapshots import NOW
from tests.fakes.certificates.api_server import Conflict, Lapse, apply, write

# Everything made by now was made so long ago, once time goes by: longer than any overlap here.
AGE: Final = timedelta(hours=2)
# A third of a certificate's life: it is due after two of them.
MONTH: Final = timedelta(days=30)
PORTS: Final = (CLIENT_PORT, PEER_PORT)
KINDS: Final = ("ConfigMap", "StatefulSet")
FILES: Final = (CLIENT_TRUST_FILE, PEER_TRUST_FILE)


@dataclass(frozen=True, eq=False, slots=True)
class Secrets:
    """The Secrets with certificates, by name."""

    by_name: Mapping[str, Credential]


@dataclass(frozen=True, eq=False, slots=True)
class Steps:
    """The actions of a pass, as far as the guards allow them."""

    actions: tuple[Action, ...]


NOTHING: Final = Steps(())


class Member(NamedTuple):
    """Whom its Pod says that it trusts, whom it trusts, who signed what it shows at each port.

    `seen` is what the second operator knows of the first. Nobody is trusted where there is no Pod.
    """

    announced: tuple[str, ...]
    loaded: tuple[str, ...]
    shown: tuple[str, str]
    seen: tuple[str, ...] = ()


class Late(NamedTuple):
    """What the second operator knows, what is left of its pass, and how many it may begin.

    `revision_key` is whom the gate told members to trust when it read the Secrets.
    """

    secrets: Secrets
    revision_key: str
    gate: Child | None
    statefulset: Child | None
    steps: Steps
    passes: int


class World(NamedTuple):
    """Everything as it is. `late` is None where there is no second operator.

    `months` are those that may still go by.
    """

    secrets: Secrets
    gate: Child | None
    statefulset: Child | None
    members: tuple[Member, ...]
    late: Late | None = None
    months: int = 0


def trust_of(gate: Child | None) -> str:
    """Whom the gate tells members to trust, in short."""
    return gate.annotations.get(ANNOTATION_TRUST, "") if gate else ""


def told_by(gate: Child | None) -> dict[str, tuple[Trusted, ...]]:
    """Whom the gate tells members to trust, by file."""
    data = gate.body["data"] if gate else {}
    return {
        file: tuple(Trusted(pem.removeprefix("pem of "), pem, NOW) for pem in text.splitlines())
        for file in FILES
        if (text := data.get(file))
    }


def issuer(secrets: Secrets, name: str) -> str:
    """Who signed the certificate in a Secret; empty without one."""
    live = secrets.by_name.get(name)
    return live.certificate.issuer_key_id if live and live.certificate else ""


def without_late(world: World) -> World:
    """The second operator is no more."""
    return with_members(world._replace(late=None), [one._replace(seen=()) for one in world.members])


def with_members(world: World, members: list[Member]) -> World:
    """Other members; which of them is which makes no difference here."""
    return world._replace(members=tuple(sorted(members)))


class Stage:
    """How a world goes on. `base` is what never changes; `lapse` is left out.

    Where nothing `rolls` no Pod is ever made anew: processes may start again, and that is all.
    """

    def __init__(self, base: Snapshot, lapse: Lapse | None = None, *, rolls: bool = True) -> None:
        self.base = replace(base, now=NOW)
        self.lapse = lapse
        self.rolls = rolls
        self._secrets: dict[object, Secrets] = {}
        self._children: dict[object, Child] = {}
        self._steps: dict[object, Steps] = {}
        self._plans: dict[object, Steps] = {}
        self._written: dict[object, Secrets | Child | None] = {}
        self._aged: dict[Secrets, Secrets] = {}
        spec, naming = base.cluster.spec, base.naming
        self._mounted = presented_secret(spec, naming), naming.peer_secret
        self.used = used_secrets(spec, naming)

    # What there is

    def hold(self, credentials: Mapping[str, Credential]) -> Secrets:
        """These Secrets: the same object for the same ones."""
        key = tuple(credentials[name] for name in sorted(credentials))
        return self._secrets.setdefault(key, Secrets(dict(credentials)))

    def _hold_child(self, child: Child) -> Child:
        key = child.uid, child.resource_version, child.annotations[ANNOTATION_FINGERPRINT]
        return self._children.setdefault(key, child)

    def hold_steps(self, actions: tuple[Action, ...]) -> Steps:
        """These actions: the same object for the same ones."""
        return self._steps.setdefault(actions, Steps(actions)) if actions else NOTHING

    def begin(self, passes: int | None, before: Snapshot) -> World:
        """The world at first; a second operator is in the middle of a pass over what was before.

        `passes` is how many more it may begin; None if there is no second operator.
        """
        gate, template = (
            child and self._hold_child(child)
            for child in (self.base.config_map, self.base.statefulset)
        )
        known = self.hold(before.credentials)
        shown, trusts = self._shown(known), tuple(pod.trust for pod in before.pods)
        if template is None:
            shown, trusts = ("", ""), ((),) * len(trusts)
        members = tuple(Member(trust, trust, shown, trust) for trust in trusts)
        steps = self.hold_steps(tuple(_decide(before, (shown,) * len(members))))
        late = Late(known, trust_of(gate), gate, template, steps, passes or 0)
        world = World(self.hold(self.base.credentials), gate, template, members, late)
        return without_late(world) if passes is None else world

    def _shown(self, secrets: Secrets) -> tuple[str, str]:
        client, peer = (issuer(secrets, name) for name in self._mounted)
        return client, peer

    # What happens without an operator

    def happenings(self, world: World) -> Iterator[World]:
        """Mounts follow, processes and Pods are replaced, time goes by."""
        members = list(world.members)
        for place, member in enumerate(members):
            if place and members[place - 1] == member:
                continue
            for following in self._restarts(world, member):
                if following != member:
                    yield with_members(world, [*members[:place], following, *members[place + 1 :]])
        aged = self._age(world.secrets)
        if aged is not world.secrets:
            late = world.late
            late = late._replace(secrets=self._age(late.secrets)) if late else None
            yield world._replace(secrets=aged, late=late)
        if world.months and self._is_quiet(world):
            older = {name: _grow_old(one, MONTH) for name, one in world.secrets.by_name.items()}
            yield world._replace(secrets=self.hold(older), months=world.months - 1)

    def _is_quiet(self, world: World) -> bool:
        """Whether all is done that takes no months: by the operator, and by the kubelet."""
        shown = self._shown(world.secrets)
        mounted = all(one.shown == shown for one in world.members if one.announced)
        return mounted and not any(self.passes(world))

    def _restarts(self, world: World, member: Member) -> Iterator[Member]:
        shown = self._shown(world.secrets)
        needed = [n for n in self._mounted if n in self.used]
        if not world.statefulset or not all(name in world.secrets.by_name for name in needed):
            return
        template = world.statefulset.body["spec"]["template"]["metadata"]["annotations"]
        told = told_by(world.gate).values()
        loaded = key_ids(tuple(one for trusted in told for one in trusted))
        if member.announced:
            yield member._replace(shown=shown)
            yield member._replace(shown=shown, loaded=loaded)
        if not self.rolls:
            return
        announced = tuple(template[ANNOTATION_TRUST].split(","))
        yield member._replace(shown=shown, loaded=loaded, announced=announced)

    def _age(self, secrets: Secrets) -> Secrets:
        """The same when the overlap is over for all that was made before: time itself stands."""
        if secrets not in self._aged:
            young = NOW - overlap_of(self.base)
            aged = {name: _age(one, young) for name, one in secrets.by_name.items()}
            self._aged[secrets] = self.hold(aged)
        return self._aged[secrets]

    # What an operator does

    def look(self, world: World) -> Snapshot:
        """What a pass sees that knows everything, and what every member shows."""
        pods = tuple(member.announced for member in world.members)
        shown = tuple(member.shown for member in world.members)
        snapshot = self._view(world.secrets, world.gate, world.statefulset, pods)
        presented = {
            (place, port): signer
            for place, signers in enumerate(shown)
            for port, signer in zip(PORTS, signers, strict=True)
        }
        return replace(snapshot, presented=presented)

    def passes(self, world: World) -> Iterator[World]:
        """A pass that knows everything, cut off after any of its actions."""
        members = world.members
        steps = self.plan(
            world.secrets,
            world.gate,
            world.statefulset,
            tuple(one.announced for one in members),
            tuple(one.shown for one in members),
        )
        for action in steps.actions:
            following = self.take(world, action)
            assert following is not None, "nobody else acted"
            world = following
            yield world

    def _view(
        self,
        secrets: Secrets,
        gate: Child | None,
        statefulset: Child | None,
        trusts: tuple[tuple[str, ...], ...],
    ) -> Snapshot:
        base = self.base
        children = {key: one for key, one in base.children.items() if one.kind not in KINDS}
        children |= {(one.kind, one.name): one for one in (gate, statefulset) if one}
        pods = zip(base.pods, trusts, strict=True)
        return replace(
            base,
            credentials=secrets.by_name,
            children=children,
            gate_trust=told_by(gate),
            pods=tuple(replace(pod, trust=trust) for pod, trust in pods if trust),
        )

    def plan(
        self,
        secrets: Secrets,
        gate: Child | None,
        statefulset: Child | None,
        trusts: tuple[tuple[str, ...], ...],
        shown: tuple[tuple[str, str], ...],
    ) -> Steps:
        key = secrets, gate, statefulset, trusts, shown
        if key not in self._plans:
            snapshot = self._view(secrets, gate, statefulset, trusts)
            self._plans[key] = self.hold_steps(tuple(_decide(snapshot, shown)))
        return self._plans[key]

    def take(self, world: World, action: Action) -> World | None:
        """The world after one action; None if the server refuses it."""
        part: Secrets | Child | None = world.secrets
        if isinstance(action, ApplyObject):
            part = world.gate if action.kind == "ConfigMap" else world.statefulset
        key = id(action), part  # `_steps` keeps every action, so nothing else has its id
        if key not in self._written:
            try:
                self._written[key] = self._write(action, part)
            except Conflict:
                self._written[key] = None
        match self._written[key]:
            case Secrets() as secrets:
                return world._replace(secrets=secrets)
            case Child(kind="ConfigMap") as gate:
                return world._replace(gate=gate)
            case Child() as statefulset:
                return world._replace(statefulset=statefulset)
        return None

    def _write(self, action: Action, part: Secrets | Child | None) -> Secrets | Child:
        if isinstance(part, Secrets) and isinstance(action, CertificateAction):
            return self.hold(write(action, part.by_name, self.base, self.lapse))
        assert isinstance(action, ApplyObject)
        assert not isinstance(part, Secrets)
        return self._hold_child(apply(action, part, self.base, self.lapse))


def _age(one: Credential, young: datetime) -> Credential:
    known = one.certificate
    return one if known is None or known.made <= young else _grow_old(one, AGE)


def _grow_old(one: Credential, by: timedelta) -> Credential:
    return replace(
        one,
        certificate=one.certificate and _shift(one.certificate, by),
        previous=one.previous and _shift(one.previous, by),
    )


def _shift(known: Certificate, by: timedelta) -> Certificate:
    return replace(known, not_before=known.not_before - by, not_after=known.not_after - by)


def _decide(snapshot: Snapshot, shown: tuple[tuple[str, str], ...]) -> Iterator[Action]:
    """The actions of a pass, which sees what members show only where it would look.

    It stops where a guard does, and before it restarts Pods: here they restart at any time.
    """
    presented = {}
    for authority in wanted_authorities(snapshot):
        port = port_of(snapshot, authority)
        if port is None or not is_retirement_due(snapshot, authority):
            continue
        believed = key_ids(snapshot.credentials[authority].trusted)
        for place, signers in enumerate(shown):
            signer = signers[PORTS.index(port)]
            presented[place, port] = signer if signer in believed else ""
    snapshot = replace(snapshot, presented=presented)
    for action in plan(snapshot).actions:
        if not isinstance(action, CertificateAction | ApplyObject):
            return
        if guards.refuse(action, snapshot) is not None:
            return
        yield action
