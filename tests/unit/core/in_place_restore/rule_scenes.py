"""Scenes of a restore in place in which a rule decides: every row of the table is among them."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.api.cluster import Phase
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, Stage
from etcd_operator.core.in_place_restore.rule import release_old_disks, restore_in_place
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import Fires, flags
from tests.builders.in_place_restore import (
    DONE,
    VOLUMES,
    at,
    before,
    fresh,
    serving,
    started,
    stopped,
    wished,
    with_disks,
)
from tests.builders.snapshots import (
    NOW,
    change_claim,
    claim,
    outdated,
    pod,
    silent,
    with_status,
    without_child,
)

SAYS = "Restoring a backup in place"
UNDOING = "Undoing the restore in place: "
QUIET = flags("no corrections")


def with_gate_of(other: Snapshot, snapshot: Snapshot) -> Snapshot:
    """The ConfigMap is what it was there."""
    key = ("ConfigMap", "db-config")
    return replace(snapshot, children={**snapshot.children, key: other.children[key]})


def fires(title: str, scene: Snapshot, says: str, *actions: str) -> Fires:
    """A row about a step."""
    message = says if says.startswith(UNDOING) else f"{SAYS}: {says}" if says else f"{SAYS}."
    return Fires(
        title, restore_in_place, scene, routine.RESTORING, message, Phase.RESTORING, actions, QUIET
    )


FIRES = (
    fires(
        "it is wished for: whose disks they are is recorded", wished(before()), "", "record keep"
    ),
    fires(
        "nobody needs a quorum for it",
        wished(replace(silent(before(), 1, 2))),
        "",
        "record keep",
    ),
    fires(
        "the volumes are told to stay while the members serve",
        at(Stage.KEEP, before()),
        "setting the reclaim policy of its volumes to Retain.",
        "keep v-0",
        "keep v-1",
        "keep v-2",
        "record stop",
    ),
    fires(
        "what lost its volume cannot be kept",
        at(Stage.KEEP, change_claim(before(), 2, lost=True)),
        "setting the reclaim policy of its volumes to Retain.",
        "keep v-0",
        "keep v-1",
        "record stop",
    ),
    fires(
        "all members stop at once",
        at(Stage.STOP, before()),
        "stopping the members.",
        "apply StatefulSet db",
    ),
    fires(
        "Pods without a StatefulSet are stopped one by one",
        at(Stage.STOP, without_child(before(), "StatefulSet", "db")),
        "stopping the members.",
        "delete Pod db-0",
        "delete Pod db-1",
        "delete Pod db-2",
    ),
    fires(
        "a Pod that does not end is named",
        replace(
            stopped(),
            pods=(pod(1, deleting=True, ends_by=NOW.replace(year=2025), node="n1"),),
        ),
        "stopping the members. Waiting for Pods db-1 to end; if Node n1 is gone, delete it.",
    ),
    fires(
        "a disk that has appeared meanwhile is kept too",
        at(
            Stage.STOP,
            replace(before(), claims=(*before().claims, claim(3, volume="v-3"))),
        ),
        "",
        "record keep",
    ),
    fires("the Pods are gone: that is recorded", stopped(), "", "record set-aside"),
    fires(
        "disks are looked up before they count as all",
        replace(stopped(), unlabelled_claims=None),
        "the members have stopped.",
    ),
    fires(
        "then the claims go",
        at(Stage.SET_ASIDE, stopped()),
        "deleting the claims of before, whose volumes are kept.",
        "quarantine data-db-0",
        "quarantine data-db-1",
        "quarantine data-db-2",
    ),
    fires(
        "a claim that appears late is recorded first",
        at(Stage.SET_ASIDE, replace(stopped(), claims=(claim(3, volume="v-3"),))),
        "",
        "record set-aside",
    ),
    fires(
        "they are gone: fresh ones may be made",
        at(Stage.SET_ASIDE, replace(stopped(), claims=())),
        "",
        "record fill",
    ),
    fires("the EtcdRestore fills them", fresh(), "waiting for the EtcdRestore to fill 3 disks."),
    fires("they are filled", at(Stage.FILL, fresh(), DONE), "", "record start"),
    replace(
        fires(
            "a quorum answers: whose cluster it is is recorded, and nothing else is done",
            outdated(started(undone=True), 2),
            "the members serve; recording their cluster ID.",
            "apply ConfigMap db-config",
            "apply StatefulSet db",
        ),
        flags=frozenset(),
    ),
    fires(
        "a quorum answers: from here on there is no way back",
        with_status(started(undone=True), clusterID="e11"),
        "",
        "record serve",
    ),
    fires(
        "undone while the members run",
        at(Stage.STOP, before(), undone=True),
        UNDOING + "no claim was deleted.",
        "release v-0",
        "release v-1",
        "release v-2",
        "record undone",
    ),
    fires(
        "undone before a member stops",
        at(Stage.KEEP, before(), undone=True),
        UNDOING + "no claim was deleted.",
        "release v-0",
        "release v-1",
        "release v-2",
        "record undone",
    ),
    *(
        fires(
            f"a claim is being deleted at the stage {stage.value}",
            at(stage, change_claim(before(), 1, deleting=True)),
            UNDOING + "waiting for a claim that is being deleted.",
            "release v-0",
            "release v-2",
            "record undone",
        )
        for stage in (Stage.KEEP, Stage.STOP)
    ),
    *(
        fires(
            f"members were started by a StatefulSet of before at the stage {stage.value}",
            at(stage, before(), undone=stage is Stage.PUT_BACK),
            "stopping the members.",
            "apply StatefulSet db",
        )
        for stage in (Stage.SET_ASIDE, Stage.FILL, Stage.PUT_BACK)
    ),
    fires(
        "undone when the disks go",
        at(Stage.SET_ASIDE, stopped(), undone=True),
        "",
        "record put-back",
    ),
    fires("undone while disks are filled", fresh(undone=True), "", "record put-back"),
    fires(
        "undone before the members see each other",
        started(undone=True, led=False),
        "",
        "record withdraw",
    ),
    fires(
        "undone too late after all",
        at(Stage.WITHDRAW, started(), DONE, undone=True),
        "",
        "record start",
    ),
    fires(
        "what was started stops",
        at(Stage.WITHDRAW, started(led=False), undone=True),
        UNDOING + "stopping the members.",
        "apply StatefulSet db",
    ),
    fires(
        "what was started is set aside as well",
        fresh(Stage.WITHDRAW, undone=True),
        UNDOING + "deleting the restored claims, whose volumes are kept.",
        "quarantine data-db-0",
        "quarantine data-db-1",
        "quarantine data-db-2",
    ),
    fires(
        "nothing of it is left",
        replace(fresh(Stage.WITHDRAW, undone=True), claims=()),
        "",
        "record put-back",
    ),
    fires(
        "what was never started is deleted",
        with_disks(fresh(Stage.PUT_BACK, undone=True), "v-0", "n-1"),
        UNDOING + "deleting the restored disks.",
        "delete PersistentVolumeClaim data-db-1",
    ),
    fires(
        "the old volumes get claims",
        with_disks(fresh(Stage.PUT_BACK, undone=True), "v-0"),
        UNDOING + "binding the volumes of before again.",
        "put v-1 back as data-db-1",
        "put v-2 back as data-db-2",
    ),
    fires(
        "a claim that is being deleted is waited for",
        change_claim(with_disks(fresh(Stage.PUT_BACK, undone=True), *VOLUMES), 2, deleting=True),
        UNDOING + "binding the volumes of before again.",
    ),
    fires(
        "who they are is written again",
        with_gate_of(serving(), with_disks(fresh(Stage.PUT_BACK, undone=True), *VOLUMES)),
        UNDOING + "the volumes of before are bound.",
        "apply ConfigMap db-config",
    ),
    fires(
        "it is undone",
        with_disks(fresh(Stage.PUT_BACK, undone=True), *VOLUMES),
        UNDOING + "starting the members of before.",
        "release v-0",
        "release v-1",
        "release v-2",
        "record undone",
    ),
    Fires(
        "somebody has edited the record",
        restore_in_place,
        wished(before(), {ANNOTATION_RECORD: '{"stage":"home"}'}),
        attention.RESTORE_UNREADABLE,
        "The annotation etcd.etcd.io/replacement was edited and cannot be read: put back what it "
        "was. PersistentVolumes with etcd.etcd.io/quarantined-from hold the earlier data.",
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "every member serves: the old volumes go",
        release_old_disks,
        serving(),
        routine.RESTORED_IN_PLACE,
        "Every member of the restored cluster serves: restoring the reclaim policy of the volumes "
        "of before.",
        Phase.RESTORING,
        ("release v-0", "release v-1", "release v-2", "record over"),
    ),
)
