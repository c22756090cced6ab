"""A take-over by the plugin: what it writes, and what it does not do without being asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_operator.api.bootstrap import ANNOTATION_CONSENT, KEY_CONSENT
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from etcd_operator.core.mirror.progress import ANNOTATION_CUT_OVER
from etcd_operator.core.takeover.record import ANNOTATION_APPROVED, ANNOTATION_TAKE_OVER
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import CONFIG_MAPS, STATEFUL_SETS
from tests.builders.plugin import Terminal, written
from tests.fakes.user_api import NAMESPACE, put_cluster

FROM = ("db", "--from=old")
RECORD = "approve old 3 v3.5.35 0=b0 100"


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_source(terminal)
    return terminal


def put_source(terminal: Terminal, image: str = "bitnami/etcd:3.5.35", replicas: int = 1) -> None:
    containers = [{"image": image}, {"image": "quay.io/exporter:latest"}]
    spec = {"replicas": replicas, "template": {"spec": {"containers": containers}}}
    terminal.server.put(STATEFUL_SETS, "old", {"spec": spec}, NAMESPACE)


def put_record(terminal: Terminal, text: str) -> None:
    put_cluster(terminal.server, clusterID="c1d")
    about: Json = {"metadata": {"annotations": {ANNOTATION_TAKE_OVER: text}}}
    terminal.server.put(CONFIG_MAPS, "db-config", about, NAMESPACE)


def test_a_plan_is_an_etcdcluster_that_is_valid_and_nothing_is_written(terminal: Terminal) -> None:
    ended = terminal.type("migrate", "plan", *FROM, "--root-password-secret=root")
    assert ended.code == 0, ended
    planned = yaml.safe_load(ended.out)
    assert planned["spec"]["version"] == "v3.5.35"
    cluster = parse_cluster({**planned, "metadata": {**planned["metadata"], "uid": "u"}})
    assert find_problems(cluster) == ()
    assert cluster.spec.joins
    assert cluster.spec.joins.source.stateful_set == "old"
    assert cluster.spec.auth
    assert cluster.spec.auth.root_password_secret == "root"
    assert written(terminal) == []
    assert terminal.type("migrate", "plan", *FROM, "-o", "json").view["spec"]["size"] == 3


@pytest.mark.parametrize(
    ("options", "clients", "peers"),
    [
        (("--client-certificate-secret=c",), True, False),
        (("--peer-ca-secret=p",), False, True),
        (("--client-certificate-secret=c", "--peer-ca-secret=p"), True, True),
    ],
)
def test_a_plan_for_a_cluster_with_tls_is_valid(
    terminal: Terminal, options: tuple[str, ...], clients: bool, peers: bool
) -> None:
    planned = terminal.type("migrate", "plan", *FROM, *options, "-o", "json").view
    cluster = parse_cluster({**planned, "metadata": {**planned["metadata"], "uid": "u"}})
    assert find_problems(cluster) == ()
    assert (cluster.spec.client_tls, cluster.spec.peer_tls) == (clients, peers)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("db",), 2, "--from is missing"),
        (("db", "--from=odl"), 3, "has no StatefulSet odl. There is old."),
    ],
)
def test_a_source_has_to_be_named(
    terminal: Terminal, words: tuple[str, ...], code: int, said: str
) -> None:
    ended = terminal.type("migrate", "plan", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="plain", marks=pytest.mark.exhaustive),
        pytest.param(("--client-certificate-secret=c", "--peer-ca-secret=p"), id="tls"),
    ],
)
def test_what_a_plan_prints_is_previewed_to_the_end(
    terminal: Terminal, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "db.yaml"
    file.write_text(terminal.type("migrate", "plan", *FROM, *options).out)
    ended = terminal.type("plan", "-f", str(file), "-o", "json")
    waits = ended.view
    assert ended.code == 1, "a person has to approve it"
    assert (waits["ends"], waits["reason"]) == ("waiting", "TakeOverAwaitsApproval")
    assert "kubectl etcd migrate approve" in waits["nextSteps"][0]
    file.write_text(file.read_text().replace("takeOver: Manual", "takeOver: Automatic"))
    found = terminal.type("plan", "-f", str(file), "-o", "json").view
    assert (found["ends"], found["reason"]) == ("settled", "Healthy")
    told = [step["step"] for step in found["steps"]]
    assert "Scale StatefulSet old to 0: db takes it over." in told
    assert "StatefulSet old is a member of one etcd cluster" in found["assumptions"][1]
    handed = [each for each in told if "others have its key" in each]
    assert bool(handed) == bool(options), "the CA that was handed over is replaced"
    assert written(terminal) == []


ENDPOINTS = ("db", "--endpoint=http://10.0.0.1:2379", "--endpoint=http://10.0.0.2:2379")


def test_members_at_endpoints_are_planned_and_previewed_to_the_first_that_a_person_stops(
    terminal: Terminal, tmp_path: Path
) -> None:
    assert "--version is missing" in terminal.type("migrate", "plan", *ENDPOINTS).err
    file = tmp_path / "db.yaml"
    file.write_text(terminal.type("migrate", "plan", *ENDPOINTS, "--version=v3.5.35").out)
    planned = yaml.safe_load(file.read_text())
    cluster = parse_cluster({**planned, "metadata": {**planned["metadata"], "uid": "u"}})
    assert find_problems(cluster) == ()
    assert cluster.spec.joins
    assert cluster.spec.joins.source.addresses == ("10.0.0.1:2379", "10.0.0.2:2379")
    file.write_text(file.read_text().replace("takeOver: Manual", "takeOver: Automatic"))
    found = terminal.type("plan", "-f", str(file), "-o", "json").view
    assert (found["ends"], found["reason"]) == ("waiting", "TakeOverAwaitsStop")
    assert "What serves at each of the endpoints is a member" in found["assumptions"][1]


def test_of_members_at_endpoints_a_person_allows_it_in_etcd(terminal: Terminal) -> None:
    said = terminal.type("migrate", "apply", *ENDPOINTS, "--version=v3.5.35", "--yes")
    assert f"`etcdctl put {KEY_CONSENT} {NAMESPACE}/db`" in said.out
    (created,) = written(terminal)
    assert created["spec"]["bootstrap"]["joinExisting"]["source"].keys() == {"endpoints"}


def test_a_statefulset_that_a_person_scales_is_planned(terminal: Terminal) -> None:
    planned = terminal.type("migrate", "plan", *FROM, "--scale-in=Manual", "-o", "json").view
    assert planned["spec"]["bootstrap"]["joinExisting"]["scaleIn"] == "Manual"


def test_whom_it_waits_for_is_shown(terminal: Terminal) -> None:
    put_record(terminal, RECORD.replace("old", "-").replace("approve", "remove"))
    assert "Stage remove: 1 member of the listed endpoints." in (
        terminal.type("migrate", "status", "db").out
    )


def test_a_version_that_no_image_tells_has_to_be_given(terminal: Terminal) -> None:
    put_source(terminal, image="bitnami/etcd:latest")
    ended = terminal.type("migrate", "plan", *FROM)
    assert ended.code == 2
    assert "give --version" in ended.err
    assert terminal.type("migrate", "plan", *FROM, "--version=v3.5.35").code == 0
    put_source(terminal, replicas=0)
    assert terminal.type("migrate", "plan", *FROM).code == 1


def test_members_of_an_etcdcluster_are_not_taken_over(terminal: Terminal) -> None:
    live = terminal.server.objects["StatefulSet", NAMESPACE, "old"]
    reference = {"apiVersion": "etcd.etcd.io/v1alpha1", "kind": "EtcdCluster", "name": "old"}
    live["metadata"]["ownerReferences"] = [reference]
    for action in ("plan", "apply"):
        ended = terminal.type("migrate", action, *FROM, answer="y\n")
        assert (ended.code, ended.out) == (1, "")
        assert "StatefulSet old belongs to EtcdCluster old" in ended.err
    assert written(terminal) == []


def test_it_is_applied_after_a_yes_alone(terminal: Terminal) -> None:
    refused = terminal.type("migrate", "apply", *FROM, answer="n\n")
    assert refused.code == 7
    assert written(terminal) == []
    ended = terminal.type("migrate", "apply", *FROM, answer="y\n")
    assert ended.code == 0, ended
    created, consent = written(terminal)
    assert created["spec"]["bootstrap"]["joinExisting"]["takeOver"] == "Manual"
    assert consent["metadata"]["annotations"] == {ANNOTATION_CONSENT: "db"}
    old = terminal.server.objects["StatefulSet", NAMESPACE, "old"]
    assert consent["metadata"]["uid"] == old["metadata"]["uid"]


def test_a_cluster_that_exists_joins_nothing(terminal: Terminal) -> None:
    put_cluster(terminal.server)
    ended = terminal.type("migrate", "apply", *FROM, "--yes")
    assert ended.code == 1
    assert "EtcdCluster db exists" in ended.err
    assert written(terminal) == []


def test_an_approval_is_of_the_comparison_on_record(terminal: Terminal) -> None:
    put_record(terminal, RECORD)
    assert (
        "Stage approve: 1 member of StatefulSet old."
        in terminal.type("migrate", "status", "db").out
    )
    found = terminal.type("migrate", "status", "db", "-o", "json").view["takeOver"]
    assert (found["stage"], found["statefulSet"]) == ("approve", "old")
    assert found["comparedAtRevision"] == 100
    assert found["newVoters"] == ["db-0", "db-1", "db-2"]
    assert terminal.type("migrate", "approve", "db", "-o", "json").code == 2
    assert terminal.type("migrate", "approve", "db", answer="\n").code == 7
    assert written(terminal) == []
    ended = terminal.type("migrate", "approve", "db", "--yes")
    assert ended.code == 0, ended
    (patch,) = written(terminal)
    assert patch["metadata"]["annotations"] == {ANNOTATION_APPROVED: "c1d/100"}


def test_old_members_are_shown_for_as_long_as_they_are_there(terminal: Terminal) -> None:
    put_record(terminal, "remove old 3 v3.5.35 0=b0,1=b1,2=b2 100")

    def left() -> Any:
        return terminal.type("migrate", "status", "db", "-o", "json").view["takeOver"][
            "oldMembersLeft"
        ]

    put_source(terminal, replicas=2)
    assert left() == ["old-0", "old-1"]
    assert "Old members that are still there: old-0, old-1.\n" in (
        terminal.type("migrate", "status", "db").out
    )
    put_source(terminal, replicas=0)
    assert left() == []
    terminal.api.denied.add(("get", "statefulsets"))
    assert left() is None
    terminal.api.denied.add(("get", "configmaps"))
    ended = terminal.type("migrate", "status", "db")
    assert ended.code == 0
    assert (
        ended.out == "All are healthy.\nNot shown: no right to get configmaps in namespace team\n"
    )


@pytest.mark.parametrize("text", ["join old 3 v3.5.35 0=b0 100", ""])
def test_nothing_is_approved_that_does_not_wait(terminal: Terminal, text: str) -> None:
    put_record(terminal, text)
    assert terminal.type("migrate", "approve", "db", "--yes").code == 1
    assert written(terminal) == []


def test_an_abort_deletes_what_takes_over_and_nothing_else(terminal: Terminal) -> None:
    put_record(terminal, "")
    assert terminal.type("migrate", "abort", "db", "--yes").code == 1
    put_record(terminal, RECORD)
    assert terminal.type("migrate", "abort", "db", answer="y\n").code == 7
    assert written(terminal) == []
    assert terminal.type("migrate", "abort", "db", answer="db\n").code == 0
    sent = [said for said, _ in terminal.server.sent if said.startswith("delete")]
    assert len(sent) == 1


def test_without_a_take_over_that_is_said(terminal: Terminal) -> None:
    put_cluster(terminal.server)
    assert "takes over no other cluster" in terminal.type("migrate", "status", "db").out


MIRROR: Json = {
    "phase": "Following",
    "keys": 3,
    "total": 4,
    "leasedKeys": 1,
    "lag": 2,
    "sourceClusterID": "b1d",
    "approval": "b1d/5",
}


def test_a_mirror_is_shown_and_its_cut_over_approved(terminal: Terminal) -> None:
    put_cluster(terminal.server, clusterID="c1d", mirror=MIRROR)
    shown = terminal.type("migrate", "status", "db")
    assert "Mirror Following: 3 of 4 keys compared, 1 with a lease left out, lag 2" in shown.out
    assert terminal.type("migrate", "status", "db", "-o", "json").view["mirror"] == MIRROR
    assert terminal.type("migrate", "approve", "db", "--yes").code == 0
    (patch,) = written(terminal)
    assert patch["metadata"]["annotations"] == {ANNOTATION_CUT_OVER: "b1d/5"}


@pytest.mark.parametrize("phase", ["Starting", "Copying", "CutOver"])
def test_a_mirror_that_does_not_follow_cannot_be_cut_over(terminal: Terminal, phase: str) -> None:
    put_cluster(terminal.server, clusterID="c1d", mirror={"phase": phase})
    ended = terminal.type("migrate", "approve", "db", "--yes")
    assert ended.code == 1
    assert "does not wait for an approval" in ended.err
    assert written(terminal) == []
