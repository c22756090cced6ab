"""The mutants of Pods that get other CPU and memory while they run."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

RESIZING: Final = (
    Mutant("rolls what can be resized", "core/rollout/outdated.py", "is_outdated",
           "find_resize(snapshot, pod) is None", "True", ("resize",)),
    Mutant("resizes beside a voter that is away", "core/rollout/resize_pods.py", "_can_do_without",
           "list(voters_not_serving(snapshot))", "False"),
    Mutant("resizes what others would miss", "core/rollout/resize_pods.py", "_can_do_without",
           "len(ids) == 1 or bool(member and keeps_quorum_while_down(ids, serving_ids(snapshot), "
           "member.id))", "True", ("resize, lose members",)),
    Mutant("waits for a resize for ever", "core/rollout/resizing.py", "find_resize",
           "asked is None or snapshot.now - asked >= PATIENCE", "asked is None"),
    Mutant("asks again for what was refused", "core/rollout/resizing.py", "find_resize",
           "asked is None or snapshot.now - asked >= PATIENCE",
           "asked is not None and snapshot.now - asked >= PATIENCE"),
    Mutant("resizes a Pod that is not Ready", "core/rollout/resizing.py", "_is_at_work",
           "pod.ready", ""),
    Mutant("takes another template for other resources", "core/objects/resizable.py",
           "record_resizable",
           "before != rest", "False", ("resize and upgrade",)),
    Mutant("records a revision of before", "core/objects/resizable.py", "_current_revision",
           "status.get('observedGeneration', 0) < metadata.get('generation', 0)", "False"),
    Mutant("guard: lets a voter be resized whom the others need", "core/guards/resize.py",
           "refuse_pod_resize",
           "refuse_vote_loss(by_id, member.id, snapshot, still_voting=True)", "None"),
    Mutant("guard: lets a Pod have other resources than the template", "core/guards/resize.py",
           "refuse_pod_resize",
           "read_compute(action.resources) != template", "False"),
    Mutant("guard: calls a Pod resized that is not", "core/guards/resize.py",
           "_refuse_revision",
           "not pod.compute == pod.compute_in_effect == given", "False"),
)  # fmt: skip
