"""Correct our own objects: whatever was deleted or edited comes back as rendered."""

from __future__ import annotations

from etcd_operator.core.actions import Action, ApplyObject, DeleteObject, LabelPod
from etcd_operator.core.bootstrap.gate import Layout
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.membership.learners import count_voters_beside_late_learner
from etcd_operator.core.model.addresses import wanted_services
from etcd_operator.core.model.aliases import (
    find_foreign_aliases,
    find_unwanted_aliases,
    wanted_aliases,
)
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import (
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_FINGERPRINT,
    ANNOTATION_MISSING_PODS,
    MOST_MEMBERS,
    ROLE_LEARNER,
    ROLE_VOTER,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects import rendered
from etcd_operator.core.objects.cluster_objects import render_alias, render_member_service
from etcd_operator.core.objects.corrections import find_due
from etcd_operator.core.objects.network_policy import render_network_policy
from etcd_operator.core.objects.operator_upgrade import is_upgrade
from etcd_operator.core.objects.rendered import Same
from etcd_operator.core.objects.tls import render_trust
from etcd_operator.core.reasons.verdicts import POD_MISSING
from etcd_operator.json_types import Json
from etcd_operator.wording import counted


def correct_objects(snapshot: Snapshot, layout: Layout) -> list[Action]:
    """Return what to apply, in the order in which a crash in between does no harm.

    The names (Services) and the gate (ConfigMap) exist before a Pod can; a Pod's role is said
    before it can be Ready.
    """
    actions: list[Action] = []
    for manifest in _render_all(snapshot, layout):
        live = snapshot.child(manifest["kind"], manifest["metadata"]["name"])
        action = apply_if_needed(snapshot, manifest, live)
        if action is not None:
            actions.append(action)
    unwanted = _remove_policy(snapshot) + _remove_member_services(snapshot)
    unwanted += _remove_aliases(snapshot)
    return actions + unwanted + _label_pods(snapshot)


def _render_member_services(snapshot: Snapshot) -> list[Json]:
    wanted = snapshot.rendered_spec.member_addresses
    if wanted is None or wanted.service is None:
        return []
    ordinals = wanted_services(snapshot)
    return [render_member_service(wanted.service, snapshot.naming, o) for o in ordinals]


def _remove_member_services(snapshot: Snapshot) -> list[Action]:
    naming, wanted = snapshot.naming, wanted_services(snapshot)
    found = [
        snapshot.child("Service", naming.member(o)) for o in range(MOST_MEMBERS) if o not in wanted
    ]
    return [
        DeleteObject("Service", live.name, live.uid, "no member is to have it")
        for live in found
        if live is not None and not live.deleting and live.owner_uid == naming.uid
    ]


def _render_aliases(snapshot: Snapshot) -> list[Json]:
    """Render the aliases whose names are free, or the cluster's own already."""
    spec, naming, foreign = snapshot.rendered_spec, snapshot.naming, find_foreign_aliases(snapshot)
    names = [name for name in wanted_aliases(snapshot) if name not in foreign]
    return [render_alias(spec, naming, name) for name in names]


def _remove_aliases(snapshot: Snapshot) -> list[Action]:
    return [
        DeleteObject("Service", live.name, live.uid, "spec.service.aliases does not name it")
        for live in find_unwanted_aliases(snapshot)
    ]


def _remove_policy(snapshot: Snapshot) -> list[Action]:
    live = snapshot.child("NetworkPolicy", snapshot.naming.network_policy)
    if live is None or live.deleting or snapshot.spec.network_rules is not None:
        return []
    if live.owner_uid != snapshot.naming.uid:
        return []
    return [DeleteObject("NetworkPolicy", live.name, live.uid, "the spec wants none")]


def _render_all(snapshot: Snapshot, layout: Layout) -> list[Json]:
    spec, naming = Same(snapshot.rendered_spec), snapshot.naming
    live = snapshot.statefulset
    manifests = [rendered.peer_service(spec, naming), rendered.client_service(spec, naming)]
    manifests += _render_member_services(snapshot) + _render_aliases(snapshot)
    policy = render_network_policy(snapshot)
    if policy is not None:
        manifests.append(policy)
    trust, files = ",".join(all_trust(snapshot)), tuple(render_trust(snapshot).items())
    gate = snapshot.config_map
    if gate is None or not _must_keep_gate(snapshot, layout):
        manifests.append(rendered.config_map(spec, naming, layout, files, trust))
    else:
        # Without a quorum as well: members that are to start need to trust each other, and a
        # setting may be what keeps them from starting.
        manifests.append(rendered.kept_config_map(Same(gate.body), spec, naming, files, trust))
    pods = rendered.statefulset(spec, naming, layout, Same(live.body if live else None), trust)
    if not (snapshot.upgrade_waits and live and is_upgrade(pods, live.body)):
        manifests.append(_name_missing_pods(snapshot, pods))
    if snapshot.quorum_confirmed or snapshot.child("PodDisruptionBudget", naming.name) is None:
        # Before any Pod's role: who counts as a voter is counted by the right budget.
        voters = count_voters_beside_late_learner(snapshot)
        manifests.append(rendered.disruption_budget(naming, voters))
    return manifests


def _name_missing_pods(snapshot: Snapshot, manifest: Json) -> Json:
    """Name the Pods that the StatefulSet has not created, so that it changes, once.

    A Pod of an earlier StatefulSet of the name that ends as the new one is to create it may be
    refused as existing, and its end wakes nobody. A change of the StatefulSet does.
    """
    missing = [w.regarding for w in snapshot.warnings if w.problem.reason == POD_MISSING.name]
    if not missing:
        return manifest
    metadata = manifest["metadata"]
    annotations = {**metadata["annotations"], ANNOTATION_MISSING_PODS: ", ".join(missing)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _must_keep_gate(snapshot: Snapshot, layout: Layout) -> bool:
    """Whether what the live gate opens and closes stays: it fences, and no quorum says else."""
    gate = snapshot.config_map
    return not layout.confirmed and gate is not None and ANNOTATION_CLUSTER_ID in gate.annotations


def apply_if_needed(snapshot: Snapshot, manifest: Json, live: Child | None) -> ApplyObject | None:
    """Return what makes the live object as rendered; None if it is, or is about to go."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if live is None:
        return ApplyObject(kind, name, "", "", "the cluster needs it", manifest)
    if live.deleting:
        return None
    due = find_due(snapshot, manifest, live)
    if not due:
        return None
    why = _explain(due[0].path, manifest, live)
    return ApplyObject(kind, name, live.uid, _fence(manifest, live), why, manifest)


def _explain(drift: str, manifest: Json, live: Child) -> str:
    fingerprint = manifest["metadata"]["annotations"][ANNOTATION_FINGERPRINT]
    changed = live.annotations.get(ANNOTATION_FINGERPRINT) != fingerprint
    if drift == "spec.replicas":
        found = live.body["spec"].get("replicas")
        if not changed:  # `kubectl scale statefulset`
            return f"spec.replicas was set to {found}, and spec.size of the EtcdCluster decides"
        return f"{found} to {counted(manifest['spec']['replicas'], 'Pod')}"
    if drift.endswith(ANNOTATION_MISSING_PODS):
        missing = manifest["metadata"]["annotations"][ANNOTATION_MISSING_PODS]
        return f"it has not created {missing}, and is to look again"
    return "the cluster has changed" if changed else f"{drift} was not as it should be"


def _fence(manifest: Json, live: Child) -> str:
    """The resourceVersion to insist on where acting on an old view could do harm."""
    if manifest["kind"] == "ConfigMap":
        return live.resource_version
    if manifest["kind"] == "StatefulSet":
        before = live.body.get("spec", {}).get("replicas", 0)
        return live.resource_version if manifest["spec"]["replicas"] < before else ""
    return ""


def _label_pods(snapshot: Snapshot) -> list[Action]:
    """Without a quorum as well: of a Pod without its labels the others do not find the address."""
    actions: list[Action] = []
    for seat in snapshot.seats():
        pod = seat.pod
        if pod is None or pod.deleting:
            continue
        role = pod.role
        if snapshot.quorum_confirmed and seat.member:
            role = ROLE_LEARNER if seat.member.is_learner else ROLE_VOTER
        if pod.role != role or not pod.selected:
            actions.append(LabelPod(pod.name, pod.uid, role, lost=not pod.selected))
    return actions
