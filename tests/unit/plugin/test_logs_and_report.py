from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from etcd_operator.json_types import Json
from etcd_operator.plugin import bundle
from etcd_operator.plugin.log_lines import Line, Source, parse_line
from etcd_operator.plugin.recordings import Recording
from etcd_operator.plugin.redaction import REDACTED, Redaction
from etcd_operator.runtime.kubernetes.api import (
    BACKUPS,
    CLUSTERS,
    CONFIG_MAPS,
    EVENTS,
    JOBS,
    PODS,
    RESTORES,
    SECRETS,
)
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods

MEMBER = Source(NAMESPACE, "db-0", "etcd")
OPERATOR = Source("system", "etcd-operator-1", "operator", (NAMESPACE, "db"))
LINES = "MHcCAQEEIJ0ap8XoFbqz1\nSecondLineOfTheKey77"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{LINES}\n-----END EC PRIVATE KEY-----\n"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLW9mLWl0"


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    cluster = put_cluster(terminal.server)
    cluster["metadata"]["annotations"] = {"etcd.etcd.io/operator": "system"}
    terminal.server.put(CLUSTERS, "db", cluster, NAMESPACE)
    put_pods(terminal.server)
    labels = {"labels": {"app.kubernetes.io/name": "etcd-operator"}}
    operator = {"metadata": labels, "spec": {"containers": [{"name": "operator"}]}}
    terminal.server.put(PODS, "etcd-operator-1", operator, "system")
    said = {"level": "warn", "ts": "x", "msg": "slow fdatasync", "took": "2s"}
    log_of(terminal, NAMESPACE, "db-0", f"2026-11-28T17:00:02.5Z {json.dumps(said)}")
    log_of(terminal, NAMESPACE, "db-1", "2026-11-28T17:00:01.5Z not json")
    log_of(terminal, NAMESPACE, "db-2", "")
    about = {"event": "ScalingOut", "level": "info", "cluster": f"{NAMESPACE}/db"}
    other = {"event": "Healthy", "level": "info", "cluster": f"{NAMESPACE}/other"}
    lines = (f"2026-11-28T17:00:0{n}Z {json.dumps(each)}" for n, each in enumerate((about, other)))
    log_of(terminal, "system", "etcd-operator-1", "\n".join(lines))
    return terminal


def log_of(terminal: Terminal, namespace: str, pod: str, text: str) -> None:
    terminal.api.texts[PODS.path(namespace, pod, "log")] = text


@pytest.mark.parametrize(
    ("source", "raw", "line"),
    [
        (MEMBER, 't {"level":"info","msg":"ok","caller":"x.go:1","n":3}', ("info", "ok", {"n": 3})),
        (MEMBER, "t panic: no", ("", "panic: no")),
        (MEMBER, "t [1, 2]", ("", "[1, 2]")),
        (OPERATOR, 't {"event":"a","cluster":"team/db"}', ("", "a", {"cluster": "team/db"})),
        (OPERATOR, 't {"event":"a","cluster":"team/db2"}', None),
        (OPERATOR, 't {"event":"a"}', None),
        (OPERATOR, "t Traceback", None),
    ],
)
def test_lines_are_made_alike(source: Source, raw: str, line: Any) -> None:
    wanted = Line("t", source.pod, *line) if line else None
    assert parse_line(source, raw) == wanted


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_logs_of_members_and_of_the_operator_are_one_stream(
    terminal: Terminal, follow: tuple[str, ...]
) -> None:
    ended = terminal.type("logs", "db", *follow)
    assert ended.code == 0
    assert "slow fdatasync  took=2s" in ended.out
    assert "not json" in ended.out
    assert "ScalingOut" in ended.out
    assert "Healthy" not in ended.out
    shown = [line.split()[0] for line in ended.out.splitlines()]
    assert shown == sorted(shown)
    assert len(shown) == 3


def test_of_the_operators_log_the_last_lines_about_the_cluster_are_shown(
    terminal: Terminal,
) -> None:
    about = ({"event": f"e{n}", "cluster": f"{NAMESPACE}/{'db' if n < 5 else 'other'}"}
             for n in range(9))  # fmt: skip
    text = "\n".join(f"2026-11-28T17:00:0{n}Z {json.dumps(one)}" for n, one in enumerate(about))
    log_of(terminal, "system", "etcd-operator-1", text)
    with mock.patch.object(terminal.api, "read_text", wraps=terminal.api.read_text) as asked:
        ended = terminal.type("logs", "db", "--tail=2", "-o", "json")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [each["message"] for each in lines if each["source"] == "etcd-operator-1"] == [
        "e3", "e4",
    ]  # fmt: skip
    tails = {call.args[0].split("/")[-2]: call.args[1]["tailLines"] for call in asked.mock_calls}
    assert (tails["db-0"], tails["etcd-operator-1"]) == ("2", "5000")


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_logs_as_documents_have_the_fields_that_were_logged(
    terminal: Terminal, follow: tuple[str, ...]
) -> None:
    del terminal.api.texts[PODS.path(NAMESPACE, "db-2", "log")]
    ended = terminal.type("logs", "db", "-o", "json", *follow)
    lines = {line["source"]: line for line in map(json.loads, ended.out.splitlines())}
    assert lines["db-0"] == {
        "time": "2026-11-28T17:00:02.5Z",
        "source": "db-0",
        "level": "warn",
        "message": "slow fdatasync",
        "details": {"took": "2s"},
    }
    assert (lines["db-1"]["message"], lines["db-1"]["details"]) == ("not json", {})
    assert lines.keys() == {"db-0", "db-1", "etcd-operator-1"}
    assert "could not get pods/log of db-2" in ended.err
    of_yaml = yaml.safe_load_all(terminal.type("logs", "db", "-o", "yaml", *follow).out)
    assert {line["source"]: line for line in of_yaml} == lines


@pytest.mark.parametrize("follow", [(), ("--follow",)])
@pytest.mark.parametrize(
    ("denied", "right"),
    [(("get", "log"), "get pods/log of db-0"), (("list", "pods"), "list pods in namespace team")],
)
def test_logs_without_the_right_name_it(
    terminal: Terminal, denied: tuple[str, str], right: str, follow: tuple[str, ...]
) -> None:
    terminal.api.denied.add(denied)
    ended = terminal.type("logs", "db", *follow)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err == f"No log was read: no right to {right}.\n"


def test_lines_that_come_later_are_followed_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def stream(path: str, parameters: Mapping[str, str]) -> AsyncIterator[str]:
        pod, begin = path.split("/")[-2], {"sinceTime", "tailLines"} & parameters.keys()
        asked.append((pod, *(f"{key}={parameters[key]}" for key in begin)))
        yield "2026-11-28T17:00:01.5Z not json"
        yield "2026-11-28T17:00:09.5Z later"

    monkeypatch.setattr(terminal.api, "stream_lines", stream)
    ended = terminal.type("logs", "db", "-f")
    assert ended.out.count("not json") == 2  # db-2 has had no line before
    assert ended.out.count("later") == 3
    assert ("db-1", "sinceTime=2026-11-28T17:00:01.5Z") in asked
    assert ("db-2", "tailLines=20") in asked


def put_secret(terminal: Terminal, name: str, **data: str) -> None:
    encoded = {
        key.replace("_", "."): base64.b64encode(v.encode()).decode() for key, v in data.items()
    }
    labels = {"labels": {"etcd.etcd.io/cluster": "db"}}
    terminal.server.put(SECRETS, name, {"metadata": labels, "data": encoded}, NAMESPACE)


def test_a_report_says_so_when_secrets_could_not_be_looked_for(
    terminal: Terminal, tmp_path: Path
) -> None:
    known = terminal.type("report", "db", f"--output={tmp_path / 'known.zip'}")
    assert known.out.endswith(" bytes, secrets redacted.\n")
    terminal.api.denied.add(("list", "secrets"))
    unknown = terminal.type("report", "db", f"--output={tmp_path / 'unknown.zip'}")
    assert "Values of Secrets could not be looked for" in unknown.out.splitlines()[-1]


def bundle_of(terminal: Terminal, folder: Path) -> dict[str, str]:
    path = folder / "db.zip"
    ended = terminal.type("report", "db", f"--output={path}")
    assert ended.code == 0, ended
    assert path.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_no_secret_of_the_cluster_is_anywhere_in_a_report(
    terminal: Terminal, tmp_path: Path
) -> None:
    put_secret(terminal, "db-server-tls", tls_key=KEY, tls_crt="certificate of it")
    put_secret(terminal, "s3", key="correct horse battery")
    leaks = f"said {KEY} and correct horse battery and {TOKEN}"
    label = {"labels": {"etcd.etcd.io/cluster": "db"}}
    terminal.server.put(
        CONFIG_MAPS, "db-config", {"metadata": label, "data": {"a": leaks}}, NAMESPACE
    )
    put_event(terminal, "e", "EtcdCluster", "db", leaks)
    log_of(terminal, NAMESPACE, "db-1", leaks)
    files = bundle_of(terminal, tmp_path)
    everything = "".join(files.values())
    words = [
        "correct horse",
        "MHcCAQEEIJ0ap8XoFbqz1",
        "SecondLineOfTheKey77",
        TOKEN,
        "certificate of",
    ]
    words += [base64.b64encode(text.encode()).decode() for text in (KEY, "correct horse battery")]
    assert [word for word in words if word in everything] == []
    assert REDACTED in files["logs/members/db-1.log"]
    secrets: list[Json] = json.loads(files["objects/secrets.json"])
    assert secrets[0]["data"] == {"tls.crt": REDACTED, "tls.key": REDACTED}


def put_event(
    terminal: Terminal, name: str, kind: str, about: str, message: str = "", uid: str = ""
) -> None:
    regarding = {"kind": kind, "name": about, "uid": uid}
    terminal.server.put(EVENTS, name, {"involvedObject": regarding, "message": message}, NAMESPACE)


def test_a_report_has_nothing_of_others_in_the_namespace(
    terminal: Terminal, tmp_path: Path
) -> None:
    uids = {}
    for name, cluster in (("nightly", "db"), ("other", "orders")):
        spec = {"clusterName": cluster}
        backup = terminal.server.put(BACKUPS, name, {"spec": spec}, NAMESPACE)
        owned = {"ownerReferences": [{"uid": backup["metadata"]["uid"]}]}
        job = terminal.server.put(JOBS, f"{name}-1", {"metadata": owned}, NAMESPACE)
        uids[name] = job["metadata"]["uid"]
        spec = {"backupName": name, "clusterName": f"{cluster}-copy"}
        terminal.server.put(RESTORES, f"of-{name}", {"spec": spec}, NAMESPACE)
    put_event(terminal, "a", "EtcdCluster", "db")
    put_event(terminal, "b", "Pod", "db-4")  # which has gone
    put_event(terminal, "c", "PersistentVolumeClaim", "data-db-4")
    put_event(terminal, "d", "Job", "nightly-1", uid=uids["nightly"])
    put_event(terminal, "e", "Pod", "nightly-1-x7z")
    put_event(terminal, "f", "Pod", "web-0")
    put_event(terminal, "g", "EtcdCluster", "orders")
    put_event(terminal, "h", "Secret", "db")
    files = bundle_of(terminal, tmp_path)

    def names(kind: str) -> list[str]:
        return [each["metadata"]["name"] for each in json.loads(files[f"objects/{kind}.json"])]

    assert names("events") == ["a", "b", "c", "d", "e"]
    assert names("jobs") == ["nightly-1"]
    assert (names("etcdbackups"), names("etcdrestores")) == (["nightly"], ["of-nightly"])


def test_a_report_has_what_can_be_read_and_says_what_cannot(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.api.denied |= {("list", "secrets"), ("get", "proxy")}
    files = bundle_of(terminal, tmp_path)
    assert {"cluster.json", "status.json", "objects/pods.json", "about.json"} <= files.keys()
    assert "ScalingOut" in files["logs/operator/etcd-operator-1.log"]
    assert f"{NAMESPACE}/other" not in files["logs/operator/etcd-operator-1.log"]
    not_read = json.loads(files["about.json"])["notRead"]
    assert "no right to list secrets in namespace team" in not_read
    assert "no right to get pods/proxy of db-0" in not_read
    assert [each for each in not_read if each.startswith("could not read the recorded passes: ")]
    assert terminal.type("report", "db", f"--output={tmp_path / 'db.zip'}").code == 2


def test_recorded_passes_are_in_a_report_without_secrets(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(session: Any, cluster: Json) -> Recording:
        passes = [{"message": f"said {TOKEN}"}]
        return Recording({"cluster": cluster["metadata"]["name"], "passes": passes}, ())

    monkeypatch.setattr(bundle, "fetch", fetch)
    files = bundle_of(terminal, tmp_path)
    passes = [{"message": f"said {REDACTED}"}]
    assert json.loads(files["passes.json"]) == {"cluster": "db", "passes": passes}


def test_what_looks_like_a_secret_is_taken_out_without_knowing_it() -> None:
    clean = Redaction([]).clean
    assert clean({"env": [{"name": "DB_PASSWORD", "value": "x"}]}) == {
        "env": [{"name": "DB_PASSWORD", "value": REDACTED}]
    }
    assert clean({"password": "x", "passwordSecret": "s3"}) == {
        "password": REDACTED,
        "passwordSecret": "s3",
    }
    assert KEY.splitlines()[1] not in clean([f"a {KEY}"])[0]
    assert clean({"kind": "Secret", "stringData": {"a": "b"}})["stringData"] == {"a": REDACTED}
    assert clean({"size": 3, "on": True, "none": None}) == {"size": 3, "on": True, "none": None}
