"""How a Job says that a backup holds other data than its cluster, and how that is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from etcd_operator.core.model.members import MemberStatus
from etcd_operator.core.reasons import backups
from etcd_operator.core.tasks.jobs.paths import TASK_VARIABLE
from etcd_operator.core.tasks.jobs.status import observe_task_pod
from etcd_operator.errors import BackupDiffers, EtcdRefused, OperatorError, Refusal, TaskError
from etcd_operator.jobs import snapshot, steps
from etcd_operator.jobs import verify as trial
from etcd_operator.jobs.snapshot import Candidate, choose_source
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from tests.fakes.etcd import FakeEtcd

HEALTHY = MemberStatus(
    member_id=1,
    cluster_id=9,
    version="3.6.1",
    db_size=1,
    db_size_in_use=1,
    leader=2,
    revision=7,
    raft_term=1,
    raft_index=1,
    raft_applied_index=1,
    is_learner=False,
)


async def verify(
    monkeypatch: pytest.MonkeyPatch, restored: Json, source: Json | None = None, least: int = 7
) -> str:
    """Compare what was restored with its source, changed like this; returns the sentence."""
    etcd = FakeEtcd()
    etcd.add(0, HEALTHY, "restored:2379", **restored)
    etcd.add(1, HEALTHY, "source:2379", **(source or {}))
    members = etcd.members

    def opened(address: str, *_: str, plain: bool = False) -> EtcdMemberClient:
        return cast(EtcdMemberClient, members[address])

    monkeypatch.setattr(trial, "open_member", opened)
    try:
        return (await trial.compare("restored:2379", "source:2379", least)).sentence
    finally:
        assert [member.closed for member in members.values()] == [1, 1]


@pytest.mark.parametrize(
    ("restored", "least"),
    [({"keys": 2}, 7), ({"hash": 1}, 7), ({}, 8)],
    ids=["keys", "hash", "acknowledged"],
)
async def test_other_data_than_the_cluster_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, restored: Json, least: int
) -> None:
    with pytest.raises(BackupDiffers):
        await verify(monkeypatch, restored, least=least)


async def test_a_revision_that_was_compacted_is_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = EtcdRefused("in any words", Refusal.COMPACTED)
    assert "3 keys" in await verify(monkeypatch, {}, {"refuses_count": gone})
    refused = EtcdRefused("compacted, it says", Refusal.AUTHENTICATION)
    with pytest.raises(EtcdRefused):
        await verify(monkeypatch, {}, {"refuses_count": refused})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BackupDiffers("In any words."), backups.DIFFERS.name),
        (TaskError("The backup differs, it seems."), ""),
    ],
    ids=["differs", "another error"],
)
def test_last_words_carry_the_reason_beside_the_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: OperatorError, reason: str
) -> None:
    words = tmp_path / "termination-log"

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(steps, "LAST_WORDS", words)
    monkeypatch.setattr(steps, "_run", fail)
    monkeypatch.setenv(TASK_VARIABLE, "{}")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert steps.run_step(["store"]) == 1
    ended = {"exitCode": 1, "message": words.read_text()}
    container = {"name": "store", "state": {"terminated": ended}}
    raw = {"metadata": {"name": "p"}, "status": {"containerStatuses": [container]}}
    pod = observe_task_pod(raw)
    assert (pod.failure, pod.failure_reason) == (str(error), reason)


@pytest.mark.parametrize("reason", [7, {"a": 1}, "two words", "A" * 101, None])
def test_a_reason_that_is_no_word_is_none(reason: object) -> None:
    message = json.dumps({"error": "No quorum.", "reason": reason})
    container = {"name": "c", "state": {"terminated": {"exitCode": 1, "message": message}}}
    raw = {"metadata": {"name": "p"}, "status": {"containerStatuses": [container]}}
    pod = observe_task_pod(raw)
    assert (pod.failure, pod.failure_reason) == ("No quorum.", "")


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ((), True),
        (("memberID:5 alarm:CORRUPT ",), False),
        (("memberID:5 alarm:NOSPACE ",), True),
    ],
)
def test_no_snapshot_is_taken_while_etcd_calls_a_member_corrupt(
    errors: tuple[str, ...], chosen: bool
) -> None:
    status = replace(HEALTHY, errors=errors)
    assert bool(choose_source([Candidate("a:2379", status)])) is chosen
    assert snapshot.choose_source([]) is None
