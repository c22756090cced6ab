"""`plan`, `record` and `replay` on a Kubernetes in memory, and offline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from rich.console import Console

from etcd_operator.core.model.live_objects import NodeState
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.recording.recorded_pass import RecordedPass, write_pass, write_recording
from etcd_operator.plugin import recordings
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.preview import render
from etcd_operator.runtime.kubernetes.api import CLAIMS, CLUSTERS, SECRETS
from tests.builders.lost_members import homeless
from tests.builders.plugin import Terminal, written
from tests.builders.snapshots import formed, silent
from tests.fakes.user_api import NAMESPACE, put_cluster

LABELS = {"etcd.etcd.io/cluster": "db"}

MANIFEST = """
apiVersion: etcd.etcd.io/v1alpha1
kind: EtcdCluster
metadata: {name: fresh}
spec: {size: 3, version: 3.6.16}
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of one pass over a cluster of three."""
    snapshot = formed(3, version="3.6.10")
    made = write_pass(RecordedPass.of(snapshot, plan(snapshot), 0, ""))
    path = tmp_path / "db.json"
    path.write_text(json.dumps(write_recording("0.1.0", [made])))
    return path


def offline(recording: Path, *words: str) -> dict[str, Any]:
    """The preview from a recording."""
    ended = Terminal().type("plan", "--from", str(recording), *words, "-o", "json")
    view: dict[str, Any] = ended.view
    return view


def test_a_preview_from_a_file_needs_no_cluster(recording: Path) -> None:
    view = offline(recording, "--set", "spec.size=5")
    assert (view["ends"], view["reason"]) == ("settled", "Healthy")
    assert [s["action"] for s in view["steps"]].count("AddLearner") == 2
    assert view["seconds"] > 0
    assert str(recording) in view["assumptions"][0]


def test_fields_are_set_by_path(recording: Path) -> None:
    view = offline(recording, "--set", "spec.version=3.6.16")
    assert view["podsThatEnd"] == ["db-2", "db-1", "db-0"]
    assert view["disksThatGo"] == []


def test_a_deletion_names_the_disks(recording: Path) -> None:
    assert offline(recording, "--delete")["disksThatGo"] == [f"data-db-{o}" for o in range(3)]


def test_a_restore_in_place_is_shown_to_its_end(recording: Path) -> None:
    view = offline(recording, "--restore", "--explain")
    assert view["ends"] == "settled"
    assert view["disksThatGo"] == [f"data-db-{o}" for o in range(3)]
    assert view["disksSetAside"] == []
    assert [r["rule"] for r in view["rules"] if r["says"] == "decides"] == ["restore_in_place"]


def test_each_rule_says_why(recording: Path) -> None:
    rules = offline(recording, "--set", "size=5", "--explain")["rules"]
    deciding = [rule for rule in rules if rule["says"] == "decides"]
    assert [rule["rule"] for rule in deciding] == ["grow"]
    assert rules[0]["says"] == "nothing"
    assert rules[0]["condition"] == "the EtcdCluster is being deleted with --cascade=orphan"
    assert rules[-1]["says"] == "not asked"


def test_a_refused_spec_ends_as_one_that_the_api_server_refuses(recording: Path) -> None:
    ended = Terminal().type("plan", "--from", str(recording), "--set", "size=2")
    assert ended.code == Exit.INVALID
    assert "spec.size 2 is not possible" in " ".join(ended.out.split())
    assert "Nothing would be done." in ended.out
    assert "Assumed" not in ended.out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--set", "size"), Exit.USAGE, "not of the form spec.size=5"),
        (("--set", "size.a=1"), Exit.USAGE, "size has no fields"),
        (("--replace", "db-7"), Exit.USAGE, "There is no member db-7"),
        (("other",), Exit.NOT_FOUND, "is a recording of db, not of other"),
        (("-f", "/nowhere.yaml"), Exit.NOT_FOUND, "/nowhere.yaml cannot be read"),
    ],
)
def test_bad_input_has_a_sentence(
    recording: Path, words: tuple[str, ...], code: Exit, sentence: str
) -> None:
    ended = Terminal().type("plan", "--from", str(recording), *words)
    assert ended.code == code
    assert sentence in ended.err


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("{size: 3, verison: 3.6.16}", "spec.verison"),
        ("{size: 3, storage: {sise: 1Gi}}", "spec.storage.sise"),
        ("{size: 3, podTemplate: {containers: [{name: a, image: b, imag: c}]}}",
         "spec.podTemplate.containers[0].imag"),
    ],
)  # fmt: skip
def test_a_field_that_is_none_is_refused(
    recording: Path, tmp_path: Path, spec: str, path: str
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(MANIFEST.replace("{size: 3, version: 3.6.16}", spec))
    for words in (("-f", str(file)), ("--from", str(recording), "-f", str(file))):
        ended = Terminal().type("plan", *words)
        assert (ended.code, ended.out) == (Exit.USAGE, "")
        assert f"An EtcdCluster has no field {path}:" in ended.err
    ended = Terminal().type("plan", "--from", str(recording), "--set", "spec.nope=1")
    assert "An EtcdCluster has no field spec.nope:" in ended.err


def test_a_manifest_comes_from_standard_input(recording: Path) -> None:
    here = ("plan", "--from", str(recording), "-f", "-", "-o", "json")
    wanted = MANIFEST.replace("fresh", "db").replace("size: 3", "size: 5")
    view = Terminal().type(*here, answer=wanted).view
    assert [step["action"] for step in view["steps"]].count("AddLearner") == 2
    terminal = Terminal()
    view = terminal.type("plan", "-f", "-", "-o", "json", answer=MANIFEST).view
    assert view["assumptions"][0] == "The cluster does not exist yet."
    ended = Terminal().type(*here, answer="")
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert "Standard input has 0 EtcdClusters, and one is needed" in ended.err


def test_a_manifest_is_for_the_namespace_that_it_names(tmp_path: Path) -> None:
    terminal = Terminal()
    terminal.server.put(CLUSTERS, "far", put_cluster(terminal.server), "elsewhere")
    file = tmp_path / "c.yaml"
    file.write_text(MANIFEST.replace("name: fresh", "name: far, namespace: elsewhere"))
    refused = PluginError("You may not forward a port.", Exit.FORBIDDEN)
    with mock.patch.object(recordings, "fetch", side_effect=refused):
        view = terminal.type("plan", "-f", str(file), "-o", "json").view
    assert "You may not forward a port" in view["assumptions"][0], "it is found, and is there"
    ended = terminal.type("plan", "-f", str(file), "-n", "team")
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert "for namespace elsewhere, not for team: leave -n out" in ended.err


def test_a_manifest_of_a_cluster_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "fresh.yaml"
    path.write_text(MANIFEST)
    view = Terminal().type("plan", "-f", str(path), "-o", "json").view
    assert view["ends"] == "settled"
    assert view["assumptions"][0] == "The cluster does not exist yet."
    assert any(step["step"].startswith("Create StatefulSet fresh") for step in view["steps"])


def test_a_step_that_is_taken_again_and_again_has_one_line(recording: Path) -> None:
    view = offline(recording, "--set", "spec.size=5")
    step = next(s for s in view["steps"] if s["step"].startswith("Update ConfigMap"))
    console = Console(width=120)
    with console.capture() as shown:
        console.print(render({**view, "steps": [{**step, "pass": n} for n in (2, 3, 5)]}))
    lines = [line for line in shown.get().splitlines() if "Update ConfigMap" in line]
    assert [line.split()[0] for line in lines] == ["2-5"]


SECURED = """
apiVersion: etcd.etcd.io/v1alpha1
kind: EtcdCluster
metadata: {name: fresh}
spec: {size: 1, version: 3.6.16, security: {tls: {certificateSecret: mine, caSecret: company}}}
"""


def test_a_certificate_that_the_user_brings_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "fresh.yaml"
    path.write_text(SECURED)
    terminal = Terminal()
    view = terminal.type("plan", "-f", str(path), "-o", "json").view
    assert (view["ends"], view["reason"]) == ("person", "CertificateUnusable")
    for name in ("mine", "company"):
        terminal.server.put(SECRETS, name, {"metadata": {}}, NAMESPACE)
    view = terminal.type("plan", "-f", str(path), "-o", "json").view
    assert view["ends"] == "settled"
    assert "Secret mine and company can be used" in view["assumptions"][1]
    terminal.api.denied = {("get", "secrets"), ("list", "persistentvolumeclaims")}
    view = terminal.type("plan", "-f", str(path), "-o", "json").view
    assert view["ends"] == "settled", "whether they are there nobody may know"
    assert "no right to list persistentvolumeclaims" in view["assumptions"][1]


def test_without_the_operator_members_are_those_of_the_status() -> None:
    terminal = Terminal()
    put_cluster(terminal.server)
    refused = PluginError("You may not forward a port.", Exit.FORBIDDEN)
    with mock.patch.object(recordings, "fetch", side_effect=refused):
        view = terminal.type("plan", "db", "-o", "json").view
    assert "You may not forward a port" in view["assumptions"][0]


def test_the_api_server_judges_the_change_without_making_it() -> None:
    terminal = Terminal()
    put_cluster(terminal.server)
    view = terminal.type("plan", "db", "--set", "spec.size=5", "-o", "json").view
    assert terminal.api.tried == [{"spec": {"size": 5}}]
    assert view["warnings"] == []
    terminal.api.warns = ("spec.size: that is much",)
    warned = terminal.type("plan", "db", "--set", "spec.size=5")
    assert "\nWarning: spec.size: that is much\n" in warned.out
    terminal.api.refuses = "spec.size: disks cannot shrink"
    ended = terminal.type("plan", "db", "--set", "spec.size=5")
    assert (ended.code, ended.out) == (9, "")
    assert "The API server refuses it: spec.size: disks cannot shrink" in ended.err


def test_without_the_right_to_patch_it_is_assumed_to_agree() -> None:
    terminal = Terminal()
    put_cluster(terminal.server)
    terminal.api.denied = {("patch", "etcdclusters")}
    view = terminal.type("plan", "db", "--set", "spec.size=5", "-o", "json").view
    assert any("without the right to patch" in each for each in view["assumptions"])


def lost(recording: Path) -> Path:
    """The recording, in which two of the three members do not answer."""
    snapshot = silent(formed(3, version="3.6.10"), 1, 2)
    pods = tuple(replace(each, ready=each.ordinal == 0) for each in snapshot.pods)
    snapshot = replace(snapshot, pods=pods)
    made = write_pass(RecordedPass.of(snapshot, plan(snapshot), 0, ""))
    recording.write_text(json.dumps(write_recording("0.1.0", [made])))
    return recording


def test_a_lost_majority_is_no_state_that_was_reached(recording: Path) -> None:
    ended = Terminal().type("plan", "--from", str(lost(recording)))
    assert ended.code == Exit.FAILED
    assert "Then it waits, for a person or for what no preview knows. NoQuorum: " in ended.out
    assert "`kubectl etcd recover db`" in ended.out
    view = offline(recording, "--set", "spec.size=5")
    assert (view["reached"], view["ends"]) == (False, "waiting")
    assert view["withoutTheChange"]["reason"] == "NoQuorum"


def test_what_comes_without_the_change_is_told_apart(recording: Path) -> None:
    snapshot = homeless(formed(3), 1, host=NodeState.GONE)
    made = write_pass(RecordedPass.of(snapshot, plan(snapshot), 0, ""))
    recording.write_text(json.dumps(write_recording("0.1.0", [made])))
    steps = offline(recording, "--set", "spec.size=5")["steps"]
    added = {step["step"]: step["anyway"] for step in steps if step["action"] == "AddLearner"}
    assert added == {f"Add member db-{o} as a learner.": o == 1 for o in (1, 3, 4)}
    text = Terminal().type("plan", "--from", str(recording), "--set", "spec.size=5").out
    assert "WHY" in text
    assert "Without the change: Then it rests. Healthy" in text
    assert not any(step["anyway"] for step in offline(recording)["steps"])
    assert "WHY" not in Terminal().type("plan", "--from", str(recording)).out


def test_the_api_server_judges_a_cluster_that_does_not_exist(tmp_path: Path) -> None:
    path, terminal = tmp_path / "fresh.yaml", Terminal()
    path.write_text(MANIFEST)
    terminal.api.warns = ("unknown label",)
    view = terminal.type("plan", "-f", str(path), "-o", "json").view
    (tried,) = terminal.api.tried
    assert tried["metadata"] == {"name": "fresh", "namespace": NAMESPACE}
    assert tried["kind"] == "EtcdCluster"
    assert view["warnings"] == ["unknown label"]
    assert written(terminal) == []
    terminal.api.denied = {("create", "etcdclusters")}
    view = terminal.type("plan", "-f", str(path), "-o", "json").view
    assert view["reached"]
    assert "without the right to create EtcdClusters it was not asked" in view["assumptions"][1]
    terminal.api.denied, terminal.api.refuses = set(), "spec.size: no"
    ended = terminal.type("plan", "-f", str(path))
    assert (ended.code, ended.out) == (Exit.INVALID, "")
    assert ended.err == "The API server refuses it: spec.size: no\n"


def test_what_must_never_happen_ends_a_preview_with_a_sentence() -> None:
    terminal = Terminal()
    put_cluster(terminal.server)  # and a disk that nobody owns, where one is to be restored
    terminal.server.put(CLAIMS, "data-db-0", {"metadata": {"labels": LABELS}}, NAMESPACE)
    refused = PluginError("You may not forward a port.", Exit.FORBIDDEN)
    with mock.patch.object(recordings, "fetch", side_effect=refused):
        ended = terminal.type("plan", "db", "--restore", "-o", "json")
    assert ended.code == Exit.FAILED
    assert ended.view["ends"] == "unsafe"
    assert ended.view["message"] == "In the model, disk 0 is to be filled beside the one of before."


def test_this_version_decides_alike(recording: Path) -> None:
    ended = Terminal().type("replay", str(recording))
    assert ended.code == Exit.DONE
    assert "decides alike in all 1 passes" in ended.out


def test_the_first_difference_ends_a_replay(recording: Path) -> None:
    document = json.loads(recording.read_text())
    document["passes"][0]["reason"] = "Paused"
    recording.write_text(json.dumps(document))
    ended = Terminal().type("replay", str(recording))
    assert ended.code == Exit.FAILED
    assert "Pass 1 would be another now, in its reason" in ended.out
    view = Terminal().type("replay", str(recording), "-o", "json").view
    assert view["difference"]["recorded"] == "Paused"
    assert [(each["number"], each["reason"]) for each in view["passes"]] == [(1, "Paused")]


@pytest.mark.parametrize("text", ["", "[1]", "{}", "[" * 100_000, '{"format": "x"}'])
def test_a_file_that_is_no_recording(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    ended = Terminal().type("replay", str(path))
    assert ended.code == Exit.FAILED
    assert "is not usable" in ended.err


def test_a_recording_is_written_to_a_file(recording: Path, tmp_path: Path) -> None:
    terminal = Terminal()
    put_cluster(terminal.server)
    document = json.loads(recording.read_text())
    with mock.patch.object(recordings, "fetch", return_value=recordings.read_file(recording)):
        ended = terminal.type("record", "db", "--to", str(tmp_path / "new.json"))
    assert ended.code == Exit.DONE
    assert json.loads((tmp_path / "new.json").read_text()) == document


def test_no_lease_is_no_operator() -> None:
    terminal = Terminal()
    put_cluster(terminal.server)
    ended = terminal.type("record", "db")
    assert ended.code == Exit.NO_OPERATOR
    assert "etcd-operator" in ended.err
