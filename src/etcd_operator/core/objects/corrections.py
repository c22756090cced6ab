"""Differences of our own objects that stay, although they were corrected.

Two cases. The API server's answer to our own apply differs from what was applied: admission changed
it, or does not keep it, and would again. Or somebody changes a field back after every correction.
Both are known from this process' own writes alone: whoever forgets them writes a few times more.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.uncorrected import UncorrectedDrift
from etcd_operator.core.objects import rendered
from etcd_operator.core.objects.drift import Difference
from etcd_operator.core.objects.rendered import Same
from etcd_operator.json_types import Json
from etcd_operator.wording import join_sentences


@dataclass(frozen=True, slots=True)
class Objections:
    """Changes of others that come back; `contested` if the operator keeps undoing them."""

    message: str
    contested: bool


def find_wrong(snapshot: Snapshot, manifest: Json, live: Child) -> tuple[Difference, ...]:
    """Return the differences that an apply could mend, however often it was tried."""
    differences = rendered.differences(Same(manifest), Same(live.body))
    kept = _find_kept(snapshot, manifest)
    if kept is None:
        return differences
    return tuple(d for d in differences if (d.path, d.found) not in kept.accepted)


def find_due(snapshot: Snapshot, manifest: Json, live: Child) -> tuple[Difference, ...]:
    """Return the differences that are to be corrected now."""
    wrong, kept = find_wrong(snapshot, manifest, live), _find_kept(snapshot, manifest)
    if kept is not None and all(difference.path in kept.paced for difference in wrong):
        return ()
    return wrong


def _find_kept(snapshot: Snapshot, manifest: Json) -> UncorrectedDrift | None:
    """Record of the object, if it was made with this very manifest."""
    kept = snapshot.kept.get((manifest["kind"], manifest["metadata"]["name"]))
    wanted = manifest["metadata"]["annotations"][ANNOTATION_FINGERPRINT]
    return kept if kept is not None and kept.fingerprint == wanted else None


def find_objections(snapshot: Snapshot) -> Objections | None:
    """Return what others keep changing; None if nobody does."""
    said = [kept for _, kept in sorted(snapshot.kept.items()) if kept.message]
    if not said:
        return None
    message = join_sentences(k.message for k in said)[:2000]
    return Objections(message, any(k.contested for k in said))
