"""Recorder of passes: what it keeps, its bounds, and that no Secret's content is in it."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.recording.recorded_pass import read_recording, replay
from etcd_operator.runtime.engine.execute import Outcome
from etcd_operator.runtime.engine.pass_recorder import MOST_PASSES, PassRecorder
from tests.builders.snapshots import NAMING, NOW, formed, new, raw_cluster, with_spec
from tests.harnesses.operator_in_memory import OperatorInMemory

KEY = (NAMING.namespace, NAMING.name)


def record(recorder: PassRecorder, snapshot: Snapshot, name: str = NAMING.name) -> None:
    """Record a pass that carried out its whole plan."""
    planned = plan(snapshot)
    recorder.record((NAMING.namespace, name), planned, Outcome(planned.actions))


def test_a_pass_at_rest_is_kept_once_and_the_last_one_is_the_newest() -> None:
    recorder = PassRecorder()
    for revision in range(5):
        record(recorder, with_cluster_version(formed(3), str(revision)))
    recording = recorder.read(*KEY)
    assert recording is not None
    passes = read_recording(recording)
    assert [each.snapshot.cluster.resource_version for each in passes] == ["0", "4"]


def with_cluster_version(snapshot: Snapshot, version: str) -> Snapshot:
    """The same, of another resourceVersion."""
    return replace(snapshot, cluster=replace(snapshot.cluster, resource_version=version))


@pytest.mark.exhaustive
def test_passes_that_act_are_kept_up_to_a_number() -> None:
    recorder = PassRecorder()
    for _ in range(MOST_PASSES + 7):
        record(recorder, with_spec(formed(3), size=5))
    recording = recorder.read(*KEY)
    assert recording is not None
    assert len(recording["passes"]) == MOST_PASSES
    assert list(replay(read_recording(recording))) == []


def test_a_pass_like_the_one_before_takes_little() -> None:
    one, many = PassRecorder(), PassRecorder()
    record_growth(one, 1)
    record_growth(many, 13)
    assert versions(many) == [str(revision) for revision in range(13)]
    assert many.size < 2 * one.size


def test_passes_over_a_cluster_like_one_before_take_little() -> None:
    recorder = PassRecorder()
    sizes = []
    for name in ("db-0", "db-1", "db-2"):
        before = recorder.size
        for snapshot in (new(3), formed(3), with_spec(formed(3), size=5)):
            record(recorder, snapshot, name)
        sizes.append(recorder.size - before)
    assert sizes[1] < sizes[0] / 2
    assert sizes[2] <= sizes[1]
    for name in ("db-0", "db-1", "db-2"):
        recording = recorder.read(NAMING.namespace, name)
        assert recording is not None
        sizes = [each.snapshot.cluster.spec.size for each in read_recording(recording)]
        assert sizes == [3, 3, 5]


def test_one_cluster_has_so_many_bytes_and_the_oldest_goes() -> None:
    recorder = PassRecorder(most_bytes=5_000)
    record_growth(recorder, 40)
    kept = versions(recorder)
    assert 0 < len(kept) < 40
    assert kept == [str(revision) for revision in range(40 - len(kept), 40)]
    assert recorder.size <= 5_000


def record_growth(recorder: PassRecorder, passes: int) -> None:
    """Record so many passes that add a member, each of another resourceVersion."""
    growing = with_spec(formed(3), size=5)
    for revision in range(passes):
        record(recorder, with_cluster_version(growing, str(revision)))


@pytest.mark.parametrize(
    ("since", "found"),
    [(-1, "0123"), (0, "0123"), (1, "123"), (1.5, "123"), (2, "23"), (3, "3"), (60, "3")],
    ids=["before all", "first", "second", "between", "third", "last", "after all"],
)
def test_what_a_reader_knows_is_left_out_but_for_the_last_of_it(since: float, found: str) -> None:
    """Whether or not the last pass did something."""
    for last in (with_spec(formed(3), size=5), formed(3)):
        recorder = PassRecorder()
        for second in range(4):
            seen = last if second == 3 else with_spec(formed(3), size=5)
            seen = with_cluster_version(seen, str(second))
            record(recorder, seen.evolve(now=NOW + timedelta(seconds=second)))
        assert versions(recorder, NOW + timedelta(seconds=since)) == list(found)


def versions(recorder: PassRecorder, since: datetime | None = None) -> list[str]:
    """The resourceVersion of the cluster in each pass that is kept."""
    recording = recorder.read(*KEY, since)
    assert recording is not None
    return [each.snapshot.cluster.resource_version for each in read_recording(recording)]


def test_all_clusters_together_have_so_many_bytes_and_the_oldest_goes() -> None:
    recorder = PassRecorder(most_bytes_in_all=5_000)
    for number in range(20):
        record(recorder, new(3), f"db-{number}")
    assert recorder.read(NAMING.namespace, "db-0") is None
    assert recorder.read(NAMING.namespace, "db-19") is not None
    assert recorder.size <= 5_000


def test_a_cluster_that_is_gone_is_forgotten() -> None:
    recorder = PassRecorder()
    record(recorder, formed(3))
    recorder.forget(KEY)
    assert recorder.read(*KEY) is None


@pytest.mark.looptime
async def test_no_content_of_a_secret_is_in_it() -> None:
    harness = OperatorInMemory()
    spec = {"size": 3, "security": {"tls": {"client": {}, "peer": {}}}}
    async with harness.run():
        harness.write("EtcdCluster", raw_cluster(spec, finalizers=[]))
        await asyncio.sleep(30)
    secrets = harness.server.find("Secret")
    assert len(secrets) >= 4
    recording = harness.recorder.read(*KEY)
    assert recording is not None
    assert len(recording["passes"]) > 1
    text = json.dumps(recording)
    for secret in secrets:
        for key, value in secret["data"].items():
            decoded = base64.b64decode(value).decode()
            assert value not in text, key
            if "PRIVATE" in decoded:
                body = "".join(decoded.splitlines()[1:-1])
                assert body[:40] not in text.replace("\\n", "")
                assert "PRIVATE KEY" not in text
