"""What is corrected once, a few times, or not at all, and what people are told of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import Action, AddLearner, ApplyObject, LabelPod, RemoveMember
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.drift import Difference
from etcd_operator.core.objects.field_managers import find_manager
from etcd_operator.errors import Forbidden, Invalid, KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import KINDS
from etcd_operator.runtime.engine.corrections import Corrections
from tests.builders.actions import brief
from tests.builders.lost_members import WIPED, ended
from tests.builders.refusals import refuse
from tests.builders.snapshots import (
    NAMING,
    change_child,
    change_pod,
    formed,
    growing,
    new,
    with_spec,
)
from tests.harnesses.reconciler import ReconcilerHarness, shrinking

Change = Callable[[Json], object]


class Server(ReconcilerHarness):
    """Applies objects as `admission` makes them; `rival` changes one back between passes."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        self.rival: Change = lambda _: None
        for child in snapshot.children.values():
            self._store(child.kind, child.body)

    async def perform(self, action: Action, snapshot: Snapshot) -> None:
        """Apply the object, and let the watch tell of it."""
        await super().perform(action, snapshot)
        if isinstance(action, ApplyObject):
            self._show(await self.api.apply(KINDS[action.kind], action.manifest))

    def edit(self, kind: str, body: Json) -> None:
        """Somebody else changes an object with kubectl."""
        fields: Json = {"f:spec": {"f:replicas": {}, "f:serviceName": {}}}
        body["metadata"]["managedFields"] = [{"manager": "kubectl-set", "fieldsV1": fields}]
        self._store(kind, body)

    def _store(self, kind: str, body: Json) -> None:
        name = body["metadata"]["name"]
        self._show(self.server.put(KINDS[kind], name, body, NAMING.namespace))

    def _show(self, body: Json) -> None:
        kind = body["kind"]
        self.caches.children[kind].observe(copy.deepcopy(body))
        self.snapshot = change_child(self.snapshot, kind, body["metadata"]["name"], body=body)

    @property
    def writes(self) -> int:
        """How often the StatefulSet has changed since it is there."""
        return [body["kind"] for _, _, body in self.server.history].count("StatefulSet") - 1

    async def live(self, seconds: int, every: int = 5) -> None:
        """Make a pass every few seconds for so long; the rival is quicker."""
        for _ in range(seconds // every):
            live = self.snapshot.statefulset
            assert live is not None
            body = copy.deepcopy(live.body)
            self.rival(body)
            if body != live.body:
                self.edit("StatefulSet", body)
            await self.make_pass()
            self.clock.seconds += every
            self.snapshot = replace(self.snapshot, now=self.clock.now())

    @property
    def applied(self) -> int:
        """How often an object of ours was written."""
        return sum(isinstance(action, ApplyObject) for action in self.performed)

    def condition(self, kind: str) -> Json:
        """The condition as it was last written."""
        conditions = self.written[-1]["status"]["conditions"]
        return next((c for c in conditions if c["type"] == kind), {})


def etcd(body: Json) -> Json:
    """The container of etcd."""
    found: Json = body["spec"]["template"]["spec"]["containers"][0]
    return found


MIRROR = "mirror.local/etcd:v3.5.21"


@pytest.mark.situation(
    "coexist",
    "a webhook changes what the operator writes",
    "the result is accepted where it does no harm, and nothing is written again",
)
async def test_what_admission_makes_of_our_object_is_accepted() -> None:
    """A policy that rewrites images: the next write would be answered in the same way."""
    harness = Server(formed(3))
    harness.server.admission = lambda body: etcd(body).update(image=MIRROR)
    harness.snapshot = with_spec(harness.snapshot, resources={"limits": {"memory": "600Mi"}})
    await harness.live(300)
    assert harness.applied == 1
    assert harness.shown()["Ready"] == "Healthy"
    said = harness.condition("ChangedByOthers")["message"]
    assert "StatefulSet db: an admission webhook or policy makes" in said
    assert f'spec.template.spec.containers[etcd].image "{MIRROR}"' in said
    assert harness.condition("Degraded")["status"] == "False"
    await harness.live(1200, every=20)
    assert (harness.applied, harness.writes) == (3, 1), (
        "tried again, in case that the policy is gone"
    )
    harness.snapshot = with_spec(harness.snapshot, resources={"limits": {"memory": "700Mi"}})
    await harness.live(10)
    assert harness.applied == 4, "another spec is carried out at once"


async def test_what_the_api_server_drops_is_not_written_again_and_nobody_is_bothered() -> None:
    """A number that is left out where it is 0: status and Ready come all the same."""
    harness = Server(formed(3))

    def drop(body: Json) -> None:
        for each in body["spec"]["template"]["spec"].get("tolerations", ()):
            each.pop("tolerationSeconds", None)

    harness.server.admission = drop
    toleration = {"operator": "Exists", "tolerationSeconds": 0, "value": ""}
    harness.snapshot = with_spec(harness.snapshot, podTemplate={"tolerations": [toleration]})
    await harness.live(60)
    assert harness.applied == 1
    assert harness.shown()["Ready"] == "Healthy"
    assert harness.condition("ChangedByOthers") == {}


@pytest.mark.situation(
    "coexist",
    "another controller changes a field back each time",
    "corrections slow down to one in minutes, and the condition names field and manager",
)
async def test_what_is_changed_back_each_time_is_corrected_by_the_minute_and_named() -> None:
    """An autoscaler: it is named with its field, and all else goes on."""
    harness = Server(formed(3))
    harness.rival = lambda body: body["spec"].update(replicas=4)
    await harness.live(60)
    assert harness.applied == 3
    await harness.live(600, every=10)
    assert 10 <= harness.applied <= 14, "never fewer Pods than members for long"
    said = harness.condition("ChangedByOthers")["message"]
    assert "field manager kubectl-set changes spec.replicas again" in said
    assert harness.condition("Degraded")["reason"] == "ChangedByOthers"
    assert harness.shown()["Ready"] == "Healthy"
    assert ("Warning", "ChangedByOthers", said) in harness.told
    harness.rival = lambda _: None
    await harness.live(800, every=20)
    assert harness.condition("ChangedByOthers") == {}, "whoever it was has stopped"


async def test_a_variable_that_admission_adds_is_removed_by_ever_fewer_writes() -> None:
    harness = Server(formed(3))

    def inject(body: Json) -> None:
        etcd(body).update(env=[*etcd(body)["env"], {"name": "ETCD_QUOTA", "value": "1"}])

    harness.server.admission = inject
    harness.snapshot = with_spec(harness.snapshot, resources={"limits": {"memory": "600Mi"}})
    await harness.live(3600, every=20)
    assert harness.applied <= 4 + 3600 / 300 + 2
    assert "containers[etcd].env[ETCD_QUOTA]" in harness.condition("ChangedByOthers")["message"]
    assert harness.shown()["Ready"] == "Healthy"


async def test_single_edits_are_taken_back_at_once_however_many() -> None:
    harness = Server(formed(3))
    for number in range(20):
        live = harness.snapshot.statefulset
        assert live is not None
        body = copy.deepcopy(live.body)
        etcd(body).update({"image": f"x:{number}"} if number % 2 else {"command": ["sleep"]})
        harness.edit("StatefulSet", body)
        before = harness.applied
        await harness.live(400, every=400)
        assert harness.applied == before + 1


# Refusals


POLICY = "db is forbidden: ValidatingAdmissionPolicy 'frozen' denied request"


@pytest.mark.parametrize("error", [Forbidden(POLICY, 403), Invalid(POLICY, 422)])
@pytest.mark.parametrize("kind", ["StatefulSet", "Service", "PodDisruptionBudget"])
async def test_an_object_that_is_refused_does_not_stop_healing(
    kind: str, error: KubeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = ReconcilerHarness(spoil(ended(formed(3), 2, WIPED), kind))
    refuse(harness, monkeypatch, kind, error)
    await harness.make_pass()
    assert [brief(action) for action in harness.performed] == [
        "remove 2",
        "add 2",
        "apply ConfigMap db-config",
        "label db-2 learner",
    ]
    message = harness.written[-1]["status"]["message"]
    assert POLICY in message
    assert f"(Update {kind} db" in message
    assert "Meanwhile: Member db-2 lost its data" in message
    assert harness.shown()["Degraded"] == "RefusedByKubernetes"


async def test_without_its_gate_no_member_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not start, and what was removed could not come back."""
    harness = ReconcilerHarness(spoil(ended(formed(3), 2, WIPED), "ConfigMap"))
    refuse(harness, monkeypatch, "ConfigMap", Forbidden(POLICY, 403))
    await harness.make_pass()
    assert harness.performed == []
    assert POLICY in harness.written[-1]["status"]["message"]


@pytest.mark.parametrize("scene", [shrinking(), growing(3, 5)], ids=["shrink", "grow"])
async def test_no_member_comes_or_goes_whose_pod_could_not(
    scene: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = ReconcilerHarness(spoil(scene, "StatefulSet"))
    refuse(harness, monkeypatch, "StatefulSet", Forbidden(POLICY, 403))
    await harness.make_pass()
    assert not [a for a in harness.performed if isinstance(a, AddLearner | RemoveMember)]


async def test_what_is_refused_is_asked_for_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = ReconcilerHarness(spoil(formed(3), "StatefulSet"))
    refuse(harness, monkeypatch, "StatefulSet", Forbidden(POLICY, 403))
    for _ in range(120):
        assert not (await harness.make_pass()).failure, "members are looked at as before"
        assert harness.shown()["Degraded"] == "RefusedByKubernetes"
        harness.clock.seconds += 5.0
    assert 20 <= len(harness.tried) <= 30
    changed = with_spec(harness.snapshot, resources={"limits": {"memory": "600Mi"}})
    harness.snapshot, before = changed, len(harness.tried)
    await harness.make_pass()
    assert len(harness.tried) == before + 1, "a corrected spec is tried at once"


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "NetworkPolicy"])
async def test_no_pod_before_what_it_needs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = ReconcilerHarness(new(3, security={"networkPolicy": {}}))
    refuse(harness, monkeypatch, kind, Forbidden("exceeded quota", 403))
    await harness.make_pass()
    applied = [a.kind for a in harness.performed if isinstance(a, ApplyObject)]
    assert "StatefulSet" not in applied
    assert "PodDisruptionBudget" in applied


async def test_a_label_that_is_refused_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = ReconcilerHarness(change_pod(shrinking(), 1, role=""))
    harness.errors[LabelPod] = Forbidden(POLICY, 403)
    await harness.make_pass()
    assert "remove 4" in [brief(action) for action in harness.performed]


def spoil(snapshot: Snapshot, kind: str) -> Snapshot:
    """Somebody takes a label off an object, so that it has to be written."""
    name = next(known for of, known in snapshot.children if of == kind)
    body = copy.deepcopy(snapshot.children[kind, name].body)
    del body["metadata"]["labels"]["app.kubernetes.io/name"]
    return change_child(snapshot, kind, name, body=body)


# Who has changed it


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        ({"f:spec": {"f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}}}, "them"),
        ({"f:spec": {"f:env": {}}}, "them"),
        ({"f:spec": {"f:env": {'k:{"name":"B"}': {"f:name": {}}}}}, ""),
        ({"f:status": {}}, ""),
        ({}, "them"),
    ],
)
def test_the_manager_of_a_field_is_found(fields: Json, who: str) -> None:
    difference = Difference(("spec", "env", (("name", "A"),)), "", '{"name":"A"}', foreign=True)
    entries = [
        {"manager": "etcd-operator", "time": "2026-01-02", "fieldsV1": fields},
        {"manager": "them", "time": "2026-01-01", "fieldsV1": fields},
    ]
    assert find_manager({"metadata": {"managedFields": entries}}, difference) == who


@pytest.mark.exhaustive
async def test_names_without_end_take_no_memory() -> None:
    """Whoever may edit our objects may put another thousand names there each time."""
    harness = Server(formed(3))

    def add(body: Json) -> None:
        names = (f"ETCD_{harness.clock.seconds:.0f}_{n}" for n in range(300))
        etcd(body)["env"] = [*etcd(body)["env"], *({"name": n * 50, "value": "1"} for n in names)]

    harness.rival = add
    await harness.live(100)
    (record,) = (r for (kind, _), r in records(harness).items() if kind == "StatefulSet")
    assert 300 <= len(record.repeats) <= 1000
    assert max(map(len, record.repeats)) < 400
    harness.rival = lambda _: None
    await harness.live(700, every=20)
    add_one = {"name": "ETCD_X", "value": "1"}
    harness.rival = lambda body: etcd(body)["env"].append(add_one)
    await harness.live(5)
    (record,) = (r for (kind, _), r in records(harness).items() if kind == "StatefulSet")
    assert len(record.repeats) == 1, "what nobody does any more is forgotten"


def records(harness: Server) -> dict[tuple[str, str], Any]:
    """What is remembered of the cluster's objects."""
    (found,) = harness.reconciler._corrections._clusters.values()
    return dict(found)


async def test_of_what_was_written_as_it_was_rendered_nothing_is_kept() -> None:
    """A cluster at rest has records of all its objects, and nothing to say of them."""
    server = Server(with_spec(formed(3), service={"annotations": {"a": "b"}}))
    await server.make_pass()
    (action,) = (each for each in server.performed if isinstance(each, ApplyObject))
    answer = server.caches.children[action.kind].get(NAMING.namespace, action.name)
    corrections = Corrections(server.clock)
    corrections.note_done(NAMING.uid, action, None, answer)
    assert not corrections.look(NAMING.uid)
