"""The Event of every action: its registered reason and its sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from etcd_operator.api.quantity import Quantity
from etcd_operator.api.release import Version
from etcd_operator.core.actions import (
    Action,
    ActionEvent,
    AddLearner,
    ApplyObject,
    ChangeAuth,
    ChangeClaimAttributes,
    Compact,
    CopyCertificate,
    CreatePasswordSecret,
    Defragment,
    DeleteObject,
    DisarmAlarm,
    EndMirror,
    EvictPod,
    IssueAuthority,
    IssueCertificate,
    LabelPod,
    MoveLeader,
    PassLeadership,
    PromoteMember,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RemoveMember,
    RemoveSourceMember,
    RequestBackup,
    ResizeClaim,
    ResizePod,
    RestoreReclaimPolicy,
    RetainVolume,
    ScaleSource,
    SetDowngrade,
    SetFinalizer,
    SetPodRevision,
    ShareTrust,
    StartMirror,
    StopMirror,
    UpdateMember,
    WriteConnection,
)
from etcd_operator.core.auth.state import Change, Grant, PasswordSecret, Step
from etcd_operator.core.certificates.state import Leaf
from etcd_operator.core.connections.state import Connection
from etcd_operator.core.in_place_restore.record import RestoreRecord, Stage
from etcd_operator.core.reasons import events
from etcd_operator.core.reasons.reason import Reason

UID, VERSION, CLUSTER = "u", "7", 0xC
WHY = "the spec changed"
RESTORE = RestoreRecord(Stage.STOP, "r", CLUSTER, 3, (0, 1, 2), (), Version("v3.6.1"))
LEAF = Leaf("db-client-tls", "db-client-ca", "db", ())
APPLY = ApplyObject("Service", "db", "", "", WHY, {})
PASSWORD = PasswordSecret("ann-password", UID, VERSION)
CONNECTION = Connection("db-connection", "", "host", "uri", ())
GRANTED = Change(Step.GRANT, "app", grant=Grant("READWRITE", b"/app/", b"/app0"))

ROWS: tuple[tuple[Any, Reason, str], ...] = (
    (ScaleSource("old", UID, VERSION, 2, CLUSTER), events.SOURCE_SCALED,
     "Scaled StatefulSet old to 2: db takes it over."),
    (RemoveSourceMember("old-2", 2, 0xB2, CLUSTER), events.MEMBER_REMOVED,
     "Removed member old-2 (b2): db took it over."),
    (PassLeadership("old-0", 0xB0, "db-1", 0xA1, CLUSTER), events.LEADER_MOVED,
     "Moved leadership from old-0 to db-1."),
    (StartMirror("db-1f", "c/7", WHY, CLUSTER, {}), events.MIRROR_STARTED,
     "Created Job db-1f: the spec changed."),
    (StopMirror("db-1f", UID, WHY), events.MIRROR_STOPPED, "Deleted Job db-1f: the spec changed."),
    (EndMirror(7, CLUSTER), events.MIRROR_ENDED,
     "The mirror is over: 7 keys of db were as in the source. Its progress is deleted."),
    (SetFinalizer(True, UID, VERSION), events.FINALIZER_ADDED,
     "Added the finalizer to EtcdCluster db."),
    (SetFinalizer(False, UID, VERSION), events.FINALIZER_REMOVED,
     "Removed the finalizer from EtcdCluster db."),
    (SetFinalizer(False, UID, VERSION, WHY), events.FINALIZER_REMOVED,
     "Removed the finalizer from EtcdCluster db: the spec changed."),
    (RecordRestore(RESTORE, UID, VERSION), events.RESTORE_STAGE,
     f"The in-place restore of EtcdCluster db entered the stage {Stage.STOP.value}."),
    (RecordRestore(None, UID, VERSION), events.RESTORE_ENDED,
     "The in-place restore of EtcdCluster db is complete: every member serves."),
    (RecordRestore(None, UID, VERSION, undone=True), events.RESTORE_ENDED,
     "The in-place restore of EtcdCluster db was undone."),
    (APPLY, events.CREATED["Service"], "Created Service db: the spec changed."),
    (replace(APPLY, uid=UID), events.UPDATED["Service"], "Updated Service db: the spec changed."),
    (DeleteObject("Pod", "db-1", UID, WHY), events.DELETED["Pod"],
     "Deleted Pod db-1: the spec changed."),
    (DeleteObject("Pod", "db-1", UID, WHY, grace_seconds=1), events.DELETED["Pod"],
     "Deleted Pod db-1: the spec changed."),
    (DeleteObject("Pod", "db-1", UID, WHY, grace_seconds=0), events.DELETED["Pod"],
     "Force-deleted Pod db-1: the spec changed."),
    (EvictPod("db-1", UID, WHY), events.EVICTED_POD, "Evicted Pod db-1: the spec changed."),
    (ResizePod("db-1", UID, VERSION, "hash", datetime(2026, 1, 1, tzinfo=UTC), {}),
     events.POD_RESIZED, "Asked for other CPU and memory of Pod db-1, without a restart."),
    (SetPodRevision("db-1", UID, VERSION, "db-2"), events.POD_RESIZED,
     "Pod db-1 has the CPU and memory of revision db-2."),
    (LabelPod("db-1", UID, "voter"), events.POD_ROLE, "Labelled Pod db-1 as a voter."),
    (LabelPod("db-1", UID, "leaving"), events.POD_LEAVES_SERVICE,
     "Took Pod db-1 out of Service db-client: it is about to end."),
    (LabelPod("db-1", UID, "", lost=True), events.POD_LABELLED,
     "Restored the labels of Pod db-1 that its StatefulSet selects by."),
    (RequestBackup("db-before", "before it becomes v3.6.1", {}), events.CREATED_ETCD_BACKUP,
     "Created EtcdBackup db-before: before it becomes v3.6.1."),
    (QuarantineDisk("data-db-0", UID, "pvc-1"), events.DISK_SET_ASIDE,
     "Deleted PersistentVolumeClaim data-db-0; kept PersistentVolume pvc-1."),
    (QuarantineDisk("data-db-0", UID, ""), events.DISK_SET_ASIDE,
     "Deleted PersistentVolumeClaim data-db-0; it had no volume to keep."),
    (RetainVolume("data-db-0", UID, "pvc-1"), events.VOLUME_RETAINED,
     "Set the reclaim policy of PersistentVolume pvc-1 (claim data-db-0) to Retain."),
    (RebindVolume("data-db-0", UID, "pvc-1"), events.VOLUME_REBOUND,
     "Created PersistentVolumeClaim data-db-0 again, bound to PersistentVolume pvc-1."),
    (RestoreReclaimPolicy("data-db-0", UID, "pvc-1"), events.RECLAIM_POLICY_RESTORED,
     "Restored the reclaim policy of PersistentVolume pvc-1 (claim data-db-0)."),
    (ResizeClaim("data-db-0", UID, Quantity.parse("20Gi")), events.DISK_RESIZED,
     "Requested 20Gi for PersistentVolumeClaim data-db-0."),
    (ChangeClaimAttributes("data-db-0", UID, "gold"), events.DISK_ATTRIBUTES_CHANGED,
     "Requested VolumeAttributesClass gold for PersistentVolumeClaim data-db-0."),
    (AddLearner(2, "https://db-2", CLUSTER), events.MEMBER_ADDED,
     "Added member db-2 as a learner."),
    (PromoteMember(2, 0xA2, CLUSTER), events.MEMBER_PROMOTED,
     "Promoted learner db-2 (a2) to voter."),
    (RemoveMember(2, 0xA2, CLUSTER), events.MEMBER_REMOVED, "Removed member db-2 (a2)."),
    (UpdateMember(2, 0xA2, ("http://db-2", "https://db-2"), CLUSTER), events.MEMBER_UPDATED,
     "Listed member db-2 (a2) at http://db-2 and https://db-2."),
    (MoveLeader(2, 0xA2, 0, 0xA0, CLUSTER), events.LEADER_MOVED,
     "Moved leadership from db-2 to db-0."),
    (Compact(100, CLUSTER), events.COMPACTED,
     "Compacted the history of keys up to revision 100."),
    (Defragment(1, 0xA1, CLUSTER), events.DEFRAGMENTED, "Defragmented the database of db-1."),
    (DisarmAlarm("NOSPACE", 0xA1, CLUSTER), events.ALARM_DISARMED,
     "Disarmed the alarm NOSPACE of member a1."),
    (SetDowngrade("3.5", CLUSTER), events.DOWNGRADE_ENABLED, "Enabled the etcd downgrade to 3.5."),
    (SetDowngrade("", CLUSTER), events.DOWNGRADE_CANCELED, "Ended the etcd downgrade."),
    (ChangeAuth(GRANTED, CLUSTER), events.AUTH_SYNCED,
     "Granted the role app permission to read and write all keys that begin with '/app/'."),
    (ChangeAuth(Change(Step.TAKE_ROLE, "ann", "app"), CLUSTER), events.AUTH_SYNCED,
     "Revoked the role app from the user ann."),
    (ChangeAuth(Change(Step.ENABLE), CLUSTER), events.AUTH_SYNCED, "Enabled authentication."),
    (ChangeAuth(Change(Step.SET_LOGIN, "ann", secret=PASSWORD), CLUSTER), events.AUTH_SYNCED,
     "Set the password of the user ann to that in Secret ann-password."),
    (ChangeAuth(Change(Step.RECREATE_USER, "ann"), CLUSTER), events.AUTH_SYNCED,
     "Created the user ann anew, without a password."),
    (CreatePasswordSecret("ann-password", "ann"), events.PASSWORD_CREATED,
     "Created Secret ann-password with a random password for user ann."),
    (WriteConnection(CONNECTION, "", "", WHY), events.CONNECTION_WRITTEN,
     "Created the connection Secret db-connection: the spec changed."),
    (WriteConnection(CONNECTION, UID, VERSION, WHY), events.CONNECTION_WRITTEN,
     "Updated the connection Secret db-connection: the spec changed."),
    (IssueAuthority("db-client-ca", "", "", 1, (), WHY), events.CA_ISSUED,
     "Issued the certificate authority in Secret db-client-ca: the spec changed."),
    (IssueCertificate(LEAF, "", "", "", timedelta(days=90), (), WHY), events.CERTIFICATE_ISSUED,
     "Issued the certificate in Secret db-client-tls: the spec changed."),
    (CopyCertificate("db-peer-tls", "", "", ("db-a", "db-b"), (), (), WHY),
     events.CERTIFICATE_ISSUED,
     "Copied the certificates of cert-manager into Secret db-peer-tls: the spec changed."),
    (ShareTrust("db-client-tls", UID, VERSION, (), WHY), events.CA_BUNDLE_UPDATED,
     "Updated ca.crt in Secret db-client-tls: the spec changed."),
)  # fmt: skip


@pytest.mark.parametrize(("action", "reason", "sentence"), ROWS)
def test_an_action_knows_its_event(action: Any, reason: Reason, sentence: str) -> None:
    assert action.event("db") == (reason, sentence)


# What is said alike before and after it is done.
TIMELESS = {"Set", "Pod", "The"}


@pytest.mark.parametrize("sentence", [sentence for _, _, sentence in ROWS])
def test_a_preview_says_what_will_be_done_and_not_that_it_was(sentence: str) -> None:
    ahead = ActionEvent(events.MEMBER_ADDED, sentence).ahead
    first, _, rest = sentence.partition(" ")
    assert (ahead.split()[0] == first) is (first in TIMELESS)
    assert not re.search(r"ed the stage|was undone|; kept|had no", ahead)
    assert ahead.endswith(rest) or first == "The" or "; " in rest


def test_every_action_has_a_row() -> None:
    assert {type(action) for action, _, _ in ROWS} == set(get_args(Action))
