"""A cluster whose certificates between members come to be signed by an issuer, or no more.

What there is: the Secrets, the gate, the template, the Certificates, two members, whose CA the
issuer has, and what the spec asks for. The operator's part is the real planner with its guards;
cert-manager writes a Secret at any time after it was asked or its issuer's CA has changed, and the
kubelet and processes load files at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from etcd_operator.core.actions import Action, ApplyObject, CertificateAction, DeleteObject
from etcd_operator.core.certificates.peer_trust import must_see_peers
from etcd_operator.core.certificates.state import PEER_TRUST_FILE, Credential, Trusted, key_ids
from etcd_operator.core.certificates.wanted import issued_peer_leaves, used_secrets
from etcd_operator.core.model.naming import ANNOTATION_TRUST, PEER_PORT
from etcd_operator.core.model.peer_issuer import client_secret_of_peers, server_secret_of_peers
from etcd_operator.core.model.peer_issuer_record import with_peer_issuer
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.certificates import after_certificate, make_leaf, secured, with_tls
from tests.builders.snapshots import NAMING, NOW, UID
from tests.model.applied import apply_object
from tests.model.certificate_passes import CertificatePasses

KINDS: Final = ("ConfigMap", "StatefulSet")
ISSUED: Final[dict[str, Any]] = {"peerIssuerRef": {"name": "company", "kind": "ClusterIssuer"}}
CLIENTS_PLAIN: Final[dict[str, Any]] = {"clientTLSEnabled": False}
PEER, AUTHORITY = "db-peer-tls", "db-peer-ca"
SOURCES: Final = (server_secret_of_peers(NAMING), client_secret_of_peers(NAMING))
ISSUERS: Final = ("company-a", "company-b")


class Member(NamedTuple):
    """Its Pod's revision, and whom that says it trusts; whom its process does, and what it shows.

    `names` are the common names that it lets in (none: any), `shown` is who signed what it shows
    and the common name in it.
    """

    revision: str
    announced: tuple[str, ...]
    loaded: tuple[str, ...]
    names: tuple[str, ...]
    shown: tuple[str, str]


class World(NamedTuple):
    """Everything as it is. Objects are told by their fingerprints, a Certificate by its name.

    `signer` is the CA that the issuer has now. `turns` is how often the spec or that CA may still
    change, or somebody may act without judgement.
    """

    secrets: tuple[Credential, ...]
    gate: str
    template: str
    certificates: tuple[str, ...]
    signer: str
    members: tuple[Member, ...]
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


class PeerIssuerWorld(CertificatePasses[World]):
    """How a world goes on."""

    def __init__(self, *, issued: bool, tempted: bool = False) -> None:
        super().__init__(issued=issued, tempted=tempted)
        self.bases = {False: _build(), True: _build(**ISSUED)}

    def begin(self, turns: int) -> World:
        """A cluster at rest with its own CA; or with an issuer, and no CA of its own any more."""
        base = self.bases[False]
        gate, template = (self.keep(c) for c in (base.config_map, base.statefulset))
        world = World((), gate, template, (), ISSUERS[0], (), False, turns)
        world = world.holding(base.credentials)
        revision = self.objects[template].update_revision
        members = (
            Member(revision, pod.trust, self._told_ids(world), (), shown_in(world))
            for pod in base.pods
        )
        world = world._replace(members=tuple(members))
        if not self.issued:
            return world
        rest = self.come_to_rest(world._replace(wanted=True))
        return rest.holding({n: one for n, one in rest.by_name.items() if n != AUTHORITY})

    # What an operator sees and does

    def look(self, world: World) -> Snapshot:
        """What a pass sees."""
        base = self.bases[world.wanted]
        children = {key: one for key, one in base.children.items() if one.kind not in KINDS}
        for key in (world.gate, world.template):
            one = self.objects[key]
            children[one.kind, one.name] = one
        for name in world.certificates:
            live = self.objects[name]
            status = {"conditions": [{"type": "Ready", "status": "True"}], "revision": 1}
            children["Certificate", name] = replace(live, body={**live.body, "status": status})
        pods = zip(base.pods, world.members, strict=True)
        naming = with_peer_issuer(base.naming, children, base.cluster.spec)
        used = used_secrets(base.cluster.spec, naming)
        seen = replace(
            base,
            naming=naming,
            credentials={name: one for name, one in world.by_name.items() if name in used},
            children=children,
            gate_trust={PEER_TRUST_FILE: self._told(world)},
            pods=tuple(replace(p, trust=m.announced, revision=m.revision) for p, m in pods),
        )
        if not must_see_peers(seen):
            return seen
        shown = {(place, PEER_PORT): one.shown[0] for place, one in enumerate(world.members)}
        return replace(seen, presented=shown)

    def _told(self, world: World) -> tuple[Trusted, ...]:
        text = self.objects[world.gate].body["data"][PEER_TRUST_FILE]
        return tuple(
            Trusted(pem.removeprefix("pem of "), pem, NOW) for pem in str(text).splitlines()
        )

    def _told_ids(self, world: World) -> tuple[str, ...]:
        return key_ids(self._told(world))

    def _names(self, world: World) -> tuple[str, ...]:
        """The common names that the gate has members let in."""
        lines = str(self.objects[world.gate].body["data"]["db-0.yaml"]).splitlines()
        (said,) = (line for line in lines if line.startswith("peer-transport-security: "))
        return tuple(json.loads(said.partition(": ")[2]).get("allowed-cn", ()))

    def act(self, world: World, action: Action) -> World:
        """The world after an action."""
        match action:
            case ApplyObject(kind="Certificate", name=name):
                self.objects[name] = apply_object(action)
                return world._replace(certificates=tuple(sorted({*world.certificates, name})))
            case DeleteObject(name=name):
                others = (one for one in world.certificates if one != name)
                return world._replace(certificates=tuple(others))
            case ApplyObject(kind=kind):
                key = self.keep(apply_object(action))
                if kind == "ConfigMap":
                    return world._replace(gate=key)
                return world._replace(template=key)
        assert isinstance(action, CertificateAction)
        seen = replace(self.look(world), credentials=world.by_name)
        return world.holding(after_certificate(seen, action).credentials)

    # What happens

    def follow(self, world: World) -> Iterator[World]:
        """A pass that ends after any of its actions, and everything that is nobody's decision."""
        after = world
        for action in self.plan(world):
            after = self.act(after, action)
            yield after
        yield from self._issue(world)
        yield from self._restart(world)
        if world.turns and not self.tempted:
            yield world._replace(wanted=not world.wanted, turns=world.turns - 1)
            if world.signer == ISSUERS[0]:
                yield world._replace(signer=ISSUERS[1], turns=world.turns - 1)

    def _issue(self, world: World) -> Iterator[World]:
        base = self.bases[True]
        for name, leaf in issued_peer_leaves(base.cluster.spec, base.naming).items():
            live = world.by_name.get(leaf.secret)
            signer = live.certificate.issuer_key_id if live and live.certificate else ""
            if name not in world.certificates or signer == world.signer:
                continue
            made = make_leaf(leaf, world.signer, NOW)
            assert made.certificate
            certificate = replace(made.certificate, key_id=f"{leaf.secret} by {world.signer}")
            trusted = (Trusted(world.signer, f"pem of {world.signer}", NOW),)
            one = replace(made, certificate=certificate, trusted=trusted, owner_uid=UID)
            yield world.holding({**world.by_name, leaf.secret: replace(one, uid=leaf.secret)})

    def _restart(self, world: World) -> Iterator[World]:
        """A mount follows, a process starts again, a Pod is made anew."""
        told, names, shown = self._told_ids(world), self._names(world), shown_in(world)
        body = self.objects[world.template].body["spec"]["template"]["metadata"]
        announced = tuple(body["annotations"][ANNOTATION_TRUST].split(","))
        for place, member in enumerate(world.members):
            if place and world.members[place - 1] == member:
                continue
            for following in (
                member._replace(shown=shown),
                member._replace(shown=shown, loaded=told, names=names),
                Member(self.objects[world.template].update_revision, announced, told, names, shown),
            ):
                rest = (*world.members[:place], *world.members[place + 1 :])
                yield world._replace(members=tuple(sorted((*rest, following))))


def _build(**tls: Any) -> Snapshot:
    # Two Pods tell each other as much as three.
    scene = secured(3, **CLIENTS_PLAIN)
    wanted = with_tls(scene, **CLIENTS_PLAIN, **tls)
    return replace(wanted, pods=scene.pods[:2], cert_manager=True, now=NOW)


def shown_in(world: World) -> tuple[str, str]:
    """Who signed what is mounted, and the common name in it."""
    live = world.by_name[PEER].certificate
    assert live
    return live.issuer_key_id, live.common_name


def judge(world: World) -> str:
    """Which member would refuse another one; empty if none would."""
    for member in world.members:
        for other in world.members:
            signer, name = other.shown
            if signer not in member.loaded:
                return "a member does not trust the CA of another one"
            if member.names and name not in member.names:
                return "a member does not let the common name of another one in"
            foreign = not {*member.loaded} <= {"peer-ca1"}
            if foreign and not member.names:
                return "a member lets in whoever has a certificate of the issuer"
    return ""


def is_settled(world: World) -> bool:
    """Whether all is as the spec has it, and nobody is trusted beyond that."""
    signer = world.signer if world.wanted else "peer-ca1"
    certificates = {"db-peer-issued", "db-peer-dial"} if world.wanted else set()
    name = "db-peer.team.svc"
    return set(world.certificates) == certificates and all(
        member.loaded == (signer,)
        and member.shown == (signer, name if world.wanted else "etcd")
        and member.names == ((name,) if world.wanted else ())
        for member in world.members
    )
