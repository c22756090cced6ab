"""What must hold of members that do not have the same data.

What the operator can know is what its comparisons and etcd's alarm say; who was right is told by
a majority that agrees. Judged from scratch by the hashes, not by what the planner made of them.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from etcd_operator.core.actions import MoveLeader, PromoteMember, RemoveMember
from etcd_operator.simulation.membership import differed
from etcd_operator.simulation.observation import Seen
from etcd_operator.simulation.passes import JudgedAction, Planned
from etcd_operator.simulation.snapshots import Specs
from etcd_operator.simulation.world import Etcd, Line, State
from tests.model.differing import agreed, differ_again, held

LOST_MAJORITY: Final = "of members that differ, those that agree are no majority any more"


class Known(NamedTuple):
    """Which of the voters have wrong data, as far as anybody can know."""

    alarmed: frozenset[int]
    differing: frozenset[int]

    @property
    def wrong(self) -> frozenset[int]:
        """By whichever of both."""
        return self.alarmed | self.differing


def what_was_known(seen: Seen, members: Etcd) -> Known:
    """What the alarm names, and what two comparisons in a row say."""
    alarmed = frozenset(m for answer in seen.answers if answer for m in answer.alarms)
    differing = frozenset(line.id for line in members.voters) if len(seen.compared) == 2 else ()
    for hashes in seen.compared:
        by_id = dict(hashes)
        right = majority_value(by_id, members)
        differing = frozenset(
            m for m in differing if right is not None and by_id.get(m, right) != right
        )
    return Known(alarmed, frozenset(differing))


def majority_value(hashes: dict[int, int], members: Etcd) -> int | None:
    """What a majority of the voters had in a comparison; None if there is no such majority."""
    values = Counter(hashes[line.id] for line in members.voters if line.id in hashes)
    return next((v for v, n in values.items() if n * 2 > len(members.voters)), None)


def keeps_agreement(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """Of voters that differ by the last comparison, those that agree stay the majority."""
    left = _removed(before, after, judged)
    if left is None or before.etcd is None or after.etcd is None or not planned.seen.compared:
        return None
    hashes = dict(planned.seen.compared[-1])
    if len({hashes[line.id] for line in before.etcd.voters if line.id in hashes}) < 2:
        return None
    if left.id not in hashes:  # nobody can say what it had
        return None if majority_value(hashes, after.etcd) is not None else LOST_MAJORITY
    right = majority_value(hashes, before.etcd)
    if right is None:
        return "a voter was removed although voters differ and no majority agrees"
    return None if majority_value(hashes, after.etcd) == right else LOST_MAJORITY


def counts_on_the_right(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """A voter is removed only if those that answer, the wrong ones not counted, are a majority."""
    left = _removed(before, after, judged)
    if (
        left is None
        or before.etcd is None
        or after.etcd is None
        or judged not in planned.judged_actions
    ):
        return None
    wrong = what_was_known(planned.seen, before.etcd).wrong
    if 0 in wrong:
        return "a voter was removed although etcd says that data differ, and not whose"
    sound = [v for v in after.etcd.voters if v.id in _answering(planned.seen) - wrong]
    if wrong and len(sound) * 2 <= len(after.etcd.voters):
        return "a voter was removed and the rest has no majority of members whose data is right"
    return None


def replaces_one_known_to_be_wrong(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """Who answers and is to stay is removed only for its data, one at a time, a leader first."""
    left = _removed(before, after, judged)
    if left is None or before.etcd is None or judged not in planned.judged_actions:
        return None
    size = specs[planned.seen.cluster.spec].size
    if left.ordinal >= size or left.id not in _answering(planned.seen):
        return None
    claim = planned.seen.claims[left.ordinal]
    # A claim that is being deleted goes with the next restart, as the data of an outdated Pod does.
    if (claim and claim[3]) or _goes_with_template(before, left.ordinal):
        joining = any(line.learner for line in before.etcd.members)
        return "a member was replaced while another has yet to get its vote" if joining else None
    wrong = what_was_known(planned.seen, before.etcd).wrong
    if left.id not in wrong:
        return f"member {left.ordinal} was replaced although nobody knows its data to be wrong"
    if differed(before).get(left.ordinal, left.id) != left.id:
        return f"member {left.ordinal} was replaced for its data once more"
    ordinals = {line.ordinal for line in before.etcd.members}
    gap = not ordinals.issuperset(range(min(size, len(ordinals))))
    if gap or len(before.etcd.voters) < len(ordinals):
        return f"member {left.ordinal} was replaced while another one was on its way in"
    led = any(answer and answer.leader in wrong for answer in planned.seen.answers)
    if led and not any(isinstance(each.action, MoveLeader) for each in planned.judged_actions):
        return f"member {left.ordinal} was replaced while one with wrong data led"
    return None


def _goes_with_template(state: State, ordinal: int) -> bool:
    """Whether a Pod has to be made anew, and has its data in itself."""
    pod, live = state.pods[ordinal], state.statefulset
    return bool(pod and live and pod.ephemeral and pod.revision != live.manifest.revision)


def votes_for_the_right(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """What was known to be wrong gains nothing: neither the lead, nor votes that outweigh."""
    if before.etcd is None or after.etcd is None or judged not in planned.judged_actions:
        return None
    known = what_was_known(planned.seen, before.etcd)
    if isinstance(judged.action, MoveLeader):
        able = {line.id for line in before.etcd.voters} & _answering(planned.seen) - known.wrong
        if judged.action.to_id in known.wrong and able - {judged.action.from_id}:
            return "a member with wrong data was made the leader"
    wrong = [line for line in before.etcd.voters if line.id in known.wrong]
    if not isinstance(judged.action, PromoteMember) or not wrong:
        return None
    right = agreed(before, before.etcd)
    truly = all(held(before, line) != right for line in wrong)
    if right is not None and truly and agreed(after, after.etcd) is None:
        return "a vote was given to wrong data, and no majority agrees any more"
    return None


def judge_held(state: State) -> str | None:
    """Where all is said to be well, all members hold the same."""
    voters = state.etcd.voters if state.etcd else ()
    if len({held(state, line) for line in voters}) > 1:
        return "it says Healthy, but members do not hold the same data"
    return None


def is_undecided(state: State) -> bool:
    """Whether only a person can say whose data is right."""
    return state.etcd is not None and (agreed(state, state.etcd) is None or differ_again(state))


def count_doubted(state: State) -> int:
    """How many voters nobody can rely on, by what they hold or by the last comparison."""
    members = state.etcd
    if members is None:
        return 0
    data = [value for line in members.voters if (value := held(state, line)) is not None]
    wrong = len(data) - max(Counter(data).values(), default=0)
    hashes = dict(state.compared[-1]) if state.compared else {}
    named = [hashes[line.id] for line in members.voters if line.id in hashes]
    if len(set(named)) < 2:
        return wrong
    right = majority_value(hashes, members)
    return max(wrong, len(members.voters) - sum(value == right for value in named))


def _removed(before: State, after: State, judged: JudgedAction) -> Line | None:
    """The voter that an action removed."""
    if not isinstance(judged.action, RemoveMember) or before.etcd is None or after.etcd is None:
        return None
    kept = {line.id for line in after.etcd.members}
    return next((line for line in before.etcd.voters if line.id not in kept), None)


def _answering(seen: Seen) -> frozenset[int]:
    return frozenset(a.member for a in seen.answers if a and a.member and not a.mute)
