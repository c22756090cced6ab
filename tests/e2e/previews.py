"""Compares what was previewed with what the operator then did, as it recorded it.

The order within a pass may be another, and so may the member IDs that etcd gives. Corrections of
objects follow what is seen when: how often the gate is written depends on how quickly Pods start,
so of those only which objects are written counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from unittest import mock

from deploy.target import Target
from etcd_operator.core.recording.recorded_pass import RecordedPass
from etcd_operator.plugin import recordings, session
from etcd_operator.plugin.clusters import find_cluster
from etcd_operator.plugin.planning import Wanted, prepare
from etcd_operator.plugin.session import Place, Session
from etcd_operator.simulation.predict import Prediction, predict
from tests.e2e.harness import Cluster, wait_until

# Counts voters while a learner starts, if a pass falls into that time.
_PACED = "Updated PodDisruptionBudget "
# Written as often as there is something new to write.
_CORRECTIONS = ("Updated ", "Labelled ", "Took Pod ")
# Before any pass.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
# Keeps a deleted EtcdCluster, and with it its recorded passes, until they were read.
HELD: Final = "tests.etcd.io/held"


@dataclass(slots=True)
class Previewed:
    """A preview, and what the operator did after it."""

    expected: Prediction
    done: list[str] = field(default_factory=list)
    # Whether the member that led when it was previewed led when the change began.
    leader_stayed: bool = True

    def differences(self, *, rejoining: Iterable[str] = ()) -> list[str]:
        """What was previewed and not done, or done and not previewed.

        `rejoining` are members that join with a new disk after a Pod on another disk. It depends
        on the kubelet whether that one starts once more before it ends: then it joins on the old
        disk, the new Pod finds that the member has joined, and it is added again.
        """
        expected = count_effects(self._compared(step.sentence for step in self.expected.steps))
        done = count_effects(self._compared(self.done))
        missing = [f"not done: {each}" for each in (expected - done).elements()]
        more = done - expected
        for name in rejoining:
            more -= _find_rejoins(name, more)
        unforeseen = [each for each in more.elements() if not _leads_back(each, done)]
        return missing + [f"not previewed: {each}" for each in unforeseen]

    def _compared(self, sentences: Iterable[str]) -> Iterator[str]:
        """Leave out where leadership moves, if etcd has elected another leader by itself."""
        for sentence in sentences:
            if self.leader_stayed or not sentence.startswith("Moved leadership "):
                yield sentence


def count_effects(sentences: Iterable[str]) -> Counter[str]:
    """Count effects: without member IDs, and a correction of an object once, if at all."""
    paced = (sentence for sentence in sentences if not sentence.startswith(_PACED))
    plain = [re.sub(r" \([0-9a-f]+\)", "", sentence) for sentence in paced]
    once = {text for text in plain if text.startswith(_CORRECTIONS)}
    return Counter([*(t for t in plain if not t.startswith(_CORRECTIONS)), *sorted(once)])


def _leads_back(sentence: str, done: Counter[str]) -> bool:
    """Whether a Pod is in the client Service again, which it had left when a voter was missed."""
    back = re.fullmatch(r"Labelled Pod (\S+) as a voter\.", sentence)
    return back is not None and any(each.startswith(f"Took Pod {back[1]} out ") for each in done)


def _find_rejoins(name: str, more: Counter[str]) -> Counter[str]:
    """What is done once more for a member whose first Pod joined, and nothing but that."""
    removed, added = f"Removed member {name}.", f"Added member {name} as a learner."
    again = min(more[removed], more[added])
    why = "it crashed before it could join; its configuration is right now"
    restarted = f"Deleted Pod {name}: {why}."
    promoted = f"Promoted learner {name} to voter."
    return Counter({removed: again, added: again, promoted: again, restarted: more[restarted]})


@contextlib.contextmanager
def as_a_user(target: Target) -> Iterator[None]:
    """The environment of who uses the plugin on the cluster under test: its kubectl is found.

    Around threads that use it: each of them would give the environment of before back.
    """
    programs = str(Path(target.kubectl[0]).parent)
    if os.environ["PATH"].startswith(f"{programs}:"):
        yield
        return
    path = f"{programs}:{os.environ['PATH']}"
    kubeconfig = target.kubeconfig or os.environ.get("KUBECONFIG", "")
    with mock.patch.dict("os.environ", KUBECONFIG=kubeconfig, PATH=path):
        yield


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[Callable[[], Session]]:
    """Makes sessions of the plugin on the cluster under test."""
    with as_a_user(cluster.target):
        yield lambda: session.connect(Place(namespace=cluster.namespace))


def read_passes(cluster: Cluster) -> tuple[RecordedPass, ...]:
    """The passes that the operator has recorded."""

    async def read(connect: Callable[[], Session]) -> tuple[RecordedPass, ...]:
        own = connect()
        try:
            return (await recordings.fetch(own, await find_cluster(own, cluster.name))).passes
        finally:
            await own.api.close()

    with connected(cluster) as connect:
        return asyncio.run(read(connect))


def preview(cluster: Cluster, wanted: Wanted) -> Prediction:
    """What `kubectl etcd plan` finds."""

    async def find(connect: Callable[[], Session]) -> Prediction:
        own = connect()
        try:
            snapshot, change, _ = await prepare(own, wanted)
            return predict(snapshot, change)
        finally:
            await own.api.close()

    with connected(cluster) as connect:
        return asyncio.run(find(connect))


@contextlib.contextmanager
def previewed(
    cluster: Cluster,
    *assignments: str,
    manifest: Path | None = None,
    deleted: bool = False,
    replaced: tuple[str, ...] = (),
    restored: bool = False,
) -> Iterator[Previewed]:
    """Preview a change, let the block make it and wait for its end, and note what was done.

    With a manifest, the EtcdCluster may be one that the block creates.
    """
    before = read_passes(cluster)[-1].snapshot if cluster.exists() else None
    last = before.now if before else EARLIEST
    wanted = Wanted(cluster.name, manifest, assignments, deleted, replaced, restored)
    found = Previewed(preview(cluster, wanted))
    yield found
    passes: tuple[RecordedPass, ...] = ()

    def rested() -> bool:
        nonlocal passes
        gone = found.expected.ends == "gone"
        if gone and cluster.get()["metadata"]["finalizers"] != [HELD]:
            return False
        passes = tuple(each for each in read_passes(cluster) if each.snapshot.now > last)
        return gone or (bool(passes) and rests(found.expected, passes[-1]))

    wait_until("it rests as previewed", rested, 60)
    for each in passes:
        found.done += each.actions[: each.done]
    leader = next((each.snapshot.leader_id for each in passes if each.snapshot.leader_id), 0)
    found.leader_stayed = before is not None and before.leader_id == leader


def rests(expected: Prediction, last: RecordedPass) -> bool:
    """Whether the last pass did nothing, and said what the preview ends with."""
    return not last.actions and last.reason == expected.reason
