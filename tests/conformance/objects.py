"""One object in the model and one in a real API server, given the same requests.

The operator looks once, then others change things, then it acts by what it saw: this is how every
stale pass goes. Real requests are sent by the operator's own Performer.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.actions import Action, ApplyObject, DeleteObject, SetFinalizer
from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT, FINALIZER, Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import Conflict, Invalid, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import CLUSTERS, CONFIG_MAPS, Kind
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import SystemClock
from etcd_operator.simulation import kubernetes
from etcd_operator.simulation.manifest import Manifest
from etcd_operator.simulation.world import (
    CONFIG_MAP,
    NO_STATUS,
    Child,
    Cluster,
    State,
    Told,
    empty_world,
)
from tests.builders.snapshots import formed

LIFE: Final = 1
NOTHING_TOLD: Final = Told(0, "")  # by the status of a StatefulSet
EDIT, DELETE, CREATE, HOLD = "edit", "delete", "create", "hold"


class Case(NamedTuple):
    """What others do before and after the operator looks, and what it does then."""

    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    acts: tuple[str, ...]

    def __str__(self) -> str:
        """As in a failure."""
        return f"{self.kind}: {self.before} look {self.after} then {self.acts}"


class Seen(NamedTuple):
    """The object as it is compared: whether it is the one looked at, and its content."""

    answers: tuple[str, ...]
    there: bool
    same: bool
    content: str


ACTS: Final = {
    "ConfigMap": ("apply new", "apply uid", "apply version", "delete uid", "delete version"),
    "EtcdCluster": ("finalizer on", "finalizer off"),
}


# What others can do to an object in each state, and the state that follows.
DEEDS: Final = {
    "ConfigMap": {
        "absent": {CREATE: "there"},
        "there": {EDIT: "there", DELETE: "absent"},
    },
    "EtcdCluster": {
        "absent": {CREATE: "there"},
        "there": {EDIT: "there", HOLD: "held", DELETE: "absent"},
        "held": {EDIT: "held", DELETE: "going"},
        "going": {EDIT: "going"},
    },
}


def cases() -> Iterator[Case]:
    """Every short case that can happen."""
    for kind, acts in ACTS.items():
        for before, state in _histories(kind, "absent", longest=3):
            able = acts if state != "absent" else [act for act in acts if act == "apply new"]
            for after, _ in _histories(kind, state, longest=2):
                for count in (1, 2):
                    for chosen in itertools.product(able, repeat=count):
                        yield Case(kind, before, after, chosen)


def _histories(kind: str, state: str, longest: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """Sequences of what others can do, and the state of the object after each."""
    yield (), state
    if longest == 0:
        return
    for deed, following in DEEDS[kind][state].items():
        for rest, last in _histories(kind, following, longest - 1):
            yield (deed, *rest), last


# -- the model ------------------------------------------------------------------------------------


class ModelledObject:
    """A ConfigMap or an EtcdCluster in the model's world."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._state = empty_world(1, faults=0)
        self._numbers = itertools.count(1)
        self._looked: Any = None

    def run(self, case: Case) -> Seen:
        """Play a case."""
        for deed in case.before:
            self._change(deed)
        self._looked = self._live()
        # From here on somebody remembers: what is created now is told apart from what was.
        self._state = self._state._replace(paused=_REMEMBERS)
        for deed in case.after:
            self._change(deed)
        answers = tuple(self._act(act) for act in case.acts)
        live = self._live()
        return Seen(answers, live is not None, self._is_same(live), self._content(live))

    def _live(self) -> Child | Cluster | None:
        if self._kind == "ConfigMap":
            return self._state.children[CONFIG_MAP]
        return self._state.cluster

    def _is_same(self, live: Any) -> bool:
        if live is None or self._looked is None:
            return False
        if isinstance(live, Cluster):
            return bool(live.life == self._looked.life)
        return bool(live.uid == self._looked.uid)

    def _content(self, live: Any) -> str:
        if live is None:
            return ""
        if isinstance(live, Cluster):
            return f"{live.finalizer} {live.deleting}"
        return str(live.manifest.annotations[ANNOTATION_FINGERPRINT])

    def _change(self, deed: str) -> None:
        if self._kind == "ConfigMap":
            self._change_map(deed)
        else:
            self._change_cluster(deed)

    def _change_map(self, deed: str) -> None:
        live = self._state.children[CONFIG_MAP]
        if deed == DELETE:
            assert live is not None
            self._state, error = kubernetes.delete_child(self._state, CONFIG_MAP, live.uid)
        else:
            manifest = Manifest.of(build_map("m", f"{deed}-{next(self._numbers)}"))
            uid = live.uid if live else None
            self._state, error = kubernetes.apply(self._state, CONFIG_MAP, uid, "", manifest, LIFE)
        assert error is None

    def _change_cluster(self, deed: str) -> None:
        live, number = self._state.cluster, next(self._numbers)
        if deed == CREATE:
            live = Cluster(number, number, deleting=False, finalizer=False, status=NO_STATUS)
        elif deed == EDIT:
            assert live is not None
            live = live._replace(spec=number)
        elif deed == HOLD:
            assert live is not None
            live = live._replace(finalizer=True)
        else:
            assert live is not None
            live = live._replace(deleting=True) if live.finalizer else None
        self._state = self._state._replace(cluster=live)

    def _act(self, act: str) -> str:
        after: tuple[State, str | None]
        if act.startswith("finalizer"):
            revision = kubernetes.cluster_revision(self._looked)
            after = kubernetes.set_finalizer(
                self._state, self._looked.life, revision, present=act.endswith("on")
            )
        elif act.startswith("apply"):
            manifest = Manifest.of(build_map("m", act))
            looked = self._looked if act != "apply new" else None
            uid = looked.uid if looked else None
            insists = looked is not None and act == "apply version"
            revision = kubernetes.child_revision(self._looked, NOTHING_TOLD) if insists else ""
            after = kubernetes.apply(self._state, CONFIG_MAP, uid, revision, manifest, LIFE)
        else:
            revision = kubernetes.child_revision(self._looked, NOTHING_TOLD)
            after = kubernetes.delete_child(
                self._state,
                CONFIG_MAP,
                self._looked.uid,
                revision=revision if act == "delete version" else "",
            )
        self._state, error = after
        if error == kubernetes.NOT_FOUND and act.startswith("delete"):
            return "done"
        return error or "done"


class _Remembers:
    """Stands for a pass that was interrupted: it remembers what it looked at."""

    remembered_ids: frozenset[int] = frozenset()


_REMEMBERS: Final = _Remembers()


async def find_image() -> str:
    """No Job is started here."""
    raise NotImplementedError


def build_performer(api: LightkubeApi) -> ActionHandlers:
    """What the operator acts with; no cache runs."""
    clock = SystemClock()
    return ActionHandlers(
        api,
        Caches(api),
        EtcdPool(),
        CertificateSecrets(api, clock),
        AuthCache(clock),
        PasswordSecrets(api, clock),
        ConnectionSecrets(api, clock),
        TaskCaches(api),
        find_image,
    )


# -- the real API server --------------------------------------------------------------------------


class RealObject:
    """The same in a namespace of a real API server, under a name of its own."""

    def __init__(self, api: LightkubeApi, namespace: str, kind: str, name: str) -> None:
        self._api = api
        self._kind: Kind = CONFIG_MAPS if kind == "ConfigMap" else CLUSTERS
        self._naming = Naming(namespace, name, "uid")
        self._numbers = itertools.count(1)
        self._performer = build_performer(api)
        self._looked: Json | None = None

    async def run(self, case: Case) -> Seen:
        """Play a case, and remove what is left of it."""
        for deed in case.before:
            await self._change(deed)
        self._looked = await self._live()
        for deed in case.after:
            await self._change(deed)
        answers = tuple([await self._act(act) for act in case.acts])
        live = await self._live()
        same = live is not None and self._looked is not None and _uid(live) == _uid(self._looked)
        seen = Seen(answers, live is not None, same, self._content(live))
        await self._remove()
        return seen

    async def _live(self) -> Json | None:
        try:
            return await self._api.get(self._kind, self._naming.namespace, self._naming.name)
        except NotFound:
            return None

    def _content(self, live: Json | None) -> str:
        if live is None:
            return ""
        metadata = live["metadata"]
        if self._kind is CLUSTERS:
            return f"{bool(metadata.get('finalizers'))} {'deletionTimestamp' in metadata}"
        return str(metadata["annotations"][ANNOTATION_FINGERPRINT])

    async def _change(self, deed: str) -> None:
        namespace, name = self._naming.namespace, self._naming.name
        number = next(self._numbers) if deed != DELETE else 0
        if deed == DELETE:
            live = await self._live()
            assert live is not None
            await self._api.delete(self._kind, namespace, name, uid=_uid(live))
        elif deed == CREATE:
            body = build_map(name, f"{deed}-{number}") if self._kind is CONFIG_MAPS else _cluster()
            body["metadata"] |= {"name": name, "namespace": namespace}
            await self._api.create(self._kind, namespace, body)
        else:
            note = {ANNOTATION_FINGERPRINT: f"{deed}-{number}"}
            change: Json = {"finalizers": [FINALIZER]} if deed == HOLD else {"annotations": note}
            patch: Json = {"metadata": change}
            await self._api.merge_patch(self._kind, namespace, name, patch)

    async def _act(self, act: str) -> str:
        try:
            await self._performer.perform(self._build(act), self._snapshot())
        except Conflict:
            return kubernetes.CONFLICT
        except NotFound:
            return kubernetes.NOT_FOUND
        except Invalid as error:
            return f"invalid: {error}"
        return "done"

    def _build(self, act: str) -> Action:
        name, kind = self._naming.name, self._kind.name
        looked = self._looked["metadata"] if self._looked else {}
        uid, version = looked.get("uid", ""), looked.get("resourceVersion", "")
        if act.startswith("finalizer"):
            return SetFinalizer(act.endswith("on"), uid, version)
        if act.startswith("delete"):
            return DeleteObject(kind, name, uid, "", version if act == "delete version" else "")
        manifest = build_map(name, act)
        manifest["metadata"]["namespace"] = self._naming.namespace
        if act == "apply new":
            return ApplyObject(kind, name, "", "", "", manifest)
        return ApplyObject(kind, name, uid, version if act == "apply version" else "", "", manifest)

    def _snapshot(self) -> Snapshot:
        snapshot = replace(formed(3), naming=self._naming)
        if self._kind is CLUSTERS and self._looked:
            return replace(snapshot, cluster=parse_cluster(self._looked))
        return snapshot

    async def _remove(self) -> None:
        live = await self._live()
        if live is None:
            return
        namespace, name = self._naming.namespace, self._naming.name
        with contextlib.suppress(KubeError):
            await self._api.merge_patch(
                self._kind, namespace, name, {"metadata": {"finalizers": None}}
            )
            await self._api.delete(self._kind, namespace, name, uid=_uid(live))


def _uid(item: Json) -> str:
    return str(item["metadata"]["uid"])


def _cluster() -> Json:
    return {"apiVersion": CLUSTERS.api_version, "kind": CLUSTERS.name, "metadata": {}, "spec": {}}


def build_map(name: str, content: str) -> Json:
    """A ConfigMap that differs from others by its fingerprint."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "annotations": {ANNOTATION_FINGERPRINT: content}},
        "data": {},
    }
