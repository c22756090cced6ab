from __future__ import annotations

import pytest
import yaml

from etcd_operator.errors import KubeUnavailable
from etcd_operator.runtime.kubernetes.api import BACKUPS, CLAIMS, EVENTS
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def condition(kind: str, status: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": "Because", "message": message}


def test_a_cluster_is_one_screen(terminal: Terminal) -> None:
    put_cluster(terminal.server)
    put_pods(terminal.server)
    label = {"labels": {"etcd.etcd.io/cluster": "db"}}
    disk = {"metadata": label, "status": {"phase": "Bound", "capacity": {"storage": "4Gi"}}}
    terminal.server.put(CLAIMS, "data-db-0", disk, NAMESPACE)
    nightly = {
        "spec": {"clusterName": "db", "schedule": "0 2 * * *"},
        "status": {"phase": "Failed"},
    }
    terminal.server.put(BACKUPS, "nightly", nightly, NAMESPACE)
    other = {"spec": {"clusterName": "else"}, "status": {}}
    terminal.server.put(BACKUPS, "of-another", other, NAMESPACE)
    about = {"involvedObject": {"kind": "EtcdCluster", "name": "db"}, "reason": "MemberAdded"}
    terminal.server.put(EVENTS, "e", {**about, "type": "Normal", "message": "Added."}, NAMESPACE)
    for ordinal, revision in enumerate((70, 67)):
        terminal.api.metrics(
            f"db-{ordinal}",
            etcd_debugging_mvcc_current_revision=revision,
            etcd_mvcc_db_total_size_in_bytes=2.097152e06,
            etcd_mvcc_db_total_size_in_use_in_bytes=1048576,
            etcd_server_quota_backend_bytes=2147483648,
        )
    view = terminal.type("status", "db", "-o", "json").view
    assert (view["phase"], view["reason"], view["ready"]) == ("Running", "Healthy", 3)
    first, second, third = view["members"]
    assert (first["role"], first["disk"], first["node"], first["restarts"]) == (
        "leader",
        "4Gi",
        "n0",
        0,
    )
    assert (first["dbInUse"], first["dbSize"], first["dbQuota"]) == (2**20, 2**21, 2**31)
    assert (first["revisionLag"], second["revisionLag"], third["revisionLag"]) == (0, 3, None)
    assert third["dbSize"] == 4096, "of the status, while the member's own metrics are not read"
    assert [backup["name"] for backup in view["backups"]] == ["nightly"]
    assert view["events"][0]["reason"] == "MemberAdded"
    assert view["versionsThatMayFollow"] == ["3.5.x", "3.6.x", "3.7.x"]
    text = terminal.type("status", "db").out
    for words in ("db in team", "Healthy: All are healthy.", "1.0 MiB / 2.0 MiB / 2.0 GiB"):
        assert words in text


def test_yaml_and_json_are_the_same_document(terminal: Terminal) -> None:
    put_cluster(terminal.server)
    as_json = terminal.type("status", "db", "-o", "json").view
    assert yaml.safe_load(terminal.type("status", "db", "-o", "yaml").out) == as_json


def test_a_condition_that_is_bad_is_shown_with_its_sentence(terminal: Terminal) -> None:
    lost = condition("QuorumHealthy", "False", "db-1 does not answer")
    put_cluster(terminal.server, conditions=[lost, condition("Available", "True", "quiet")])
    text = terminal.type("status", "db").out
    assert "QuorumHealthy is False, Because: db-1 does not answer" in text
    assert "quiet" not in text


def test_what_goes_on_is_shown_although_nothing_is_wrong(terminal: Terminal) -> None:
    said = "clients have to trust all that their ca.crt has"
    changing = {**condition("CertificatesValid", "True", said), "reason": "CAChanging"}
    put_cluster(terminal.server, conditions=[changing])
    assert said in terminal.type("status", "db").out


def test_a_lost_majority_says_what_may_be_done(terminal: Terminal) -> None:
    lost = {**condition("QuorumHealthy", "False", "db-1 is away"), "reason": "MajorityLost"}
    put_cluster(terminal.server, conditions=[lost])
    assert "`kubectl etcd recover db`" in terminal.type("status", "db").out


def test_a_cluster_that_is_created_has_not_lost_its_majority(terminal: Terminal) -> None:
    said = "Bootstrapping 3 members: 0 running."
    away = {**condition("Available", "False", said), "reason": "NoQuorum"}
    ready = {**condition("Ready", "False", said), "reason": "Bootstrapping"}
    put_cluster(terminal.server, conditions=[away, ready], message=said, phase="Creating")
    text = terminal.type("status", "db").out
    assert text.count(said) == 1
    assert "recover" not in text
    assert "NoQuorum" not in text


@pytest.mark.parametrize(
    ("reason", "verb"),
    [
        ("Stopped", "start db"),
        ("Paused", "resume db"),
        ("NoQuorum", "recover db"),
        ("TakeOverAwaitsApproval", "migrate approve db"),
        ("QuotaExceeded", "top db"),
    ],
)
def test_the_verb_that_helps_is_named(terminal: Terminal, reason: str, verb: str) -> None:
    ready = {**condition("Ready", "False", "It waits."), "reason": reason}
    unknown = {**condition("QuorumHealthy", "Unknown", "It waits."), "reason": reason}
    why = {**condition("Degraded", "True", "db-1 is away."), "reason": reason}
    put_cluster(terminal.server, conditions=[ready, unknown, why], message="It waits.")
    text = terminal.type("status", "db").out
    assert f"`kubectl etcd {verb}`" in text
    assert "QuorumHealthy" not in text, "the first line says it"
    assert "db-1 is away." in text


def test_all_clusters_are_listed_with_the_worst_first(terminal: Terminal) -> None:
    put_cluster(terminal.server, "a-well")
    put_cluster(terminal.server, "b-degraded", conditions=[condition("Degraded", "True")])
    put_cluster(terminal.server, "c-failed", phase="Failed")
    put_cluster(terminal.server, "d-unserved", conditions=[condition("Available", "False")])
    rows = terminal.type("status", "-o", "json").view
    names = [row["name"] for row in rows]
    assert names == ["c-failed", "d-unserved", "b-degraded", "a-well"]
    assert terminal.type("status", "-n", "elsewhere").out.startswith("No EtcdCluster here.")
    assert "c-failed" in terminal.type("status", "-A", "-n", "elsewhere").out


@pytest.mark.parametrize(
    ("denied", "said"),
    [
        (("list", "pods"), "no right to list pods in namespace team"),
        (("list", "events"), "no right to list events in namespace team"),
        (("list", "etcdbackups"), "no right to list etcdbackups in namespace team"),
        (("get", "proxy"), "no right to get pods/proxy in namespace team"),
    ],
)
def test_a_missing_right_is_named_and_the_rest_is_shown(
    terminal: Terminal, denied: tuple[str, str], said: str
) -> None:
    put_cluster(terminal.server)
    put_pods(terminal.server)
    for pod in range(3):
        terminal.api.metrics(f"db-{pod}", etcd_debugging_mvcc_current_revision=1)
    assert terminal.type("status", "db", "-o", "json").view["missing"] == []
    terminal.api.denied.add(denied)
    ended = terminal.type("status", "db")
    assert ended.code == 0
    assert f"Not shown: {said}" in ended.out
    assert "db-1" in ended.out


def test_an_unknown_cluster_is_answered_with_the_nearest_names(terminal: Terminal) -> None:
    put_cluster(terminal.server, "orders")
    put_cluster(terminal.server, "billing")
    ended = terminal.type("status", "ordres")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "Namespace team has no EtcdCluster ordres. There is orders.\n"


def test_the_right_to_read_clusters_is_needed(terminal: Terminal) -> None:
    terminal.api.denied.add(("list", "etcdclusters"))
    ended = terminal.type("status")
    assert ended.code == 5
    assert 'cannot list resource "etcdclusters"' in ended.err


@pytest.mark.parametrize("words", [("status",), ("status", "db")])
def test_a_kubernetes_without_the_operator_is_told_apart(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    terminal.api.unknown.add("EtcdCluster")
    ended = terminal.type(*words)
    assert ended.code == 4
    assert "the operator is not installed" in ended.err


def test_an_api_server_that_does_not_answer_is_one_sentence(terminal: Terminal) -> None:
    terminal.api.error = KubeUnavailable("connection refused")
    ended = terminal.type("status", "db")
    assert ended == (6, "", "The API server does not answer: connection refused\n")
    assert terminal.api.closed


def test_a_cluster_that_no_operator_has_seen_says_so(terminal: Terminal) -> None:
    put_cluster(terminal.server, conditions=[], members=[], observedGeneration=0)
    text = terminal.type("status", "db").out
    assert "NotSeen: " in text
    assert "The operator has not seen the last change of the spec yet." in text
