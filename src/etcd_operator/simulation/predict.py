"""Preview of what the operator would do for a cluster, to the end.

The real planner and the real guards make passes in the modelled Kubernetes and etcd, which begin
as the cluster was observed. The operator is taken to be quicker than everything else: it makes
passes until one has nothing to do, then one thing happens in Kubernetes or etcd, and so on until
nothing happens any more. What may happen in several orders, such as which member is elected,
happens in one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.actions import (
    Action,
    DeleteObject,
    EvictPod,
    QuarantineDisk,
    RebindVolume,
    RestoreReclaimPolicy,
    SetPodRevision,
    VolumeAction,
)
from etcd_operator.core.certificates.exchange import find_exchange
from etcd_operator.core.certificates.issuer_machine import find_change
from etcd_operator.core.certificates.machine import find_replaced
from etcd_operator.core.certificates.peer_issuer_machine import find_peer_change
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.certificates.signers import ca_overlap
from etcd_operator.core.certificates.users_certificate import find_users_problem
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.naming import ordinal_of_claim, ordinal_of_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.status.spec_warnings import find_spec_warnings
from etcd_operator.core.takeover.record import PATIENCE_SECONDS
from etcd_operator.simulation import etcd, kubernetes, replacing
from etcd_operator.simulation.adopt import adopt
from etcd_operator.simulation.change import NO_CHANGE, Change, ChangeError, request
from etcd_operator.simulation.estimate import estimate
from etcd_operator.simulation.extras import handle_real
from etcd_operator.simulation.observation import see
from etcd_operator.simulation.origin import FIRST_UID, Origin
from etcd_operator.simulation.overlay import see_real
from etcd_operator.simulation.passes import JudgedAction, Planned, end_pass, perform
from etcd_operator.simulation.prediction import Entry, PredictedStep, Prediction, Wait
from etcd_operator.simulation.second_disks import name_log
from etcd_operator.simulation.snapshots import name_volume
from etcd_operator.simulation.take_over import say_resolver, source_steps
from etcd_operator.simulation.world import State

MOST_PASSES: Final = 400
MOST_EVENTS: Final = 2000
# The longest that is waited at once for what only time changes: the delay of a replacement.
PATIENCE: Final = timedelta(hours=1)


ASSUMED: Final = (
    "New Pods start and become Ready, new disks are bound, and nothing else fails meanwhile.",
    "Every disk holds the data of the member that etcd lists for it.",
)
MIXED: Final = (
    "Pods of an earlier template are made anew: whether the changed spec is the one that they were "
    "made from, only Kubernetes knows."
)
ISSUER: Final = (
    "A change of who signs certificates goes on when cert-manager has issued, and when clients had "
    "time to load their Secret: what comes then, such as the restart of each member, is not shown."
)
RESTORED: Final = (
    "The backup is usable, and the Jobs of the EtcdRestore fill a new disk for each member: their "
    "time comes on top."
)


def predict(snapshot: Snapshot, change: Change = NO_CHANGE) -> Prediction:
    """Return what the operator does for this snapshot after a change, until it rests.

    Raises ChangeError for what no preview can begin with.
    """
    if ANNOTATION_RECORD in snapshot.cluster.annotations:
        raise ChangeError(
            "A preview cannot begin in the middle of a restore in place: wait until the "
            "EtcdRestore has ended, or has been undone."
        )
    snapshot = request(snapshot, change)
    specs: tuple[EtcdClusterSpec, ...] = (snapshot.cluster.spec,)
    if change.cluster is not None:
        specs = (*specs, change.cluster.spec)
    simulation = Simulation(Origin(snapshot, specs), change)
    return simulation.run()


@dataclass(slots=True)
class Simulation:
    """One run from an observed cluster to its rest."""

    origin: Origin
    change: Change
    entries: list[Entry] = field(default_factory=list)
    passes: int = 0
    waited: float = 0.0
    ended: dict[str, None] = field(default_factory=dict)
    _last: Snapshot | None = None
    _visited: list[State] = field(default_factory=list)

    def run(self) -> Prediction:
        """Make passes until nothing happens any more, or a bound is reached."""
        try:
            return self._follow(self._begin())
        except etcd.Unsafe as error:
            return replace(self._end("unsafe", None), sentence=f"In the model, {error}.")

    def _follow(self, state: State) -> Prediction:
        for _ in range(MOST_EVENTS):
            self._note_ended(state)
            if state.cluster is None:
                return self._end("gone", None)
            planned = self._plan(state)
            self._last = planned.snapshot
            following, stopped = self._pass(state, planned)
            if stopped or self.passes >= MOST_PASSES:
                return self._end(stopped or "bound", planned.plan.decision, stopped)
            if following is None:
                following = self._happen(state) or self._wait(state, planned)
            if following is None:
                return self._end(_judge(planned.plan.decision), planned.plan.decision)
            state = following
        return self._end("bound", None)

    def _begin(self) -> State:
        state = adopt(self.origin)
        cluster = state.cluster
        assert cluster is not None
        changed = cluster._replace(
            spec=len(self.origin.specs) - 1, deleting=cluster.deleting or self.change.deleted
        )
        state = kubernetes.catch_up(state._replace(cluster=changed))
        if self.change.deleted and not cluster.finalizer:
            return state._replace(cluster=None)
        return state

    def _plan(self, state: State) -> Planned:
        seen = see(state, looked_up=True)
        assert seen is not None
        snapshot = see_real(seen, state, self.origin)
        if self.change.cluster is not None:
            flawed = replace(snapshot.cluster, flaws=self.change.cluster.flaws)
            snapshot = replace(snapshot, cluster=flawed)
        return Planned(seen, self.origin.specs, snapshot, handle_real)

    def _pass(self, state: State, planned: Planned) -> tuple[State | None, str]:
        """Return the state after a pass that did something, else None; and why it cannot go on."""
        if not planned.judged_actions:
            return self._report(state, planned, []), ""
        if state in self._visited:
            return None, "cycle"
        self._visited.append(state)
        self.passes += 1
        done: list[JudgedAction] = []
        before = state
        for judged in planned.judged_actions:
            after, error = (state, judged.veto) if judged.veto else perform(state, judged)
            if error is not None and not judged.veto and after == state:
                break  # etcd or Kubernetes says: not yet
            self.entries.append(self._describe(planned, judged))
            if judged.veto:
                return None, "vetoed"
            done.append(judged)
            state = after
        moved = self._report(state, planned, done) or state
        return (moved if moved != before else None), ""

    def _report(self, state: State, planned: Planned, done: list[JudgedAction]) -> State | None:
        """Write the status; None if it says the same."""
        ended = end_pass(state, planned, done)
        status = planned.reported
        assert status is not None, "it is planned for a real cluster"
        if ended.beyond.status != status:
            ended = ended._replace(beyond=replace(ended.beyond, status=status))
        same = ended._replace(beyond=state.beyond) == state
        return None if same and not done else ended

    def _describe(self, planned: Planned, judged: JudgedAction) -> PredictedStep:
        name = self.origin.snapshot.naming.name
        action, decision = judged.action, planned.plan.decision
        said = _name(action, self.origin.snapshot).event(name)
        return PredictedStep(
            self.passes,
            planned.plan.rule,
            decision.reason.name,
            type(action).__name__,
            said.sentence,
            said.ahead,
            judged.veto or "",
            _find_pod(action, name),
            _find_disk(action, name),
        )

    def _happen(self, state: State) -> State | None:
        """The next thing that happens in Kubernetes or etcd."""
        for _, following in _environment(_read_newest(state)):
            if following != state:
                return following
        return None

    def _note_ended(self, state: State) -> None:
        for pod in self.origin.snapshot.pods:
            now = state.pods[pod.ordinal] if pod.ordinal >= 0 else None
            ends = now is None or now.uid != FIRST_UID or now.deleting
            if pod.ordinal >= 0 and ends and not pod.deleting:
                self.ended[pod.name] = None

    def _wait(self, state: State, planned: Planned) -> State | None:
        """Let time pass, where that changes what the operator does."""
        decision, observed = planned.plan.decision, planned.snapshot
        overlaps = bool(find_replaced(observed))
        rests = decision.settled or decision.requeue_after is None
        if decision.blocked or (rests and not overlaps):
            return None
        delay = self.origin.specs[-1].recovery.member_replacement_delay.length
        reason, sentence = decision.reason.name, decision.message
        if overlaps:
            delay, reason = ca_overlap(observed), verdicts.CA_CHANGING.name
            sentence = f"Clients load ca.crt and their certificates anew within {delay}: caOverlap."
        jump = max(PATIENCE, delay)
        if observed.take_over and observed.take_over.away:  # what is longer ago counts for nothing
            jump = timedelta(seconds=PATIENCE_SECONDS)
        waited = _let_pass(state, jump)
        if not self._plan(waited).judged_actions:
            return None
        seconds = self._find_delay(state, jump)
        self.entries.append(Wait(self.passes, planned.plan.rule, reason, sentence, seconds))
        self.waited += seconds
        return waited

    def _find_delay(self, state: State, longest: timedelta) -> float:
        """Seconds after which the operator does something, to the second: part may have passed."""
        low, high = 0, math.ceil(longest.total_seconds())
        while high - low > 1:
            middle = (low + high) // 2
            if self._plan(_let_pass(state, timedelta(seconds=middle))).judged_actions:
                high = middle
            else:
                low = middle
        return float(high)

    def _end(self, ends: str, decision: Decision | None, cause: str = "") -> Prediction:
        sentence = decision.message if decision else "The EtcdCluster is gone."
        if cause == "cycle":
            sentence = f"The same steps come again and again: {sentence}"
        if ends == "bound":
            sentence = f"It did not come to rest within {MOST_PASSES} passes."
        return Prediction(
            tuple(self.entries),
            ends,
            decision.reason.name if decision else "",
            sentence,
            self._estimate(),
            tuple(self.ended),
            self._assume(),
            self._warn(ends),
        )

    def _assume(self) -> tuple[str, ...]:
        """What is taken to be so."""
        observed, changed = self.origin.snapshot, self.change.cluster is not None
        live = observed.statefulset
        newest = (live.body.get("status") or {}).get("updateRevision") if live else None
        mixed = changed and any(pod.revision != newest for pod in observed.pods)
        finds = (find_change, find_exchange, find_peer_change)
        on_the_way = bool(self._last and any(find(self._last) for find in finds))
        others = {MIXED: mixed, RESTORED: self.change.restored, ISSUER: on_the_way}
        said = [sentence for sentence, is_so in others.items() if is_so]
        resolver = say_resolver(observed, self.origin.specs[-1])
        return (*ASSUMED, *said, *([resolver] if resolver else []))

    def _warn(self, ends: str) -> tuple[str, ...]:
        """What the operator says of the spec then, as the condition SpecWarning.

        And of a user's own certificate, as CertificatesValid: it is waited for, and nothing else.
        """
        if self._last is None or ends == "gone" or self._last.cluster.flaws:
            return ()
        problem = None if issuer_of(self._last.cluster.spec) else find_users_problem(self._last)
        warnings = [warning.message for warning in find_spec_warnings(self._last)]
        return (*([problem] if problem else []), *warnings)

    def _estimate(self) -> float:
        kinds = []
        steps = [each for each in self.entries if isinstance(each, PredictedStep)]
        for step in steps:
            stops = step.action == "DeleteObject" and step.pod
            kinds.append("DeletePod" if stops else step.action)
        if any("StatefulSet" in step.sentence and "Created" in step.sentence for step in steps):
            kinds.append("Start")
        return estimate(kinds, waits=self.waited, one_learner=self.origin.specs[-1].minor < (3, 6))


def _let_pass(state: State, span: timedelta) -> State:
    """Return the state with nothing but the time changed."""
    return state._replace(beyond=replace(state.beyond, now=state.beyond.now + span))


def _judge(decision: Decision) -> str:
    if decision.settled:
        return "settled"
    return "person" if decision.blocked else "waiting"


def _environment(state: State) -> Iterator[tuple[str, State]]:
    """What Kubernetes, an EtcdRestore and etcd do by themselves."""
    yield from kubernetes.kubernetes_steps(state)
    yield from replacing.restore_steps(state)
    yield from replacing.return_steps(state)
    yield from source_steps(state)
    yield from etcd.process_steps(state)


def _read_newest(state: State) -> State:
    """Let every process read the newest version of its file."""
    pods = tuple(pod and pod._replace(mounts=pod.mounts[-1:]) for pod in state.pods)
    return state._replace(pods=pods)


def _name(action: Action, observed: Snapshot) -> Action:
    """Return the action with names as Kubernetes has them; it has yet to name a new revision."""
    if isinstance(action, SetPodRevision):
        return replace(action, revision="(not known yet)")
    if not isinstance(action, VolumeAction):
        return action
    ordinal = ordinal_of_claim(action.name, observed.naming.name)
    named = (each.volume for each in observed.claims if each.name == action.name)
    first = name_volume(ordinal or 0, 0)
    was_there = action.volume in (first, name_log(first))
    return replace(action, volume=next(named, action.volume)) if was_there else action


def _find_pod(action: Action, cluster: str) -> str:
    match action:
        case EvictPod(name=name) | DeleteObject(kind="Pod", name=name):
            return name if ordinal_of_pod(name, cluster) is not None else ""
        case _:
            return ""


def _find_disk(action: Action, cluster: str) -> str:
    match action:
        case QuarantineDisk(volume=""):
            return ""  # there is nothing that stays
        case (
            QuarantineDisk(name=name)
            | RebindVolume(name=name)
            | RestoreReclaimPolicy(name=name)
            | DeleteObject(kind="PersistentVolumeClaim", name=name)
        ):
            return name if ordinal_of_claim(name, cluster) is not None else ""
        case _:
            return ""
