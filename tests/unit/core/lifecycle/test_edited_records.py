"""Records that somebody edited: no pass ends over one, nothing opens, and the status names it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster, parse_time
from etcd_operator.api.release import Version
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, read_record
from etcd_operator.core.lifecycle.edited_records import find_unreadable
from etcd_operator.core.model.numbers import read_identity, read_number, read_ordinals
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import choose_layout, plan
from etcd_operator.core.quorum_loss.approval import find_request
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.report import report
from tests.builders.snapshots import (
    begun,
    change_child,
    formed,
    growing,
    new,
    raw_cluster,
    restoring,
    silent,
    with_cluster,
    with_spec,
    with_status,
    without_child,
)

GATE = ("ConfigMap", "db-config")
SET = ("StatefulSet", "db")
MARK = "etcd.etcd.io/"
HOSTILE = (
    "x", "-1", "+7", "1_000", " 1", "0x1", "1e9", "1e999", "9" * 5000, "0,1,x", "0,0", "2,1,,",
    ",".join("1" * 100_000), "\N{ARABIC-INDIC DIGIT ONE}", "\N{SUPERSCRIPT TWO}", "[" * 100_000,
    "null", "{}", "isolate 0 a 1", "isolate 99 a0 1 c1d/1", "what 0 a0 1 c1d/1",
    "force 0 a0 9999999999999999999 c1d/1", "force 0 a0 1 x", "3.6", "3.6.16",
    "99999999999.1.1 3.5",
)  # fmt: skip

SCENES = (formed(3), silent(formed(3), 0, 1), begun(3), growing(1, 3))


def annotate(snapshot: Snapshot, child: tuple[str, str], name: str, text: str) -> Snapshot:
    """Somebody edits an annotation of one of our objects."""
    body = copy.deepcopy(snapshot.children[child].body)
    body["metadata"]["annotations"][f"{MARK}{name}"] = text
    return change_child(snapshot, *child, body=body)


def mark(snapshot: Snapshot, **annotations: str) -> Snapshot:
    """Somebody edits annotations of the EtcdCluster."""
    named = {f"{MARK}{name.replace('_', '-')}": text for name, text in annotations.items()}
    return with_cluster(snapshot, annotations={**snapshot.cluster.annotations, **named})


def last_record(text: str) -> Snapshot:
    """All that is left of the records of a cluster at rest is an edited one."""
    lost = without_child(without_child(with_status(formed(3), clusterID=text), *GATE), *SET)
    return replace(lost, pods=(), claims=(), probes={}, membership=None, unlabelled_claims=())


def survive(snapshot: Snapshot) -> Reason:
    """Everything that a pass does with a snapshot; returns the reason."""
    made = plan(snapshot)
    snapshot = made.snapshot
    status = report(snapshot, made.decision)
    known = any(snapshot.cluster_id_records)
    opening = [action for action in made.actions if 'initial-cluster-state: "new"' in str(action)]
    assert not (known and any(refuse(action, snapshot) is None for action in opening))
    assert len(status.message) < 4000
    return made.decision.reason


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("child", "name"),
    [
        *((GATE, name) for name in ("cluster-id", "members", "announced", "bootstrap", "version",
                                    "tls", "recovery", "recovered", "trust", "fingerprint",
                                    "differed")),
        (SET, "cluster-id"), (SET, "bootstrap"), (SET, "fingerprint"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.situation(
    "data",
    "somebody edits the operator's records in annotations or status",
    "the record is named, no pass ends, no gate opens",
)
def test_no_pass_ends_over_an_edited_record(
    scene: Snapshot, child: tuple[str, str], name: str
) -> None:
    for text in HOSTILE:
        edited = annotate(scene, child, name, text)
        reason = survive(edited)
        unreadable = find_unreadable(edited)
        assert (reason == attention.RECORD_UNREADABLE) == bool(unreadable), text[:50]
        if scene is SCENES[0]:  # to delete and to stop is the same whoever answers
            survive(with_cluster(edited, deleting=True))
            survive(with_spec(edited, size=0))


ANEW = "put back what it was, or remove it to have it written anew"
ON_GATE = "ConfigMap db-config"


@pytest.mark.parametrize(
    ("scene", "where", "text", "remedy"),
    [
        (formed(3), f"The annotation {MARK}members of {ON_GATE}", "0,1,x", ANEW),
        (formed(3), f"The annotation {MARK}recovery of {ON_GATE}", "force", "put back what it was"),
        (begun(3), f"The annotation {MARK}bootstrap of StatefulSet db", "three",
         "put back what it was"),
        (restoring(3), f"The annotation {MARK}restore-size of the EtcdCluster", "many",
         "put back what it was"),
        (formed(3), f"The annotation {MARK}differed of {ON_GATE}", "1/x", ANEW),
        (formed(3), "status.clusterID", "not hex", "put back what it was"),
        (formed(3), "status.lastRecovery", "yes", "put back what it was"),
    ],
)  # fmt: skip
def test_the_record_is_named_with_what_it_says_and_the_remedy(
    scene: Snapshot, where: str, text: str, remedy: str
) -> None:
    scene = _edit(scene, where, text)
    sentence = f"{where} was edited and cannot be read: it says {text!r}; {remedy}."
    made = plan(scene)
    assert (made.rule, made.decision.reason) == (
        "refuse_unreadable_records",
        attention.RECORD_UNREADABLE,
    )
    assert made.decision.message == sentence
    assert (made.actions, made.decision.blocked) == ((), True)
    conditions = {c.type: c for c in report(scene, made.decision).conditions}
    assert conditions["Degraded"].reason == "RecordUnreadable"


def _edit(scene: Snapshot, where: str, text: str) -> Snapshot:
    if where.startswith("status."):
        return with_status(scene, **{where.removeprefix("status."): text})
    name = where.split()[2].removeprefix(MARK)
    if where.endswith("EtcdCluster"):
        return mark(scene, **{name.replace("-", "_"): text})
    return annotate(scene, GATE if where.endswith(ON_GATE) else SET, name, text)


def test_what_is_long_is_shown_in_part() -> None:
    message = plan(annotate(formed(3), GATE, "members", "1," * 100_000)).decision.message
    assert "1,1,1" in message
    assert len(message) < 400


def test_the_status_is_mended_from_the_other_records() -> None:
    scene = with_status(formed(3), clusterID="not hex")
    mended = report(scene, plan(scene).decision)
    assert mended.cluster_id == "c1d"
    assert plan(with_status(scene, clusterID=mended.cluster_id)).decision.reason == routine.HEALTHY


@pytest.mark.parametrize("text", ["not hex", "0", "c1d c1d", "f" * 17])
def test_the_last_record_of_an_earlier_life_still_says_that_there_was_one(text: str) -> None:
    scene = last_record(text)
    made = plan(scene)
    assert (made.decision.reason, made.actions) == (attention.RECORD_UNREADABLE, ())
    assert report(scene, made.decision).cluster_id == text


def test_the_guard_opens_nothing_beside_an_identity_that_it_cannot_read() -> None:
    """Whatever the rules say: it shares no judgement with them."""
    new_gate = next(a for a in plan(new(3)).actions if isinstance(a, ApplyObject)
                    and a.kind == "ConfigMap")  # fmt: skip
    assert refuse(new_gate, new(3)) is None
    assert (
        refuse(new_gate, last_record("not hex"))
        == "the cluster was formed before: no member may form a new one"
    )


def test_an_approval_is_not_carried_out_again_because_the_record_of_it_was_edited() -> None:
    approved = with_spec(
        silent(formed(3), 1, 2),
        recovery={"quorumLoss": {"clusterID": "c1d", "acceptedRevision": 1}},
    )
    lost = {
        "type": "QuorumHealthy", "status": "False", "lastTransitionTime": "2026-03-04T05:00:00Z"
    }  # fmt: skip
    approved = with_status(approved, conditions=[lost])
    assert find_request(approved) == "c1d/1"
    assert find_request(annotate(approved, GATE, "spent-approvals", "c1d/1")) is None
    assert find_request(annotate(approved, GATE, "spent-approvals", "c1d/2 x")) is None
    assert find_request(annotate(approved, GATE, "recovered", "c1d/1 100")) is None
    for text in ("done", "c1d/1", "c1d", "c1d/1 x", "c1d/1 1 1"):
        assert find_request(annotate(approved, GATE, "recovered", text)) is None
        assert find_request(with_status(approved, lastRecovery=text)) is None


GOOD: dict[str, Any] = {
    "stage": "serve", "restore": "r", "cluster_id": "c1d", "size": 3, "members": [0, 1, 2],
    "disks": [{"ordinal": 0, "claim_uid": "u", "volume": "v"}], "version": "v3.5.21",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "x"}, {"stage": []}, {"restore": 1}, {"restore": None}, {"cluster_id": 3},
        {"cluster_id": "-1"}, {"cluster_id": "f" * 17}, {"size": 0}, {"size": 10}, {"size": 1e400},
        {"size": "3"}, {"size": True}, {"members": [9]}, {"members": [-1]}, {"members": ["0"]},
        {"members": 3}, {"members": [10**30]}, {"disks": {}}, {"disks": [3]}, {"disks": [{}]},
        {"disks": [{"ordinal": "0", "claim_uid": "u", "volume": "v"}]},
        {"disks": [{"ordinal": 4_000_000_000, "claim_uid": "u", "volume": "v"}]},
        {"disks": [{"ordinal": 0, "claim_uid": [], "volume": "v"}]},
        {"disks": [{"ordinal": 0, "claim_uid": "u", "volume": {}}]}, {"version": 3},
        {"padding": "x" * 20_000},
    ],
)  # fmt: skip
def test_an_edited_record_of_a_restore_is_none(change: dict[str, Any]) -> None:
    assert read_record(json.dumps(GOOD)) is not None
    text = json.dumps({**GOOD, **change})
    if change != {"disks": {}}:
        assert read_record(text) is None
        assert survive(_restored(text)) == attention.RESTORE_UNREADABLE
    else:
        assert survive(_restored(text))


@pytest.mark.parametrize("text", ["[]", "0", "false", "3", '"x"', "{}", "[" * 200_000, "x" * 10**6])
def test_what_is_no_record_of_a_restore_is_none(text: str) -> None:
    assert read_record(text) is None
    assert survive(_restored(text)) == attention.RESTORE_UNREADABLE


def _restored(text: str) -> Snapshot:
    return with_cluster(formed(3), annotations={ANNOTATION_RECORD: text})


@pytest.mark.parametrize(
    "status",
    [
        {"clusterID": 3}, {"phase": "Sleeping"}, {"members": [{"dbSize": "x"}]},
        {"conditions": [{"type": "QuorumHealthy", "status": "False", "lastTransitionTime": "now"}]},
        {"conditions": [{"type": "QuorumHealthy", "status": "False",
                         "lastTransitionTime": "2026-01-01T00:00:00"}]},
        {"lastBackupTime": "never"}, {"diskSize": "large"},
    ],
)  # fmt: skip
def test_an_edited_status_ends_no_pass(status: dict[str, Any]) -> None:
    parsed = parse_cluster({**raw_cluster({"size": 3}), "status": status})
    for scene in (formed(3), silent(formed(3), 0, 1)):
        survive(with_cluster(scene, status=parsed.status))


def test_times_and_numbers_are_read_without_surprise() -> None:
    assert parse_time("yesterday") is None
    naive = parse_time("2026-01-01T00:00:00")
    assert naive is not None
    assert naive.tzinfo is not None
    assert Version("v3.\N{ARABIC-INDIC DIGIT FIVE}.1").release is None
    assert Version(f"3.5.{'9' * 5000}").release is None
    assert [read_number(text, 9) for text in ("0", "9", "10", "09", "+1", "")] == [
        0,
        9,
        *[None] * 4,
    ]
    assert [read_identity(text) for text in ("c1d", "0", "", "-1", "0xc")] == [0xC1D, *[None] * 4]
    assert read_ordinals("2,0") == (0, 2)
    assert [read_ordinals(text) for text in ("", "9", "0,0", "0,", ",".join("0" * 99))] == [
        None
    ] * 5


def test_the_work_of_a_pass_does_not_grow_with_what_was_written() -> None:
    """Counted in calls of Python: seconds depend on the machine."""
    usual = _count_calls(formed(3))
    long = "1," * 120_000
    for name in ("cluster-id", "members", "announced", "bootstrap", "version", "recovery"):
        assert _count_calls(annotate(formed(3), GATE, name, long)) < 2 * usual
    assert _count_calls(mark(formed(3), replacement="[" * 200_000)) < 2 * usual
    assert _count_calls(mark(restoring(3), restore_size="9" * 200_000)) < 2 * usual


def _count_calls(snapshot: Snapshot) -> int:
    import sys

    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        report(snapshot, plan(snapshot).decision)
        choose_layout(snapshot)
    finally:
        sys.setprofile(None)
    return calls
