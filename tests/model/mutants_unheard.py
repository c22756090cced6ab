"""Mutants of what is done while members serve that the operator does not hear of."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

UNHEARD: Final = (
    Mutant("lets a member begin anew beside one that is Ready", "layout",
           "if earlier_life or restored or served else", "if earlier_life or restored else",
           ("shut out",)),
    Mutant("forgets that a member was Ready", "layout",
           "    return recorded or any(pod.was_ready", "    return any(pod.was_ready",
           ("unit: layout",)),
    Mutant("records nowhere that a member was Ready", "render.objects",
           "    if layout.served:", "    if False:", ("unit: layout",)),
    Mutant("records on one object only that a member was Ready", "render.statefulset",
           "    if layout.served:", "    if False:", ("unit: layout",)),
    Mutant("lets any gate be opened beside a member that was Ready", "gate_guards",
           "if opens and _has_served(snapshot):", "if False:", ("unit: guards",)),
    Mutant("believes only Pods that a member was Ready", "gate_guards",
           "return any(ANNOTATION_SERVED in", "return False and any(ANNOTATION_SERVED in",
           ("unit: guards",)),
    Mutant("calls a majority lost that does not answer", "rules.unheard",
           "snapshot.cluster.spec.size == 0:", "snapshot.cluster.spec.size >= 0:",
           ("shut out at rest",)),
    Mutant("takes Pods of dead nodes for a majority", "unheard",
           "if snapshot.quorum_confirmed or _is_without_leader(snapshot):",
           "if snapshot.quorum_confirmed:", ("unit: rules_unheard",)),
    Mutant("calls failed what it does not hear of", "rules.unheard",
           "if shown is not None and shown is not Phase.FAILED:", "if shown is not None:",
           ("unit: rules_unheard",)),
    Mutant("tells somebody of one pass without answers", "rules.unheard",
           "return snapshot.now - since >= NEWS_AFTER", "return True", ("unit: rules_unheard",)),
    Mutant("does not say that etcd asks for a user", "rules.unheard",
           "    if unheard.asks_for_user:", "    if False:", ("unit: rules_unheard",)),
    Mutant("counts Pods that end among those that serve", "unheard",
           "if pod.ready and not pod.deleting)", "if pod.ready)", ("unit: rules_unheard",)),
    Mutant("calls an election a failure", "rules.scale",
           "return since is not None and snapshot.now - since >= ELECTION",
           "return since is not None", ("unit: rules_scale",)),
)  # fmt: skip
