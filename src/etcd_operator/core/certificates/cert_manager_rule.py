"""Have cert-manager issue certificates, and wait for the first ones."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, ApplyObject, DeleteObject
from etcd_operator.core.certificates.cert_manager import (
    find_issuing_problem,
    find_peer_issuing_problem,
)
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.issuer_machine import may_be_overwritten
from etcd_operator.core.certificates.wanted import issued_leaves, issued_peer_leaves
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.issuer_record import find_recorded_issuer_stage
from etcd_operator.core.model.peer_issuer import (
    PeerIssuer,
    client_certificate_of_peers,
    server_certificate_of_peers,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import apply_if_needed
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.reason import Reason


def request_from_cert_manager(snapshot: Snapshot) -> Decision | None:
    """Ask cert-manager for what is missing or was edited; ask no more for what is not wanted.

    Not before the gate has the stage on record that a change of the issuer is at.
    """
    naming = snapshot.naming
    recorded = find_recorded_issuer_stage(snapshot.children, naming)
    if not snapshot.cert_manager or recorded not in (None, naming.issuer_stage):
        return None
    actions: list[Action] = []
    for manifest in render_certificates(snapshot):
        live = snapshot.child("Certificate", manifest["metadata"]["name"])
        action = apply_if_needed(snapshot, manifest, live)
        if action is not None and may_be_overwritten(snapshot, manifest["spec"]["secretName"]):
            actions.append(action)
    for live in snapshot.certificates:
        if live.name not in _list_kept(snapshot):
            why = "the cluster's own CA signs in place of the issuer"
            actions.append(DeleteObject("Certificate", live.name, live.uid, why))
    if not actions:
        return None
    names = [a.name for a in actions if isinstance(a, ApplyObject | DeleteObject)]
    return Decision(
        reason=routine.REQUESTING_CERTIFICATES,
        message=f"Requesting certificates from cert-manager: {', '.join(names)}.",
        phase=snapshot.cluster.status.phase or Phase.CREATING,
        actions=tuple(actions),
        corrects_objects=False,
    )


def _list_kept(snapshot: Snapshot) -> set[str]:
    """The Certificates that are wanted, or still issue what members show."""
    spec, naming = snapshot.spec, snapshot.naming
    shown = spec.client_tls and naming.issuer_stage.signs_server
    kept = {*issued_leaves(spec, naming), *issued_peer_leaves(spec, naming)}
    if naming.peer_issuer.signs:
        kept |= {server_certificate_of_peers(naming), client_certificate_of_peers(naming)}
    return kept | ({naming.server_certificate} if shown else set())


def wait_for_issuer(snapshot: Snapshot) -> Decision | None:
    """Start no member before cert-manager has issued its certificate."""
    if snapshot.recorded_cluster_id is not None:
        return None
    problem = find_issuing_problem(snapshot)
    if snapshot.naming.peer_issuer is PeerIssuer.ALONE:
        problem = problem or find_peer_issuing_problem(snapshot)
    if problem is None:
        return None
    if snapshot.cert_manager:
        return _wait(attention.WAITING_FOR_ISSUER, problem, Phase.CREATING)
    return _wait(attention.CERT_MANAGER_MISSING, problem, Phase.FAILED)


def _wait(reason: Reason, message: str, phase: Phase) -> Decision:
    return Decision(
        reason=reason,
        message=message,
        phase=phase,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )
