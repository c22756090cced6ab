"""A change of authority, cut off after every action, in every order of what may happen meanwhile.

A small world: what each member was started with, what is mounted in it now, and what is in the
Secrets. Explored until nothing new is found, alone and beside a second operator that acts on what
it knew some time ago. In every state that can be reached, every member can open a connection to
every other, the operator to every member, and a client that loads its Secret; no authority goes
whose certificates are in use; and from every state the change comes to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    CertificateAction,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.certificates.state import Credential
from etcd_operator.core.certificates.wanted import wanted_authorities, wanted_leaves
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.certificates import (
    LIFE,
    issue_all,
    secured,
    to_secure,
    users_secret,
    with_tls,
    without_secret,
)
from tests.builders.snapshots import formed, settled
from tests.fakes.certificates.api_server import Lapse
from tests.model.certificate_judgements import find_loss, is_settled, judge
from tests.model.certificate_late import go_on
from tests.model.certificate_world import KINDS, Stage, World, trust_of, without_late
from tests.model.ends import all_lead_to

# Whole worlds are explored: seconds each, more on a machine that does other things.
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

HOSTS = ("*.db-peer.team.svc.cluster.local",)
PEERS: Any = {"clientTLSEnabled": False}
CLIENTS: Any = {"peerTLSEnabled": False}
USERS: Any = {**CLIENTS, "certificateSecret": "mine", "caSecret": "company"}
ISSUERS: Any = {**CLIENTS, "issuerRef": {"name": "company", "kind": "ClusterIssuer"}}
MINE = users_secret("mine", *HOSTS), users_secret("company")
ISSUED = users_secret("db-server-tls", *HOSTS), users_secret("db-client-tls", "client")

# What was before, as a second operator may know it, and what is there now.
Start = tuple[Snapshot, Snapshot]


def new_authorities(*others: Credential, due: bool = False, **tls: Any) -> Start:
    """The user asks for new authorities."""
    before = secured(3, *others, **tls)
    before = all_due(before) if due else before
    return before, with_tls(before, caGeneration=1, caOverlap="1h", **tls)


def lost_authority(name: str, *, due: bool = False, **tls: Any) -> Start:
    """Somebody deleted an authority, which a process that read it before does not know."""
    before = with_tls(secured(3, **tls), caOverlap="1h", **tls)
    before = all_due(before) if due else before
    return before, without_secret(before, name)


def nothing_yet(**tls: Any) -> Start:
    """A new cluster, before its first certificate."""
    scene = replace(to_secure(3, **tls), pods=formed(3).pods)
    rest = settled(issue_all(scene)).children
    children = {key: one for key, one in rest.items() if key[0] not in KINDS}
    scene = replace(scene, children=children)
    return scene, scene


def all_due(scene: Snapshot) -> Snapshot:
    """Three quarters of every certificate's life are over, those of authorities but begun."""
    aged = {}
    for name, one in scene.credentials.items():
        assert one.certificate
        begun = one.certificate.not_before - LIFE * 3 / 4
        end = one.certificate.not_after if name.endswith("-ca") else begun + LIFE
        certificate = replace(one.certificate, not_before=begun, not_after=end)
        aged[name] = replace(one, certificate=certificate)
    return replace(scene, credentials=aged)


def change_after_change(**tls: Any) -> Start:
    """Another new authority is wanted, when the last step of such a change was about to be told."""

    def is_told_last(world: World, seen: Snapshot) -> bool:
        told = trust_of(world.gate).split(",")
        return len(told) > len(all_trust(seen)) and plan(seen).rule != "manage_certificates"

    return change_again(is_told_last, **tls)


def change_within_change(**tls: Any) -> Start:
    """Another new authority is wanted, when one of two was just made."""
    return change_again(lambda _, seen: len(all_trust(seen)) > 1, **tls)


def change_again(is_there: Callable[[World, Snapshot], bool], **tls: Any) -> Start:
    """Another new authority is wanted, at some point of such a change."""
    before, scene = new_authorities(**tls)
    stage = Stage(scene)
    for world in explore(stage, stage.begin(None, before)).following:
        seen = replace(stage.look(world), presented={})
        if is_there(world, seen):
            return seen, with_tls(seen, caGeneration=2, caOverlap="1h", **tls)
    raise AssertionError("the change never gets there")


@dataclass
class Explored:
    """What was found: the states with one operator, what follows from each, and what is wrong."""

    count: int = 0
    following: dict[World, list[World]] = field(default_factory=dict)
    wrong: str = ""


def explore(
    stage: Stage, start: World, *more: Callable[[Stage, World], Iterable[World]]
) -> Explored:
    """Look at everything that can be reached, until something is wrong."""
    found = Explored()
    known, ahead = {start}, deque([start])
    judged: set[World] = set()
    while ahead:
        world = ahead.popleft()
        found.count += 1
        alone = [*stage.passes(world), *stage.happenings(world)]
        if world.late is None:
            found.following[world] = [one for one in alone if one != world]
        for following in (*alone, *(one for also in more for one in also(stage, world))):
            found.wrong = find_loss(world.secrets, following.secrets)
            if following not in known:
                known.add(following)
                ahead.append(following)
                # What the second operator knows changes nothing about what is.
                truth = without_late(following)
                if truth not in judged:
                    judged.add(truth)
                    found.wrong = found.wrong or judge(stage, truth)
            if found.wrong:
                return found
    found.wrong = find_stuck(stage, found) if stage.rolls else ""
    return found


def find_stuck(stage: Stage, found: Explored) -> str:
    """Say if one operator alone would not come to the end from everywhere, or to a bad one."""
    ends = [world for world, following in found.following.items() if not following]
    if not ends or not all(is_settled(stage, end) for end in ends):
        return "the change comes to no good end"
    return "" if all_lead_to(ends, found.following) else "the change may never end"


def run(
    start: Start, passes: int | None = None, lapse: Lapse | None = None, *, tempted: bool = False
) -> Explored:
    """Explore from here, beside a second operator that may begin so many passes more."""
    before, scene = start
    if passes is not None:
        # Two members tell each other as much as three.
        before, scene = (replace(one, pods=one.pods[:2]) for one in start)
    stage = Stage(scene, lapse)
    return explore(stage, stage.begin(passes, before), go_on, *([give_in] if tempted else []))


def give_in(stage: Stage, world: World) -> Iterator[World]:
    """What an operator without judgement might do, if the guards have nothing against it."""
    snapshot = stage.look(world)
    for action in tempting_actions(snapshot):
        if guards.refuse(action, snapshot) is None:
            (held,) = stage.hold_steps((action,)).actions
            following = stage.take(world, held)
            if following is not None:
                yield following


def tempting_actions(snapshot: Snapshot) -> Iterator[CertificateAction]:
    """Every authority made anew or left alone, every certificate issued, each of them at once."""
    for name in wanted_authorities(snapshot):
        live = snapshot.credentials.get(name)
        if live is None or live.certificate is None:
            continue
        own = tuple(one for one in live.trusted if one.key_id == live.certificate.key_id)
        if own != live.trusted:
            yield ShareTrust(name, live.uid, live.resource_version, own, "")
        else:
            yield IssueAuthority(name, live.uid, live.resource_version, 9, (), "")
    for leaf in wanted_leaves(snapshot.cluster.spec, snapshot.naming):
        one, authority = (snapshot.credentials.get(name) for name in (leaf.secret, leaf.authority))
        signer = authority.certificate.key_id if authority and authority.certificate else ""
        if one and one.certificate and signer not in ("", one.certificate.issuer_key_id):
            trusted = one.trusted
            yield IssueCertificate(leaf, one.uid, one.resource_version, signer, LIFE, trusted, "")


TEMPTING = (
    "a new authority of peers",
    "a new authority of clients",
    "the authority of peers was lost",
)
ALONE: dict[str, Callable[[], Start]] = {
    "new authorities": new_authorities,
    "the peer authority was lost": partial(lost_authority, "db-peer-ca"),
    "a new cluster": nothing_yet,
    "certificates are due as well": partial(new_authorities, due=True),
    "one within another": partial(change_within_change, **PEERS),
    "the user's certificate": partial(new_authorities, *MINE, **USERS),
}
BESIDE: dict[str, Callable[[], Start]] = {
    "a new authority of peers": partial(new_authorities, **PEERS),
    "a new authority of clients": partial(new_authorities, **CLIENTS),
    "one after another": partial(change_after_change, **PEERS),
    "the authority of peers was lost": partial(lost_authority, "db-peer-ca", **PEERS),
    "the authority of clients was lost": partial(lost_authority, "db-client-ca", **CLIENTS),
    "lost, and certificates are due": partial(lost_authority, "db-peer-ca", due=True, **PEERS),
    "a new cluster of peers": partial(nothing_yet, **PEERS),
    "a new cluster with clients": partial(nothing_yet, **CLIENTS),
    "an issuer's certificates": partial(new_authorities, *ISSUED, **ISSUERS),
}
MONTHS: dict[str, Callable[[], Start]] = {
    "a new authority of peers": partial(new_authorities, **PEERS),
    "a new authority of clients": partial(new_authorities, **CLIENTS),
    "both, and certificates are due": partial(new_authorities, due=True),
    "one within another": partial(change_within_change, **PEERS),
    "the user's certificate": partial(new_authorities, *MINE, **USERS),
}
# How many passes the second operator begins after the one that it is in: one, or none here.
BEGINS = {"one after another": 0}
NOTICED = {
    Lapse.VERSION: "a new authority of peers",
    Lapse.CREATION: "a new cluster of peers",
    Lapse.SIGNER: "lost, and certificates are due",
    Lapse.GATE: "one after another",
    Lapse.EDITION: "the authority of peers was lost",
    Lapse.ORDER: "the authority of clients was lost",
}


@pytest.mark.parametrize("start", ALONE)
def test_nobody_is_ever_refused_and_the_change_comes_to_its_end(start: str) -> None:
    found = run(ALONE[start]())
    print(f"{start}: {found.count} states")
    assert not found.wrong
    assert found.count > 50


@pytest.mark.parametrize("start", BESIDE)
def test_a_second_operator_that_acts_late_does_no_harm(start: str) -> None:
    found = run(BESIDE[start](), BEGINS.get(start, 1))
    print(f"{start}: {found.count} states")
    assert not found.wrong
    assert found.count > 100


@pytest.mark.parametrize("lapse", Lapse, ids=lambda lapse: lapse.name.lower())
def test_what_keeps_it_from_doing_harm_is_missed(lapse: Lapse) -> None:
    start = NOTICED[lapse]
    assert run(BESIDE[start](), BEGINS.get(start, 1), lapse).wrong


@pytest.mark.parametrize("start", TEMPTING)
def test_the_guards_alone_keep_everybody_understood(start: str) -> None:
    found = run(BESIDE[start](), tempted=True)
    print(f"{start}: {found.count} states")
    assert not found.wrong


def run_for_months(start: Start, months: int, *, rolls: bool) -> Explored:
    """Explore what becomes of it in so much time, with members that restart, or never do."""
    before, scene = (replace(one, pods=one.pods[:2]) for one in start)
    stage = Stage(scene, rolls=rolls)
    return explore(stage, stage.begin(None, before)._replace(months=months))


@pytest.mark.parametrize("start", MONTHS)
def test_no_certificate_expires_although_the_roll_never_goes_on(start: str) -> None:
    found = run_for_months(MONTHS[start](), 7, rolls=False)
    print(f"{start}: {found.count} states")
    assert not found.wrong
    assert found.count > 20


@pytest.mark.parametrize("start", ["a new authority of peers", "the user's certificate"])
def test_no_certificate_expires_while_members_restart_at_any_time(start: str) -> None:
    found = run_for_months(MONTHS[start](), 3, rolls=True)
    print(f"{start}: {found.count} states")
    assert not found.wrong
    assert found.count > 500


def test_without_the_key_of_who_is_trusted_nothing_can_be_renewed() -> None:
    """A lost key is the only way into expiry; nobody is refused until then."""
    found = run_for_months(lost_authority("db-peer-ca", **PEERS), 7, rolls=False)
    assert found.wrong == "db-peer-tls has expired"
