"""Go on without a majority that will not come back: only when a person approves it.

The rule walks the table of `machine`. A stage is recorded here, with what its transition does, and
nowhere else. Each step follows from the record on the ConfigMap and from what is there.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Transition
from etcd_operator.core.objects.cluster_objects import render_config_map
from etcd_operator.core.objects.tls import render_trust
from etcd_operator.core.quorum_loss.machine import MACHINE
from etcd_operator.core.quorum_loss.record import Stage, find_recovery
from etcd_operator.core.quorum_loss.steps import WHY, Recovering, lay_out_recovery


def recover_quorum(snapshot: Snapshot) -> Decision | None:
    """Take the next step of a recovery that was approved."""
    if snapshot.spec.storage.ephemeral is not None:
        return None  # whom it would keep has to restart, and loses its data by that
    view = Recovering(snapshot, find_recovery(snapshot))
    row = MACHINE.find_row(view.stage, view)
    if row is None:
        return None
    decision = row.do(view)
    if isinstance(row, Transition):
        return replace(decision, actions=(*decision.actions, _record(view, row.to)))
    return decision


def _record(view: Recovering, to: Enum | None) -> ApplyObject:
    """Record the next stage, onto the very ConfigMap that was looked at; at the end, what is kept.

    A recovery that is called off leaves no record.
    """
    snapshot, recovery = view.snapshot, view.recovery
    layout = lay_out_recovery(snapshot, replace(recovery, stage=Stage(to)) if to else None)
    if to is None and view.stage is Stage.SETTLE:
        layout = replace(layout, recovered=f"{recovery.request} {recovery.revision}")
    gate = snapshot.config_map
    files, trust = render_trust(snapshot), ",".join(all_trust(snapshot))
    manifest = render_config_map(snapshot.rendered_spec, snapshot.naming, layout, files, trust)
    uid, version = (gate.uid, gate.resource_version) if gate else ("", "")
    return ApplyObject("ConfigMap", snapshot.naming.config_map, uid, version, WHY, manifest)
