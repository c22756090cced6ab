"""What nobody foresaw, and what others have written, ends in one sentence and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
from rich.console import Console

from etcd_operator.core.recording.recorded_pass import FORMAT
from etcd_operator.plugin import recordings
from etcd_operator.plugin.cluster_view import parse_metrics
from etcd_operator.plugin.exits import Exit
from etcd_operator.plugin.log_lines import Line, Source, parse_line
from etcd_operator.plugin.recordings import Recording
from etcd_operator.plugin.verbs import status
from etcd_operator.runtime.kubernetes.api import PODS
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods

DEEP = 100_000


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_cluster(terminal.server)
    put_pods(terminal.server)
    for ordinal in range(3):
        terminal.api.texts[PODS.path(NAMESPACE, f"db-{ordinal}", "log")] = "2026-11-28T17:00:01Z a"
    return terminal


@pytest.mark.parametrize("grouped", [False, True])
def test_a_defect_is_a_sentence_and_a_code_of_its_own(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    error: Exception = LookupError("no\nsuch thing")
    error = ExceptionGroup("several", [error]) if grouped else error
    monkeypatch.setattr(status, "_show", mock.Mock(side_effect=error))
    ended = terminal.type("status", "db")
    said = (
        "The plugin failed: LookupError: no such thing; with ETCDOP_TRACEBACK=1 it shows where.\n"
    )
    assert ended == (Exit.DEFECT, "", said)
    monkeypatch.setenv("ETCDOP_TRACEBACK", "1")
    ended = terminal.type("status", "db")
    assert "Traceback (most recent call last)" in ended.err
    assert ended.err.endswith(said)


@pytest.mark.parametrize("words", [("status", "-ojson"), ("logs", "db", "-f", "-ojson")])
def test_a_pipe_that_nobody_reads_ends_it_silently(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    write = mock.Mock(side_effect=BrokenPipeError)
    monkeypatch.setattr("etcd_operator.plugin.console._write_json", write)
    assert terminal.type(*words) == (141, "", "")


def test_a_pipe_that_nobody_reads_ends_a_table_silently(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Console.on_broken_pipe does, after the output was led nowhere.
    monkeypatch.setattr(Console, "_write_buffer", mock.Mock(side_effect=SystemExit(1)))
    assert terminal.type("status") == (141, "", "")


@pytest.mark.parametrize("name", ["?", "a/b", "..", "", "a b", "%2e"])
def test_a_name_is_no_path(terminal: Terminal, name: str) -> None:
    ended = terminal.type("logs", name)
    assert (ended.code, ended.out) == (3, "")
    assert f"has no EtcdCluster {name}." in ended.err
    assert not [said for said in terminal.server.asked if said.startswith("get ")]
    assert PODS.path("a/b", "?", "log") == "/api/v1/namespaces/a%2Fb/pods/%3F/log"


HOSTILE = [
    "[" * DEEP,
    json.dumps({"format": FORMAT, "passes": [1]}),
    json.dumps({"format": FORMAT, "passes": [{"snapshot": {"cluster": [1]}}]}),
    '{"format": "' + FORMAT + '", "passes": [{"snapshot": {}, "done": 1e999}]}',
    '{"format": "' + FORMAT + '", "passes": 7}',
    "1" * 10_000,
]


@pytest.mark.parametrize("content", HOSTILE)
@pytest.mark.parametrize("words", [("replay",), ("plan", "--from")])
def test_a_hostile_recording_is_not_usable(
    terminal: Terminal, tmp_path: Path, content: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    ended = terminal.type(*words, str(path))
    assert (ended.code, ended.out) == (Exit.FAILED, "")
    assert ended.err.startswith(f"{path} is not usable: ")


def test_an_error_over_a_recording_names_its_file(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "read_file", mock.Mock(side_effect=ZeroDivisionError("by 0")))
    ended = terminal.type("replay", str(tmp_path / "r.json"))
    said = f"{tmp_path}/r.json is not usable: ZeroDivisionError: by 0\n"
    assert ended == (Exit.FAILED, "", said)


@pytest.mark.parametrize("number", ["1e999", "nan", "1.2.3", "e"])
def test_a_metric_that_is_no_number_is_left_out(number: str) -> None:
    name = "etcd_mvcc_db_total_size_in_bytes"
    assert parse_metrics(f"{name} {number}\netcd_mvcc_db_total_size_in_use_in_bytes 7\n") == {
        "dbInUse": 7
    }


def test_a_log_line_that_is_nested_without_end_is_text() -> None:
    text = "[" * DEEP
    assert parse_line(Source(NAMESPACE, "db-0", "etcd"), f"t {text}") == Line("t", "db-0", "", text)


@pytest.mark.parametrize(
    "manifest",
    [
        "[" * 500,
        "kind: EtcdCluster\nmetadata: [name]",
        "kind: EtcdCluster\nmetadata: {name: 7}",
        "kind: EtcdCluster\nmetadata: {name: db, namespace: {}}",
        "kind: EtcdCluster\nmetadata: {name: db}\nspec: [size]",
        "kind: EtcdCluster\nmetadata: {name: db}\nspec: 5",
    ],
)
def test_a_manifest_of_other_types_is_refused(
    terminal: Terminal, tmp_path: Path, manifest: str
) -> None:
    path = tmp_path / "db.yaml"
    path.write_text(manifest)
    ended = terminal.type("plan", "-f", str(path))
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert ended.err.startswith(str(path))


@pytest.mark.parametrize(
    "words",
    [
        ("connect", "db", "--directory=FILE"),
        ("report", "db", f"--output={'x' * 300}"),
        ("snapshot", "save", "db", "x" * 300),
    ],
)
def test_what_can_be_no_file_is_a_wrong_command_line(
    terminal: Terminal, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    ended = terminal.type(*(word.replace("FILE", str(tmp_path / "file")) for word in words))
    assert ended.code == Exit.USAGE
    assert "Invalid value" in ended.err


def test_a_recording_that_cannot_be_written_is_said(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "fetch", mock.AsyncMock(return_value=Recording({}, ())))
    path = tmp_path / "none" / "r.json"
    ended = terminal.type("record", "db", f"--to={path}")
    said = f"{path} cannot be written: No such file or directory.\n"
    assert ended == (Exit.INVALID, "", said)
