"""The operator has exactly the rights that its code asks for: none is missing, none too many."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast, get_args
from unittest.mock import AsyncMock

import pytest

from deploy.manifests import (
    CLUSTER_WIDE,
    LEASE_RULES,
    NAMESPACE,
    RULES,
    build_namespaced_installation,
)
from etcd_operator.api.quantity import Quantity
from etcd_operator.core.actions import (
    Action,
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
    StopMirror,
    UpdateMember,
    WriteConnection,
)
from etcd_operator.core.auth.state import Change, Step
from etcd_operator.core.certificates.state import Leaf
from etcd_operator.core.connections.state import Connection
from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout, plan
from etcd_operator.core.sharding.shards import MOST_SHARDS
from etcd_operator.core.tasks.actions import (
    AnnotateCluster,
    CreateObject,
    DeleteJob,
    SetRestoreFinalizer,
    TaskAction,
)
from etcd_operator.errors import Conflict, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import CHILD_KINDS, KINDS, Caches
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.execute import Executor
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.handlers.tasks import TaskActionHandlers
from etcd_operator.runtime.engine.nodes import NodeLookup
from etcd_operator.runtime.engine.reconciler import Reconciler
from etcd_operator.runtime.engine.service_exits import ServiceExits
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.engine.shards import ShardElections
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.tasks import BackupReconciler, RestoreReconciler
from etcd_operator.runtime.engine.upgrade_turns import Turns
from etcd_operator.runtime.engine.warnings import WarningReader
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import (
    BACKUPS,
    CLAIMS,
    CLUSTERS,
    JOBS,
    LEASES,
    RESTORES,
    VOLUMES,
    Kind,
    KubeApi,
)
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.own_image import FALLBACK, find_own_image
from tests.builders.certificates import to_secure
from tests.builders.mirrors import mirroring, started
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    UID,
    claim,
    formed,
    member_id,
    new,
    pod,
    raw_cluster,
)
from tests.builders.volumes import bound_volume
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import NO_FAULTS, ApiFaults
from tests.fakes.rights_api import Right, RightsApi
from tests.unit.deleted_kinds import find_deleted_kinds

pytestmark = pytest.mark.looptime


PROJECT: Final = Path(__file__).parents[2]
# Asked by no request of ours: the API server wants it of whoever sets an owner that blocks its
# deletion, where the admission plugin OwnerReferencesPermissionEnforcement is on.
FOR_OWNERSHIP: Final[Right] = (CLUSTERS.group, f"{CLUSTERS.plural}/finalizers", "update")

LEAF: Final = Leaf(NAMING.peer_secret, NAMING.peer_authority, "etcd", server=True)


def every_action() -> list[Action]:
    """One action of each kind, on an object of each kind that there can be one for."""
    fresh = new(3, security={"networkPolicy": {}})
    issued = replace(to_secure(3, issuerRef={"name": "ca"}), cert_manager=True)
    applies = [
        a for a in correct_objects(fresh, choose_layout(fresh)) if isinstance(a, ApplyObject)
    ]
    requests = plan(issued).actions
    applies += [a for a in requests if isinstance(a, ApplyObject)][:1]
    assert {a.kind for a in applies} == {kind.name for kind in CHILD_KINDS}
    actions: list[Action] = [
        *applies,
        *(DeleteObject(kind, "db-0", "u", "why") for kind in sorted(find_deleted_kinds())),
        EvictPod("db-0", "u", "why"),
        *(IssueAuthority(NAMING.peer_authority, uid, uid, 0, (), "why") for uid in ("", "u")),
        IssueCertificate(LEAF, "u", "1", "", timedelta(hours=1), (), "why"),
        CopyCertificate(NAMING.peer_secret, "u", "1", ("a", "b"), ("a", "b"), (), "why"),
        ShareTrust(NAMING.peer_secret, "u", "1", (), "why"),
        ChangeAuth(Change(Step.ADD_USER, "app"), CLUSTER_ID),
        CreatePasswordSecret("db-password", "app"),
        *(
            WriteConnection(Connection("db-connection", "", "h", "u", ()), uid, uid, "")
            for uid in ("", "u")
        ),
        started(mirroring()),
        StopMirror("db-1f", "u", "why"),
        EndMirror(3, CLUSTER_ID),
        *(SetFinalizer(present, UID, "7") for present in (True, False)),
        ChangeClaimAttributes(NAMING.claim(0), "u", "gold"),
        ResizeClaim(NAMING.claim(0), "u", Quantity.parse("2Gi")),
        RequestBackup("db-0a1b", "why", {"metadata": {"name": "db-0a1b"}}),
        LabelPod(NAMING.member(0), "u", "voter"),
        ResizePod(NAMING.member(0), "u", "1", "hash", datetime(2026, 1, 1, tzinfo=UTC), {}),
        SetPodRevision(NAMING.member(0), "u", "1", "db-1"),
        QuarantineDisk(NAMING.claim(0), "u", "v"),
        RetainVolume(NAMING.claim(0), "u", "v"),
        RebindVolume(NAMING.claim(0), "u", "v"),
        RestoreReclaimPolicy(NAMING.claim(0), "u", "v"),
        RecordRestore(None, UID, "7", undone=True),
        AddLearner(3, NAMING.peer_url(3), CLUSTER_ID),
        PromoteMember(2, member_id(2), CLUSTER_ID),
        RemoveMember(2, member_id(2), CLUSTER_ID),
        UpdateMember(2, member_id(2), NAMING.peer_urls(2), CLUSTER_ID),
        MoveLeader(0, member_id(0), 1, member_id(1), CLUSTER_ID),
        PassLeadership("old-0", 0xB0, NAMING.member(0), member_id(0), CLUSTER_ID),
        RemoveSourceMember("old-0", 0, 0xB0, CLUSTER_ID),
        ScaleSource("old", "u", "1", 0, CLUSTER_ID),
        Compact(100, CLUSTER_ID),
        Defragment(1, member_id(1), CLUSTER_ID),
        DisarmAlarm("NOSPACE", member_id(1), CLUSTER_ID),
        *(SetDowngrade(target, CLUSTER_ID) for target in ("3.5", "")),
    ]
    assert {type(action) for action in actions} == set(get_args(Action)), "an action has no sample"
    return actions


def pool() -> EtcdPool:
    """Members that agree to everything."""
    members = AsyncMock(spec=EtcdPool)
    members.client.return_value = AsyncMock(spec=EtcdMemberClient)
    return cast(EtcdPool, members)


async def let_run(*parts: Any) -> None:
    """Let parts of the process run for a while."""
    tasks = [asyncio.create_task(part) for part in parts]
    await asyncio.sleep(10)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result


IN_VAIN = ApiFaults(error=lambda: Conflict("it has changed", 409), only_writes=True)


async def perform_everything(api: RightsApi) -> None:
    """Carry out every action, with success and in vain."""
    volume = bound_volume("n1")
    volume["spec"] |= {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    api.server.put(VOLUMES, "v", volume)
    clock = LoopClock()
    stores = (
        CertificateSecrets(api, clock),
        AuthCache(clock),
        PasswordSecrets(api, clock),
        ConnectionSecrets(api, clock),
    )
    performer = ActionHandlers(
        api, Caches(api), pool(), *stores, TaskCaches(api), AsyncMock(return_value="image")
    )
    for faults in (NO_FAULTS, IN_VAIN):
        api.server.change(faults)
        for action in every_action():
            with contextlib.suppress(Conflict, NotFound):
                await performer.perform(action, formed(3))


def task_manifest(kind: Kind) -> Json:
    """Any object of a kind."""
    return {"metadata": {"namespace": NAMING.namespace, "name": "x", "uid": "u"}}


async def perform_every_task(api: RightsApi) -> None:
    """Carry out every action of backups and restores, with success and in vain."""
    tasks = TaskCaches(api)
    performer = TaskActionHandlers(api, Caches(api), tasks)
    actions: list[TaskAction] = [
        *(CreateObject(kind.name, task_manifest(kind)) for kind in (JOBS, CLAIMS, CLUSTERS)),
        DeleteJob("x", "u"),
        AnnotateCluster("x", "u", "1", {}),
        SetRestoreFinalizer("x", "u", "1", ()),
    ]
    assert {type(action) for action in actions} == set(get_args(TaskAction)), "one has no sample"
    for faults in (NO_FAULTS, IN_VAIN):
        api.server.change(faults)
        for action in actions:
            with contextlib.suppress(Conflict):
                await performer.perform(action, NAMING.namespace)


async def make_task_passes(api: KubeApi, events: EventRecorder) -> None:
    """Make a pass over an EtcdBackup and over an EtcdRestore that cannot go on."""
    tasks, clock = TaskCaches(api), LoopClock()
    await let_run(tasks.run())
    parts = (api, Caches(api), tasks, events, Metrics(), clock, "image")
    for kind, cache in ((BACKUPS, tasks.backups), (RESTORES, tasks.restores)):
        metadata = {"namespace": "team", "name": kind.plural, "uid": "u", "resourceVersion": "1"}
        cache.observe({"metadata": metadata, "spec": {}})
    await BackupReconciler(*parts).reconcile("team", BACKUPS.plural)
    await RestoreReconciler(*parts, domain="cluster.local").reconcile("team", RESTORES.plural)
    assert await find_own_image(api, "team", "me") == FALLBACK


async def find_needed() -> set[Right]:
    """Return every right that any request of the operator needs."""
    needed: set[Right] = set()
    await perform_everything(RightsApi(needed))
    await perform_every_task(RightsApi(needed))
    api = RightsApi(needed)
    caches, clock = Caches(api), LoopClock()
    events = EventRecorder(api, clock)
    await let_run(caches.run(), events.run())
    served = {ANNOTATION_OPERATOR: NAMESPACE}
    caches.observe(CLUSTERS.name, raw_cluster({"size": 3}, annotations=served))
    for kind in CHILD_KINDS:
        caches.observe(kind.name, _stranger(kind))
    stores = (
        CertificateSecrets(api, clock),
        AuthCache(clock),
        PasswordSecrets(api, clock),
        ConnectionSecrets(api, clock),
    )
    gatherer = Gatherer(api, caches, pool(), clock, "cluster.local", *stores)
    performer = ActionHandlers(
        api, caches, pool(), *stores, TaskCaches(api), AsyncMock(return_value="image")
    )
    metrics, corrections = Metrics(), Corrections(clock)
    executor = Executor(api, caches, performer, events, metrics, corrections)
    operators = ServingOperators(api, caches, events, clock, NAMESPACE)
    reconciler = Reconciler(
        api,
        caches,
        gatherer,
        executor,
        events,
        metrics,
        corrections,
        operators,
        Turns(caches, clock, 2),
    )
    await reconciler.reconcile(NAMING.namespace, NAMING.name)
    await ask_for_hosts(api)
    await ServiceExits(api, clock).look(NAMING, (pod(0, role=ROLE_LEAVING),))
    await WarningReader(api, clock).find(NAMING.namespace, "u")
    await make_task_passes(api, events)
    elections = ShardElections(api, clock, NAMESPACE, "me", MOST_SHARDS)
    await let_run(events.run(), elections.run(lambda _: asyncio.sleep(3600)))
    return needed


async def ask_for_hosts(api: RightsApi) -> None:
    """Look for the node of a Pod that cannot end, and for that of a disk that waits for its own."""
    api.server.put(VOLUMES, "v", bound_volume("n1"))
    end = datetime(2026, 1, 1, tzinfo=UTC)
    ending = pod(0, deleting=True, ends_by=end, node="n1")
    waiting = pod(1, node="", problem=PodProblem("Unschedulable", ""))
    await NodeLookup(api, LoopClock()).find((ending, waiting), (claim(1, volume="v"),))


def _stranger(kind: Kind) -> Json:
    """An object under one of our names without our label: it is read again in each pass."""
    names = {
        "Service": NAMING.peer_service,
        "ConfigMap": NAMING.config_map,
        "Certificate": NAMING.server_certificate,
    }
    name = names.get(kind.name, NAMING.name)
    metadata = {"namespace": NAMING.namespace, "name": name, "uid": "u", "resourceVersion": "1"}
    return {"metadata": metadata}


def granted(granting: Iterable[Json]) -> set[Right]:
    """The rights in the rules of a Role."""
    return {
        (group, resource, verb)
        for rule in granting
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def test_the_rights_are_what_the_code_asks_for() -> None:
    asked = await find_needed()
    of_the_election = {right for right in asked if right[1] == LEASES.plural}
    needed = asked - of_the_election
    allowed = granted(RULES) - {FOR_OWNERSHIP}
    assert needed - allowed == set(), "missing"
    assert allowed - needed == set(), "nobody asks for them"
    assert FOR_OWNERSHIP in granted(RULES)
    assert granted(LEASE_RULES) == of_the_election


def test_only_our_own_leases_can_be_read_or_changed() -> None:
    """The name of what does not exist yet is no part of a request to create it."""
    for rule in LEASE_RULES:
        named = {name.partition("-operator")[0] for name in rule.get("resourceNames", ())}
        assert named == (set() if "create" in rule["verbs"] else {"etcd"})


def test_a_role_grants_nothing_that_it_cannot() -> None:
    role = next(m for m in build_namespaced_installation() if m["kind"] == "Role")
    assert granted(role["rules"]) == {r for r in granted(RULES) if r[1] not in CLUSTER_WIDE}


def test_nothing_is_granted_twice_or_by_a_wildcard() -> None:
    rights = [right for rule in (*RULES, *LEASE_RULES) for right in sorted(granted([rule]))]
    assert len(rights) == len(set(rights))
    assert not any("*" in part for right in rights for part in right)


def test_what_the_rules_delete_is_known_to_the_caches() -> None:
    kinds = find_deleted_kinds()
    assert {"Pod", "PersistentVolumeClaim", "StatefulSet", "NetworkPolicy"} <= kinds <= KINDS.keys()


def test_the_page_on_security_says_the_same() -> None:
    text = (PROJECT / "SECURITY.md").read_text()
    rows = re.findall(r"^\| `([a-z/]+)` \| ([a-z, ]+) \|", text, re.MULTILINE)
    said = {(resource, verb) for resource, verbs in rows for verb in verbs.split(", ")}
    assert said == {(resource, verb) for _, resource, verb in granted(RULES)}
    leases = "`etcd-operator`, `etcd-operator-1` to `-15` and `etcd-operator-replicas`"
    assert f"| `leases` (own namespace) | create; get and patch of {leases} |" in text
