"""Renewal goes on whatever anything waits for, by an authority that those who run trust."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import IssueAuthority, IssueCertificate
from etcd_operator.core.certificates.machine import is_retirement_due
from etcd_operator.core.certificates.state import Credential, Leaf, Trusted
from etcd_operator.core.certificates.wanted import wanted_leaves
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.requests import ANNOTATION_RENEW, write_time
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.plan.prerequisites import is_correction
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.conditions import judge
from tests.builders.certificates import (
    LIFE,
    after_certificate,
    authority_id,
    issue_all,
    later,
    secured,
    to_secure,
    users_secret,
    with_secret,
    with_tls,
    without_secret,
)
from tests.builders.exhaustive import exhaustive
from tests.builders.snapshots import NOW, change_pod, claim, pod, silent, with_cluster, with_spec

TWO_THIRDS = 2160 * 2 / 3
PEERS: Any = {"clientTLSEnabled": False}
NO_ROOM = PodProblem("Unschedulable", "0/3 nodes are available")
CRASHES = PodProblem("CrashLoopBackOff", "etcd ended")


def due(snapshot: Snapshot) -> Snapshot:
    """So much later that every certificate is due."""
    return later(snapshot, TWO_THIRDS)


def told(snapshot: Snapshot) -> Snapshot:
    """The gate tells members whom to trust, as it does a pass later."""
    gate = {
        f"{who}-ca.crt": snapshot.credentials[f"db-{who}-ca"].trusted
        for who in ("client", "peer")
        if f"db-{who}-ca" in snapshot.credentials
    }
    return replace(snapshot, gate_trust=gate)


def changing(snapshot: Snapshot, **tls: Any) -> Snapshot:
    """New authorities are made and told, and no member has restarted."""
    return told(issue_all(with_tls(snapshot, caGeneration=1, **tls)))


def restarted(snapshot: Snapshot) -> Snapshot:
    """Members 0 to 2 were started anew, and trust whom the authorities' Secrets name."""
    authorities = (snapshot.credentials[f"db-{who}-ca"] for who in ("client", "peer"))
    trust = tuple(one.key_id for each in authorities for one in each.trusted)
    for ordinal in range(3):
        snapshot = change_pod(snapshot, ordinal, trust=trust)
    return snapshot


def issued(snapshot: Snapshot) -> dict[str, Leaf]:
    """What a pass issues, by Secret; none is written twice."""
    leaves = [a.leaf for a in plan(snapshot).actions if isinstance(a, IssueCertificate)]
    by_secret = {leaf.secret: leaf for leaf in leaves}
    assert len(by_secret) == len(leaves)
    return by_secret


def renewals(snapshot: Snapshot) -> dict[str, str]:
    """Which Secrets are written by a pass whose actions the guards let through, and who signs."""
    issued = [a for a in plan(snapshot).actions if isinstance(a, IssueCertificate)]
    assert [guards.refuse(action, snapshot) for action in issued] == [None] * len(issued)
    return {action.leaf.secret: action.signer for action in issued}


def with_joiner(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Another Pod beside the members, older than the new authorities."""
    first = snapshot.pods[0]
    kept = first.trust, first.client_tls, first.peer_tls
    made = replace(pod(3), trust=kept[0], client_tls=kept[1], peer_tls=kept[2])
    joiner = replace(made, running=False, ready=False, **changes)
    return replace(snapshot, pods=(*snapshot.pods, joiner))


def verdict(snapshot: Snapshot) -> tuple[Reason, str]:
    """What CertificatesValid says: reason and message."""
    found = {v.type: v for v in judge(snapshot, plan(snapshot).decision)}
    return found["CertificatesValid"].reason, found["CertificatesValid"].message


KEPT_DISK = replace(secured(), claims=(*secured().claims, claim(3), claim(4)))
WAITS: dict[str, Snapshot] = {
    "nothing": secured(),
    "a spec that cannot be carried out": with_spec(secured(), size=2),
    "a quorum": silent(secured(), 1, 2),
    "a Pod that finds no node": change_pod(
        secured(), 2, running=False, ready=False, problem=NO_ROOM, ever_ran=False
    ),
    "a new member that finds no node": with_joiner(
        with_spec(secured(), size=5), ever_ran=False, problem=NO_ROOM
    ),
    "a roll beside disks that are kept": with_spec(
        KEPT_DISK, storage={"retentionPolicy": {"whenScaled": "Retain"}}, version="3.5.22"
    ),
    "a backup before deletion": with_cluster(
        with_spec(secured(), backup={"beforeDeletion": "nightly"}), deleting=True
    ),
}


@pytest.mark.parametrize("what", WAITS)
def test_what_is_due_is_renewed_whatever_is_waited_for(what: str) -> None:
    assert renewals(WAITS[what]) == {}
    assert renewals(due(WAITS[what])) == {
        "db-server-tls": "client-ca1",
        "db-operator-tls": "client-ca1",
        "db-client-tls": "client-ca1",
        "db-peer-tls": "peer-ca1",
    }


@pytest.mark.parametrize("what", [*list(WAITS)[:2], *exhaustive(*list(WAITS)[2:])])
@pytest.mark.situation(
    "spec",
    "a CA rotation waits for a rolling restart that cannot continue",
    "the old CA renews certificates until every member trusts the new one",
)
def test_a_change_of_authority_that_waits_never_ends_in_expiry(what: str) -> None:
    scene = changing(WAITS[what]) if what != "a spec that cannot be carried out" else WAITS[what]
    for _ in range(12):
        scene = later(scene, 31 * 24)
        for action in plan(scene).actions:
            if isinstance(action, IssueCertificate):
                assert guards.refuse(action, scene) is None
                scene = after_certificate(scene, action)
        ends = {
            n: one.certificate.not_after for n, one in scene.credentials.items() if one.certificate
        }
        assert min(ends.values()) > scene.now
        assert verdict(scene)[0] in (verdicts.ALL_VALID, verdicts.CA_CHANGING)


def test_it_stands_still_only_while_the_user_pauses_it_and_that_is_said() -> None:
    paused = with_spec(secured(), paused=True)
    assert verdict(paused)[0] == verdicts.ALL_VALID
    assert renewals(due(paused)) == {}
    reason, message = verdict(due(paused))
    assert reason == verdicts.RENEWAL_HELD
    assert "db-peer-tls (until 2026-06-02 at 05:06 UTC) cannot be renewed: spec.paused" in message


def test_a_renewal_asks_for_the_same_names_whatever_the_spec_says_by_now() -> None:
    scene = due(with_tls(secured(), serverNames=["etcd.example.com"]))
    assert "etcd.example.com" in issued(scene)["db-server-tls"].names, "that is the rule's"
    refused = issued(with_spec(scene, size=2))
    known = scene.credentials["db-server-tls"].certificate
    assert known
    assert refused["db-server-tls"].names == known.names


def test_the_new_authority_signs_when_all_who_run_trust_it() -> None:
    scene = later(changing(secured()), 2)
    assert renewals(scene) == {}, "they have to restart first"
    scene = restarted(scene)
    assert set(renewals(scene).values()) == {"client-ca2", "peer-ca2"}


@pytest.mark.parametrize(
    "joiner",
    [{"ever_ran": False, "problem": NO_ROOM}, {"ever_ran": True, "problem": CRASHES}],
    ids=["finds no node", "crashes"],
)
@pytest.mark.situation(
    "spec",
    "a new member never starts",
    "certificates, rolls and upgrades of the others go on",
)
def test_a_joiner_that_does_not_run_holds_back_no_authority(joiner: dict[str, Any]) -> None:
    scene = later(changing(with_joiner(secured(), **joiner)), 2)
    scene = restarted(scene)
    assert set(renewals(scene).values()) == {"client-ca2", "peer-ca2"}
    assert renewals(replace(scene, gate_trust={})) == {}, "it would start with the gate of before"
    scene = later(issue_all(scene), 2)
    assert is_retirement_due(scene, "db-peer-ca")
    shown = {
        (o, port): authority_id(scene, f"db-{who}-ca")
        for o in range(3)
        for port, who in ((2379, "client"), (2380, "peer"))
    }
    over = plan(replace(scene, presented=shown))
    assert over.rule == "manage_certificates"
    assert [getattr(a, "secret", "") for a in over.actions] == ["db-client-ca", "db-peer-ca"]


def test_within_the_overlap_the_one_of_before_goes_on() -> None:
    scene = due(with_tls(secured(), caOverlap="240h"))
    scene = told(issue_all(with_tls(scene, caGeneration=1, caOverlap="240h")))
    scene = restarted(scene)
    assert renewals(without_secret(scene, "db-client-tls")) == {"db-client-tls": "client-ca1"}
    assert set(renewals(later(scene, 241)).values()) == {"client-ca2", "peer-ca2"}


@pytest.mark.situation(
    "spec",
    "certificates last less than the overlap of two authorities",
    "half of their life is enough: the authority of before goes all the same",
)
def test_an_overlap_is_over_before_a_certificate_is_renewed_again() -> None:
    """Each renewal begins it anew: one as long as a life would never end."""
    short: dict[str, Any] = {"certificateLifetime": "30m", "caOverlap": "1h"}
    scene = issue_all(later(restarted(changing(secured(**short), **short)), 0.3))
    assert not is_retirement_due(later(scene, 0.2), "db-peer-ca")
    assert is_retirement_due(later(scene, 0.3), "db-peer-ca")


def test_a_renewal_that_is_refused_stops_nothing_else() -> None:
    renewed = [a for a in plan(due(secured())).actions if isinstance(a, IssueCertificate)]
    assert len(renewed) == 4
    assert all(is_correction(action) for action in renewed)
    first = [a for a in plan(to_secure(3)).actions if isinstance(a, IssueCertificate)]
    assert first
    assert not any(is_correction(action) for action in first), "no Pod may start without"


def lost_key() -> Snapshot:
    """The peer authority's Secret was deleted; a new one is made, and nobody restarts."""
    scene = told(secured(3, **PEERS))
    return told(issue_all(without_secret(scene, "db-peer-ca")))


def test_nobody_signs_whom_those_who_run_would_refuse_not_even_after_expiry() -> None:
    scene = lost_key()
    for hours in (TWO_THIRDS, 2161):
        assert renewals(later(scene, hours)) == {}
        reason, message = verdict(later(scene, hours))
        assert reason == (verdicts.RENEWAL_HELD if hours == TWO_THIRDS else verdicts.EXPIRED)
        assert "db-0, db-1, db-2 do not trust the authority in Secret db-peer-ca" in message
        assert "stop the cluster with spec.size 0 and start it again" in message
    stopped = replace(later(scene, 2161), pods=())
    assert renewals(stopped) == {"db-peer-tls": "peer-ca2"}


def test_what_has_expired_is_renewed_by_whom_all_trust() -> None:
    assert renewals(later(changing(secured(3, **PEERS), **PEERS), 2161)) == {
        "db-peer-tls": "peer-ca1"
    }


def test_a_lost_certificate_is_not_issued_for_members_that_would_refuse_it() -> None:
    scene = without_secret(lost_key(), "db-peer-tls")
    assert renewals(scene) == {}
    reason, message = verdict(scene)
    assert reason == verdicts.RENEWAL_HELD
    assert message.startswith("Secret db-peer-tls cannot be issued: db-0, db-1, db-2 do not trust")
    _, message = verdict(replace(scene, pods=scene.pods[:1]))
    assert "db-0 does not trust the authority" in message
    assert "the key of the one that it trusts is lost" in message


def test_members_that_do_not_say_whom_they_trust_keep_whoever_signs() -> None:
    scene = changing(secured(3, **PEERS), **PEERS)
    for ordinal in range(3):
        scene = change_pod(scene, ordinal, trust=())
    assert renewals(due(scene)) == {"db-peer-tls": "peer-ca1"}
    assert renewals(without_secret(scene, "db-peer-tls")) == {"db-peer-tls": "peer-ca1"}


def test_no_certificate_is_renewed_for_nothing() -> None:
    """No certificate outlives who signs it: at that end nothing is written again and again."""
    scene = secured(3, **PEERS)
    authority, leaf = scene.credentials["db-peer-ca"], scene.credentials["db-peer-tls"]
    assert authority.certificate
    assert leaf.certificate
    end = leaf.certificate.not_after
    ended = replace(authority.certificate, not_after=end)
    scene = due(with_secret(scene, replace(authority, certificate=ended)))
    assert plan(scene).rule == "manage_certificates", "another authority is made"
    scene = told(issue_all(scene))
    assert renewals(scene) == {}
    reason, message = verdict(scene)
    assert reason == verdicts.RENEWAL_HELD
    assert "the authority that signs expires on 2026-06-02 at 05:06 UTC" in message


def ending(credential: Credential, end: datetime) -> Credential:
    """The same, with a certificate that ends then."""
    assert credential.certificate
    return replace(credential, certificate=replace(credential.certificate, not_after=end))


def test_a_certificate_that_its_signer_cut_short_is_not_issued_again() -> None:
    scene = secured(3, **PEERS)
    end = NOW + LIFE - timedelta(days=1)
    short = (ending(scene.credentials[name], end) for name in ("db-peer-ca", "db-peer-tls"))
    before = due(with_secret(scene, *short))
    after = told(issue_all(before))
    assert after.credentials["db-peer-tls"].certificate == (
        before.credentials["db-peer-tls"].certificate
    )
    assert renewals(after) == {}


def test_a_renewal_lasts_as_long_as_the_spec_says_whatever_cut_it_short_before() -> None:
    scene = secured(3, **PEERS)
    short = ending(scene.credentials["db-peer-tls"], NOW + LIFE - timedelta(days=1))
    refused = due(with_spec(with_secret(scene, short), size=2))
    (renewal,) = (a for a in plan(refused).actions if isinstance(a, IssueCertificate))
    assert renewal.lifetime == LIFE


def test_a_secret_of_somebody_else_is_not_renewed() -> None:
    scene = secured(3, **PEERS)
    foreign = replace(scene.credentials["db-peer-tls"], owner_uid="another")
    assert renewals(due(with_secret(scene, foreign))) == {}


def peer_leaf(snapshot: Snapshot) -> Leaf:
    """What members show each other."""
    leaves = wanted_leaves(snapshot.cluster.spec, snapshot.naming)
    return next(leaf for leaf in leaves if leaf.secret == "db-peer-tls")


@pytest.mark.parametrize("hours", [2, 2161], ids=["valid", "expired"])
def test_the_guard_lets_nobody_sign_whom_members_refuse(hours: float) -> None:
    scene = later(changing(secured(3, **PEERS), **PEERS), hours)
    live = scene.credentials["db-peer-tls"]
    before = IssueCertificate(
        peer_leaf(scene), live.uid, live.resource_version, "peer-ca1", LIFE, (), ""
    )
    assert guards.refuse(before, scene) is None
    new = replace(before, signer="peer-ca2")
    assert guards.refuse(new, scene) == "db-0 does not trust the CA of the certificate yet"
    assert guards.refuse(new, replace(scene, pods=())) is None
    lost = without_secret(scene, "db-peer-tls")
    unseen = replace(new, uid="", resource_version="")
    assert guards.refuse(unseen, lost) == "db-0 does not trust the CA of the certificate yet"
    anybody = replace(unseen, signer="")
    assert guards.refuse(anybody, lost) == "the CA that would sign the certificate is not known"
    assert guards.refuse(anybody, replace(lost, pods=())) is None


def test_the_guard_keeps_the_key_of_before() -> None:
    scene = changing(secured(3, **PEERS), **PEERS)
    live = scene.credentials["db-peer-ca"]
    anew = IssueAuthority(live.name, live.uid, live.resource_version, 2, live.trusted, "")
    assert guards.refuse(anew, scene) == (
        "a CA rotation is under way, and the previous CA is still in use"
    )


def test_the_authority_of_the_user_is_told_before_it_ends() -> None:
    ends = NOW + timedelta(days=365)
    company = Trusted("company", "pem of company", ends, ends - timedelta(days=3650))
    mine = users_secret("mine", "*.db-peer.team.svc.cluster.local", trusted=(company,))
    scene = secured(3, mine, peerTLSEnabled=False, certificateSecret="mine")
    reason, message = verdict(scene)
    assert reason == verdicts.EXPIRING_SOON
    assert "an authority in ca.crt of mine on 2027-03-04" in message


def asked(snapshot: Snapshot, at: datetime) -> Snapshot:
    """Somebody asks for certificates that were issued after this time."""
    return with_cluster(snapshot, annotations={ANNOTATION_RENEW: write_time(at)})


def test_what_somebody_asks_for_is_renewed_once() -> None:
    snapshot = later(secured(), 1)
    assert renewals(snapshot) == {}
    request = asked(snapshot, snapshot.now)
    leaves = {leaf.secret for leaf in wanted_leaves(snapshot.cluster.spec, snapshot.naming)}
    assert renewals(request).keys() == leaves
    issuing = [a for a in plan(request).actions if isinstance(a, IssueCertificate)]
    assert {action.why for action in issuing} == {"that was asked for"}
    for action in issuing:
        request = after_certificate(request, action)
    assert renewals(request) == {}


@pytest.mark.parametrize("minutes", [-120, 5], ids=["before they were issued", "not yet"])
def test_what_is_asked_for_another_time_is_not_renewed(minutes: float) -> None:
    snapshot = later(secured(), 1)
    assert renewals(asked(snapshot, snapshot.now + timedelta(minutes=minutes))) == {}
