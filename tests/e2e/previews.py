"""Compares what was previewed with what the operator then did, as it recorded it.

A change of the spec is previewed before it is made (`previewed`). What happens to a cluster by
itself or by somebody else is previewed from the first pass that saw it (`foreseen`): that is what
`kubectl etcd plan` shows to who types it then.

The order within a pass may be another, and so may the member IDs that etcd gives. Corrections of
objects follow what is seen when: how often the gate is written depends on how quickly Pods start,
so of those only which objects are written counts. Leadership moves where etcd has it: once it has
elected somebody by itself, to whom it is moved is not compared. An action that ended with an error
may have been done or not.

Nor does a preview know whether a spec that is taken back is the one that Pods of before were made
from: only Kubernetes keeps templates of before. Such a story is previewed from when it has said so.
And the model has no scheduler: Pods made anew because that had no node for them do not count.

A comparison makes no sense where no plan of an EtcdCluster is carried out (backups and restores
into new clusters are Jobs; the wire, metrics, alerts, rights, what the API server refuses), where
others decide what happens (issuers of cert-manager, webhooks, policies, images that cannot be
pulled, a Pod or a quota that is in the way, the kubelet, where a Pod that crashes may start with a
corrected file before the operator deletes it), in the middle of a restore in place, with which no
preview begins, for what only an hour brings (the end of an overlap of authorities), where the
operator's process ends, with which its recorded passes go, and under a load that keeps the machine
so busy that answers are lost and members are asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from deploy.target import Target
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.recording.recorded_pass import RecordedPass
from etcd_operator.json_types import Json
from etcd_operator.plugin import session
from etcd_operator.plugin.observation import observe_from
from etcd_operator.plugin.planning import (
    NEW_UID,
    Wanted,
    look_further,
    open_manifest,
    prepare,
)
from etcd_operator.plugin.session import Place, Session
from etcd_operator.simulation.merge_patch import merge
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.prediction import Prediction
from tests.e2e.effects import count_effects, find_soon
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.passes import EARLIEST, Passes, read_last_pass, read_pass_at_rest
from tests.e2e.unforeseen import (
    find_late,
    find_late_coming,
    find_rejoins,
    find_unready,
    leads_back,
    leaves_late,
    needs_not_leave,
)

_LET_GO = "Removed the finalizer "
_MOVED = "Moved leadership "
NOTHING: Final = Prediction((), "", "", "", 0.0)
# Keeps a deleted EtcdCluster, and with it its recorded passes, until they were read.
HELD: Final = "tests.etcd.io/held"


@dataclass(slots=True)
class Previewed:
    """A preview, and what the operator did after it."""

    expected: Prediction = NOTHING
    done: list[str] = field(default_factory=list)
    # Begun, and ended by an error: each may have taken effect.
    unanswered: list[str] = field(default_factory=list)
    # Pods whose members left before they were Ready.
    unready: set[str] = field(default_factory=set)
    # Members that came when the others had formed the cluster.
    late: set[str] = field(default_factory=set)
    # Whether each change of the leader was the operator's doing.
    leader_stayed: bool = True
    passes: Passes | None = None

    def note(self, before: Snapshot, passes: Sequence[RecordedPass]) -> bool:
        """Note what passes did after the observation that the preview began with.

        Returns whether the last one did nothing, and said what the preview ends with.
        """
        self.done, self.unanswered = [], []
        for each in passes:
            self.done += each.actions[: each.done]
            self.unanswered += each.actions[each.done : each.done + 1]
        self.unready = find_unready(passes)
        self.late = find_late(passes)
        moves = sum(a.startswith(_MOVED) for a in (*self.done, *self.unanswered))
        terms = [find_term(each.snapshot) for each in passes]
        begun, ended = find_term(before), next(filter(None, reversed(terms)), 0)
        self.leader_stayed = bool(before.leader_id) and 0 <= ended - begun <= moves
        last = passes[-1] if passes else None
        return last is not None and not last.actions and last.reason == self.expected.reason

    def differences(self, *, rejoining: Iterable[str] = ()) -> list[str]:
        """What was previewed and not done, or done and not previewed.

        `rejoining` are members that join with a new disk after a Pod on another disk. It depends
        on the kubelet whether that one starts once more before it ends: then it joins on the old
        disk, the new Pod finds that the member has joined, and it is added again.
        """
        missing = [f"not done: {each}" for each in self.find_missing()]
        expected = count_effects(self._compared(find_soon(self.expected)))
        done = count_effects(self._compared(self.done))
        more = done - expected
        for name in rejoining:
            more -= find_rejoins(name, more)
        for name in self.late:
            more -= find_late_coming(name, more)
        unforeseen = [
            each
            for each in more.elements()
            if not leads_back(each, done) and not leaves_late(each, self.unanswered)
        ]
        found = missing + [f"not previewed: {each}" for each in unforeseen]
        if found and self.passes:
            print(f"{self.passes.keep()} has the passes")
        return found

    def find_missing(self) -> list[str]:
        """What was previewed and not done."""
        expected = count_effects(self._compared(find_soon(self.expected)))
        done = count_effects(self._compared((*self.done, *self.unanswered)))
        return [e for e in (expected - done).elements() if not needs_not_leave(e, self.unready)]

    def _compared(self, sentences: Iterable[str]) -> Iterator[str]:
        """Leave out where leadership moves, if etcd has elected another leader by itself."""
        for sentence in sentences:
            if self.leader_stayed or not sentence.startswith(_MOVED):
                yield sentence


def find_term(seen: Snapshot) -> int:
    """The term of etcd's leader, with which every election counts one up; 0 if nobody answers."""
    answers = (*seen.member_statuses, *seen.source_statuses)
    return max((each.raft_term for each in answers), default=0)


def loses_disk(name: str, kind: str = "data") -> Callable[[Snapshot], bool]:
    """Whether a member's claim of this kind is seen to go or to be gone, and its Pod likewise."""

    def sees(seen: Snapshot) -> bool:
        claims = [c for c in seen.claims if c.name == f"{kind}-{name}" and not c.deleting]
        pods = [pod for pod in seen.pods if pod.name == name and not pod.deleting]
        return not claims and not pods

    return sees


def wait_for_pass(cluster: Cluster, what: str, sees: Callable[[Snapshot], bool]) -> None:
    """Wait until the last pass saw this: a preview begins with what that one saw."""
    wait_until(f"a pass saw it: {what}", lambda: sees(read_last_pass(cluster).snapshot), 30)


def is_of_template(name: str) -> Callable[[Snapshot], bool]:
    """Whether the template is again the one that this Pod was made from, as Kubernetes says."""

    def sees(seen: Snapshot) -> bool:
        live = seen.statefulset
        told = live.body["status"].get("updateRevision") if live else None
        return any(pod.name == name and pod.revision == told for pod in seen.pods)

    return sees


@contextlib.contextmanager
def held(cluster: Cluster) -> Iterator[None]:
    """Keep the EtcdCluster, by a finalizer beside the operator's, until the block has ended."""
    _set_finalizers(cluster, HELD)
    try:
        yield
    finally:
        _set_finalizers(cluster)


def _set_finalizers(cluster: Cluster, *ours: str) -> None:
    others = [f for f in cluster.get()["metadata"].get("finalizers", ()) if f != HELD]
    patch = {"metadata": {"finalizers": [*others, *ours]}}
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


def preview(cluster: Cluster, wanted: Wanted) -> tuple[Snapshot, Prediction]:
    """The operator's last pass, with which `kubectl etcd plan` begins, and what it finds."""

    async def find(connect: Callable[[], Session]) -> tuple[Snapshot, Prediction]:
        own = connect()
        try:
            if cluster.exists():
                observed = observe_from(parse_cluster(cluster.get()), read_pass_at_rest(cluster))
                snapshot, change, _ = await look_further(own, wanted, observed)
            else:
                begun = await prepare(own, wanted)
                snapshot, change = begun.snapshot, begun.change
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
    read = open_manifest(str(manifest)) if manifest else None
    wanted = Wanted(cluster.name, read, assignments, deleted, replaced, restored)
    snapshot, expected = preview(cluster, wanted)
    created = snapshot.cluster.uid == NEW_UID
    passes = Passes(cluster, EARLIEST if created else snapshot.now)
    found = Previewed(expected, passes=passes)
    yield found

    def rested() -> bool:
        rests = found.note(snapshot, passes.read())
        if found.expected.ends == "gone":
            return any(each.startswith(_LET_GO) for each in found.done)
        return rests

    _wait_for_rest(found, rested)


@contextlib.contextmanager
def foreseen(
    cluster: Cluster, sees: Callable[[Snapshot], bool] = lambda _: True
) -> Iterator[Previewed]:
    """Let something happen in the block and come to its end, and preview it as it began.

    That is from the first pass that `sees` all of it, and does or says something else than the one
    before the block, which others like it may follow; if none does, from the first.
    """
    before = read_pass_at_rest(cluster) if cluster.exists() else None
    passes = Passes(cluster, before.snapshot.now if before else EARLIEST)
    found, begun = Previewed(passes=passes), EARLIEST
    yield found

    def rested() -> bool:
        nonlocal begun
        every = passes.read()
        seeing = [each for each in every if sees(each.snapshot)] or every
        first = next((each for each in seeing if not before or _differ(before, each)), seeing[0])
        if begun != first.snapshot.now:
            begun, found.expected = first.snapshot.now, predict(first.snapshot)
        return found.note(first.snapshot, every[every.index(first) :])

    _wait_for_rest(found, rested)


def _differ(before: RecordedPass, after: RecordedPass) -> bool:
    said = before.reason, before.message
    return bool(after.actions) or said != (after.reason, after.message)


def _wait_for_rest(found: Previewed, rested: Callable[[], bool]) -> None:
    """Wait until nothing is left to do; what waits for Pods to end comes after all is well."""
    wait_until("it rests as previewed", rested, 60)
    with contextlib.suppress(AssertionError):
        wait_until("nothing is missing", lambda: rested() and not found.find_missing(), 10)


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


@contextlib.contextmanager
def as_created(cluster: Cluster, **spec: Any) -> Iterator[Passes]:
    """Create a cluster, and insist that it comes as previewed; the block waits for it."""
    cluster.spec = {**cluster.spec, **spec}
    with as_applied(cluster, cluster.manifest()) as passes:
        cluster.create()
        yield passes


@contextlib.contextmanager
def as_patched(cluster: Cluster, *, rejoining: Iterable[str] = (), **spec: Any) -> Iterator[Passes]:
    """Merge-patch the spec, and insist that what follows was previewed; the block waits for it."""
    after = _mark_removed(merge(cluster.get()["spec"], spec), spec)
    with as_applied(cluster, {**cluster.manifest(), "spec": after}, rejoining=rejoining) as passes:
        cluster.patch(**spec)
        yield passes


def _mark_removed(spec: Json, patch: Json) -> Json:
    """A spec that says of what a patch removes that it is to go: what a manifest lacks stays."""
    marked = dict(spec)
    for key, value in patch.items():
        if value is None:
            marked[key] = None
        elif isinstance(value, dict):
            marked[key] = _mark_removed(spec.get(key) or {}, value)
    return marked


def delete_as_previewed(cluster: Cluster) -> None:
    """Delete a cluster, insist that it goes as previewed, and wait until it has gone."""
    with held(cluster), as_previewed(cluster, deleted=True):
        cluster.delete(wait=False)
    wait_until("the EtcdCluster is gone", lambda: not cluster.exists())


@contextlib.contextmanager
def as_applied(
    cluster: Cluster, manifest: Json, *, rejoining: Iterable[str] = ()
) -> Iterator[Passes]:
    """Insist that what the block causes is what was previewed of this manifest."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(manifest, file)
        file.flush()
        with as_previewed(cluster, manifest=Path(file.name), rejoining=rejoining) as passes:
            yield passes


def _insist(found: Previewed, rejoining: Iterable[str]) -> None:
    differences = found.differences(rejoining=rejoining)
    assert not differences, f"{differences}; previewed: {found.expected.ends}; done: {found.done}"
