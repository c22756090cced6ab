"""Stop before doing anything: a spec that cannot be, things of somebody else, a pause.

The members that run are left exactly as they are, and everything heals by itself when the cause
is gone: no state here is terminal.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.api.validation import find_problems
from etcd_operator.core.actions import SetFinalizer
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.lifecycle.edited_records import find_unreadable
from etcd_operator.core.lifecycle.orphans import is_made_for
from etcd_operator.core.model.addresses import wanted_services
from etcd_operator.core.model.aliases import is_own_name
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import FINALIZER, ordinal_of_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.wording import agree, say_foreign, them


def _phase_when_stopped(snapshot: Snapshot) -> Phase:
    """A cluster that serves stays what it was; one that cannot be created has failed, for now."""
    before = snapshot.cluster.status.phase
    return before if before and _has_identity(snapshot) else Phase.FAILED


def _has_identity(snapshot: Snapshot) -> bool:
    return snapshot.recorded_cluster_id is not None


def refuse_invalid_spec(snapshot: Snapshot) -> Decision | None:
    """Change nothing for a spec that cannot be carried out; say which field and why."""
    problems = find_problems(snapshot.cluster)
    if not problems:
        return None
    return Decision(
        reason=attention.INVALID_SPEC,
        message=" ".join(problem.sentence for problem in problems),
        phase=_phase_when_stopped(snapshot),
        corrects_objects=False,
    )


def pause(snapshot: Snapshot) -> Decision | None:
    """Leave everything as it is while the user says so; status goes on."""
    if not snapshot.spec.paused:
        return None
    return Decision(
        reason=attention.PAUSED,
        message="Nothing is changed while spec.paused is true.",
        phase=snapshot.cluster.status.phase or Phase.CREATING,
        corrects_objects=False,
    )


def add_finalizer(snapshot: Snapshot) -> Decision | None:
    """Put the finalizer on before anything is created, so that nothing can be left behind."""
    cluster = snapshot.cluster
    if FINALIZER in cluster.finalizers:
        return None
    return Decision(
        reason=routine.ADDING_FINALIZER,
        message="Adding the finalizer.",
        phase=cluster.status.phase or Phase.CREATING,
        actions=(SetFinalizer(True, cluster.uid, cluster.resource_version),),
        corrects_objects=False,
    )


def refuse_foreign_objects(snapshot: Snapshot) -> Decision | None:
    """Never touch an object of our names that belongs to somebody else."""
    uid = snapshot.naming.uid
    foreign = [
        child
        for child in snapshot.children.values()
        if child.owner_uid != uid and not child.deleting and _is_wanted(child, snapshot)
    ]
    if not foreign:
        return None
    return Decision(
        reason=attention.NAME_TAKEN,
        message=_explain_foreign(foreign, snapshot),
        phase=_phase_when_stopped(snapshot),
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def _explain_foreign(foreign: list[Child], snapshot: Snapshot) -> str:
    titles = [f"{child.kind} {child.name}" for child in foreign]
    names, these = ", ".join(titles), them(len(titles))
    if any(child.owner_uid or not child.labelled for child in foreign):
        return f"{say_foreign(titles)}: delete {these} or choose another name for the cluster."
    was = agree(len(titles), "were")
    if all(is_made_for(child, snapshot) for child in foreign):
        return (
            f"{names} {was} made for this EtcdCluster, and somebody took the ownerReference off. "
            f"Put it back, with uid {snapshot.naming.uid}, or delete {these} with "
            "--cascade=orphan: what is deleted is made anew, and no member restarts."
        )
    return (
        f"{names} {was} left by an EtcdCluster of this name that was deleted with "
        "--cascade=orphan. Nothing of it is taken over: back up what its members hold and delete "
        f"{these}, or choose another name for the cluster."
    )


def _is_wanted(child: Child, snapshot: Snapshot) -> bool:
    """What somebody else has is no obstacle where we want none of that kind and name."""
    if child.kind == "NetworkPolicy":
        return snapshot.spec.network_rules is not None
    if child.kind == "Service":
        ordinal = ordinal_of_pod(child.name, snapshot.naming.name)
        # An alias waits until its name is free.
        wanted = ordinal is None or ordinal in wanted_services(snapshot)
        return is_own_name(snapshot, child.name) and wanted
    return child.kind != "Certificate" or issuer_of(snapshot.spec) is not None


def refuse_unreadable_records(snapshot: Snapshot) -> Decision | None:
    """Change nothing while a record of the operator was edited to what nobody can read."""
    found = find_unreadable(snapshot)
    if not found:
        return None
    return Decision(
        reason=attention.RECORD_UNREADABLE,
        message=" ".join(one.sentence for one in found),
        phase=_phase_when_stopped(snapshot),
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def refuse_foreign_disks(snapshot: Snapshot) -> Decision | None:
    """Never start a member on the disk of an earlier cluster of the same name."""
    if _has_identity(snapshot) or snapshot.statefulset is not None:
        return None
    uid = snapshot.naming.uid
    foreign = [claim.name for claim in snapshot.claims if claim.owner_uid != uid]
    foreign += snapshot.unlabelled_claims or ()
    if not foreign:
        return None
    leaving = not snapshot.unlabelled_claims and all(
        claim.deleting for claim in snapshot.claims if claim.owner_uid != uid
    )
    if leaving:
        remedy = "They are being deleted; the cluster is created when they are gone."
    else:
        remedy = "Delete them if their data is not needed, or choose another name for the cluster."
    return Decision(
        reason=attention.DATA_FROM_EARLIER_CLUSTER,
        message=(
            f"PersistentVolumeClaim {', '.join(sorted(foreign))} {agree(len(foreign), 'hold')} "
            f"data of an earlier cluster of this name. {remedy}"
        ),
        phase=Phase.CREATING if leaving else Phase.FAILED,
        requeue_after=1.0,
        corrects_objects=False,
        passing=leaving,
    )


def refuse_other_cluster(snapshot: Snapshot) -> Decision | None:
    """Do nothing to members that say they belong to a cluster with another ID."""
    recorded = snapshot.recorded_cluster_id
    live = snapshot.membership
    if recorded is None or live is None or live.cluster_id == recorded:
        return None
    return Decision(
        reason=attention.CLUSTER_ID_MISMATCH,
        message=(
            f"The members say their cluster ID is {format_id(live.cluster_id)}, but this cluster's "
            f"is {format_id(recorded)}: nothing is changed until a person has looked at it."
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )
