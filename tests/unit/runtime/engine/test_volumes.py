"""Setting disks aside, bringing them back and letting them go: exactly those, in a safe order."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest

from etcd_operator.core.actions import (
    Action,
    ChangeClaimAttributes,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RestoreReclaimPolicy,
    RetainVolume,
)
from etcd_operator.core.in_place_restore.record import (
    ANNOTATION_RECORD,
    ANNOTATION_WISH,
    RestoreRecord,
    Stage,
)
from etcd_operator.core.model.naming import ANNOTATION_QUARANTINED, ANNOTATION_RECLAIM
from etcd_operator.errors import Conflict, Forbidden, Invalid, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.kubernetes.api import CLAIMS, CLUSTERS, VOLUMES
from tests.builders.snapshots import UID, formed
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi

DISK = QuarantineDisk("data-db-1", "claim-1", "v")
BACK = RebindVolume("data-db-1", "claim-1", "v")
RELEASE = RestoreReclaimPolicy("data-db-1", "claim-1", "v")
ASIDE = {ANNOTATION_QUARANTINED: "team/data-db-1", ANNOTATION_RECLAIM: "Delete"}


def serve(
    claim_uid: str,
    policy: str = "Delete",
    marks: dict[str, str] | None = None,
    namespace: str = "team",
    claim: str = "data-db-1",
) -> ApiServer:
    """An API server with one volume, the cluster, and its claim while the volume is bound."""
    server = ApiServer()
    volume: Json = {
        "metadata": {"annotations": marks or {}},
        "spec": {
            "claimRef": {"uid": claim_uid, "namespace": namespace, "name": claim},
            "persistentVolumeReclaimPolicy": policy,
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "2Gi"},
            "storageClassName": "fast",
        },
    }
    server.put(VOLUMES, "v", volume)
    server.put(CLUSTERS, "db", {"metadata": {"uid": UID}}, "team")
    if not marks:
        server.put(CLAIMS, "data-db-1", {"metadata": {"uid": "claim-1"}}, "team")
    return server


async def perform(server: ApiServer, action: Action) -> list[tuple[str, Json]]:
    """Carry it out; returns what was written."""
    api = InMemoryApi(server)
    others = (AsyncMock() for _ in range(7))
    performer = ActionHandlers(api, Caches(api), *others)
    await performer.perform(action, formed(3))
    return server.sent


async def test_the_volume_is_kept_before_the_claim_goes() -> None:
    (first, patch), (second, body) = await perform(serve("claim-1"), DISK)
    assert (first, second, body["uid"]) == (
        "patch PersistentVolume v",
        "delete PersistentVolumeClaim data-db-1",
        "claim-1",
    )
    assert patch["spec"] == {"persistentVolumeReclaimPolicy": "Retain"}
    assert patch["metadata"]["resourceVersion"] == "1"
    assert patch["metadata"]["annotations"] == ASIDE


async def test_what_it_was_before_is_remembered_however_often_it_is_kept() -> None:
    api = serve("claim-1", "Retain", ASIDE)
    ((_, patch),) = await perform(api, RetainVolume("data-db-1", "claim-1", "v"))
    assert patch["metadata"]["annotations"] == ASIDE


@pytest.mark.parametrize(
    "api",
    [serve("another"), serve("claim-1", namespace="team-b"), serve("claim-1", claim="x")],
    ids=["another uid", "another namespace", "another name"],
)
@pytest.mark.parametrize("action", [DISK, RetainVolume("data-db-1", "claim-1", "v")])
async def test_a_volume_of_another_claim_stays_as_it_is(action: Action, api: ApiServer) -> None:
    with pytest.raises(Conflict, match="belongs to another claim"):
        await perform(api, action)
    assert api.sent == []


async def test_a_claim_without_a_volume_just_goes() -> None:
    asked = await perform(serve(""), QuarantineDisk("data-db-1", "claim-1", ""))
    assert [what for what, _ in asked] == ["delete PersistentVolumeClaim data-db-1"]


async def test_a_volume_is_promised_before_its_claim_is_made() -> None:
    (first, patch), (second, body) = await perform(serve("claim-1", "Retain", ASIDE), BACK)
    assert (first, second) == (
        "patch PersistentVolume v",
        "create PersistentVolumeClaim data-db-1",
    )
    assert patch["spec"] == {"claimRef": {"uid": None, "resourceVersion": None}}
    assert body["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "volumeMode": "Filesystem",
        "volumeName": "v",
        "resources": {"requests": {"storage": "2Gi"}},
    }
    assert body["metadata"]["labels"]["etcd.etcd.io/cluster-uid"] == UID


async def test_putting_back_goes_on_where_it_was_interrupted() -> None:
    asked = await perform(serve("", "Retain", ASIDE), BACK)
    assert [what for what, _ in asked] == ["create PersistentVolumeClaim data-db-1"]


async def test_what_was_not_set_aside_is_not_put_back() -> None:
    with pytest.raises(Conflict, match="was not set aside"):
        await perform(serve("claim-1"), BACK)


async def test_a_released_volume_is_what_it_was_before() -> None:
    ((_, patch),) = await perform(serve("claim-1", "Retain", ASIDE), RELEASE)
    assert patch["spec"] == {"persistentVolumeReclaimPolicy": "Delete"}
    assert patch["metadata"]["annotations"] == dict.fromkeys(ASIDE)


@pytest.mark.parametrize(
    "api",
    [serve("another", "Retain", ASIDE), serve("claim-1", "Retain")],
    ids=["a person has made use of it", "it was released before"],
)
async def test_only_what_was_set_aside_is_released(api: ApiServer) -> None:
    assert await perform(api, RELEASE) == []


def volume_of(namespace: str, name: str, marked: str) -> ApiServer:
    """A volume that was set aside, of which an edited record knows name and claim uid."""
    api = serve("claim-1", "Retain", {**ASIDE, ANNOTATION_QUARANTINED: marked})
    volume = api.objects["PersistentVolume", "", "v"]
    volume["spec"]["claimRef"].update(namespace=namespace, name=name)
    return api


@pytest.mark.parametrize(
    ("namespace", "name", "marked"),
    [
        ("team-b", "data-db-1", "team-b/data-db-1"),
        ("team", "data-other-1", "team/data-other-1"),
        ("team", "data-db-2", "team/data-db-2"),
        ("team-b", "data-db-1", "team/data-db-1"),
        ("team", "data-db-1", "team-b/data-db-1"),
        ("team", "data-db-1", ""),
    ],
)
@pytest.mark.situation(
    "data",
    "a record of a restore names a volume of somebody else",
    "the volume stays as it is",
)
async def test_a_record_moves_no_volume_of_another_claim(
    namespace: str, name: str, marked: str
) -> None:
    """Whoever may write the EtcdCluster may write the record: the volume says whose it is."""
    assert await perform(volume_of(namespace, name, marked), RELEASE) == []
    api = volume_of(namespace, name, marked)
    with pytest.raises(Conflict, match="was not set aside"):
        await perform(api, BACK)
    assert api.sent == []


@pytest.mark.parametrize("error", [NotFound("v", 404), Forbidden("no", 403)])
async def test_a_volume_that_nobody_sees_needs_no_release(error: KubeError) -> None:
    api = serve("claim-1")
    api.change(ApiFaults(error=lambda: error))
    assert await perform(api, RELEASE) == []


async def test_the_record_and_its_end_are_written_onto_what_was_looked_at() -> None:
    following = RestoreRecord(Stage.FILL, "r", 1, 3, (0, 1, 2))
    ((what, patch),) = await perform(serve(""), RecordRestore(following, UID, "2"))
    assert what == "patch EtcdCluster db"
    assert patch["metadata"] == {
        "uid": UID,
        "resourceVersion": "2",
        "annotations": {ANNOTATION_RECORD: following.write()},
    }
    ((_, over),) = await perform(serve(""), RecordRestore(None, UID, "2"))
    assert over["metadata"]["annotations"] == {ANNOTATION_RECORD: None, ANNOTATION_WISH: None}
    ((_, undone),) = await perform(serve(""), RecordRestore(None, UID, "2", undone=True))
    assert undone["metadata"]["annotations"] == {
        ANNOTATION_RECORD: None,
        ANNOTATION_WISH: None,
        "etcd.etcd.io/restored": None,
    }


async def test_a_volume_comes_back_with_the_attributes_that_it_has() -> None:
    server = serve("", "Retain", ASIDE)
    volume = server.objects[VOLUMES.name, "", "v"]
    volume["spec"]["volumeAttributesClassName"] = "gold"
    *_, (_, body) = await perform(server, BACK)
    assert body["spec"]["volumeAttributesClassName"] == "gold"


async def test_another_class_is_asked_for_in_the_claim_that_was_looked_at() -> None:
    server = serve("claim-1")
    ((_, patch),) = await perform(server, ChangeClaimAttributes("data-db-1", "claim-1", "gold"))
    assert patch == {
        "metadata": {"uid": "claim-1"},
        "spec": {"volumeAttributesClassName": "gold"},
    }


async def test_a_kubernetes_that_drops_the_class_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"name": "data-db-1", "namespace": "team", "uid": "u", "resourceVersion": "9"}
    dropped = AsyncMock(return_value={"metadata": place, "spec": {}})
    monkeypatch.setattr(InMemoryApi, "merge_patch", dropped)
    for disk, field in (("data", "spec.storage"), ("wal", "spec.storage.wal")):
        action = ChangeClaimAttributes(f"{disk}-db-1", "claim-1", "gold")
        with pytest.raises(Invalid, match=f"Remove {field}.volumeAttributesClassName"):
            await perform(serve("claim-1"), action)
