"""Mutants of what depends on a reason, or on the words of others that stand for one."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

REASONS: Final = (
    Mutant("rest: sees no other leader", "core/plan/unchanged.py", "_is_same_answer",
           "_lasting_of(old) == _lasting_of(new)", "True"),
    Mutant("rest: overlooks everything but answers", "core/plan/unchanged.py", "is_unchanged",
           "before == replace(snapshot, now=before.now, probes=before.probes, "
           "effective=before.effective)", "True"),
    Mutant("rest: lasts for ever", "core/plan/unchanged.py", "answer_as_before",
           "timedelta(0) <= now - before.now < find_limit(before)", "True"),
    Mutant("rest: although a Pod ends", "core/plan/unchanged.py", "is_at_rest",
           "all_serve(snapshot)", "True"),
    Mutant("reason: blocks on what passes by itself", "core/model/decision.py", "Decision.blocked",
           "self.reason.blocks and not self.passing", "self.reason.blocks"),
    Mutant("reason: blocks on nothing", "core/model/decision.py", "Decision.blocked",
           "self.reason.blocks and not self.passing", "False"),
    Mutant("reason: progresses while at a stand", "core/status/conditions.py", "_judge_progressing",
           "decision.reason in _AT_A_STAND", ""),
    Mutant("reason: is not degraded without a quorum", "core/status/conditions.py",
           "_judge_degraded",
           "decision.blocked or decision.reason in _DEGRADED_BY", "decision.blocked"),
    Mutant("reason: tells of no backup that differs", "core/tasks/backup/outcome.py",
           "_record_failure",
           "pod and pod.failure_reason == backups.DIFFERS.name", "False"),
    Mutant("reason: calls every backup that failed different", "core/tasks/backup/outcome.py",
           "_record_failure",
           "pod and pod.failure_reason == backups.DIFFERS.name", "True"),
    Mutant("reason: overlooks that a volume is elsewhere", "core/model/live_objects.py",
           "PodProblem.volume_elsewhere",
           "any((text in self.message for text in _VOLUME_ELSEWHERE))", "False"),
    Mutant("reason: overlooks what keeps a Pod from a node", "core/model/live_objects.py",
           "PodProblem.kept_away_by_pods",
           "_KEPT_AWAY_BY_PODS in self.message", "False"),
)  # fmt: skip
