"""Mutants of what is done while members serve that the operator does not hear of."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

UNHEARD: Final = (
    Mutant("lets a member begin anew beside one that is Ready", "core/bootstrap/gate.py",
           "lay_out_bootstrap",
           "earlier_life or restored or served or joins",
           "earlier_life or restored or joins", ("shut out",)),
    Mutant("forgets that a member was Ready", "core/bootstrap/gate_record.py", "has_served",
           "recorded or any((pod.was_ready for pod in snapshot.pods))",
           "any((pod.was_ready for pod in snapshot.pods))"),
    Mutant("records nowhere that a member was Ready", "core/objects/cluster_objects.py",
           "render_config_map",
           "layout.served", "False"),
    Mutant("records on one object only that a member was Ready", "core/objects/statefulset.py",
           "_records",
           "layout.served", "False"),
    Mutant("lets any gate be opened beside a member that was Ready", "core/bootstrap/guard.py",
           "_refuse_open",
           "opens and _has_served(snapshot)", "False"),
    Mutant("believes only Pods that a member was Ready", "core/bootstrap/guard.py", "_has_served",
           "any((ANNOTATION_SERVED in child.annotations for child in (gate, live) if child))",
           "False and any((ANNOTATION_SERVED in child.annotations for child in (gate, live) if "
           "child))"),
    Mutant("calls a majority lost that does not answer", "core/reachability/rule.py",
           "wait_for_answers",
           "snapshot.spec.size == 0", "snapshot.spec.size >= 0",
           ("shut out at rest",)),
    Mutant("takes Pods of dead nodes for a majority", "core/reachability/unreachable.py",
           "find_unreachable",
           "snapshot.quorum_confirmed or _is_without_leader(snapshot)",
           "snapshot.quorum_confirmed"),
    Mutant("calls failed what it does not hear of", "core/reachability/rule.py",
           "_phase_without_failure",
           "shown is not None and shown is not Phase.FAILED", "shown is not None"),
    Mutant("tells somebody of one pass without answers", "core/reachability/rule.py", "_lasts",
           "snapshot.now - since >= NEWS_AFTER", "True"),
    Mutant("does not say that etcd asks for a user", "core/reachability/rule.py",
           "wait_for_answers",
           "unheard.asks_for_user", "False"),
    Mutant("counts Pods that end among those that serve", "core/reachability/unreachable.py",
           "find_unreachable",
           "pod.ready and (not pod.deleting)", "pod.ready"),
    Mutant("calls an election a failure", "core/quorum_loss/approval.py", "lasts",
           "since is not None and snapshot.now - since >= ELECTION", "since is not None"),
)  # fmt: skip
