"""What each verb writes, and that nothing is written that was not agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import AsyncMock

import pytest

from etcd_operator.core.plan.planner import plan
from etcd_operator.core.recording.recorded_pass import RecordedPass, write_pass, write_recording
from etcd_operator.errors import Conflict, Forbidden, Invalid
from etcd_operator.json_types import Json
from etcd_operator.plugin import recordings
from etcd_operator.plugin.change import find_lost
from etcd_operator.runtime.kubernetes.api import BACKUPS, CLAIMS, CLUSTERS
from tests.builders.exhaustive import exhaustive
from tests.builders.plugin import Terminal, written
from tests.builders.snapshots import formed
from tests.fakes.kubernetes import ApiFaults
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods

COMPLETE: Json = {
    "spec": {"clusterName": "db"},
    "status": {"phase": "Completed", "completionTime": "2026-01-01T00:00:00Z"},
}
LABEL = {"labels": {"etcd.etcd.io/cluster": "db", "etcd.etcd.io/cluster-uid": "uid"}}


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_cluster(terminal.server)
    put_pods(terminal.server)
    for ordinal in range(3):
        put_sizes(terminal, ordinal, 2**21, 2**20)
        terminal.server.put(CLAIMS, f"data-db-{ordinal}", {"metadata": LABEL}, NAMESPACE)
    return terminal


def put_sizes(terminal: Terminal, ordinal: int, size: int, in_use: int) -> None:
    terminal.api.metrics(
        f"db-{ordinal}",
        etcd_mvcc_db_total_size_in_bytes=size,
        etcd_mvcc_db_total_size_in_use_in_bytes=in_use,
    )


def set_spec(terminal: Terminal, **spec: Any) -> None:
    cluster = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    terminal.server.put(CLUSTERS, "db", {**cluster, "spec": {**cluster["spec"], **spec}}, NAMESPACE)


TLS: dict[str, Any] = {"security": {"tls": {"caGeneration": 4}}}


@pytest.mark.parametrize(
    ("words", "before", "spec"),
    [
        (("scale", "db", "5"), {}, {"size": 5}),
        (("scale", "db", "1", "--yes"), {}, {"size": 1}),
        (("stop", "db", "--yes"), {}, {"size": 0}),
        (("start", "db"), {"size": 0}, {"size": 3}),
        (("start", "db", "--size=1"), {"size": 0}, {"size": 1}),
        (("pause", "db"), {}, {"paused": True}),
        (("resume", "db"), {"paused": True}, {"paused": False}),
        (("upgrade", "db", "--to=v3.7.0", "-y"), {}, {"version": "v3.7.0"}),
        (("rotate-ca", "db", "--yes"), TLS, {"security": {"tls": {"caGeneration": 5}}}),
    ],
)
def test_a_verb_writes_one_part_of_the_spec(
    terminal: Terminal, words: Sequence[str], before: dict[str, Any], spec: dict[str, Any]
) -> None:
    set_spec(terminal, **before)
    uid = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]["metadata"]["uid"]
    ended = terminal.type(*words)
    assert (ended.code, ended.out[-2:]) == (0, ".\n"), ended
    assert [(each["spec"], each["metadata"]["uid"]) for each in written(terminal)] == [(spec, uid)]


@pytest.mark.parametrize(
    "words",
    [
        ("scale", "db", "1"),
        ("stop", "db"),
        ("restart", "db"),
        ("upgrade", "db", "--to=v3.7.0"),
        ("replace", "db-1"),
        ("defrag", "db"),
        ("rotate-ca", "db"),
        ("restore", "nightly", "--in-place=db"),
        ("recover", "db", "--accepted-revision=7"),
    ],
)
@pytest.mark.parametrize("answer", ["n\n", *exhaustive("", "what\n")])
def test_what_stops_or_deletes_or_may_lose_is_asked_for_first(
    terminal: Terminal, words: Sequence[str], answer: str
) -> None:
    set_spec(terminal, **TLS)
    terminal.server.put(BACKUPS, "nightly", COMPLETE, NAMESPACE)
    if words[0] == "recover":
        lost = {"type": "QuorumHealthy", "status": "False", "reason": "MajorityLost"}
        put_cluster(terminal.server, conditions=[lost])
    ended = terminal.type(*words, answer=answer)
    assert ended.code == 7, ended
    assert "Nothing was changed" in ended.err
    assert written(terminal) == []


def test_a_spec_that_would_be_refused_is_not_asked_about(terminal: Terminal) -> None:
    for claim in range(3):
        labels = {"labels": {"etcd.etcd.io/cluster": "db"}}
        terminal.server.put(CLAIMS, f"data-db-{claim}", {"metadata": labels}, NAMESPACE)
    put_pods(terminal.server)
    ended = terminal.type("scale", "db", "2", answer="y\n")
    assert (ended.code, ended.out, written(terminal)) == (9, "", [])
    assert "Nothing was changed: spec.size 2 is not possible" in ended.err
    assert "Go on?" not in ended.err


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_yes_goes_on(terminal: Terminal, answer: str) -> None:
    ended = terminal.type("scale", "db", "1", answer=answer)
    assert ended.code == 0
    assert "db-1, db-2 leave EtcdCluster db" in ended.err
    assert "their disks are deleted" in ended.err


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (("scale", "db", "1"), "Disks that are deleted: data-db-2, data-db-1."),
        (("stop", "db"), "Pods that end: db-0, db-1, db-2."),
        (("restart", "db"), "Pods that end: db-2, db-1, db-0."),
        (("replace", "db-1"), "Disks that are deleted: data-db-1."),
    ],
)
def test_the_operators_steps_are_shown_before_the_question(
    terminal: Terminal, words: Sequence[str], steps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    snapshot = formed(3, version=live["spec"]["version"])
    live["metadata"] |= {"uid": snapshot.cluster.uid, "generation": snapshot.cluster.generation}
    seen = write_pass(RecordedPass.of(snapshot, plan(snapshot), 0, ""))
    document = write_recording("0.1.0", [seen])
    fetch = AsyncMock(return_value=recordings.read_document(document, "the operator's answer"))
    monkeypatch.setattr(recordings, "fetch", fetch)
    ended = terminal.type(*words, answer="n\n")
    assert steps in ended.err, ended.err
    assert ended.out == ""
    assert fetch.await_args is not None
    assert fetch.await_args.kwargs == {"newest": True}, "earlier passes are not asked for"


def test_a_preview_that_fails_is_no_reason_not_to_ask(terminal: Terminal) -> None:
    terminal.server.objects["EtcdCluster", NAMESPACE, "db"]["status"] = {"members": "nonsense"}
    ended = terminal.type("scale", "db", "1", answer="y\n")
    assert ended.code == 0
    assert "db-1, db-2 leave EtcdCluster db" in ended.err


def test_growth_asks_for_nothing(terminal: Terminal) -> None:
    ended = terminal.type("scale", "db", "5")
    assert ended == (0, "spec.size of EtcdCluster db is 5; it was 3.\n", "")


def test_restart_is_another_annotation_of_the_template(terminal: Terminal) -> None:
    assert terminal.type("restart", "db", "--yes").code == 0
    (patch,) = written(terminal)
    (key,) = patch["spec"]["podTemplate"]["annotations"]
    assert key == "kubectl.kubernetes.io/restartedAt"


def test_replace_annotates_exactly_the_pod_that_was_looked_at(terminal: Terminal) -> None:
    live = terminal.server.objects["Pod", NAMESPACE, "db-1"]["metadata"]
    fence = {key: live[key] for key in ("uid", "resourceVersion")}
    assert terminal.type("replace", "db-1", "--yes").code == 0
    annotations = {"etcd.etcd.io/replace-member": "true"}
    assert written(terminal) == [{"metadata": {"annotations": annotations, **fence}}]
    unknown = terminal.type("replace", "db-7", "--yes")
    assert (unknown.code, unknown.err) == (
        3,
        "Namespace team has no Pod db-7 of an etcd cluster. There is db-0, db-1, db-2.\n",
    )


@pytest.mark.parametrize(
    ("words", "key", "begins"),
    [
        (("move-leader", "db", "--to=db-1"), "etcd.etcd.io/move-leader", "db-1 2"),
        (("defrag", "db", "--yes"), "etcd.etcd.io/defragment", "2"),
        (("renew-certificates", "db"), "etcd.etcd.io/renew-certificates", "2"),
    ],
)
def test_what_is_asked_once_is_an_annotation(
    terminal: Terminal, words: Sequence[str], key: str, begins: str
) -> None:
    set_spec(terminal, **TLS)
    assert terminal.type(*words).code == 0
    (patch,) = written(terminal)
    assert patch["metadata"]["annotations"][key].startswith(begins)
    assert "spec" not in patch


def test_defrag_names_those_that_it_makes_smaller_and_asks_for_nothing_else(
    terminal: Terminal,
) -> None:
    put_sizes(terminal, 1, 2**21, 2**21)
    assert "db-0, db-2 of EtcdCluster db" in terminal.type("defrag", "db").err
    for ordinal in (0, 2):
        put_sizes(terminal, ordinal, 2**20 - 1, 2**10)
    ended = terminal.type("defrag", "db", "--wait")
    assert (ended.code, written(terminal)) == (0, [])
    assert "nothing to give back" in ended.out


def test_defrag_without_the_right_to_see_changes_nothing(terminal: Terminal) -> None:
    terminal.api.denied.add(("get", "proxy"))
    ended = terminal.type("defrag", "db", "--yes")
    assert (ended.code, written(terminal)) == (5, [])
    assert "no right to get pods/proxy" in ended.err


def test_only_a_voter_can_be_asked_to_lead(terminal: Terminal) -> None:
    ended = terminal.type("move-leader", "db", "--to=db-9")
    assert ended.code == 3
    assert "db-0, db-1, db-2" in ended.err


@pytest.mark.parametrize("verb", ["renew-certificates", "rotate-ca"])
def test_a_cluster_without_tls_has_no_certificates(terminal: Terminal, verb: str) -> None:
    ended = terminal.type(verb, "db")
    assert (ended.code, written(terminal)) == (1, [])
    assert "without TLS" in ended.err


def test_upgrade_without_a_version_only_checks(terminal: Terminal) -> None:
    ended = terminal.type("upgrade", "db")
    assert (ended.code, written(terminal)) == (0, [])
    assert "Versions that may follow: 3.5.x, 3.6.x, 3.7.x" in ended.out
    view = terminal.type("upgrade", "db", "-o", "json").view
    assert view["versionsThatMayFollow"] == ["3.5.x", "3.6.x", "3.7.x"]
    assert view["against"] == []
    assert terminal.type("upgrade", "db", "--to=v3.7.0", "-o", "json").code == 2


@pytest.mark.parametrize(
    ("version", "said"),
    [("v3.8.0", "cannot follow what members run"), ("three", "is no version of etcd")],
)
def test_upgrade_refuses_a_version_before_it_asks(
    terminal: Terminal, version: str, said: str
) -> None:
    ended = terminal.type("upgrade", "db", f"--to={version}", "--yes")
    assert (ended.code, written(terminal)) == (9, [])
    assert said in ended.err


def test_upgrade_names_what_comes_between(terminal: Terminal) -> None:
    members = [{"name": "db-0", "id": "1", "role": "leader", "ready": True, "version": "3.5.21"}]
    put_cluster(terminal.server, members=members)
    said = terminal.type("upgrade", "db", "--to=v3.7.3", answer="n\n").err
    assert " -> 3.5.x -> 3.6.x -> v3.7.3, one after the other. For each of them: Every Pod" in said


def test_upgrade_of_a_cluster_that_is_not_well_asks_even_with_yes(terminal: Terminal) -> None:
    bad = {"type": "Degraded", "status": "True", "reason": "Alarm", "message": "NOSPACE"}
    put_cluster(terminal.server, conditions=[bad])
    ended = terminal.type("upgrade", "db", "--to=v3.7.0", "--yes")
    assert (ended.code, written(terminal)) == (7, [])
    assert "Check: Degraded is True: NOSPACE" in ended.out


def test_upgrade_only_mentions_what_does_not_speak_against_a_roll(terminal: Terminal) -> None:
    warning = {"type": "SpecWarning", "status": "True", "reason": "Q", "message": "large"}
    put_cluster(terminal.server, conditions=[warning])
    ended = terminal.type("upgrade", "db", "--to=v3.7.0", "--yes")
    assert ended.code == 0
    assert "Note: SpecWarning is True: large" in ended.out


def test_start_of_a_running_cluster_changes_nothing(terminal: Terminal) -> None:
    assert terminal.type("start", "db").code == 1
    assert written(terminal) == []


def test_backup_uses_the_store_of_the_only_schedule(terminal: Terminal) -> None:
    spec = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
    schedule = {"schedule": "@daily", "retentionPolicy": {"maxBackups": 3}, "suspend": True}
    terminal.server.put(BACKUPS, "nightly", {"spec": {**spec, **schedule}}, NAMESPACE)
    terminal.server.put(BACKUPS, "by-hand", {"spec": spec}, NAMESPACE)
    ended = terminal.type("backup", "db", "--name=now")
    assert ended.out == "Created EtcdBackup now, with the store of nightly.\n"
    assert terminal.server.objects["EtcdBackup", NAMESPACE, "now"]["spec"] == spec
    assert terminal.type("backup", "db", "--like=ngihtly").err.endswith("There is nightly.\n")


def test_backup_without_any_store_says_so(terminal: Terminal) -> None:
    ended = terminal.type("backup", "db")
    assert (ended.code, written(terminal)) == (3, [])
    assert "no EtcdBackup that says where to" in ended.err


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [(("--to=copy",), "New", "copy"), (("--in-place=db", "--yes"), "Replace", "db")],
)
def test_restore_creates_an_object(
    terminal: Terminal, words: Sequence[str], kind: str, name: str
) -> None:
    terminal.server.put(BACKUPS, "nightly", COMPLETE, NAMESPACE)
    assert terminal.type("restore", "nightly", *words).code == 0
    (created,) = terminal.server.find("EtcdRestore")
    spec = {"backupName": "nightly", "clusterName": name, "restoreType": kind}
    assert created["spec"] == spec


@pytest.mark.parametrize("words", [(), ("--to=a", "--in-place=b")])
def test_restore_has_one_target(terminal: Terminal, words: Sequence[str]) -> None:
    assert terminal.type("restore", "nightly", *words).code == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Forbidden('User "jo" cannot patch resource "etcdclusters"', 403), 5, "cannot patch"),
        (Invalid("spec.size 2 is even", 422), 9, "The API server refuses it: spec.size 2 is even"),
        (Conflict("it is another one", 409), 1, "Nothing was changed"),
    ],
)
def test_a_refused_change_is_one_sentence_and_its_exit_code(
    terminal: Terminal, error: Exception, code: int, said: str
) -> None:
    def fail() -> Any:
        return error

    terminal.server.change(ApiFaults(error=fail, only_writes=True))
    ended = terminal.type("scale", "db", "5")
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


@pytest.mark.parametrize(
    ("wanted", "found", "lost"),
    [
        ({"size": 5}, {"size": 5, "version": "v3.6.16"}, ""),
        ({"size": 5}, {"size": 3}, "size"),
        ({"recovery": {"quorumLoss": {"a": 1}}}, {"recovery": {}}, "recovery.quorumLoss"),
        ({"security": {"tls": {"x": 1}}}, {"security": {"tls": {"x": 1, "y": 2}}}, ""),
    ],
)
def test_what_kubernetes_dropped_is_found(wanted: Json, found: Json, lost: str) -> None:
    assert find_lost(wanted, found) == lost


def test_a_kind_of_another_version_is_told(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prune(api: Any, kind: Any, namespace: str, name: str, patch: Json) -> Json:
        return dict(terminal.server.objects["EtcdCluster", namespace, name])

    monkeypatch.setattr(type(terminal.api), "merge_patch", prune)
    ended = terminal.type("pause", "db")
    assert ended.code == 4
    assert "Kubernetes does not know spec.paused" in ended.err


def lose_majority(terminal: Terminal) -> None:
    lost = {"type": "QuorumHealthy", "status": "False", "reason": "MajorityLost"}
    put_cluster(terminal.server, conditions=[lost])
    for ordinal, revision in ((0, 41), (2, 42)):
        terminal.api.metrics(f"db-{ordinal}", etcd_debugging_mvcc_current_revision=revision)


def test_recover_shows_every_revision_and_writes_the_approval(terminal: Terminal) -> None:
    lose_majority(terminal)
    ended = terminal.type("recover", "db", answer="db\n")
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[1:4] == [["db-0", "41"], ["db-1", "unknown"], ["db-2", "42"]]
    (patch,) = written(terminal)
    approval = {"clusterID": "8e9e05c52164694d", "acceptedRevision": 42}
    assert patch["spec"] == {"recovery": {"quorumLoss": approval}}


def test_recover_takes_no_yes_but_the_name_of_the_cluster(terminal: Terminal) -> None:
    lose_majority(terminal)
    assert terminal.type("recover", "db", "--yes").code == 2
    assert terminal.type("recover", "db", "--approve=other").code == 7
    assert terminal.type("recover", "db", answer="y\n").code == 7
    assert written(terminal) == []
    assert terminal.type("recover", "db", "--approve=db").code == 0


def test_recover_of_a_cluster_with_its_majority_is_refused(terminal: Terminal) -> None:
    ended = terminal.type("recover", "db", answer="db\n")
    assert (ended.code, written(terminal)) == (1, [])
    assert "has not lost its majority" in ended.err
