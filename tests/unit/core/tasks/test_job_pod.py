"""Where and how the Pods of Jobs run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.quantity import Quantity
from etcd_operator.core.model.user_ids import leave_out_user_ids
from etcd_operator.core.objects.resources import find_resources, render_resources
from etcd_operator.core.tasks.backup import backup_planner as backup_planner
from etcd_operator.core.tasks.restore import restore_planner as restore_planner
from etcd_operator.json_types import Json
from tests.builders.backups import S3, backup_view, cluster, created
from tests.builders.restores import PINNED, made, restore_view
from tests.builders.snapshots import claim, raw_cluster

HOST = "kubernetes.io/hostname"
NODES: Json = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]
    }
}


def apart(*keys: str, topology: str = HOST) -> Json:
    """Members that must not share a node, kept apart by labels."""
    term = {
        "topologyKey": topology,
        "labelSelector": {"matchExpressions": [{"key": k, "operator": "Exists"} for k in keys]},
    }
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def backup_job(cluster_spec: Json, **template: Any) -> Json:
    """The Job of a backup of a cluster with this spec."""
    spec = {"size": 1, "version": "v3.6.16", **cluster_spec}
    found = replace(parse_cluster(raw_cluster(spec)), status=cluster().status)
    wanted = {**S3, "jobTemplate": template} if template else S3
    (job,) = created(backup_planner.decide(backup_view(wanted, cluster=found)))
    return job


def restore_jobs(cluster_spec: Json, **template: Any) -> list[Json]:
    """The Jobs that fill the disks of a cluster with this spec."""
    spec = {"size": 3, "version": "v3.6.16", **cluster_spec}
    target = replace(parse_cluster(raw_cluster(spec)), annotations=made().annotations)
    wanted = {"jobTemplate": template} if template else {}
    claims = tuple(claim(o) for o in range(3))
    view = restore_view(wanted, PINNED, target=target, claims=claims)
    return created(restore_planner.decide(view))


def pod_of(job: Json) -> Json:
    """The spec of its Pod."""
    pod: Json = job["spec"]["template"]["spec"]
    return pod


def containers_of(job: Json) -> dict[str, Json]:
    """The containers of its Pod, by name."""
    pod = pod_of(job)
    return {c["name"]: c for c in (*pod["initContainers"], *pod["containers"])}


def test_what_keeps_members_apart_is_not_asked_of_a_backup() -> None:
    affinity = {**apart("app.kubernetes.io/name"), "podAffinity": {}, "nodeAffinity": NODES}
    job = backup_job({"podTemplate": {"affinity": affinity}})
    assert pod_of(job)["affinity"] == {"nodeAffinity": NODES}
    assert "affinity" not in pod_of(backup_job({"podTemplate": {"affinity": apart("app")}}))


@pytest.mark.situation(
    "coexist",
    "members must not share a node, and every node has one",
    "backups run beside them",
)
def test_labels_that_members_are_kept_apart_by_are_not_taken_over() -> None:
    preferred = {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"podAffinityTerm": {"topologyKey": HOST, "labelSelector": {"matchLabels": {"b": "1"}}}}
        ]
    }
    both = apart("a", "app.kubernetes.io/managed-by")
    both["podAntiAffinity"] |= preferred
    labels = {"a": "1", "b": "1", "c": "1", "etcd.etcd.io/cluster-uid": "x", "job-name": "y"}
    job = backup_job({"podTemplate": {"affinity": both, "labels": labels}})
    assert job["spec"]["template"]["metadata"]["labels"] == {
        "c": "1",
        "etcd.etcd.io/task": "backup",
    }
    assert job["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "etcd-operator",
        "etcd.etcd.io/task": "backup",
    }


@pytest.mark.parametrize(
    "affinity",
    [
        {"podAntiAffinity": "x"},
        {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"a": 1}}},
        {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [1, {}]}},
        {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"podAffinityTerm": {"labelSelector": {"matchLabels": None}}}
                ]
            }
        },
    ],
)
def test_nonsense_in_an_affinity_stops_no_job(affinity: Json) -> None:
    spec = {"podTemplate": {"affinity": affinity, "labels": {"a": "1"}}}
    assert backup_job(spec)
    assert len(restore_jobs(spec)) == 3


@pytest.mark.situation(
    "coexist",
    "members must not share a zone",
    "their disks are restored in different zones",
)
def test_disks_are_filled_as_far_apart_as_members_have_to_be() -> None:
    jobs = restore_jobs({"podTemplate": {"affinity": apart("a", topology="zone")}})
    labels = {"etcd.etcd.io/restore-uid": "restore-uid"}
    for job in jobs:
        assert job["spec"]["template"]["metadata"]["labels"].items() >= labels.items()
        found = pod_of(job)["affinity"]["podAntiAffinity"]
        assert found == {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "labelSelector": {"matchLabels": labels}}
            ]
        }
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    given = {**constraint, "labelSelector": {"matchLabels": {"x": "y"}}, "matchLabelKeys": ["z"]}
    (first, *_) = restore_jobs({"podTemplate": {"topologySpreadConstraints": [given]}})
    assert pod_of(first)["topologySpreadConstraints"] == [
        {**constraint, "labelSelector": {"matchLabels": labels}}
    ]
    (preferred,) = pod_of(first)["affinity"]["podAntiAffinity"].values()
    assert preferred[0]["podAffinityTerm"]["topologyKey"] == HOST


def test_a_job_has_settings_of_its_own() -> None:
    members = {
        "labels": {"team": "a"},
        "annotations": {"sidecar.istio.io/inject": "false", "etcd.etcd.io/replace": "x"},
        "tolerations": [{"key": "a"}],
        "nodeSelector": {"disk": "fast"},
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "pull"}],
        "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
    }
    job = backup_job({"podTemplate": members})
    pod, metadata = pod_of(job), job["spec"]["template"]["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"
    assert "etcd.etcd.io/replace" not in metadata["annotations"]
    assert pod["tolerations"] == [{"key": "a"}]
    assert pod["nodeSelector"] == {"disk": "fast"}
    assert (pod["priorityClassName"], pod["imagePullSecrets"]) == ("high", [{"name": "pull"}])
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (1000, 2000)

    own = {
        "labels": {"team": "b", "cost": "c"},
        "annotations": {"note": "n"},
        "tolerations": [],
        "nodeSelector": {"disk": "slow"},
        "affinity": {"nodeAffinity": NODES},
        "priorityClassName": "low",
        "imagePullSecrets": [],
        "securityContext": {"runAsUser": 7},
        "resources": {"requests": {"cpu": 1}, "limits": {"memory": "2Gi"}},
    }
    job = backup_job({"podTemplate": members}, **own)
    pod, metadata = pod_of(job), job["spec"]["template"]["metadata"]
    assert metadata["labels"].items() >= {"team": "b", "cost": "c"}.items()
    assert job["metadata"]["labels"].items() >= {"team": "b", "cost": "c"}.items()
    assert job["metadata"]["annotations"]["note"] == "n"
    assert "tolerations" not in pod
    assert "imagePullSecrets" not in pod
    assert pod["nodeSelector"] == {"disk": "slow"}
    assert pod["affinity"] == {"nodeAffinity": NODES}
    assert pod["priorityClassName"] == "low"
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (7, 2000)
    for container in containers_of(job).values():
        assert container["resources"] == {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi"}}
    assert pod_of(restore_jobs({}, affinity={})[0]).get("affinity", {}) == {}


def test_jobs_are_placed_and_look_up_names_as_members_do() -> None:
    alike = {
        "schedulerName": "batch",
        "runtimeClassName": "kata",
        "hostAliases": [{"ip": "10.0.0.3", "hostnames": ["s3.example"]}],
        "dnsConfig": {"searches": ["example.com"]},
    }
    beside = {"containers": [{"name": "proxy", "image": "proxy:1"}], "env": [{"name": "GOGC"}]}
    pod = pod_of(backup_job({"podTemplate": {**alike, **beside}}))
    assert pod.items() >= alike.items()
    assert "proxy" not in [container["name"] for container in pod["containers"]]


@pytest.mark.parametrize(
    "resources",
    [
        None,
        {"limits": {"cpu": "250m", "memory": "64Mi"}},
        {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"cpu": "8", "memory": "16Gi"}},
    ],
)
def test_a_job_passes_a_quota_on_limits_where_members_do(resources: Json | None) -> None:
    spec = {"resources": resources} if resources else {}
    for job in (backup_job(spec), *restore_jobs(spec)):
        for container in containers_of(job).values():
            limits = container["resources"]["limits"]
            assert set(limits) == {"cpu", "memory"}
            for name, asked in container["resources"]["requests"].items():
                assert Quantity.parse(asked) <= Quantity.parse("128Mi")
                assert Quantity.parse(asked) <= Quantity.parse(limits[name])
                # What a LimitRange lets members have it lets Jobs have.
                members = render_resources(find_resources(parse_cluster(raw_cluster(spec)).spec))
                most = members["limits"][name] if name == "cpu" else "16Gi"
                assert Quantity.parse(limits[name]) <= Quantity.parse(most)
    if resources and resources["limits"]["memory"] == "16Gi":
        assert containers_of(backup_job(spec))["etcd"]["resources"]["limits"]["memory"] == "16Gi"
        assert containers_of(backup_job(spec))["store"]["resources"]["limits"]["memory"] == "256Mi"


@pytest.mark.parametrize(
    ("asked", "requested"),
    [
        (None, {"cpu": "100m", "memory": "128Mi"}),
        ({"requests": {"cpu": "10m", "memory": "32Mi"}}, {"cpu": "50m", "memory": "64Mi"}),
        ({"requests": {"cpu": "70m"}}, {"cpu": "70m", "memory": "64Mi"}),
        ({"requests": {"cpu": "4", "memory": "1Ti"}}, {"cpu": "100m", "memory": "128Mi"}),
        ({"limits": {"cpu": "20m"}}, {"cpu": "20m", "memory": "64Mi"}),
        ({"requests": {"cpu": "-1"}, "limits": {"cpu": 0}}, {"cpu": "50m", "memory": "64Mi"}),
        # What is no amount is left out, and stops no backup.
        ({"requests": {"cpu": "much"}, "limits": {"cpu": "x"}}, {"cpu": "100m", "memory": "128Mi"}),
    ],
)
def test_a_job_requests_little(asked: Json | None, requested: Json) -> None:
    spec = {"resources": asked} if asked else {}
    for container in containers_of(backup_job(spec)).values():
        assert container["resources"]["requests"] == requested


def test_a_job_has_no_limit_that_members_do_without() -> None:
    job = backup_job({"resources": {"requests": {"cpu": "10m"}}})
    steps = containers_of(job)
    assert "limits" not in steps["etcd"]["resources"]
    assert steps["store"]["resources"]["limits"] == {"memory": "256Mi"}


@pytest.mark.situation(
    "coexist",
    "the platform gives user IDs itself",
    "none is asked for",
)
def test_user_ids_can_be_left_to_the_platform() -> None:
    plain = replace(
        parse_cluster(raw_cluster({"size": 1, "version": "v3.6.16"})), status=cluster().status
    )
    left = leave_out_user_ids(plain)
    (job,) = created(backup_planner.decide(backup_view(cluster=left)))
    assert pod_of(job)["securityContext"] == {
        "runAsNonRoot": True,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    given = raw_cluster({"podTemplate": {"securityContext": {"fsGroup": 7}}})
    template = leave_out_user_ids(parse_cluster(given)).spec.pod_template
    assert template is not None
    assert template.security_context == {"runAsUser": None, "runAsGroup": None, "fsGroup": 7}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"labels": {"etcd.etcd.io/task": "x"}}, "is set by the operator itself: remove it."),
        ({"labels": {"job-name": "x"}}, "spec.jobTemplate.labels.job-name is set by the operator"),
        ({"labels": {"a b": "x"}}, "spec.jobTemplate.labels.a b is not a key: use letters"),
        ({"labels": {"a": "x y"}}, "spec.jobTemplate.labels.a x y is not the value of a label"),
        ({"annotations": {"batch.kubernetes.io/x": "y"}}, "is set by the operator itself"),
        (
            {"resources": {"limits": {"cpu": "much"}}},
            "limits.cpu cannot be 'much': use",
        ),
        (
            {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
            "spec.jobTemplate.resources.requests.cpu 2 is above its limit 1:",
        ),
    ],
)
def test_settings_that_cannot_be(template: Json, words: str) -> None:
    decision = backup_planner.decide(backup_view({**S3, "jobTemplate": template}))
    assert decision.actions == ()
    assert words in decision.status.message
    refused = restore_planner.decide(restore_view({"jobTemplate": template}))
    assert refused.actions == ()
    assert words in refused.status.message


@pytest.mark.parametrize(
    ("size", "remedy"),
    [
        ("ten", "'ten': use a quantity such as 10Gi"),
        (["1Gi"], "use a quantity such as 10Gi"),
        ("0", "'0': use a positive quantity such as 10Gi"),
        (-1, "'-1': use a positive quantity such as 10Gi"),
    ],
)
def test_a_working_volume_of_no_size(size: object, remedy: str) -> None:
    """Kubernetes would refuse the disk when the Pod is there."""
    asked = {"scratch": {"size": size}}
    decisions = (
        backup_planner.decide(backup_view({**S3, **asked})),
        restore_planner.decide(restore_view(asked)),
    )
    for decision in decisions:
        assert decision.actions == ()
        assert decision.status.message.startswith("spec.scratch.size cannot be ")
        assert remedy in decision.status.message


def test_every_object_of_a_task_carries_what_the_cluster_hands_down() -> None:
    inherited = {"labels": {"owner": "team-a"}, "annotations": {"cost": "42"}}
    spec = {"inheritedMetadata": inherited}
    scratch = {"size": "1Gi"}
    found = replace(
        parse_cluster(raw_cluster({"size": 1, "version": "v3.6.16", **spec})),
        status=cluster().status,
    )
    (job,) = created(backup_planner.decide(backup_view({**S3, "scratch": scratch}, cluster=found)))
    volume = pod_of(job)["volumes"][0]["ephemeral"]["volumeClaimTemplate"]
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"], volume["metadata"]):
        assert metadata["labels"]["owner"] == "team-a"
        assert metadata["annotations"]["cost"] == "42"

    template = {"size": 3, "version": "v3.6.16", **spec}
    (create,) = restore_planner.decide(restore_view({"clusterTemplate": template}, PINNED)).actions
    assert create.manifest["metadata"]["labels"] == {"owner": "team-a"}  # type: ignore[union-attr]
    assert create.manifest["metadata"]["annotations"]["cost"] == "42"  # type: ignore[union-attr]
    target = replace(parse_cluster(raw_cluster(template)), annotations=made().annotations)
    for action in restore_planner.decide(restore_view(status=PINNED, target=target)).actions:
        assert action.manifest["metadata"]["labels"]["owner"] == "team-a"  # type: ignore[union-attr]
