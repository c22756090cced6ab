"""Compares what was previewed with what the operator then did, as it recorded it.

A change of the spec is previewed before it is made (`previewed`). What happens to a cluster by
itself or by somebody else is previewed from the first pass that saw it (`foreseen`): that is what
`kubectl etcd plan` shows to who types it then.

The order within a pass may be another, and so may the member IDs that etcd gives. Corrections of
objects follow what is seen when: how often the gate is written depends on how quickly Pods start,
so of those only which objects are written counts.

A comparison makes no sense where no plan of an EtcdCluster is carried out (backups and restores
into new clusters are Jobs; the wire, metrics, alerts, rights, what the API server refuses), where
others decide what happens (issuers of cert-manager, webhooks, policies, images that cannot be
pulled), where the operator's process ends, with which its recorded passes go, and under a load that
keeps the machine so busy that answers are lost and members are asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
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
from etcd_operator import __version__
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.recording.recorded_pass import RecordedPass, write_pass, write_recording
from etcd_operator.plugin import recordings, session
from etcd_operator.plugin.clusters import find_cluster
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.planning import NEW_UID, Wanted, prepare
from etcd_operator.plugin.session import Place, Session
from etcd_operator.simulation.predict import Prediction, predict
from tests.e2e.harness import REPORT, Cluster, wait_until

# Counts voters while a learner starts, if a pass falls into that time.
_PACED = "Updated PodDisruptionBudget "
# Written as often as there is something new to write.
_CORRECTIONS = ("Updated ", "Labelled ", "Took Pod ")
# That etcd and Kubernetes give, and the end of the name of an EtcdBackup, which goes by them.
_NAMES = re.compile(r" \([0-9a-f]+\)| of revision .+|-[0-9a-f]{8}(?=: )")
_MOVED = "Moved leadership "
NOTHING: Final = Prediction((), "", "", "", 0.0)
# Before any pass.
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
# Keeps a deleted EtcdCluster, and with it its recorded passes, until they were read.
HELD: Final = "tests.etcd.io/held"


@dataclass(slots=True)
class Previewed:
    """A preview, and what the operator did after it."""

    expected: Prediction = NOTHING
    done: list[str] = field(default_factory=list)
    # Whether each change of the leader was the operator's doing.
    leader_stayed: bool = True
    passes: Passes | None = None

    def note(self, passes: Iterable[RecordedPass], leader: int) -> bool:
        """Note what passes did, the first of which began with this leader, by its member ID.

        Returns whether the last one did nothing, and said what the preview ends with.
        """
        self.done, self.leader_stayed, rests = [], bool(leader), False
        for each in passes:
            seen = each.snapshot.leader_id
            self.leader_stayed &= not (leader and seen) or leader == seen
            done = each.actions[: each.done]
            leader = 0 if any(action.startswith(_MOVED) for action in done) else seen or leader
            self.done += done
            rests = not each.actions and each.reason == self.expected.reason
        return rests

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
        found = missing + [f"not previewed: {each}" for each in unforeseen]
        if found and self.passes:
            print(f"{self.passes.keep()} has the passes")
        return found

    def _compared(self, sentences: Iterable[str]) -> Iterator[str]:
        """Leave out where leadership moves, if etcd has elected another leader by itself."""
        for sentence in sentences:
            if self.leader_stayed or not sentence.startswith(_MOVED):
                yield sentence


def count_effects(sentences: Iterable[str]) -> Counter[str]:
    """Count effects: without member IDs and revisions, and a correction of an object once."""
    paced = (sentence for sentence in sentences if not sentence.startswith(_PACED))
    plain = [_NAMES.sub("", sentence) for sentence in paced]
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


def hold(cluster: Cluster, *finalizers: str) -> None:
    """Give the EtcdCluster a finalizer beside the operator's; without one, take it away."""
    kept = [f for f in cluster.get()["metadata"].get("finalizers", ()) if f != HELD]
    patch = {"metadata": {"finalizers": [*kept, *finalizers]}}
    words = ("patch", "etcd", cluster.name, "--type=merge", f"--patch={json.dumps(patch)}")
    cluster.kubectl(*words)


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


@dataclass(slots=True)
class Passes:
    """The recorded passes over a cluster after a moment, as far as they were read.

    The operator keeps few: those of a long story are read in between as well.
    """

    cluster: Cluster
    since: datetime
    _known: dict[datetime, RecordedPass] = field(default_factory=dict)

    def read(self) -> list[RecordedPass]:
        """Return the passes until now; fails the test if some were forgotten before."""
        found = read_passes(self.cluster)
        newest = max(self._known, default=self.since)
        assert newest == EARLIEST or found[0].snapshot.now <= newest, "passes were missed"
        self._known |= {each.snapshot.now: each for each in found}
        return [self._known[when] for when in sorted(self._known) if when > self.since]

    def follow(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until it holds, and read the passes of meanwhile."""
        wait_until(what, lambda: bool(self.read()) and holds(), seconds)

    def keep(self) -> Path:
        """Write them beside the report of a failed test, for `kubectl etcd plan --from`."""
        REPORT.mkdir(parents=True, exist_ok=True)
        path = REPORT / f"{self.cluster.namespace}-{self.cluster.name}.passes.json"
        passes = [write_pass(self._known[when]) for when in sorted(self._known)]
        path.write_text(json.dumps(write_recording(__version__, passes)))
        return path


def read_passes(cluster: Cluster) -> tuple[RecordedPass, ...]:
    """The passes that the operator has recorded; none before the first one."""

    async def read(connect: Callable[[], Session]) -> tuple[RecordedPass, ...]:
        own = connect()
        try:
            return (await recordings.fetch(own, await find_cluster(own, cluster.name))).passes
        except PluginError as error:
            if error.code is not Exit.NO_OPERATOR:
                raise
            return ()
        finally:
            await own.api.close()

    with connected(cluster) as connect:
        return asyncio.run(read(connect))


def preview(cluster: Cluster, wanted: Wanted) -> tuple[Snapshot, Prediction]:
    """The operator's last pass, with which `kubectl etcd plan` begins, and what it finds."""

    async def find(connect: Callable[[], Session]) -> tuple[Snapshot, Prediction]:
        own = connect()
        try:
            snapshot, change, _ = await prepare(own, wanted)
            return snapshot, predict(snapshot, change)
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
    wanted = Wanted(cluster.name, manifest, assignments, deleted, replaced, restored)
    snapshot, expected = preview(cluster, wanted)
    created = snapshot.cluster.uid == NEW_UID
    passes = Passes(cluster, EARLIEST if created else snapshot.now)
    found = Previewed(expected, passes=passes)
    yield found

    def rested() -> bool:
        gone = found.expected.ends == "gone"
        if gone and cluster.get()["metadata"]["finalizers"] != [HELD]:
            return False
        return found.note(passes.read(), snapshot.leader_id) or gone

    wait_until("it rests as previewed", rested, 60)


@contextlib.contextmanager
def foreseen(
    cluster: Cluster, sees: Callable[[Snapshot], bool] = lambda _: True
) -> Iterator[Previewed]:
    """Let something happen in the block and come to its end, and preview it as it began.

    That is from the first pass that `sees` all of it; if none does, from the first.
    """
    passes = Passes(
        cluster, read_passes(cluster)[-1].snapshot.now if cluster.exists() else EARLIEST
    )
    found, begun = Previewed(passes=passes), EARLIEST
    yield found

    def rested() -> bool:
        nonlocal begun
        every = passes.read()
        first = next((each for each in every if sees(each.snapshot)), every[0])
        if begun != first.snapshot.now:
            begun, found.expected = first.snapshot.now, predict(first.snapshot)
        return found.note(every[every.index(first) :], first.snapshot.leader_id)

    wait_until("it rests as previewed", rested, 60)


@contextlib.contextmanager
def as_previewed(
    cluster: Cluster,
    *assignments: str,
    manifest: Path | None = None,
    deleted: bool = False,
    replaced: tuple[str, ...] = (),
    restored: bool = False,
    rejoining: Iterable[str] = (),
) -> Iterator[Passes]:
    """Insist that what the block causes is what was `previewed`; see `Previewed.differences`."""
    with previewed(
        cluster,
        *assignments,
        manifest=manifest,
        deleted=deleted,
        replaced=replaced,
        restored=restored,
    ) as found:
        assert found.passes
        yield found.passes
    _insist(found, rejoining)


@contextlib.contextmanager
def as_foreseen(
    cluster: Cluster,
    sees: Callable[[Snapshot], bool] = lambda _: True,
    *,
    rejoining: Iterable[str] = (),
) -> Iterator[Passes]:
    """Insist that what follows from the block was `foreseen`; see `Previewed.differences`."""
    with foreseen(cluster, sees) as found:
        assert found.passes
        yield found.passes
    _insist(found, rejoining)


def _insist(found: Previewed, rejoining: Iterable[str]) -> None:
    differences = found.differences(rejoining=rejoining)
    assert not differences, f"{differences}; previewed: {found.expected.ends}; done: {found.done}"
