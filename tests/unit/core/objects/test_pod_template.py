"""What rolls members and what does not: the Pod template, and drift of live objects."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.live_objects import ObjectWarning, PodProblem
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.drift import find_drift
from etcd_operator.core.objects.etcd_config import DATA_DIRECTORY, render_configs
from etcd_operator.core.objects.metadata import fingerprint
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.planner import choose_layout, plan
from etcd_operator.core.reasons.verdicts import POD_MISSING
from etcd_operator.json_types import Json
from tests.builders.actions import briefs
from tests.builders.certificates import secured
from tests.builders.rich import RICH
from tests.builders.snapshots import (
    NAMING,
    change_child,
    formed,
    growing,
    new,
    raw_cluster,
    settled,
    with_cluster,
    with_learner,
    with_spec,
    without_pods,
)


def template(snapshot: Snapshot) -> Json:
    """The Pod template of the StatefulSet for this scene."""
    layout = choose_layout(snapshot)
    live = snapshot.statefulset
    body = live.body if live else None
    rendered: Json = render_statefulset(snapshot.cluster.spec, NAMING, layout, body)
    return dict(rendered["spec"]["template"])


SAME = {
    "another size": new(5),
    "formed": formed(3, version="3.5.35"),
    "growing": with_learner(with_spec(formed(3, version="3.5.35"), size=5), 3),
    "shrinking": with_spec(formed(5, version="3.5.35"), size=3),
    "annotated": with_cluster(new(3), annotations={"a": "b"}),
    "another generation": with_cluster(new(3), generation=99, resource_version="99"),
    "paused": new(3, paused=True),
    "retention": new(3, storage={"retentionPolicy": {"whenScaled": "Retain"}}),
    "a larger disk": new(3, storage={"size": "99Gi"}),
    "TLS switched off": new(3, security={"tls": {"enabled": False}}),
    "the version without its v": new(3, version="3.5.35"),
    "an unknown field": new(3, somethingNew=True),
}
OTHER = {
    "another version": new(3, version="3.5.22"),
    "another repository": new(3, repository="registry.local/etcd"),
    "resources": new(3, resources={"limits": {"memory": "4Gi"}}),
    "a label": new(3, podTemplate={"labels": {"a": "b"}}),
    "a toleration": new(3, podTemplate={"tolerations": [{"operator": "Exists"}]}),
}


@pytest.mark.parametrize("name", SAME)
def test_this_rolls_nobody(name: str) -> None:
    assert template(SAME[name]) == template(new(3))


@pytest.mark.parametrize("name", OTHER)
def test_this_rolls_every_member(name: str) -> None:
    assert template(OTHER[name]) != template(new(3))


def test_labels_and_annotations_of_the_cluster_change_no_object() -> None:
    raw = raw_cluster(
        {"size": 3, "version": "3.5.21"}, labels={"x": "y"}, annotations={"kubectl": "applied"}
    )
    relabelled = with_cluster(formed(3), annotations=parse_cluster(raw).annotations)
    assert briefs(relabelled) == ()


def test_users_cannot_take_our_labels() -> None:
    labels = template(new(3, **RICH))["metadata"]["labels"]
    assert labels["team"] == "storage"
    assert labels["etcd.etcd.io/role"] == "voter"
    assert NAMING.selector.items() <= labels.items()


def test_a_claim_template_is_kept_as_it_is_because_kubernetes_allows_no_change() -> None:
    other = with_spec(formed(3), storage={"storageClassName": "other"})
    assert briefs(other) == ()


@pytest.mark.parametrize(
    ("version", "liveness"),
    [("3.5.10", None), ("3.5.11", "/livez"), ("v3.6.0", "/livez")],
)
def test_probes_use_what_the_version_has(version: str, liveness: str | None) -> None:
    (container,) = template(new(3, version=version))["spec"]["containers"]
    assert container["livenessProbe"].get("httpGet", {}).get("path") == liveness
    assert container["readinessProbe"]["httpGet"]["path"] == "/health?exclude=NOSPACE"


def test_metrics_with_tls_have_a_port_of_their_own_and_probes_keep_theirs() -> None:
    scene = secured(3, metricsTLSEnabled=True)
    (container,) = template(scene)["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"client": 2379, "peer": 2380, "health": 2381, "metrics-tls": 2382}
    for probe in ("livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["port"], asked["scheme"]) == (2381, "HTTP")
    files = render_configs(scene.cluster.spec, NAMING, choose_layout(scene))
    urls = yaml.safe_load(files[NAMING.config_key(0)])["listen-metrics-urls"]
    assert urls == "http://0.0.0.0:2381,https://0.0.0.0:2382"


@pytest.mark.parametrize("before", [True, False])
def test_tls_for_metrics_may_change_and_members_are_rolled(before: bool) -> None:
    scene = secured(3, metricsTLSEnabled=before)
    changed = with_spec(scene, security={"tls": {"metricsTLSEnabled": not before}})
    assert briefs(scene) == ()
    assert briefs(changed) == (
        "apply Service db-peer",
        "apply ConfigMap db-config",
        "apply StatefulSet db",
    )


def test_pods_are_restricted() -> None:
    pod = template(new(1))["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_given_resources_are_taken_as_they_are() -> None:
    """Setting only limits must not get requests from our defaults above them."""
    (container,) = template(new(1, resources={"limits": {"cpu": "50m"}}))["spec"]["containers"]
    assert container["resources"] == {"limits": {"cpu": "50m"}}
    (container,) = template(new(1, resources={}))["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "100m", "memory": "128Mi"}


# Configuration files


@given(name=st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True), size=st.sampled_from([1, 3, 9]))
def test_configuration_files_are_yaml(name: str, size: int) -> None:
    snapshot = new(size, etcdConfig={"autoCompactionRetention": name})
    files = render_configs(snapshot.cluster.spec, NAMING, choose_layout(snapshot))
    assert len(files) == size
    for ordinal in range(size):
        settings = yaml.safe_load(files[NAMING.config_key(ordinal)])
        assert settings["name"] == f"db-{ordinal}"
        assert settings["auto-compaction-retention"] == name
        assert settings["auto-compaction-mode"] == "periodic", "without it etcd 3.5 ends"
        assert settings["data-dir"] == DATA_DIRECTORY
        assert len(settings["initial-cluster"].split(",")) == size


def test_a_closed_file_lists_only_its_own_member() -> None:
    layout = choose_layout(formed(3))
    assert set(layout.gates) == {Gate.CLOSED}
    files = render_configs(formed(3).cluster.spec, NAMING, layout)
    settings = yaml.safe_load(files["db-1.yaml"])
    assert settings["initial-cluster"] == f"db-1={NAMING.peer_url(1)}"
    assert settings["initial-cluster-state"] == "existing"


@pytest.mark.parametrize(("version", "learners"), [("3.5.30", None), ("3.6.0", 8), ("3.7.1", 8)])
def test_several_learners_are_allowed_where_the_setting_exists(
    version: str, learners: int | None
) -> None:
    """An unknown setting would keep 3.5 from starting."""
    snapshot = new(1, version=version)
    files = render_configs(snapshot.cluster.spec, NAMING, choose_layout(snapshot))
    assert yaml.safe_load(files["db-0.yaml"]).get("max-learners") == learners


# Drift


def test_defaults_of_the_server_are_no_drift() -> None:
    rendered = {"spec": {"ports": [{"port": 1}], "selector": {}, "cpu": "1000m", "x": []}}
    live = {"spec": {"ports": [{"port": 1, "nodePort": 9}], "cpu": "1", "type": "ClusterIP"}}
    assert find_drift(rendered, live) is None


def test_an_amount_that_is_a_number_is_what_kubernetes_makes_of_it() -> None:
    """YAML reads `cpu: 1` as a number, and Kubernetes shows the text."""
    wanted = {"requests": {"cpu": 1, "memory": 64_000_000}, "limits": {"cpu": 2}}
    written = {"requests": {"cpu": "1", "memory": "64M"}, "limits": {"cpu": "2"}}
    assert find_drift(wanted, written) is None
    assert find_drift(wanted, {**written, "limits": {"cpu": "3"}}) == "limits.cpu"
    texts = {"requests": {"cpu": "1", "memory": "64000000"}, "limits": {"cpu": "2"}}
    assert template(new(3, resources=wanted)) == template(new(3, resources=texts))


@pytest.mark.parametrize(
    ("live", "path"),
    [
        ({"spec": {"ports": [{"port": 2}]}}, "spec.ports[1/TCP]"),
        ({"spec": {"ports": []}}, "spec.ports[1/TCP]"),
        ({"spec": {"ports": [{"port": 1}], "args": ["a"]}}, "spec.args"),
        ({"spec": {"ports": [{"port": 1}], "args": ["a", "c"]}}, "spec.args[1]"),
        ({"spec": {"ports": "none"}}, "spec.ports"),
        ({"spec": None}, "spec"),
        ({}, "spec"),
    ],
)
def test_drift_names_the_first_field(live: Json, path: str) -> None:
    assert find_drift({"spec": {"ports": [{"port": 1}], "args": ["a", "b"]}}, live) == path


@pytest.mark.parametrize("kind", ["StatefulSet", "Service", "ConfigMap", "PodDisruptionBudget"])
def test_an_edit_by_hand_is_undone_and_explained(kind: str) -> None:
    snapshot = formed(3)
    name = next(n for k, n in snapshot.children if k == kind)
    body = copy.deepcopy(snapshot.children[kind, name].body)
    body["metadata"]["labels"]["app.kubernetes.io/name"] = "mine"
    (action,) = plan(change_child(snapshot, kind, name, body=body)).actions
    assert isinstance(action, ApplyObject)
    assert (action.kind, action.uid) == (kind, f"{kind}-{name}")
    assert action.why == "metadata.labels.app.kubernetes.io/name was not as it should be"


@pytest.mark.situation(
    "coexist",
    "`kubectl scale statefulset` of a cluster",
    "the Pods come back, and the Event says that the EtcdCluster decides",
)
def test_a_statefulset_that_was_scaled_by_hand_is_told_who_decides() -> None:
    snapshot = settled(formed(3))
    body = copy.deepcopy(snapshot.children["StatefulSet", "db"].body)
    body["spec"]["replicas"] = 1
    (action,) = plan(change_child(snapshot, "StatefulSet", "db", body=body)).actions
    assert isinstance(action, ApplyObject)
    assert action.why == "spec.replicas was set to 1, and spec.size of the EtcdCluster decides"


@pytest.mark.situation(
    "coexist",
    "the StatefulSet and the Pods are deleted together",
    "a Pod that Kubernetes forgets to create is created after a change of the StatefulSet",
)
def test_a_statefulset_that_creates_no_pod_is_written_once() -> None:
    """Its controller has met a Pod of the StatefulSet before it, and nobody wakes it again."""
    why = PodProblem(POD_MISSING.name, "StatefulSet db has not created it")
    there = without_pods(settled(formed(3)), 2)
    missing = replace(there, warnings=(ObjectWarning("Pod db-2", 2, why),))
    (action,) = [a for a in plan(missing).actions if isinstance(a, ApplyObject)]
    assert action.why == "it has not created Pod db-2, and is to look again"
    written = settled(missing)
    assert not [a for a in plan(written).actions if isinstance(a, ApplyObject)], "once"
    over = replace(written, warnings=(), pods=formed(3).pods)
    assert plan(over).actions == (), "and not again when it is there"
    refused = replace(why, reason="FailedCreate")
    told = replace(there, warnings=(ObjectWarning("Pod db-2", 2, refused),))
    assert not [a for a in plan(told).actions if isinstance(a, ApplyObject)], "it has looked"


def test_a_removed_field_is_noticed_by_the_fingerprint() -> None:
    """Nothing that we still want differs; only what we wanted before is too much."""
    tuned = formed(3, podTemplate={"nodeSelector": {"disk": "nvme"}})
    plain = with_spec(tuned, podTemplate={})
    (action,) = plan(plain).actions
    assert isinstance(action, ApplyObject)
    assert (action.kind, action.why) == ("StatefulSet", "the cluster has changed")


def test_acting_on_an_old_view_is_fenced_where_it_could_do_harm() -> None:
    """Fewer Pods and another gate only if nothing changed since; more Pods at any time."""
    shrink = plan(with_spec(formed(5, version="3.5.35"), size=3)).actions
    fences = {a.kind: a.resource_version for a in shrink if isinstance(a, ApplyObject)}
    assert fences == {"ConfigMap": "1", "StatefulSet": "1"}
    grow = plan(growing(3, 5)).actions
    fences = {a.kind: a.resource_version for a in grow if isinstance(a, ApplyObject)}
    assert fences == {"ConfigMap": "2", "StatefulSet": ""}


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=5))
def test_the_fingerprint_is_about_content_and_not_order(content: Json) -> None:
    turned = dict(reversed(list(content.items())))
    assert fingerprint(content) == fingerprint(turned)
    assert fingerprint({**content, "new": 1}) != fingerprint({**content, "new": 2})


def test_a_service_account_is_always_named() -> None:
    """Left out, Kubernetes would keep the one before: it knows it by the field's older name too."""
    named = template(new(3, podTemplate={"serviceAccountName": "etcd"}))
    assert named["spec"]["serviceAccountName"] == "etcd"
    same: tuple[Json, ...] = (
        {},
        {"podTemplate": {}},
        {"podTemplate": {"serviceAccountName": "default"}},
    )
    for spec in same:
        assert template(new(3, **spec)) == template(new(3))
        assert template(new(3, **spec))["spec"]["serviceAccountName"] == "default"
