"""Correct our own objects: whatever was deleted or edited comes back as rendered."""

from __future__ import annotations

from typing import Any

from etcd_operator.core.actions import Action, ApplyObject, LabelPod
from etcd_operator.core.layout import Layout
from etcd_operator.core.naming import (
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_FINGERPRINT,
    ROLE_LEARNER,
    ROLE_VOTER,
)
from etcd_operator.core.render.drift import find_drift
from etcd_operator.core.render.objects import (
    render_client_service,
    render_config_map,
    render_disruption_budget,
    render_peer_service,
)
from etcd_operator.core.render.statefulset import render_statefulset
from etcd_operator.core.snapshot import Child, Snapshot

Json = dict[str, Any]


def correct(snapshot: Snapshot, layout: Layout) -> list[Action]:
    """Return what to apply, in the order in which a crash in between does no harm.

    The names (Services) and the gate (ConfigMap) exist before a Pod can; a Pod's role is said
    before it can be Ready.
    """
    actions: list[Action] = []
    for manifest in _render_all(snapshot, layout):
        live = snapshot.child(manifest["kind"], manifest["metadata"]["name"])
        action = _apply_if_needed(manifest, live)
        if action is not None:
            actions.append(action)
    return actions + _label_pods(snapshot)


def _render_all(snapshot: Snapshot, layout: Layout) -> list[Json]:
    spec, naming = snapshot.cluster.spec, snapshot.naming
    live = snapshot.statefulset
    manifests = [render_peer_service(naming), render_client_service(naming)]
    if not _must_keep_gate(snapshot, layout):
        manifests.append(render_config_map(spec, naming, layout))
    manifests.append(render_statefulset(spec, naming, layout, live.body if live else None))
    manifests.append(render_disruption_budget(naming))
    return manifests


def _must_keep_gate(snapshot: Snapshot, layout: Layout) -> bool:
    """Whether the live gate stays untouched: it fences already, and no quorum says otherwise."""
    gate = snapshot.config_map
    return not layout.confirmed and gate is not None and ANNOTATION_CLUSTER_ID in gate.annotations


def _apply_if_needed(manifest: Json, live: Child | None) -> ApplyObject | None:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if live is None:
        return ApplyObject(kind, name, "", "", "the cluster needs it", manifest)
    if live.deleting:
        return None
    drift = find_drift(manifest, live.body)
    if drift is None:
        return None
    why = _explain(drift, manifest, live)
    return ApplyObject(kind, name, live.uid, _fence(manifest, live), why, manifest)


def _explain(drift: str, manifest: Json, live: Child) -> str:
    if drift == "spec.replicas":
        return f"{live.body['spec'].get('replicas')} to {manifest['spec']['replicas']} Pods"
    if drift == f"metadata.annotations.{ANNOTATION_FINGERPRINT}":
        return "the cluster has changed"
    return f"{drift} was not as it should be"


def _fence(manifest: Json, live: Child) -> str:
    """The resourceVersion to insist on where acting on an old view could do harm."""
    if manifest["kind"] == "ConfigMap":
        return live.resource_version
    if manifest["kind"] == "StatefulSet":
        before = live.body.get("spec", {}).get("replicas", 0)
        return live.resource_version if manifest["spec"]["replicas"] < before else ""
    return ""


def _label_pods(snapshot: Snapshot) -> list[Action]:
    if not snapshot.quorum_confirmed:
        return []
    actions: list[Action] = []
    for seat in snapshot.seats():
        if seat.member and seat.pod and not seat.pod.deleting:
            role = ROLE_LEARNER if seat.member.is_learner else ROLE_VOTER
            if seat.pod.role != role:
                actions.append(LabelPod(seat.pod.name, seat.pod.uid, role))
    return actions
