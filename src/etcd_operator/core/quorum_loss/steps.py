"""What is done at the stages of a recovery from a lost quorum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, ApplyObject, QuarantineDisk
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.live_objects import Claim, Pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.corrections import find_wrong
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.quorum_loss.approval import find_recovered, find_request, spent_approvals
from etcd_operator.core.quorum_loss.kept import (
    Refusal,
    choose_kept,
    find_refusal,
    find_untold,
    name_members,
)
from etcd_operator.core.quorum_loss.record import Recovery, Stage
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.stop_pod import stop_pod
from etcd_operator.core.rollout.versions import next_record

WHY: Final = "quorum was lost, and the cluster is recovered from one member"


@dataclass(frozen=True, slots=True)
class Recovering:
    """The snapshot, and the record of the recovery that is under way, if one is."""

    snapshot: Snapshot
    record: Recovery | None

    @property
    def stage(self) -> Stage | None:
        """How far it is; None if none is under way."""
        return self.record.stage if self.record else None

    @property
    def recovery(self) -> Recovery:
        """The record, at a stage that has one; before that, as it is to be written first."""
        recovery = self.record or begin_record(self.snapshot)
        if recovery is None:
            raise ValueError("no recovery is under way")
        return recovery


def begin_record(snapshot: Snapshot) -> Recovery | None:
    """The first record: the most advanced member, what it has, and the approval."""
    request, kept = find_request(snapshot), choose_kept(snapshot)
    if request is None or kept is None:
        return None
    seat, progress = kept
    return Recovery(seat.ordinal, progress.member_id, progress.revision, request, Stage.ISOLATE)


# What is done


def refuse(view: Recovering) -> Decision:
    """The status says why the approval is not carried out."""
    request = find_request(view.snapshot) or ""
    refusal = find_refusal(view.snapshot, request) or Refusal("", OUTSIDE_CHANGE)
    return Decision(
        reason=attention.RECOVERY_REFUSED,
        message=f"spec.recovery.quorumLoss is not carried out: {refusal.why}.",
        phase=Phase.FAILED,
        requeue_after=refusal.requeue_after,
    )


def begin(view: Recovering) -> Decision:
    """Nothing but the record of the next stage."""
    others = find_untold(view.snapshot)
    unknown = (
        f"The last state of {name_members(view.snapshot, others)} is unknown." if others else ""
    )
    return step(view, waits=unknown)


def go_on(view: Recovering) -> Decision:
    """Nothing but the record of what follows."""
    return step(view)


def call_off(view: Recovering) -> Decision:
    """The usual rules go on."""
    return step(view, waits="The majority came back.")


def choose_again(view: Recovering) -> Decision:
    """Another member is chosen."""
    return step(view, waits="Its disk is lost: another one.")


def isolate(view: Recovering) -> Decision:
    """The StatefulSet runs the kept ordinal only."""
    others = find_other_pods(view)
    names = ", ".join(pod.name for pod in others)
    nodes = ", ".join(sorted({pod.node for pod in others if pod.deleting and pod.node}))
    waits = f"Waiting for Pods {names} to end; if {nodes} is gone, delete that Node."
    return step(view, run_alone(view), waits if nodes else "")


def await_kept(view: Recovering) -> Decision:
    """The kept member is waited for."""
    return step(view, waits="Waiting for it to run.")


def set_aside(view: Recovering) -> Decision:
    """The claims of the others are deleted, their volumes stay."""
    actions = tuple(
        QuarantineDisk(claim.name, claim.uid, claim.volume)
        for claim in find_other_claims(view)
        if not claim.deleting
    )
    return step(view, actions)


def force(view: Recovering) -> Decision:
    """The kept member starts with a file that says `force-new-cluster`."""
    return step(view, run_alone(view) or _restart(view, forced=True))


def settle(view: Recovering) -> Decision:
    """The kept member starts once more, with the usual file."""
    return step(view, run_alone(view) or _restart(view, forced=False))


def give_up(view: Recovering) -> Decision:
    """The status says that only a backup, or a volume that was set aside, can help."""
    name = view.snapshot.naming.member(view.recovery.ordinal)
    return Decision(
        reason=attention.RECOVERY_FAILED,
        message=(
            f"The disk of {name}, which was to be kept, is lost as well. The volumes of the others "
            "were set aside; restore a backup into a new cluster, or one of them by hand."
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def step(view: Recovering, actions: tuple[Action, ...] = (), waits: str = "") -> Decision:
    """One step, with what it waits for; no object is corrected beside it."""
    recovery = view.recovery
    name = view.snapshot.naming.member(recovery.ordinal)
    return Decision(
        reason=routine.RECOVERING_QUORUM,
        message=f"Recovering from {name} at revision {recovery.revision}. {waits}".strip(),
        phase=Phase.FAILED,
        actions=actions,
        requeue_after=POD_START,
        corrects_objects=False,
    )


# What stages share


def find_other_pods(view: Recovering) -> list[Pod]:
    """The Pods of all but the kept member."""
    return [pod for pod in view.snapshot.pods if pod.ordinal != view.recovery.ordinal]


def find_other_claims(view: Recovering) -> list[Claim]:
    """The claims of all but the kept member."""
    return [claim for claim in view.snapshot.claims if claim.ordinal != view.recovery.ordinal]


def run_alone(view: Recovering) -> tuple[Action, ...]:
    """Let the StatefulSet run the kept ordinal only, in the way that the stage calls for."""
    snapshot = view.snapshot
    live, layout = snapshot.statefulset, lay_out_recovery(snapshot, view.recovery)
    spec, naming, trust = snapshot.rendered_spec, snapshot.naming, ",".join(all_trust(snapshot))
    manifest = render_statefulset(spec, naming, layout, live.body if live else None, trust)
    if live is not None and (live.deleting or not find_wrong(snapshot, manifest, live)):
        return ()
    uid, version = (live.uid, live.resource_version) if live else ("", "")
    return (ApplyObject("StatefulSet", naming.statefulset, uid, version, WHY, manifest),)


def _restart(view: Recovering, *, forced: bool) -> tuple[Action, ...]:
    """Have the kept member's Pod made anew, unless it is from the right template."""
    pod = view.snapshot.seat(view.recovery.ordinal).pod
    if pod is None or pod.deleting or pod.forced == forced:
        return ()
    return (stop_pod(pod, WHY),)


def lay_out_recovery(snapshot: Snapshot, recovery: Recovery | None) -> Layout:
    """Every gate is closed; who is kept has data and needs none."""
    recorded = [claim.ordinal for claim in snapshot.claims]
    highest = max([*recorded, recovery.ordinal if recovery else 0]) + 1
    return Layout(
        gates=(Gate.CLOSED,) * highest,
        listed=tuple(sorted(set(recorded))),
        replicas=1 if recovery else highest,
        cluster_id=snapshot.recorded_cluster_id,
        bootstrap=None,
        recovery=recovery,
        recovered=" ".join(find_recovered(snapshot)).strip(),
        spent=spent_approvals(snapshot),
        version=next_record(snapshot),
        announced=snapshot.announced,
    )
