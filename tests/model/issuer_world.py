"""A cluster whose certificates for clients come to be signed by an issuer, or no more.

What there is: the Secrets, the gate, the template, the Certificates, two members, a client, and
what the spec asks for. The operator's part is the real planner with its guards; cert-manager
writes a Secret at any time after it was asked, and the kubelet and clients load files at any time.
Only one thing hurries: a client loads its Secret within an overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

from etcd_operator.core.actions import Action, ApplyObject, CertificateAction, DeleteObject
from etcd_operator.core.certificates.cert_manager_objects import KEY_SIZE
from etcd_operator.core.certificates.issuer_machine import must_see_shown
from etcd_operator.core.certificates.state import (
    CLIENT_TRUST_FILE,
    Credential,
    Trusted,
    key_ids,
)
from etcd_operator.core.certificates.wanted import used_secrets
from etcd_operator.core.model.issuer_record import with_issuer_stage, with_mounted_server
from etcd_operator.core.model.live_objects import Child, Pod
from etcd_operator.core.model.naming import ANNOTATION_TRUST, CLIENT_PORT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_server_secret
from tests.builders.certificates import after_certificate, secured, users_secret, with_tls
from tests.builders.snapshots import NOW
from tests.model.applied import apply_object
from tests.model.certificate_passes import CertificatePasses

KINDS: Final = ("ConfigMap", "StatefulSet")
ISSUED: Final[dict[str, Any]] = {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}}
PEERS_PLAIN: Final[dict[str, Any]] = {"peerTLSEnabled": False, "caOverlap": "1h"}
AGE: Final = timedelta(hours=2)
SERVER, CLIENT, OPERATOR = "db-server-tls", "db-client-tls", "db-operator-tls"
HOSTS: Final = ("*.db-peer.team.svc.cluster.local",)
COMPANY: Final = "company"


class Member(NamedTuple):
    """Its Pod's revision, and whom that says it trusts; whom its process does, and what it shows.

    `shown` is who signed that.
    """

    revision: str
    announced: tuple[str, ...]
    loaded: tuple[str, ...]
    shown: str


class Client(NamedTuple):
    """Who signed what a client shows, and whom it trusts: as it was when it loaded its Secret."""

    signer: str
    roots: tuple[str, ...]


class World(NamedTuple):
    """Everything as it is. Objects are told by their fingerprints.

    A Certificate is told by its name, its Secret and the size of the key.
    `turns` is how often the spec may still change, or somebody may act without judgement.
    """

    secrets: tuple[Credential, ...]
    gate: str
    template: str
    certificates: tuple[tuple[str, str, int], ...]
    members: tuple[Member, ...]
    client: Client
    wanted: bool
    turns: int

    @property
    def by_name(self) -> dict[str, Credential]:
        """The Secrets by name."""
        return {one.name: one for one in self.secrets}

    def holding(self, credentials: Mapping[str, Credential]) -> World:
        """The same with these Secrets; their versions tell nothing here."""
        found = (replace(credentials[n], resource_version="1") for n in sorted(credentials))
        return self._replace(secrets=tuple(found))


class IssuerStageWorld(CertificatePasses[World]):
    """How a world goes on."""

    def __init__(self, *, issued: bool, tempted: bool = False) -> None:
        super().__init__(issued=issued, tempted=tempted)
        self.own = build()
        self.bases = {False: self.own, True: build(**ISSUED)}
        # The Secret that Pods of a revision mount, to show what it holds to clients.
        self._mounted: dict[str, str] = {}
        self.users: dict[str, Credential] = {}

    def begin(self, turns: int) -> World:
        """A cluster at rest: one with its own CA, after it has come to be as its spec has it."""
        base = self.own
        gate, template = (self.keep(c) for c in (base.config_map, base.statefulset))
        own = base.credentials[CLIENT]
        assert own.certificate
        signer = own.certificate.issuer_key_id
        revision = self.objects[template].update_revision
        members = tuple(Member(revision, pod.trust, pod.trust, signer) for pod in base.pods)
        client = Client(signer, key_ids(own.trusted))
        world = World((), gate, template, (), members, client, False, turns)
        world = world.holding(_grow_old({**base.credentials, **self.users}))
        return self.come_to_rest(world._replace(wanted=self.issued))

    def keep(self, child: Child | None) -> str:
        """The fingerprint of an object; of a template also what its Pods mount."""
        key = super().keep(child)
        if child is not None and child.kind == "StatefulSet":
            self._mounted[child.update_revision] = read_server_secret(child.body)
        return key

    # What an operator sees and does

    def look(self, world: World) -> Snapshot:
        """What a pass sees."""
        base = self.bases[world.wanted]
        children = {key: one for key, one in base.children.items() if one.kind not in KINDS}
        for key in (world.gate, world.template):
            one = self.objects[key]
            children[one.kind, one.name] = one
        for name, secret, size in world.certificates:
            children["Certificate", name] = self._certificate(world, name, secret, size)
        pods = zip(base.pods, world.members, strict=True)
        naming = with_mounted_server(base.naming, children)
        naming = with_issuer_stage(naming, children, base.cluster.spec)
        used = used_secrets(base.cluster.spec, naming)
        seen = replace(
            base,
            naming=naming,
            credentials={name: one for name, one in world.by_name.items() if name in used},
            children=children,
            gate_trust={CLIENT_TRUST_FILE: self._told(world)},
            pods=tuple(self._observe(pod, member) for pod, member in pods),
        )
        if not must_see_shown(seen):
            return seen
        shown = {(place, CLIENT_PORT): one.shown for place, one in enumerate(world.members)}
        return replace(seen, presented=shown)

    def _observe(self, pod: Pod, member: Member) -> Pod:
        mounted = self._mounted[member.revision]
        return replace(
            pod, trust=member.announced, revision=member.revision, server_certificate=mounted
        )

    def _told(self, world: World) -> tuple[Trusted, ...]:
        text = self.objects[world.gate].body["data"][CLIENT_TRUST_FILE]
        return tuple(
            Trusted(pem.removeprefix("pem of "), pem, NOW) for pem in str(text).splitlines()
        )

    def _certificate(self, world: World, name: str, secret: str, size: int) -> Child:
        live = self.objects[f"{name} {secret} {size}"]
        done = not _is_due(world, secret, size)
        status = {"conditions": [{"type": "Ready", "status": str(done)}], "revision": int(done)}
        return replace(live, body={**live.body, "status": status})

    def act(self, world: World, action: Action) -> World:
        """The world after an action."""
        seen = self.look(world)
        match action:
            case ApplyObject(kind="Certificate", name=name, manifest=manifest):
                secret, size = (
                    manifest["spec"]["secretName"],
                    manifest["spec"]["privateKey"]["size"],
                )
                self.objects[f"{name} {secret} {size}"] = apply_object(action)
                others = (one for one in world.certificates if one[0] != name)
                found = tuple(sorted((*others, (name, secret, size))))
                return world._replace(certificates=found)
            case DeleteObject(name=name):
                others = (one for one in world.certificates if one[0] != name)
                return world._replace(certificates=tuple(others))
            case ApplyObject(kind=kind):
                key = self.keep(apply_object(action))
                if kind == "ConfigMap":
                    return world._replace(gate=key)
                return world._replace(template=key)
        assert isinstance(action, CertificateAction)
        return world.holding({**world.by_name, **after_certificate(seen, action).credentials})

    def is_settled(self, world: World) -> bool:
        """Whether all is as the spec has it, and nobody is trusted beyond that."""
        signer = COMPANY if world.wanted else "client-ca1"
        trusted = {"client-ca1", COMPANY} if world.wanted else {"client-ca1"}
        names = {"db-server", "db-client"} if world.wanted else set()
        return (
            {signed_by(world, SERVER), signed_by(world, CLIENT), world.client.signer} == {signer}
            and {name for name, _, _ in world.certificates} == names
            and shows_alone(world, signer, trusted)
        )

    def find_waste(self, _: World) -> str:
        """Say if members restart for nothing; empty if they do not."""
        return ""

    # What happens

    def follow(self, world: World) -> Iterator[World]:
        """A pass that ends after any of its actions, and everything that is nobody's decision."""
        after = world
        for action in self.plan(world):
            after = self.act(after, action)
            yield after
        yield from self._issue(world)
        yield from self._restart(world)
        yield world._replace(client=_load(world))
        if any(one != old for one, old in zip(world.secrets, _aged(world), strict=True)):
            yield world._replace(client=_load(world), secrets=_aged(world))
        if world.turns and not self.tempted:
            yield world._replace(wanted=not world.wanted, turns=world.turns - 1)

    def _issue(self, world: World) -> Iterator[World]:
        for _, secret, size in world.certificates:
            if _is_due(world, secret, size):
                made = users_secret(secret, *HOSTS)
                before = world.by_name.get(secret)
                owner = before.owner_uid if before else self.bases[False].naming.uid
                made = replace(made, owner_uid=owner, uid=f"Secret-{secret}")
                yield world.holding({**world.by_name, secret: made})

    def _restart(self, world: World) -> Iterator[World]:
        """A mount follows, a process starts again, a Pod is made anew."""
        told = key_ids(self._told(world))
        body = self.objects[world.template].body["spec"]["template"]["metadata"]
        announced = tuple(body["annotations"][ANNOTATION_TRUST].split(","))
        revision = self.objects[world.template].update_revision
        to_come = signed_by(world, self._mounted[revision])
        for place, member in enumerate(world.members):
            if place and world.members[place - 1] == member:
                continue
            shown = signed_by(world, self._mounted[member.revision])
            for following in (
                member._replace(shown=shown),
                member._replace(shown=shown, loaded=told),
                Member(revision, announced, told, to_come),
            ):
                rest = (*world.members[:place], *world.members[place + 1 :])
                yield world._replace(members=tuple(sorted((*rest, following))))


def build(**tls: Any) -> Snapshot:
    """What a cluster with its own CA is, and what its spec asks for."""
    # Two Pods tell each other as much as three.
    scene = secured(3, **PEERS_PLAIN)
    wanted = with_tls(scene, **PEERS_PLAIN, **tls)
    return replace(wanted, pods=scene.pods[:2], cert_manager=True, now=NOW)


def _grow_old(credentials: Mapping[str, Credential]) -> dict[str, Credential]:
    return {name: _age(one) for name, one in credentials.items()}


def _aged(world: World) -> tuple[Credential, ...]:
    return tuple(_age(one) for one in world.secrets)


def _age(one: Credential) -> Credential:
    known = one.certificate
    if known is None or known.made < NOW:
        return one
    older = replace(known, not_before=known.not_before - AGE, not_after=known.not_after - AGE)
    return replace(one, certificate=older)


def signed_by(world: World, secret: str) -> str:
    """Who signed what a Secret holds; empty for nothing."""
    live = world.by_name.get(secret)
    return live.certificate.issuer_key_id if live and live.certificate else ""


def _is_due(world: World, secret: str, size: int) -> bool:
    """Whether cert-manager issues: what is there and has a key of this size will do."""
    signer = signed_by(world, secret)
    return not signer or (signer != COMPANY and size != KEY_SIZE)


def _load(world: World) -> Client:
    return Client(signed_by(world, CLIENT), key_ids(world.by_name[CLIENT].trusted))


def judge(world: World, *, patient: bool) -> str:
    """Who would be refused, or would not believe a member; empty if nobody.

    Where nobody is `patient`, a client that has yet to load its Secret is left out.
    """
    operator = Client(signed_by(world, OPERATOR), key_ids(world.by_name[OPERATOR].trusted))
    callers = {"a new client": _load(world), "the operator": operator}
    if patient:
        callers["the client"] = world.client
    for member in world.members:
        for who, caller in callers.items():
            if caller.signer not in member.loaded:
                return f"a member would refuse {who}"
            if member.shown not in caller.roots:
                return f"{who} would refuse a member"
    return ""


def shows_alone(world: World, signer: str, trusted: set[str]) -> bool:
    """Whether members show what this one has signed, and trust, and will, no others than these."""
    return all(
        member.shown == signer and set(member.loaded) == set(member.announced) == trusted
        for member in world.members
    )
