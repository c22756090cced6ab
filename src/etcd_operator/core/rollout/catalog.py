"""Versions for which the image catalog has no image: they wait, and say for what.

What runs keeps its image, so that a lost catalog takes nothing: see the effective spec.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.api.image_catalog import ImageCatalog
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention


def wait_for_image(snapshot: Snapshot) -> Decision | None:
    """Create nothing while the catalog has no image for the version."""
    if snapshot.statefulset is not None:
        return None
    sentence, phase = _explain(snapshot), snapshot.cluster.status.phase or Phase.CREATING
    return _decide(sentence, phase, corrects_objects=False) if sentence else None


def report_missing_image(snapshot: Snapshot) -> Decision | None:
    """Say for which version the catalog has no image, while members keep theirs."""
    sentence = _explain(snapshot)
    return _decide(f"The members keep their image. {sentence}", Phase.RUNNING) if sentence else None


def _explain(snapshot: Snapshot) -> str:
    spec = snapshot.cluster.spec
    if spec.image_catalog_ref is None or not spec.names_by_catalog:
        return ""
    catalog = snapshot.image_catalog or ImageCatalog(spec.image_catalog_ref.name, exists=False)
    return catalog.explain_missing(spec.version)


def _decide(sentence: str, phase: Phase, *, corrects_objects: bool = True) -> Decision:
    return Decision(
        reason=attention.IMAGE_NOT_IN_CATALOG,
        message=sentence,
        phase=phase,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=corrects_objects,
    )
