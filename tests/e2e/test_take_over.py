"""A running etcd cluster is joined and taken over, under a load that records what it was told."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from demo.object_store import ObjectStore
from deploy.target import Target, TargetError
from etcd_operator.api.bootstrap import ANNOTATION_CONSENT
from etcd_operator.core.takeover.record import ANNOTATION_APPROVED
from etcd_operator.json_types import Json
from tests.chaos.load import Load
from tests.e2e import bitnami_etcd, other_operators, tls_etcd
from tests.e2e.backup_harness import Task, find_taken
from tests.e2e.foreign_etcd import (
    VERSION,
    ForeignEtcd,
    SharedDoor,
    asks,
    join,
    read_progress,
)
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.histories import assert_served
from tests.e2e.previews import as_foreseen, as_patched, as_previewed, held
from tests.e2e.secured import SecuredCluster, read_secret
from tests.e2e.terminal import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

# Two elections, each of which may take several seconds on a busy machine.
LONGEST_GAP = 10.0
# Seconds of a lease that no take-over outlives.
LEASED = 36_000


@dataclass(frozen=True)
class Shape:
    """How people run etcd today, and what the EtcdCluster says of it.

    That is, beside the source: some fields of the spec, and who scales the old members in, by
    `spec.bootstrap.joinExisting.scaleIn`.
    """

    etcd: type[ForeignEtcd]
    cluster: type[Cluster]
    door: type[SharedDoor]
    spec: Json
    scale_in: str


TLS = Shape(
    tls_etcd.TlsEtcd,
    tls_etcd.TlsCluster,
    tls_etcd.TlsDoor,
    {**tls_etcd.SPEC, "backup": {"beforeTakeOver": "nightly"}},
    "Automatic",
)
BITNAMI = Shape(
    bitnami_etcd.BitnamiEtcd,
    bitnami_etcd.PasswordCluster,
    bitnami_etcd.PasswordDoor,
    bitnami_etcd.SPEC,
    "Manual",
)

ETCD_IO = Shape(other_operators.EtcdIoEtcd, Cluster, SharedDoor, {}, "Automatic")
COZYSTACK = Shape(other_operators.CozystackEtcd, Cluster, SharedDoor, {}, "Manual")
SHAPES = {"bitnami-1": (BITNAMI, 1, VERSION), "tls-3": (TLS, 3, "v3.6.16")}
# Others differ in how members are found and kept, not in what etcd is asked: `make take-overs`.
if os.environ.get("ALL_SHAPES"):
    SHAPES |= {
        "bitnami-3": (BITNAMI, 3, VERSION),
        "etcd-io-3": (ETCD_IO, 3, "v3.6.16"),
        "cozystack-3": (COZYSTACK, 3, "v3.6.16"),
    }


@pytest.mark.parametrize(("shape", "size", "version"), SHAPES.values(), ids=SHAPES)
@pytest.mark.usefixtures("secrets")
def test_a_cluster_is_taken_over_under_load(
    target: Target, namespace: str, store: ObjectStore, shape: Shape, size: int, version: str
) -> None:
    old, cluster = shape.etcd(target, namespace, size, version), shape.cluster(target, namespace)
    template = Task(target, namespace, "EtcdBackup", "nightly")
    template.create(clusterName="c", storageType="S3", s3=store.destination(), suspend=True)
    old.create()
    leased = lease(old)
    users = add_user(old)
    old.consent_to(cluster)
    old.etcdctl("put", "before", "kept")
    before = old.look()
    load = Load(shape.door(cluster), seed=size)
    load.start()
    try:
        wanted: Json = {"spec": shape.spec, "source": old.source}
        by_hand = shape.scale_in == "Manual"
        with as_foreseen(cluster, lambda seen: bool(seen.source_statuses)) as told:
            join(cluster, version=version, scale_in=shape.scale_in, **wanted)
            if by_hand:
                told.follow("it asks", partial(asks, cluster, old.asks), 120)
            else:
                told.follow("three run", lambda: cluster.is_running(3), 240)
        if by_hand:
            old.stop_as_asked(cluster)
            cluster.wait_running(3, 90)
    finally:
        history = load.finish()

    writes = assert_served(namespace, history, longest_gap=LONGEST_GAP)
    taken = [backup["status"]["phase"] for backup in find_taken(cluster)]
    assert taken == ["Completed"] * ("backup" in shape.spec), "before the first old member goes"
    if isinstance(cluster, SecuredCluster):
        cluster.start_client(version)
        assert read_secret(cluster, "c-peer-ca")["tls.key"] != old_key(cluster), "others have that"
    assert int(cluster.status()["clusterID"], 16) == before["cluster_id"]
    header = json.loads(cluster.etcdctl("get", "before", "--write-out=json"))
    assert header["kvs"][0]["mod_revision"] == before["revision"], "no revision is another"
    assert header["header"]["revision"] >= before["revision"] + writes
    cluster.assert_agreement(3)
    left = json.loads(cluster.etcdctl("lease", "timetolive", leased, "--keys", "--write-out=json"))
    assert (left["granted-ttl"], len(left["keys"])) == (LEASED, 1)
    assert 0 < left["ttl"] <= LEASED
    assert list_users(cluster) == users
    assert old.has_ended
    # The name that clients know is another's until that goes.
    assert "delete it" in cluster.wait_reason("SpecWarning", "AliasTaken")
    old.kubectl("delete", "service", "clients")
    wait_until("there is an alias", lambda: "clients" in cluster.uids("services"))
    wait_until("the old name leads to the new members", lambda: reads_by_old_name(cluster))
    # The cluster is one like all others from then on.
    with as_patched(cluster, bootstrap=None, size=1):
        cluster.wait_running(1)
    assert cluster.read_key("before") == "kept"


def lease(old: ForeignEtcd) -> str:
    """The ID of a lease with a key."""
    granted = old.etcdctl("lease", "grant", str(LEASED), "--write-out=json")
    identity = f"{json.loads(granted)['ID']:x}"
    old.etcdctl("put", "leased", "kept", f"--lease={identity}")
    return identity


def add_user(old: ForeignEtcd) -> str:
    """Add a user with a role; what etcd says of all of them then."""
    for words in (
        "role add reader",
        "role grant-permission reader read before",
        "user add app:word",
        "user grant-role app reader",
    ):
        old.etcdctl(*words.split())
    return list_users(old)


def list_users(etcd: ForeignEtcd | Cluster) -> str:
    """The users, and what the one that was added may do."""
    return etcd.etcdctl("user", "list") + etcd.etcdctl("user", "get", "app", "--detail")


def old_key(cluster: Cluster) -> str:
    """The key of the CA that was handed over."""
    return read_secret(cluster, "old-ca")["tls.key"]


def reads_by_old_name(cluster: Cluster) -> bool:
    """Whether a client finds the members by the name of before: kube-proxies may know of none."""
    scheme = cluster.service.partition(":")[0]
    with contextlib.suppress(TargetError):
        found = cluster.etcdctl(
            "get", "before", "--print-value-only", endpoint=f"{scheme}://clients:2379"
        )
        return found.strip() == "kept"
    return False


def test_it_waits_for_the_approval_and_is_given_back(
    target: Target, namespace: str, shell: Shell, tmp_path: Path
) -> None:
    old, cluster = ForeignEtcd(target, namespace, consent=""), Cluster(target, namespace)
    old.create()
    uids = uids_of(old)
    with as_foreseen(cluster, lambda seen: bool(seen.source_statuses)):
        join(cluster, "Manual")
        refused = cluster.wait_reason("Progressing", "TakeOverRefused")
        command = re.search(r"`kubectl (annotate [^`]*)`", refused)
        assert command, refused
        old.kubectl(*command[1].split())
        cluster.wait_reason("Progressing", "TakeOverAwaitsApproval", 120)
    assert len(json.loads(old.etcdctl("member", "list", "--write-out=json"))["members"]) == 6

    assert "Nothing was changed" in shell.run("migrate", "abort", "c", answer="d\n", code=7)
    with held(cluster), as_previewed(cluster, deleted=True):
        assert "gives the cluster back to StatefulSet old" in shell.run(
            "migrate", "abort", "c", answer="c\n"
        )
    wait_until("the EtcdCluster is gone", lambda: not cluster.exists(), 90)
    members = json.loads(old.etcdctl("member", "list", "--write-out=json"))["members"]
    assert sorted(member["name"] for member in members) == ["old-0", "old-1", "old-2"]
    assert uids_of(old) == uids, "no Pod of it was touched"
    assert old.etcdctl("put", "after", "it").strip() == "OK"

    # Nothing of the StatefulSet is named from here on: its members are processes somewhere.
    old.kubectl("annotate", "statefulset", "old", f"{ANNOTATION_CONSENT}-")
    take_over_as_a_person(old, cluster, shell, tmp_path / "c.yaml")
    assert cluster.read_key("after") == "it"


def take_over_as_a_person(old: ForeignEtcd, cluster: Cluster, shell: Shell, manifest: Path) -> None:
    """By the verbs of the plugin: planned, applied, looked at, approved, and stopped as asked."""
    endpoints = [f"{old.name}-{n}.{old.name}.{old.namespace}.svc:2379" for n in range(3)]
    named = [*(f"--endpoint=http://{each}" for each in endpoints), f"--version={VERSION}"]
    manifest.write_text(shell.run("migrate", "plan", "c", *named))
    assert "TakeOverAwaitsApproval" in shell.run("plan", f"--filename={manifest}", code=1)
    assert "Nothing was changed" in shell.run("migrate", "apply", "c", *named, code=7)
    assert not cluster.exists()
    said = shell.run("migrate", "apply", "c", *named, answer="y\n")
    assert "EtcdCluster c is to take over the listed endpoints." in said
    refused = cluster.wait_reason("Progressing", "TakeOverRefused")
    command = re.search(r"`etcdctl ([^`]*)`", refused)
    assert command, refused
    assert f"`etcdctl {command[1]}`" in said
    old.etcdctl(*command[1].split())
    cluster.wait_reason("Progressing", "TakeOverAwaitsApproval", 120)
    assert "approve: 3 members of the listed endpoints." in shell.run("migrate", "status", "c")
    found = shell.view("migrate", "status", "c")["takeOver"]
    assert (found["stage"], found["members"]) == ("approve", 3)
    # The message of the status has the same approval as a command of plain kubectl.
    told = read_progress(cluster)
    with as_foreseen(cluster, lambda seen: ANNOTATION_APPROVED in seen.cluster.annotations):
        said = shell.run("migrate", "approve", "c", answer="y\n")
        cluster.wait_reason("Progressing", "TakeOverAwaitsStop")
    assert f"at revision {found['comparedAtRevision']}" in said
    approval = cluster.get()["metadata"]["annotations"][ANNOTATION_APPROVED]
    assert f"{ANNOTATION_APPROVED}={approval}" in told
    for left in (2, 1, 0):
        asked = f"stop etcd at {endpoints[left]} for good"
        wait_until("it asks to stop the next", partial(asks, cluster, asked), 90)
        assert asked in shell.run("migrate", "status", "c")
        old.scale(left)
    cluster.wait_running(3, 120)
    assert "takes over no other cluster now" in shell.run("migrate", "status", "c")


def uids_of(old: ForeignEtcd) -> list[str]:
    """The UIDs of its Pods."""
    found = json.loads(old.kubectl("get", "pods", "--selector=app=old", "--output=json"))
    return sorted(pod["metadata"]["uid"] for pod in found["items"])


def joined_at(*endpoints: str, **source: str) -> Json:
    """A spec that joins members at endpoints, or says something else of them as well."""
    listed = {"endpoints": list(endpoints)} if endpoints else {}
    return {"bootstrap": {"joinExisting": {"source": {**listed, **source}}}}


def test_what_cannot_be_joined_is_refused_with_the_remedy(target: Target, namespace: str) -> None:
    joined: Json = {"joinExisting": {"source": {"statefulSet": "old"}}}
    itself: Json = {"joinExisting": {"source": {"statefulSet": "c"}}}
    for spec, words in (
        ({"size": 1}, "remove bootstrap and scale in"),
        ({"security": {"tls": {"enabled": True}}}, "set both as the old members serve clients"),
        ({"security": {"networkPolicy": {"enabled": True}}}, "when the take-over is over"),
        ({"bootstrap": itself}, "own StatefulSet"),
        (joined_at(), "either statefulSet or endpoints"),
        (joined_at("http://a:2379", statefulSet="old"), "either statefulSet or endpoints"),
        (joined_at("https://a:2379"), "with http:// if not"),
        (joined_at("http://a:2379", "http://a:2379"), "list every old member once"),
        (joined_at("http://[::1]:2379"), "should match"),
        ({"service": {"aliases": ["c-client"]}}, "Service of the cluster anyway"),
    ):
        with pytest.raises(TargetError, match=words):
            Cluster(target, namespace).create(**{"size": 3, "bootstrap": joined, **spec})
    cluster = Cluster(target, namespace)
    cluster.create(size=3, bootstrap=joined)
    message = cluster.wait_reason("Progressing", "TakeOverRefused")
    assert "does not exist" in message
    wait_until("nothing is created", lambda: not cluster.objects("statefulsets"))
