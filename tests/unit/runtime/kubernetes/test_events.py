"""Events tell each thing once, and each effect every time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from etcd_operator.errors import Forbidden, KubeError, KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import events as events_module
from etcd_operator.runtime.kubernetes.api import Kind
from etcd_operator.runtime.kubernetes.events import (
    REMEMBERED,
    REPEAT_SECONDS,
    RETRY_AFTER,
    EventRecorder,
    Regarding,
)
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

DB = Regarding("team", "db", "u1")


async def written(server: ApiServer, recorder: EventRecorder, *, seconds: float = 1) -> list[str]:
    """Let the recorder write what it has; return all messages so far."""
    task = asyncio.create_task(recorder.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return [body["message"] for body in server.created]


def failing(errors: Sequence[KubeError]) -> ApiServer:
    """A server that answers its first requests with these."""
    left = list(errors)

    def pace(who: str, verb: str) -> tuple[float, float]:
        if left:
            raise left.pop(0)
        return (0.0, 0.0)

    return ApiServer(pace)


async def test_words_of_strangers_do_nothing_where_events_are_read() -> None:
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    recorder.record(DB, "Warning", "NoQuorum", "db-0: \x1b[2Jgone\nfor ever\u202e")
    assert await written(server, recorder) == ["db-0:  [2Jgone for ever "]


async def test_an_event_is_about_the_cluster() -> None:
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    recorder.record(DB, "Warning", "NoQuorum", "No quorum.")
    await written(server, recorder)
    (event,) = server.created
    assert event["involvedObject"] == {
        "apiVersion": "etcd.etcd.io/v1alpha1",
        "kind": "EtcdCluster",
        "name": "db",
        "namespace": "team",
        "uid": "u1",
    }
    assert (event["type"], event["reason"], event["message"]) == (
        "Warning",
        "NoQuorum",
        "No quorum.",
    )
    assert event["metadata"]["namespace"] == "team"
    assert event["metadata"]["name"].startswith("db.")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-01T00:00:00Z"


async def test_a_repeated_sentence_is_told_once_in_a_while() -> None:
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    for _ in range(3):
        recorder.record(DB, "Normal", "Waiting", "Waiting.")
    assert await written(server, recorder) == ["Waiting."]
    await asyncio.sleep(REPEAT_SECONDS)
    recorder.record(DB, "Normal", "Waiting", "Waiting.")
    assert await written(server, recorder) == ["Waiting."] * 2


async def test_an_effect_is_told_every_time() -> None:
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    for _ in range(3):
        recorder.record(DB, "Normal", "DeletedPod", "Deleted.", always=True)
    assert await written(server, recorder) == ["Deleted."] * 3
    assert not recorder._told, "what is told every time need not be remembered"
    assert len({body["metadata"]["name"] for body in server.created}) == 3


async def test_another_sentence_or_cluster_is_not_a_repetition() -> None:
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    recorder.record(DB, "Normal", "Waiting", "One.")
    recorder.record(DB, "Normal", "Waiting", "Two.")
    recorder.record(Regarding("team", "db", "u2"), "Normal", "Waiting", "One.")
    assert sorted(await written(server, recorder)) == ["One.", "One.", "Two."]


async def test_an_event_is_written_when_the_api_server_is_back() -> None:
    server = failing([KubeUnavailable("503")] * 3)
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    recorder.record(DB, "Normal", "A", "First.")
    recorder.record(DB, "Normal", "B", "Second.")
    assert await written(server, recorder, seconds=5) == ["First.", "Second."]


async def test_one_that_was_written_without_an_answer_is_not_written_twice() -> None:
    class Silent(InMemoryApi):
        """Writes the first object, and its answer is lost."""

        lost = False

        async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
            answer = await super().create(kind, namespace, body)
            if not self.lost:
                self.lost = True
                raise KubeUnavailable("connection reset")
            return answer

    server = ApiServer()
    recorder = EventRecorder(Silent(server), LoopClock())
    recorder.record(DB, "Normal", "A", "First.")
    recorder.record(DB, "Normal", "B", "Second.")
    assert await written(server, recorder) == ["First.", "Second."]


async def test_a_lost_event_does_not_stop_the_next() -> None:
    server = failing([KubeUnavailable("503")] * (len(RETRY_AFTER) + 1))
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    recorder.record(DB, "Normal", "A", "Lost.")
    recorder.record(DB, "Normal", "B", "Kept.")
    assert await written(server, recorder, seconds=20) == ["Kept."]


@pytest.mark.parametrize(
    ("error", "attempts", "told"),
    [
        (KubeUnavailable("503"), len(RETRY_AFTER) + 1, ["Lost."]),
        (Forbidden("the namespace is being terminated"), 1, []),
    ],
    ids=["away", "refused"],
)
async def test_a_lost_sentence_may_be_said_again_where_that_helps(
    error: KubeError, attempts: int, told: list[str]
) -> None:
    server = failing([error] * attempts)
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    for _ in range(2):
        recorder.record(DB, "Warning", "A", "Lost.")
        seen = await written(server, recorder, seconds=20)
    assert seen == told


async def test_a_full_backlog_blocks_nobody_and_keeps_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events_module, "BACKLOG", 5)
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    for number in range(50):
        recorder.record(DB, "Normal", "Many", f"{number}")
    assert await written(server, recorder) == ["45", "46", "47", "48", "49"]
    recorder.record(DB, "Normal", "Many", "49")
    recorder.record(DB, "Normal", "Many", "5")
    assert (await written(server, recorder))[5:] == ["5"], "5 was not told yet"


async def test_a_warning_is_not_dropped_for_what_goes_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events_module, "BACKLOG", 3)
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    for number in range(3):
        recorder.record(DB, "Warning", "Bad", f"bad {number}")
    recorder.record(DB, "Normal", "Good", "good")
    assert await written(server, recorder) == ["bad 0", "bad 1", "bad 2"]
    recorder.record(DB, "Normal", "Good", "good")
    assert (await written(server, recorder))[3:] == ["good"], "it was dropped, so it is told again"


async def test_an_object_does_not_wait_for_the_events_of_others() -> None:
    """A namespace whose events take long holds its own lane only."""

    class Slow(InMemoryApi):
        """Takes a minute for an event of one namespace."""

        async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
            if namespace == "slow":
                await asyncio.sleep(60)
            return await super().create(kind, namespace, body)

    server = ApiServer()
    recorder = EventRecorder(Slow(server), LoopClock())
    recorder.record(Regarding("slow", "db", "u1"), "Normal", "A", "slow")
    for number in range(40):
        recorder.record(Regarding("team", "db", f"u{number}"), "Normal", "A", f"{number}")
    assert len(await written(server, recorder)) > 20


async def test_long_messages_are_cut_to_what_the_server_takes() -> None:
    server = ApiServer()
    recorder = EventRecorder(InMemoryApi(server), LoopClock())
    recorder.record(DB, "Normal", "Long", "x" * 5000)
    assert [len(message) for message in await written(server, recorder)] == [1000]


async def test_what_is_remembered_is_small_and_enough_for_many_clusters() -> None:
    """A tenant may make a sentence of megabytes, and thousands of clusters can be ill at once."""
    recorder = EventRecorder(InMemoryApi(), LoopClock())
    for number in range(90):
        recorder.record(DB, "Warning", "Long", f"{number}" + "x" * 1_000_000)
    assert sum(len(repr(key)) for key in recorder._told) < 90 * 200
    assert REMEMBERED >= 5_000 * 10


async def test_what_may_be_said_again_is_not_remembered() -> None:
    recorder = EventRecorder(InMemoryApi(), LoopClock())
    for number in range(5):
        recorder.record(DB, "Normal", "Many", f"{number}")
        await asyncio.sleep(REPEAT_SECONDS / 3)
    assert len(recorder._told) == 3
