"""Approvals of quorum loss by the truth: which of them were given while a quorum stood."""

from __future__ import annotations

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.naming import ANNOTATION_RECOVERY
from etcd_operator.simulation.passes import JudgedAction, Planned
from etcd_operator.simulation.snapshots import Specs
from etcd_operator.simulation.world import CONFIG_MAP, State


def is_fresh(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """No majority is given up by an approval that was seen beside a quorum."""
    gate, old = after.children[CONFIG_MAP], before.children[CONFIG_MAP]
    if (
        not isinstance(judged.action, ApplyObject)
        or judged.action.kind != "ConfigMap"
        or gate is None
    ):
        return None
    known = ANNOTATION_RECOVERY in old.manifest.annotations if old else False
    if known or ANNOTATION_RECOVERY not in gate.manifest.annotations or before.cluster is None:
        return None
    wanted = specs[planned.seen.cluster.spec].recovery.quorum_loss
    if wanted is not None and wanted.accepted_revision in before.cluster.stale:
        return "the majority was given up by an approval of before the loss"
    return None
