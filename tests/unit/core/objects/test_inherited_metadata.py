"""Labels and annotations that the spec gives to all objects of a cluster."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.backup import EtcdBackupSpec
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.required_backup.requirement import render_backup
from etcd_operator.json_types import Json
from tests.builders.snapshots import change_child, formed, new, raw_cluster, settled, with_spec

GIVEN: Json = {"labels": {"owner": "team-a"}, "annotations": {"cost": "42"}}
ISSUER: Json = {"tls": {"issuerRef": {"name": "ca"}}}


def handed_down(**spec: Any) -> Snapshot:
    """A new cluster whose spec gives metadata to its objects."""
    snapshot = new(inheritedMetadata=GIVEN, **spec)
    return replace(snapshot, naming=Naming.of(snapshot.cluster, "cluster.local"))


def manifests(snapshot: Snapshot) -> list[Json]:
    """Everything that is created."""
    return [a.manifest for a in plan(snapshot).actions if isinstance(a, ApplyObject)]


@pytest.mark.situation(
    "coexist",
    "a policy asks for labels on every object",
    "`inheritedMetadata` gives them to all",
)
def test_every_object_carries_it() -> None:
    found = manifests(handed_down(security={"networkPolicy": {}}))
    kinds = {manifest["kind"] for manifest in found}
    assert kinds == {
        "ConfigMap",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "StatefulSet",
    }
    (stateful,) = (m for m in found if m["kind"] == "StatefulSet")
    found += [stateful["spec"]["template"], *stateful["spec"]["volumeClaimTemplates"]]
    found += render_certificates(handed_down(security=ISSUER))
    found += [{"metadata": m["spec"]["secretTemplate"]} for m in found if "secretTemplate" in m]
    snapshot = handed_down()
    backup = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
    found.append(render_backup(snapshot, "deletion", EtcdBackupSpec.model_validate(backup)))
    for manifest in found:
        assert manifest["metadata"]["labels"]["owner"] == "team-a", manifest
        assert manifest["metadata"]["annotations"]["cost"] == "42", manifest


def test_what_is_said_of_pods_comes_before_what_is_said_of_all() -> None:
    template = {"labels": {"owner": "team-b"}, "annotations": {"cost": "43"}}
    (stateful,) = (
        m for m in manifests(handed_down(podTemplate=template)) if m["kind"] == "StatefulSet"
    )
    metadata = stateful["spec"]["template"]["metadata"]
    assert metadata["labels"]["owner"] == "team-b"
    assert metadata["annotations"]["cost"] == "43"
    assert metadata["labels"]["app.kubernetes.io/instance"] == "db"


def test_without_it_nothing_changes() -> None:
    assert manifests(new()) == manifests(
        replace(new(), naming=Naming.of(new().cluster, "cluster.local"))
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"labels": {"etcd.etcd.io/cluster": "x"}}, "labels.etcd.etcd.io/cluster"),
        ({"labels": {"app.kubernetes.io/instance": "x"}}, "labels.app.kubernetes.io/instance"),
        ({"annotations": {"etcd.etcd.io/cluster-id": "x"}}, "annotations.etcd.etcd.io/cluster-id"),
        ({"labels": {"-a": "x"}}, "labels.-a"),
        ({"labels": {"a": "-"}}, "labels.a"),
        ({"labels": {"a/b/c": "x"}}, "labels.a/b/c"),
    ],
)
def test_what_cannot_be_handed_down(given: Json, field: str) -> None:
    cluster = parse_cluster(raw_cluster({"inheritedMetadata": given}))
    (problem,) = find_problems(cluster)
    assert problem.field == f"spec.inheritedMetadata.{field}"
    assert problem.sentence.startswith(problem.field)
    assert problem.sentence.rpartition(": ")[2]


@pytest.mark.parametrize("labels", [{"a" * 33: "x" * 64}, {f"k{n}": "v" for n in range(33)}])
def test_more_than_an_object_can_carry_is_a_flaw(labels: Json) -> None:
    cluster = parse_cluster(raw_cluster({"inheritedMetadata": {"labels": labels}}))
    assert cluster.flaws


@pytest.mark.parametrize("found", ["TEAM-A", None])
def test_admission_that_changes_the_labels_of_disks_makes_nothing_anew_for_ever(
    found: str | None,
) -> None:
    """Made anew it would be as it is; only another wish is a reason."""
    base = formed(3, inheritedMetadata=GIVEN)
    naming = Naming.of(base.cluster, "cluster.local")
    snapshot = settled(replace(base, naming=naming, children={}))
    body = copy.deepcopy(snapshot.children["StatefulSet", "db"].body)
    body["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"]["owner"] = found
    snapshot = settled(change_child(snapshot, "StatefulSet", "db", body=body))
    assert plan(snapshot).rule == "report_settled"
    wish = with_spec(snapshot, inheritedMetadata={"labels": {"owner": "team-b"}})
    wish = replace(wish, naming=Naming.of(wish.cluster, "cluster.local"))
    assert plan(wish).rule == "update_claim_template"
