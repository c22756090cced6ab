"""TLS between members is turned on with an issuer at once: there is nobody to trust it before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import CopyCertificate
from etcd_operator.core.certificates.peer_issuer_machine import find_copy
from etcd_operator.core.certificates.state import PEER_TRUST_FILE
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.peer_issuer_record import with_peer_issuer
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.peer_tls.machine import has_certificate
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from tests.builders.certificates import after_certificate, without_secret
from tests.builders.issuer import answered
from tests.builders.peer_issuer import COMPANY, PEER_ISSUER, ca_of, issued
from tests.builders.peer_tls import OFF, PLAIN, at
from tests.builders.snapshots import change_pod, with_spec


def asked(scene: Snapshot) -> Snapshot:
    """The same cluster in plain text, whose spec asks for an issuer's TLS; cert-manager issued."""
    tls: dict[str, Any] = {"clientTLSEnabled": False, "peerTLSEnabled": True, **PEER_ISSUER}
    wanted = with_spec(scene, security={"tls": tls})
    naming = with_peer_issuer(scene.naming, scene.children, wanted.cluster.spec)
    return answered(issued(replace(wanted, naming=naming, cert_manager=True)))


BEFORE = at(OFF, PLAIN, wanted=False)
FIRST = asked(without_secret(BEFORE, "db-peer-tls", "db-peer-ca"))
# It had TLS before, of its own CA: that Secret stays.
AGAIN = asked(BEFORE)


@pytest.mark.parametrize("scene", [FIRST, AGAIN], ids=["first", "again"])
def test_what_is_issued_is_copied_and_then_members_restart(scene: Snapshot) -> None:
    assert scene.naming.peer_issuer is PeerIssuer.ALONE
    (copied,) = (a for a in plan(scene).actions if isinstance(a, CopyCertificate))
    assert refuse(copied, scene) is None
    after = after_certificate(scene, copied)
    assert has_certificate(after)
    following = plan(after).decision
    assert following.reason is not attention.PEER_TLS_WAITS, following.message
    assert find_copy(after) is None


def test_nothing_is_copied_while_a_member_still_has_a_certificate() -> None:
    """TLS was turned off a moment ago: what that member mounts is what others trust."""
    assert find_copy(AGAIN)
    late = change_pod(AGAIN, 1, peer_tls=True)
    assert find_copy(late) is None
    assert find_copy(replace(AGAIN, gate_trust={PEER_TRUST_FILE: (ca_of("own"),)})) is None
    assert find_copy(replace(AGAIN, gate_trust={PEER_TRUST_FILE: (ca_of(COMPANY),)})), "all know it"
