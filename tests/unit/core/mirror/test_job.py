"""The Job of a mirror: what its Pod is told, mounts and may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.mirror.job import render_mirror_job
from etcd_operator.core.mirror.places import SOURCE_LOGIN, SOURCE_TLS
from etcd_operator.core.mirror.view import find_mirror
from etcd_operator.core.model.naming import LABEL_CLUSTER, LABEL_TASK
from etcd_operator.core.objects.network_policy import render_network_policy
from etcd_operator.core.tasks.jobs.paths import IDENTITY, LOGIN, LOGIN_VARIABLE
from etcd_operator.json_types import Json
from tests.builders.mirrors import SOURCE, mirroring, started
from tests.builders.snapshots import formed, raw_cluster

SECURE: Json = {"endpoints": ["https://old:2379"], "clientCertificateSecret": "old-client"}


def pod_of(job: Json) -> Json:
    """The spec of its Pod."""
    spec: Json = job["spec"]["template"]["spec"]
    return spec


def test_its_pod_has_few_rights_and_one_try() -> None:
    job = started(mirroring()).manifest
    pod, spec = pod_of(job), job["spec"]
    assert (spec["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert "image" not in container, "that is the operator's own"
    assert container["resources"]["limits"]["memory"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    labels = spec["template"]["metadata"]["labels"]
    assert labels[LABEL_TASK] == "mirror"
    assert LABEL_CLUSTER not in labels, "by which members and the client Service are found"
    assert job["metadata"]["ownerReferences"][0]["controller"] is True


def test_no_service_over_the_members_finds_it() -> None:
    template = {"podTemplate": {"labels": {"serves": "clients"}}}
    scene = mirroring()
    raw = raw_cluster({"size": 3, "bootstrap": {"mirror": {"source": SOURCE}}, **template})
    job = started(scene.evolve(cluster=parse_cluster(raw))).manifest
    assert "serves" not in job["spec"]["template"]["metadata"]["labels"]


def test_it_is_told_what_to_copy_and_no_secret() -> None:
    scene = mirroring(prefix="/app/", leasedKeys="Copy")
    (container,) = pod_of(started(scene).manifest)["containers"]
    assert json.loads(container["env"][0]["value"]) == {
        "endpoints": ["http://old:2379"],
        "prefix": "/app/",
        "leasedKeys": "Copy",
        "target": "db-client.team.svc:2379",
        "targetTls": False,
        "cutOver": False,
    }


@pytest.mark.parametrize(
    ("source", "spec", "mounted"),
    [
        (SOURCE, {}, {}),
        (
            SECURE,
            {},
            {SOURCE_TLS: ("old-client", ["ca.crt", "tls.crt", "tls.key"])},
        ),
        (
            {"endpoints": ["https://old:2379"], "caSecret": "old-ca", "passwordSecret": "login"},
            {},
            {
                SOURCE_TLS: ("old-ca", ["ca.crt"]),
                SOURCE_LOGIN: ("login", ["username", "password"]),
            },
        ),
        (
            SOURCE,
            {"security": {"tls": {}}},
            {IDENTITY: ("db-operator-tls", ["ca.crt", "tls.crt", "tls.key"])},
        ),
        (
            SOURCE,
            {"security": {"auth": {"mode": "Unmanaged", "rootPasswordSecret": "root"}}},
            {LOGIN: ("root", ["password"])},
        ),
        (SOURCE, {"security": {"auth": {}}}, {LOGIN: ("db-operator-password", ["password"])}),
    ],
)
def test_it_mounts_the_keys_that_it_needs_and_no_others(
    source: Json, spec: Any, mounted: dict[str, tuple[str, list[str]]]
) -> None:
    raw = raw_cluster({"size": 3, "bootstrap": {"mirror": {"source": source}}, **spec})
    scene = formed(3).evolve(cluster=parse_cluster(raw))
    wish = find_mirror(scene)
    assert wish is not None
    pod = pod_of(render_mirror_job(scene, wish, cut_over=False))
    volumes = {v["name"]: v["secret"] for v in pod["volumes"]}
    found = {
        m["mountPath"]: (
            volumes[m["name"]]["secretName"],
            [i["key"] for i in volumes[m["name"]]["items"]],
        )
        for m in pod["containers"][0]["volumeMounts"]
    }
    assert found == mounted
    told = {each["name"] for each in pod["containers"][0]["env"]}
    assert (LOGIN_VARIABLE in told) is (LOGIN in mounted)


def test_the_network_policy_admits_it_while_the_spec_asks_for_it() -> None:
    policy: Json = {"security": {"networkPolicy": {"enabled": True}}}
    peer = {"podSelector": {"matchLabels": {LABEL_TASK: "mirror"}}}
    for mirror, admitted in (({"mirror": {"source": SOURCE}}, True), (None, False)):
        bootstrap = {"bootstrap": mirror} if mirror else {}
        rendered = render_network_policy(formed(3, **policy, **bootstrap))
        assert rendered is not None
        _, clients, _ = rendered["spec"]["ingress"]
        assert (peer in clients["from"]) is admitted
